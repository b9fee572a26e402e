package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{4}, Spread{4, 4, 4}},
		{[]float64{9, 1, 4}, Spread{4, 1, 9}},
		{[]float64{9, 1, 4, 2}, Spread{3, 1, 9}},
	} {
		if d := cmp.Diff(c.want, SpreadOf(c.in)); d != "" {
			t.Errorf("SpreadOf(%v): %s", c.in, d)
		}
	}
}

func TestNewSample(t *testing.T) {
	t0 := time.Unix(100, 0)
	before := Reading{At: t0, Sent: 1_000_000, Ran: time.Second}
	s, err := NewSample(before, Reading{At: t0.Add(500 * time.Millisecond), Sent: 6_000_000, Ran: 1250 * time.Millisecond}, 2.6e9)
	if err != nil {
		t.Fatal(err)
	}
	if s.Cycles != 260 || s.Mpps != 10 || s.Share != 0.5 {
		t.Errorf("5M packets in 0.5 s at 2.6 GHz: %v cycles, %v Mpps, half of the core: %v", s.Cycles, s.Mpps, s.Share)
	}
	if _, err := NewSample(before, Reading{At: t0.Add(time.Second), Sent: before.Sent}, 2.6e9); err == nil {
		t.Error("a window without packets is a sample")
	}
}

// report has one case of each kind with known figures.
func report() *Report {
	r := &Report{
		Options:  Options{NewRate: 50000},
		Subjects: []SubjectID{{Name: SkuaName}, {Name: TestpmdName}, {Name: OVSName}},
	}
	for subject, cycles := range map[string]float64{SkuaName: 60, TestpmdName: 34, OVSName: 240} {
		s := r.add(Case{Pop, 64}, subject)
		s.Samples = []Sample{{Cycles: cycles, Mpps: 1}}
		s.summarise()
	}
	r.addSolo(Case{NewFlows, 64}).NewFlows = []NewFlowsSample{{Ratio: 0.95, Installed: 30000}}
	r.addSolo(Case{Memory, 100}).Memory = []MemorySample{{BytesPerFlow: 500}}
	r.addSolo(Case{Memory, 1000}).Memory = []MemorySample{{BytesPerFlow: 700}}
	return r
}

func TestTargets(t *testing.T) {
	r := report()
	r.Finish()
	got := map[string]Target{}
	for _, x := range r.Targets {
		got[x.What] = x
	}
	for _, want := range []Target{
		{What: "pop, 64 flows, Skua to Open vSwitch", Aim: "at least 3.80 x", Measured: "4.00 x", Met: true},
		{What: "pop, 10k flows, Skua to Open vSwitch", Aim: "at least 4.50 x"},
		{What: "pop, 64 flows, cycles against testpmd's io forward", Aim: "at most 2.00 x", Measured: "1.76 x", Met: true},
		{What: "50000 new flows per second: kept of the established flows' rate", Aim: "at least 90.0 %", Measured: "95.0 %", Met: true},
		{What: "50000 new flows per second: installed of them", Aim: "at least 98.0 %", Measured: "60.0 %"},
		{What: "flow puts from Go, one core", Aim: "at least 500000 per second"},
		{What: "data-plane memory of a flow, counters included", Aim: "at most 600 bytes", Measured: "700 bytes"},
	} {
		if d := cmp.Diff(want, got[want.What]); d != "" {
			t.Errorf("%s: %s", want.What, d)
		}
	}
}

func TestFailedAndFind(t *testing.T) {
	r := report()
	if r.Failed() {
		t.Error("a report without errors failed")
	}
	s := r.add(Case{Push, 64}, OVSName)
	s.Error = "no port"
	if !r.Failed() {
		t.Error("a report with an error did not fail")
	}
	if r.Find(Case{Push, 64}, OVSName) != nil {
		t.Error("a series without a sample was found")
	}
}
