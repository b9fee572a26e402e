//go:build amd64 || arm64

// Package tsc reads the time stamp counter: the clock in which cycles per packet
// are counted, the same that DPDK counts in. It runs at a constant rate on every
// machine on which DPDK does.
package tsc

import (
	"slices"
	"time"
)

// Now returns the counter (amd64: RDTSC, arm64: CNTVCT_EL0).
func Now() uint64

// Hz measures the counter's ticks per second against the monotonic clock: the
// median of five stretches of 40 ms, so that an interruption does not count.
func Hz() float64 {
	const stretches, length = 5, 40 * time.Millisecond
	hz := make([]float64, stretches)
	for i := range hz {
		t0, c0 := time.Now(), Now()
		time.Sleep(length)
		t1, c1 := time.Now(), Now()
		hz[i] = float64(c1-c0) / t1.Sub(t0).Seconds()
	}
	slices.Sort(hz)
	return hz[stretches/2]
}
