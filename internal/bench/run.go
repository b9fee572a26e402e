package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Runner runs cases on subjects, in turns.
type Runner struct {
	Setup    *Setup
	Subjects []Subject
	Skua     Solo // measures what is asked of Skua alone
	Rounds   int
	Pause    time.Duration // between subjects, for the core to come to rest
	// Progress is told what happens, one line at a time.
	Progress func(format string, args ...any)
}

// Solo measures the jobs that only Skua is asked for.
type Solo interface {
	NewFlows(ctx context.Context, s *Setup, c Case, pcap string) (NewFlowsSample, error)
	Install(ctx context.Context, s *Setup, c Case, pcap string) (InstallSample, error)
	Memory(ctx context.Context, s *Setup, c Case) (MemorySample, error)
}

// Run measures all cases and fills the report. A subject that fails on a case is
// recorded there and left out of that case's further rounds; the run goes on. The
// error is that of ctx, or of what no case can do without.
func (r *Runner) Run(ctx context.Context, cases []Case, rep *Report) error {
	for _, c := range cases {
		pcap, err := r.pcap(c)
		if err != nil {
			return err
		}
		if c.Job.Forwarding() {
			err = r.forwarding(ctx, c, pcap, rep)
		} else {
			err = r.solo(ctx, c, pcap, rep)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forwarding measures one case, every subject once per round. The order turns from
// round to round, so that no subject always follows the same one.
func (r *Runner) forwarding(ctx context.Context, c Case, pcap string, rep *Report) error {
	series := make([]*Series, len(r.Subjects))
	for i, sub := range r.Subjects {
		series[i] = rep.add(c, sub.Name())
	}
	for round := range r.Rounds {
		for k := range r.Subjects {
			i := (round + k) % len(r.Subjects)
			if series[i].Error != "" {
				continue
			}
			sample, err := r.Subjects[i].Measure(ctx, r.Setup, c, pcap)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				series[i].Error = err.Error()
				r.Progress("%s, round %d, %s: FAILED: %v", c, round+1, r.Subjects[i].Name(), err)
				continue
			}
			series[i].Samples = append(series[i].Samples, sample)
			r.Progress("%s, round %d, %s: %.1f cycles per packet, %.2f Mpps", c, round+1, r.Subjects[i].Name(), sample.Cycles, sample.Mpps)
			time.Sleep(r.Pause)
		}
	}
	for _, s := range series {
		s.summarise()
	}
	return nil
}

// solo measures a job of Skua alone, r.Rounds times (memory once: it does not vary).
func (r *Runner) solo(ctx context.Context, c Case, pcap string, rep *Report) error {
	rounds := r.Rounds
	if c.Job == Memory {
		rounds = 1
	}
	s := rep.addSolo(c)
	for round := range rounds {
		var err error
		var line string
		switch c.Job {
		case NewFlows:
			var m NewFlowsSample
			if m, err = r.Skua.NewFlows(ctx, r.Setup, c, pcap); err == nil {
				s.NewFlows = append(s.NewFlows, m)
				line = fmt.Sprintf("%.1f%% of the rate without, %.0f new flows per second", 100*m.Ratio, m.Installed)
			}
		case Install:
			var m InstallSample
			if m, err = r.Skua.Install(ctx, r.Setup, c, pcap); err == nil {
				s.Install = append(s.Install, m)
				line = fmt.Sprintf("%.0f puts per second, %.0f deletes per second", m.PutsPerSecond, m.DelsPerSecond)
			}
		case Memory:
			var m MemorySample
			if m, err = r.Skua.Memory(ctx, r.Setup, c); err == nil {
				s.Memory = append(s.Memory, m)
				line = fmt.Sprintf("%.0f bytes per flow", m.BytesPerFlow)
			}
		default:
			return fmt.Errorf("job %q: nobody knows how to run it", c.Job)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.Error = err.Error()
			r.Progress("%s, round %d: FAILED: %v", c, round+1, err)
			return nil
		}
		r.Progress("%s, round %d: %s", c, round+1, line)
	}
	return nil
}

// pcap returns the case's traffic file and makes it if it is not there yet.
func (r *Runner) pcap(c Case) (string, error) {
	if c.Job == Memory {
		return "", nil
	}
	flows := c.Flows
	if !c.Job.Forwarding() {
		flows = EstablishedFlows
	}
	kind := "plain"
	if c.Job == Pop {
		kind = "vxlan"
	}
	path := filepath.Join(r.Setup.Dir, fmt.Sprintf("%s-%d.pcap", kind, flows))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("traffic file: %w", err)
	}
	return path, r.Setup.Plan.WritePcap(path, flows, c.Job == Pop)
}

// EstablishedFlows is the number of flows whose traffic keeps the core busy while
// newflows and install run.
const EstablishedFlows = 64
