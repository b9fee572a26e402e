package appctl

import (
	"sync"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Sampling: every five seconds for an hour, which is what coverage/show's rates need.
const (
	samplePeriod   = 5 * time.Second
	historyLen     = 3600/5 + 1
	historySeconds = 60 // pmd-rxq-show's longest span
)

// history holds samples of counters. The zero value is ready.
type history struct {
	mu       sync.Mutex
	n        int // samples taken
	counters map[string]*[historyLen]uint64
	cycles   map[int]*[historyLen]cycleSample // by lcore
}

type cycleSample struct{ busy, idle uint64 }

// sample adds a sample of all counters.
func (c *Commands) sample() {
	c.history.add(c.counters(), c.DP.Lcores())
}

func (h *history) add(counters map[string]uint64, lcores []dp.LcoreStats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counters == nil {
		h.counters = make(map[string]*[historyLen]uint64)
		h.cycles = make(map[int]*[historyLen]cycleSample)
	}
	at := h.n % historyLen
	h.n++
	for name, v := range counters {
		ring, ok := h.counters[name]
		if !ok {
			ring = new([historyLen]uint64)
			h.counters[name] = ring
		}
		ring[at] = v
	}
	for _, l := range lcores {
		ring, ok := h.cycles[l.ID]
		if !ok {
			ring = new([historyLen]cycleSample)
			h.cycles[l.ID] = ring
		}
		ring[at] = cycleSample{busy: l.BusyCycles, idle: l.IdleCycles}
	}
}

// rate returns how often per second a counter rose over the last period (a multiple
// of samplePeriod, at most an hour), told by its samples. Time before the first sample
// counts as time without events.
func (h *history) rate(name string, period time.Duration) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	ring, ok := h.counters[name]
	if !ok || h.n == 0 {
		return 0
	}
	back := min(int(period/samplePeriod), h.n-1)
	last, first := ring[(h.n-1)%historyLen], ring[(h.n-1-back)%historyLen]
	if last < first { // started anew
		return 0
	}
	return float64(last-first) / period.Seconds()
}

// usageSamples rounds seconds up to whole samples, at least one.
func usageSamples(seconds int) int {
	period := int(samplePeriod.Seconds())
	return max(1, (min(seconds, historySeconds)+period-1)/period)
}

// usage returns the percentage of a lcore's cycles that were busy over the last
// samples; ok is false while there are not two samples of it.
func (h *history) usage(l *dp.LcoreStats, samples int) (percent int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ring, known := h.cycles[l.ID]
	back := min(samples, h.n-1)
	if !known || back < 1 {
		return 0, false
	}
	last, first := ring[(h.n-1)%historyLen], ring[(h.n-1-back)%historyLen]
	if last.busy < first.busy || last.idle < first.idle {
		return 0, false
	}
	busy, total := last.busy-first.busy, last.busy-first.busy+last.idle-first.idle
	if total == 0 {
		return 0, false
	}
	return int(100 * ratio(busy, total)), true
}
