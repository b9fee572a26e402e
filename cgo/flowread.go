//go:build linux && cgo

package cgo

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// FlowGet returns the flow with a UFID.
func (d *Datapath) FlowGet(u dp.UFID) (dp.FlowEntry, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var e dp.FlowEntry
	if d.fp == nil {
		return e, fmt.Errorf("get flow: %w", ErrClosed)
	}
	i, ok := d.flows.names[u]
	if !ok {
		return e, fmt.Errorf("flow %x %w", u, dp.ErrNotFound)
	}
	r := d.flows.recs.at(i)
	ids, stats := [1]rawU64{rawU64(r.id)}, [1]rawFlowStats{}
	rawFlowStatsN(d.fp, ids[:], stats[:])
	if rc := int(stats[0].rc); rc < 0 {
		return e, fail(fmt.Sprintf("get flow %x", u), rc, nil)
	}
	d.flows.flow(r, &e.Flow)
	e.Stats = flowStats(&stats[0], d.clock())
	return e, nil
}

// FlowDump calls f for every flow until it returns false. It takes flows in batches
// and calls f without a lock, so f may use the datapath; a flow that comes or goes
// meanwhile is shown or not. The entry is f's until it returns.
func (d *Datapath) FlowDump(f func(*dp.FlowEntry) bool) error {
	buf := make([]dp.FlowEntry, readBatch)
	for at, end := uint32(1), false; !end; {
		n := 0
		var err error
		if n, at, end, err = d.dumpBatch(at, buf); err != nil {
			return err
		}
		for i := range buf[:n] {
			if !f(&buf[i]) {
				return nil
			}
		}
	}
	return nil
}

// dumpBatch fills buf with flows from record at on, and says where to go on.
func (d *Datapath) dumpBatch(at uint32, buf []dp.FlowEntry) (n int, next uint32, end bool, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return 0, at, true, fmt.Errorf("dump flows: %w", ErrClosed)
	}
	t := d.flows
	var ids [readBatch]rawU64
	var stats [readBatch]rawFlowStats
	for ; at < t.recs.next && n < len(buf); at++ {
		r := t.recs.at(at)
		if r.id == 0 {
			continue
		}
		ids[n] = rawU64(r.id)
		t.flow(r, &buf[n].Flow)
		n++
	}
	if n > 0 {
		rawFlowStatsN(d.fp, ids[:n], stats[:n])
		c := d.clock()
		for i := range n {
			buf[i].Stats = flowStats(&stats[i], c)
		}
	}
	return n, at, at >= t.recs.next, nil
}

// FlowDel removes flows and returns their last counts, which no packet adds to any
// more when it returns.
func (d *Datapath) FlowDel(ufids []dp.UFID) ([]dp.FlowStats, []error) {
	out, errs := make([]dp.FlowStats, len(ufids)), make([]error, len(ufids))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fp == nil {
		for i := range errs {
			errs[i] = fmt.Errorf("remove flow: %w", ErrClosed)
		}
		return out, errs
	}
	var recs, places [readBatch]uint32
	n := 0
	flush := func() {
		d.del(recs[:n], func(i int, s dp.FlowStats, err error) { out[places[i]], errs[places[i]] = s, err })
		n = 0
	}
	seen := make(map[uint32]bool, len(ufids))
	for i, u := range ufids {
		r, ok := d.flows.names[u]
		if !ok || seen[r] {
			errs[i] = fmt.Errorf("flow %x %w", u, dp.ErrNotFound)
			continue
		}
		seen[r] = true
		recs[n], places[n] = r, uint32(i)
		if n++; n == readBatch {
			flush()
		}
	}
	flush()
	return out, errs
}

// FlowFlush removes all flows and returns how many there were.
func (d *Datapath) FlowFlush() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fp == nil {
		return 0, fmt.Errorf("remove all flows: %w", ErrClosed)
	}
	var recs [readBatch]uint32
	var failed error
	n, total := 0, 0
	count := func(_ int, _ dp.FlowStats, err error) {
		if err != nil {
			failed = err
			return
		}
		total++
	}
	for at := uint32(1); at < d.flows.recs.next; at++ {
		if d.flows.recs.at(at).id == 0 {
			continue
		}
		recs[n] = at
		if n++; n == readBatch {
			d.del(recs[:n], count)
			n = 0
		}
	}
	d.del(recs[:n], count)
	return total, failed
}

// del removes the flows of at most readBatch records and calls done for each.
func (d *Datapath) del(recs []uint32, done func(int, dp.FlowStats, error)) {
	if len(recs) == 0 {
		return
	}
	var ids [readBatch]rawU64
	var final [readBatch]rawFlowStats
	for i, r := range recs {
		ids[i] = rawU64(d.flows.recs.at(r).id)
	}
	rc := rawFlowDel(d.fp, ids[:len(recs)], final[:len(recs)])
	c := d.clock()
	for i, r := range recs {
		if rc < 0 {
			done(i, dp.FlowStats{}, fail("remove flow", rc, nil))
			continue
		}
		u := d.flows.recs.at(r).ufid
		d.flows.remove(r)
		if one := int(final[i].rc); one < 0 {
			done(i, dp.FlowStats{}, fail(fmt.Sprintf("remove flow %x", u), one, nil))
			continue
		}
		done(i, flowStats(&final[i], c), nil)
	}
}
