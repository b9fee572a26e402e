//go:build linux && cgo

package cgo

import (
	"time"

	"github.com/skua/skua/internal/dp"
)

// Memory returns what the data plane's memory is used for.
func (d *Datapath) Memory() dp.MemoryStats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var r rawMemory
	if d.fp == nil || rawMemoryOf(d.fp, &r) < 0 {
		return dp.MemoryStats{}
	}
	return dp.MemoryStats{
		MbufsTotal: uint64(r.mbufs_total), MbufsInUse: uint64(r.mbufs_in_use),
		MbufAllocFailed: uint64(r.mbuf_alloc_failed),
		FlowBytes:       uint64(r.flow_bytes), TableBytes: uint64(r.table_bytes),
		ProgBytes: uint64(r.prog_bytes), CacheBytes: uint64(r.cache_bytes),
		Flows: uint64(r.flows), Masks: uint64(r.masks), Progs: uint64(r.progs),
	}
}

// Masks returns the masks in the order in which packets visit them.
func (d *Datapath) Masks() []dp.MaskInfo {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return nil
	}
	raw := make([]rawMaskInfo, 256)
	n := max(rawMaskList(d.fp, raw), 0)
	if n > len(raw) {
		raw = make([]rawMaskInfo, n)
		n = min(max(rawMaskList(d.fp, raw), 0), len(raw))
	}
	out := make([]dp.MaskInfo, n)
	for i := range out {
		out[i] = dp.MaskInfo{ID: uint32(raw[i].id), Flows: uint32(raw[i].flows), Hits: uint64(raw[i].hits)}
	}
	return out
}

// clock turns readings of the TSC into times: one reading of both clocks, then by
// difference.
type clock struct {
	tsc, hz uint64
	now     time.Time
}

func (d *Datapath) clock() clock { return clock{tsc: rawTSC(), hz: d.hz, now: time.Now()} }

// at returns the time of a reading; 0 is never, a reading of another core that is
// ahead of ours is now.
func (c clock) at(tsc uint64) time.Time {
	if tsc == 0 {
		return time.Time{}
	}
	if tsc >= c.tsc || c.hz == 0 {
		return c.now
	}
	ago := c.tsc - tsc
	return c.now.Add(-time.Duration(ago/c.hz)*time.Second - time.Duration(ago%c.hz*1e9/c.hz))
}

func flowStats(r *rawFlowStats, c clock) dp.FlowStats {
	return dp.FlowStats{
		Packets: uint64(r.packets), Bytes: uint64(r.bytes),
		Used: c.at(uint64(r.used_tsc)), TCPFlags: uint16(r.tcp_flags),
	}
}
