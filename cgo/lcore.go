//go:build linux && cgo

package cgo

import (
	"fmt"
	"slices"

	"github.com/skua/skua/internal/dp"
)

// LcoreStart starts a lcore and returns its id. A packet lcore is pinned to cpu and
// polls; the one housekeeping lcore (cpu -1: anywhere) serves kernel-facing ports and
// sleeps when they are idle.
func (d *Datapath) LcoreStart(cpu int, housekeeping bool) (int, error) {
	op := fmt.Sprintf("start lcore on CPU %d", cpu)
	if housekeeping {
		op = "start housekeeping lcore"
	}
	var id rawU16
	err := d.write(op, func() int { return rawLcoreStart(d.fp, cpu, housekeeping, &id, d.err) })
	if err != nil {
		return -1, err
	}
	return int(id), nil
}

// LcoreStop stops a lcore; packets that it holds are dropped by name.
func (d *Datapath) LcoreStop(id int) error {
	op := fmt.Sprintf("stop lcore %d", id)
	if id < 0 || id >= maxLcores {
		return fmt.Errorf("%s: %w", op, dp.ErrNotFound)
	}
	return d.write(op, func() int {
		rc := rawLcoreStop(d.fp, rawU16(id))
		if rc >= 0 {
			delete(d.rxqs, id)
		}
		return rc
	})
}

// LcoreRxqs returns the receive queues that a lcore polls.
func (d *Datapath) LcoreRxqs(id int) []dp.Rxq {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.rxqs[id])
}

// SetLcoreRxqs replaces the list of receive queues of a lcore. When it returns the
// lcore uses the new list and no longer touches the old one.
func (d *Datapath) SetLcoreRxqs(id int, rxqs []dp.Rxq) error {
	op := fmt.Sprintf("set receive queues of lcore %d", id)
	if id < 0 || id >= maxLcores {
		return fmt.Errorf("%s: %w", op, dp.ErrNotFound)
	}
	raw := make([]rawRxq, len(rxqs))
	for i, q := range rxqs {
		if q.Queue < 0 || q.Queue >= maxQueues {
			return fmt.Errorf("%s: %w", op, invalid("queue %d of port %d, at most %d", q.Queue, q.Port, maxQueues-1))
		}
		raw[i].port, raw[i].queue = rawU16(q.Port), rawU16(q.Queue)
	}
	return d.write(op, func() int {
		rc := rawLcoreSetRxqs(d.fp, rawU16(id), raw, d.err)
		if rc >= 0 {
			d.rxqs[id] = slices.Clone(rxqs)
		}
		return rc
	})
}

// Lcores returns the counters of all lcores in the order of their ids.
func (d *Datapath) Lcores() []dp.LcoreStats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return nil
	}
	var ids [maxLcores]rawU16
	n := min(rawLcoreList(d.fp, &ids), len(ids))
	out := make([]dp.LcoreStats, 0, max(n, 0))
	for i := range max(n, 0) {
		var raw rawLcoreStats
		if rawLcoreStatsOf(d.fp, ids[i], &raw) == 0 {
			out = append(out, d.lcoreStats(&raw))
		}
	}
	return out
}

func (d *Datapath) lcoreStats(r *rawLcoreStats) dp.LcoreStats {
	s := dp.LcoreStats{
		ID: int(r.id), Housekeeping: r.housekeeping != 0, CPU: int(r.cpu), Socket: int(r.socket),
		RxPackets: uint64(r.rx_packets), RxBatches: uint64(r.rx_batches),
		TxPackets: uint64(r.tx_packets), TxBatches: uint64(r.tx_batches),
		EMCHits: uint64(r.emc_hits), MaskedHits: uint64(r.masked_hits), MaskedVisits: uint64(r.masked_visits),
		Misses: uint64(r.misses), UpcallsSent: uint64(r.upcalls_sent), UpcallsLost: uint64(r.upcalls_lost),
		Recirculations: uint64(r.recirculations), ShortcutPops: uint64(r.shortcut_pops),
		BusyCycles: uint64(r.busy_cycles), IdleCycles: uint64(r.idle_cycles),
		Turns: uint64(r.turns), Sleeps: uint64(r.sleeps), HeldPackets: uint64(r.held_packets),
		Drops: slices.Clone(d.drops), StagePackets: uint64(r.stage_packets),
	}
	for i := range s.StageCycles {
		s.StageCycles[i] = uint64(r.stage_cycles[i])
	}
	for i := range s.Drops {
		s.Drops[i].Packets = uint64(r.drops[i])
	}
	return s
}

// DropReasons returns the name and the explanation of every drop reason, with no
// counts, in the order of the counters.
func DropReasons() []dp.DropCount { return dropReasons() }

func dropReasons() []dp.DropCount {
	var out []dp.DropCount
	for i := 0; ; i++ {
		name, ok := rawDropName(i)
		if !ok {
			return out
		}
		out = append(out, dp.DropCount{Name: name, Text: rawDropText(i)})
	}
}
