package appctl

import (
	"slices"
	"sync"

	"github.com/skua/skua/internal/dp"
)

// baselines remember the counters of lcores at their last pmd-stats-clear. The data
// plane's counters have one writer, the lcore, and are never reset from here.
type baselines struct {
	mu   sync.Mutex
	base map[int]dp.LcoreStats // by lcore
}

// lcores returns counters since the last clear.
func (b *baselines) lcores(now []dp.LcoreStats) []dp.LcoreStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]dp.LcoreStats, len(now))
	for i := range now {
		out[i] = now[i]
		if base, ok := b.base[now[i].ID]; ok {
			out[i] = since(&now[i], &base)
		}
	}
	return out
}

// clear makes what a lcore has counted until now its baseline.
func (b *baselines) clear(now *dp.LcoreStats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.base == nil {
		b.base = make(map[int]dp.LcoreStats)
	}
	base := *now
	base.Drops = slices.Clone(now.Drops)
	b.base[now.ID] = base
}

// since returns now less base. A lcore that counts less than its baseline has been
// started anew under the same id: then the baseline says nothing.
func since(now, base *dp.LcoreStats) dp.LcoreStats {
	if now.Turns < base.Turns || now.RxPackets < base.RxPackets ||
		now.BusyCycles < base.BusyCycles || now.IdleCycles < base.IdleCycles {
		return *now
	}
	d := *now // what is no counter stays: id, core, HeldPackets
	for _, f := range []func(*dp.LcoreStats) *uint64{
		func(l *dp.LcoreStats) *uint64 { return &l.RxPackets },
		func(l *dp.LcoreStats) *uint64 { return &l.RxBatches },
		func(l *dp.LcoreStats) *uint64 { return &l.TxPackets },
		func(l *dp.LcoreStats) *uint64 { return &l.TxBatches },
		func(l *dp.LcoreStats) *uint64 { return &l.EMCHits },
		func(l *dp.LcoreStats) *uint64 { return &l.MaskedHits },
		func(l *dp.LcoreStats) *uint64 { return &l.MaskedVisits },
		func(l *dp.LcoreStats) *uint64 { return &l.Misses },
		func(l *dp.LcoreStats) *uint64 { return &l.UpcallsSent },
		func(l *dp.LcoreStats) *uint64 { return &l.UpcallsLost },
		func(l *dp.LcoreStats) *uint64 { return &l.Recirculations },
		func(l *dp.LcoreStats) *uint64 { return &l.ShortcutPops },
		func(l *dp.LcoreStats) *uint64 { return &l.BusyCycles },
		func(l *dp.LcoreStats) *uint64 { return &l.IdleCycles },
		func(l *dp.LcoreStats) *uint64 { return &l.Turns },
		func(l *dp.LcoreStats) *uint64 { return &l.Sleeps },
		func(l *dp.LcoreStats) *uint64 { return &l.StagePackets },
	} {
		from := *f(base)
		*f(&d) -= min(from, *f(&d))
	}
	for i := range d.StageCycles {
		d.StageCycles[i] -= min(base.StageCycles[i], d.StageCycles[i])
	}
	before := make(map[string]uint64, len(base.Drops))
	for _, drop := range base.Drops {
		before[drop.Name] = drop.Packets
	}
	d.Drops = make([]dp.DropCount, len(now.Drops))
	for i, drop := range now.Drops {
		drop.Packets -= min(before[drop.Name], drop.Packets)
		d.Drops[i] = drop
	}
	return d
}
