package bench

import "fmt"

// Target is one aim of the project and how this run stands to it.
type Target struct {
	What     string `json:"what"`
	Aim      string `json:"aim"`
	Measured string `json:"measured"` // "" if this run did not measure it
	Met      bool   `json:"met"`
}

// aim is a bound and how its figure reads.
type aim struct {
	what   string
	bound  float64
	atMost bool // else at least
	format string
	value  func(*Report) (float64, bool)
}

func (a aim) target(r *Report) Target {
	sign := "at least "
	if a.atMost {
		sign = "at most "
	}
	t := Target{What: a.what, Aim: sign + fmt.Sprintf(a.format, a.bound)}
	v, ok := a.value(r)
	if !ok {
		return t
	}
	t.Measured = fmt.Sprintf(a.format, v)
	t.Met = v >= a.bound
	if a.atMost {
		t.Met = v <= a.bound
	}
	return t
}

// faster is the ratio of a peer's cycles to Skua's.
func faster(c Case, peer string) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		for _, x := range r.Ratios {
			if x.Case == c && x.Peer == peer && x.Faster > 0 {
				return x.Faster, true
			}
		}
		return 0, false
	}
}

// slower is the ratio of Skua's cycles to a peer's.
func slower(c Case, peer string) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		v, ok := faster(c, peer)(r)
		if !ok {
			return 0, false
		}
		return 1 / v, true
	}
}

// soloMedian is the median of a figure over the rounds of all cases of a job.
func soloMedian(job Job, pick func(*SoloRun) []float64) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		var values []float64
		for _, s := range r.Solo {
			if s.Job == job {
				values = append(values, pick(s)...)
			}
		}
		return SpreadOf(values).Median, len(values) > 0
	}
}

// worstMemory is the highest bytes per flow of all table sizes.
func worstMemory(r *Report) (float64, bool) {
	worst := 0.0
	for _, s := range r.Solo {
		for _, m := range s.Memory {
			worst = max(worst, m.BytesPerFlow)
		}
	}
	return worst, worst > 0
}

// newFlowsRatio is what established flows keep of their rate.
func newFlowsRatio(s *SoloRun) (v []float64) {
	for _, m := range s.NewFlows {
		v = append(v, 100*m.Ratio)
	}
	return v
}

// newFlowsShare is the part of the asked new flows that were installed.
func newFlowsShare(r *Report) func(*SoloRun) []float64 {
	return func(s *SoloRun) (v []float64) {
		for _, m := range s.NewFlows {
			v = append(v, 100*m.Installed/float64(r.Options.NewRate))
		}
		return v
	}
}

func installRate(s *SoloRun) (v []float64) {
	for _, m := range s.Install {
		v = append(v, m.PutsPerSecond)
	}
	return v
}

// targets compares the run with the project's aims.
func targets(r *Report) []Target {
	var list []Target
	for _, x := range []struct {
		c     Case
		bound float64
	}{
		{Case{Pop, 64}, 3.8}, {Case{Pop, 10000}, 4.5},
		{Case{Push, 64}, 2.2}, {Case{Push, 10000}, 2.8},
		{Case{Forward, 64}, 2}, {Case{Forward, 10000}, 2.6},
	} {
		a := aim{what: x.c.String() + ", Skua to Open vSwitch", bound: x.bound, format: "%.2f x", value: faster(x.c, OVSName)}
		list = append(list, a.target(r))
	}
	rate := fmt.Sprintf("%d new flows per second: ", r.Options.NewRate)
	for _, a := range []aim{
		{"pop, 64 flows, cycles against testpmd's io forward", 2, true, "%.2f x", slower(Case{Pop, 64}, TestpmdName)},
		{rate + "kept of the established flows' rate", 90, false, "%.1f %%", soloMedian(NewFlows, newFlowsRatio)},
		{rate + "installed of them", 98, false, "%.1f %%", soloMedian(NewFlows, newFlowsShare(r))},
		{"flow puts from Go, one core", 500000, false, "%.0f per second", soloMedian(Install, installRate)},
		{"data-plane memory of a flow, counters included", 600, true, "%.0f bytes", worstMemory},
	} {
		list = append(list, a.target(r))
	}
	return list
}
