package tsc

import (
	"testing"
	"time"
)

func TestHzAgreesWithTheClock(t *testing.T) {
	hz := Hz()
	t0, c0 := time.Now(), Now()
	time.Sleep(50 * time.Millisecond)
	d, ticks := time.Since(t0).Seconds(), float64(Now()-c0)
	if got := ticks / d; got < hz*0.95 || got > hz*1.05 {
		t.Errorf("counter ran at %.0f ticks per second, Hz said %.0f", got, hz)
	}
	if hz < 1e6 {
		t.Errorf("Hz() = %.0f: no time stamp counter is that slow", hz)
	}
}
