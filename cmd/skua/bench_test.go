package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/peers"
	"github.com/skua/skua/internal/bench/setup"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/bench/tsc"
)

const benchWorkerTest = "SKUA_TEST_BENCH_WORKER"

// TestBenchWorkerProcess is no test of its own: it is the worker process of the
// tests below, as EAL starts once per process.
func TestBenchWorkerProcess(t *testing.T) {
	if os.Getenv(benchWorkerTest) == "" {
		t.Skip("not a worker: the other tests of this file start it")
	}
	err := (&cli.App{Commands: []*cli.Command{benchCommand}, ExitErrHandler: func(*cli.Context, error) {}}).Run([]string{"skua", "bench", "worker"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0) // before the test's own last words follow the result
}

// benchSetup returns Skua as a subject and a short setup; the figures are not
// looked at beyond being there.
func benchSetup(t *testing.T) (*peers.Skua, *bench.Setup) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: DPDK needs it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	core, others, err := setup.Cores(-1)
	if err != nil {
		t.Skip(err)
	}
	huge, err := setup.Huge("auto")
	if err != nil {
		t.Fatal(err)
	}
	skua := &peers.Skua{Command: []string{"env", benchWorkerTest + "=1", self, "-test.run=^TestBenchWorkerProcess$"}}
	return skua, &bench.Setup{
		Core: core, Others: others, Dir: t.TempDir(), Plan: traffic.Plan{Proto: 17, VNIs: 5}, Huge: huge,
		Window: 300 * time.Millisecond, Warmup: 100 * time.Millisecond, TSCHz: tsc.Hz(), NewRate: 2000, Batch: 64,
	}
}

func benchPcap(t *testing.T, s *bench.Setup, c bench.Case) string {
	t.Helper()
	path := filepath.Join(s.Dir, string(c.Job)+".pcap")
	if err := s.Plan.WritePcap(path, c.Flows, c.Job == bench.Pop); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBenchForwardingOnTheDataPlane runs the three jobs on the real data plane. The
// worker itself holds the flows' counters against what the lcore received.
func TestBenchForwardingOnTheDataPlane(t *testing.T) {
	skua, s := benchSetup(t)
	for _, job := range []bench.Job{bench.Forward, bench.Push, bench.Pop} {
		for _, exact := range []bool{false, true} {
			c := bench.Case{Job: job, Flows: 500}
			s.Exact = exact
			sample, err := skua.Measure(t.Context(), s, c, benchPcap(t, s, c))
			if err != nil {
				t.Errorf("%s, exact %v: %v", job, exact, err)
				continue
			}
			if sample.Packets == 0 || sample.Cycles <= 0 || sample.OwnCycles <= 0 || sample.Figures["misses"] != 0 {
				t.Errorf("%s, exact %v: %+v", job, exact, sample)
			}
			if job == bench.Pop && sample.Figures["shortcut_pops"]+sample.Figures["recirculations"] == 0 {
				t.Errorf("pop, exact %v: no packet was popped: %+v", exact, sample.Figures)
			}
		}
	}
}

func TestBenchSoloJobsOnTheDataPlane(t *testing.T) {
	skua, s := benchSetup(t)
	c := bench.Case{Job: bench.NewFlows, Flows: bench.EstablishedFlows}
	n, err := skua.NewFlows(t.Context(), s, c, benchPcap(t, s, c))
	if err != nil || n.MppsWith <= 0 || n.Installed <= 0 {
		t.Errorf("newflows: %+v, %v", n, err)
	}
	c = bench.Case{Job: bench.Install, Flows: 5000}
	i, err := skua.Install(t.Context(), s, c, benchPcap(t, s, bench.Case{Job: bench.Install, Flows: bench.EstablishedFlows}))
	if err != nil || i.Flows != 5000 || i.PutsPerSecond <= 0 || i.DelsPerSecond <= 0 {
		t.Errorf("install: %+v, %v", i, err)
	}
	m, err := skua.Memory(t.Context(), s, bench.Case{Job: bench.Memory, Flows: 50000})
	if err != nil || m.BytesPerFlow < 100 || m.FlowBytes == 0 || m.TableBytes == 0 {
		t.Errorf("memory: %+v, %v", m, err)
	}
}

// TestBenchWorkerRefuses holds that a worker that cannot measure says why.
func TestBenchWorkerRefuses(t *testing.T) {
	skua, s := benchSetup(t)
	c := bench.Case{Job: bench.Forward, Flows: 8}
	_, err := skua.Measure(t.Context(), s, c, filepath.Join(s.Dir, "none.pcap"))
	if err == nil || !strings.Contains(err.Error(), "none.pcap") {
		t.Errorf("a traffic file that does not exist: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s.Window = 20 * time.Second
	if _, err := skua.Measure(ctx, s, c, benchPcap(t, s, c)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an interrupted measurement: %v", err)
	}
}

func TestBenchOptions(t *testing.T) {
	for _, x := range []struct {
		args  []string
		check func(setup.Options) bool
	}{
		{nil, func(o setup.Options) bool { return o.Rounds == 5 && o.Window == 2*time.Second && !o.Quick }},
		{[]string{"--quick"}, func(o setup.Options) bool { return o.Quick && o.Rounds == 1 && o.Window < time.Second }},
		{[]string{"--quick", "--rounds", "4"}, func(o setup.Options) bool { return o.Quick && o.Rounds == 4 }},
		{[]string{"--flows", "1,2", "--jobs", "pop,push"}, func(o setup.Options) bool { return len(o.Flows) == 2 && len(o.Jobs) == 2 }},
	} {
		var got setup.Options
		command := *benchCommand
		command.Subcommands = nil
		command.Action = func(c *cli.Context) error { got = benchOptions(c); return nil }
		app := &cli.App{Commands: []*cli.Command{&command}}
		if err := app.Run(append([]string{"skua", "bench"}, x.args...)); err != nil {
			t.Fatal(err)
		}
		if !x.check(got) {
			b, _ := json.Marshal(got) // plain values
			t.Errorf("%v: %s", x.args, b)
		}
	}
}
