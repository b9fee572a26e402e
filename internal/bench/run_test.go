package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/bench/traffic"
)

// scripted is a subject that writes its turn down and answers by script.
type scripted struct {
	name  string
	turns *[]string
	fail  bool
	stop  context.CancelFunc
}

func (s *scripted) Name() string             { return s.name }
func (s *scripted) Version() (string, error) { return "1", nil }
func (s *scripted) Measure(ctx context.Context, _ *Setup, c Case, pcap string) (Sample, error) {
	*s.turns = append(*s.turns, s.name)
	if s.stop != nil {
		s.stop()
		return Sample{}, ctx.Err()
	}
	if s.fail {
		return Sample{}, errors.New("broken")
	}
	if _, err := os.Stat(pcap); err != nil {
		return Sample{}, fmt.Errorf("traffic: %w", err)
	}
	return Sample{Cycles: 10, Mpps: 1, Packets: uint64(c.Flows)}, nil
}

func runner(t *testing.T, turns *[]string, rounds int) *Runner {
	return &Runner{
		Setup:  &Setup{Dir: t.TempDir(), Plan: traffic.Plan{Proto: 17, VNIs: 1}},
		Rounds: rounds, Progress: t.Logf,
		Subjects: []Subject{&scripted{name: "a", turns: turns}, &scripted{name: "b", turns: turns}, &scripted{name: "c", turns: turns}},
	}
}

func TestSubjectsTakeTurns(t *testing.T) {
	var turns []string
	rep := &Report{}
	if err := runner(t, &turns, 3).Run(t.Context(), []Case{{Forward, 8}}, rep); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}
	if d := cmp.Diff(want, turns); d != "" {
		t.Errorf("order of turns: %s", d)
	}
	for _, name := range []string{"a", "b", "c"} {
		s := rep.Find(Case{Forward, 8}, name)
		if s == nil || len(s.Samples) != 3 || s.Cycles.Median != 10 {
			t.Errorf("series of %s: %+v", name, s)
		}
	}
}

func TestBrokenSubjectDoesNotStopTheOthers(t *testing.T) {
	var turns []string
	r := runner(t, &turns, 2)
	r.Subjects[1].(*scripted).fail = true
	rep := &Report{}
	if err := r.Run(t.Context(), []Case{{Pop, 8}}, rep); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "c", "a"}, turns); d != "" {
		t.Errorf("order of turns: %s", d)
	}
	if !rep.Failed() || rep.Find(Case{Pop, 8}, "c") == nil {
		t.Errorf("report: failed %v, series %+v", rep.Failed(), rep.Series)
	}
}

func TestInterruptEndsTheRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var turns []string
	r := runner(t, &turns, 2)
	r.Subjects[1].(*scripted).stop = stop
	if err := r.Run(ctx, []Case{{Push, 8}}, &Report{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run after an interrupt: %v", err)
	}
	if d := cmp.Diff([]string{"a", "b"}, turns); d != "" {
		t.Errorf("order of turns: %s", d)
	}
}

func TestParseJob(t *testing.T) {
	if j, err := ParseJob("pop"); j != Pop || err != nil {
		t.Errorf("ParseJob(pop) = %v, %v", j, err)
	}
	if _, err := ParseJob("fly"); err == nil {
		t.Error("job fly exists")
	}
}

func TestShortCount(t *testing.T) {
	for n, want := range map[int]string{64: "64", 10000: "10k", 1500: "1500", 1_000_000: "1M"} {
		if got := ShortCount(n); got != want {
			t.Errorf("ShortCount(%d) = %q, not %q", n, got, want)
		}
	}
}
