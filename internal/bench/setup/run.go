package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/peers"
	"github.com/skua/skua/internal/bench/report"
	"github.com/skua/skua/internal/bench/traffic"
)

// Options are what a user can ask for.
type Options struct {
	Jobs     []string
	Flows    []int // of forwarding jobs
	Subjects []string
	Rounds   int
	Window   time.Duration
	Warmup   time.Duration
	Core     int // -1: the last
	VNIs     int
	Proto    string // "udp" or "tcp"
	Exact    bool
	Memory   string // "auto", "huge" or "4k"
	NewRate  int
	Batch    int
	Install  int   // flows of install
	Tables   []int // flows of memory
	Quick    bool
	JSON     string // file, "" for none
	Plot     string // file, "" for none
}

// Defaults are the options of a plain `skua bench`.
var Defaults = Options{
	Jobs: []string{"forward", "push", "pop", "newflows", "install", "memory"}, Flows: []int{64, 10000},
	Subjects: []string{bench.SkuaName, bench.TestpmdName, bench.OVSName},
	Rounds:   5, Window: 2 * time.Second, Warmup: time.Second, Core: -1, VNIs: 1, Proto: "udp", Memory: "auto",
	NewRate: 50000, Batch: 256, Install: 500_000, Tables: []int{100_000, 1_000_000},
}

// Shorten makes a run that shows that everything works; its figures say little.
func (o *Options) Shorten() {
	o.Quick, o.Rounds = true, 1
	o.Window, o.Warmup = 300*time.Millisecond, 200*time.Millisecond
	o.Install, o.Tables = 100_000, []int{100_000}
}

// ErrFailed says that a job failed; the report says which and why.
var ErrFailed = errors.New("not every job ran")

// Run runs the benchmark: progress goes to progress, tables to out. workerCommand
// starts Skua's worker process, release is the version of this build.
func Run(ctx context.Context, o Options, workerCommand []string, release string, out, progress io.Writer) error {
	cases, err := o.cases()
	if err != nil {
		return err
	}
	proto, err := o.check()
	if err != nil {
		return err
	}
	core, others, err := Cores(o.Core)
	if err != nil {
		return err
	}
	huge, err := Huge(o.Memory)
	if err != nil {
		return err
	}
	if err := sweep(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		return fmt.Errorf("folder for the run: %w", err)
	}
	defer os.RemoveAll(dir)
	defer peers.RemoveEALFolders()
	say := func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
	host := Host(core, others, huge)
	rep := &bench.Report{Version: bench.ReportVersion, Started: time.Now(), Host: host, Options: o.recorded()}
	skua := &peers.Skua{Command: workerCommand, Release: release}
	subjects, err := chooseSubjects(o.Subjects, skua, rep, say)
	if err != nil {
		return err
	}
	runner := &bench.Runner{
		Setup: &bench.Setup{
			Core: core, Others: others, Dir: dir, Plan: traffic.Plan{Proto: proto, VNIs: o.VNIs}, Exact: o.Exact,
			Huge: huge, Window: o.Window, Warmup: o.Warmup, TSCHz: host.TSCHz, NewRate: o.NewRate, Batch: o.Batch,
		},
		Subjects: subjects, Skua: skua, Rounds: o.Rounds, Pause: 200 * time.Millisecond, Progress: say,
	}
	if err := runner.Run(ctx, cases, rep); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted, nothing is left running: %w", context.Cause(ctx))
		}
		return err
	}
	rep.Finish()
	return o.publish(rep, out, say)
}

// publish prints and writes the report.
func (o *Options) publish(rep *bench.Report, out io.Writer, say func(string, ...any)) error {
	report.WriteTables(out, rep)
	if o.JSON != "" {
		if err := report.WriteJSON(o.JSON, rep); err != nil {
			return err
		}
		say("wrote %s", o.JSON)
	}
	if o.Plot != "" {
		switch err := report.WritePlot(o.Plot, rep); {
		case errors.Is(err, report.ErrNothingToPlot):
			say("%v", err)
		case err != nil:
			return err
		default:
			say("wrote %s", o.Plot)
		}
	}
	if rep.Failed() {
		return ErrFailed
	}
	return nil
}

// chooseSubjects returns the subjects that were asked for and are installed.
func chooseSubjects(names []string, skua *peers.Skua, rep *bench.Report, say func(string, ...any)) ([]bench.Subject, error) {
	var list []bench.Subject
	for _, s := range []bench.Subject{skua, peers.Testpmd{}, peers.OVS{}} {
		if !slices.Contains(names, s.Name()) {
			continue
		}
		id := bench.SubjectID{Name: s.Name()}
		version, err := s.Version()
		switch {
		case errors.Is(err, bench.ErrNotInstalled):
			id.Missing = err.Error()
			say("%s: %v", s.Name(), err)
		case err != nil:
			return nil, err
		default:
			id.Version = version
			list = append(list, s)
		}
		rep.Subjects = append(rep.Subjects, id)
	}
	return list, nil
}

// cases returns what to measure, in the order of [bench.AllJobs].
func (o *Options) cases() ([]bench.Case, error) {
	asked := map[bench.Job]bool{}
	for _, name := range o.Jobs {
		job, err := bench.ParseJob(name)
		if err != nil {
			return nil, err
		}
		asked[job] = true
	}
	var cases []bench.Case
	for _, job := range bench.AllJobs {
		if !asked[job] {
			continue
		}
		flows := o.Flows
		switch job {
		case bench.NewFlows:
			flows = []int{bench.EstablishedFlows}
		case bench.Install:
			flows = []int{o.Install}
		case bench.Memory:
			flows = o.Tables
		}
		for _, n := range flows {
			cases = append(cases, bench.Case{Job: job, Flows: n})
		}
	}
	return cases, nil
}

// check looks at every value before anything starts; it returns the IP protocol.
func (o *Options) check() (uint8, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("bench needs root: DPDK's memory, network namespaces and pinned threads do")
	}
	for _, tool := range []string{"taskset", "ip", "nice", "stdbuf", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, fmt.Errorf("%w; Debian's packages util-linux, iproute2, coreutils and procps have taskset, ip, nice, stdbuf and sysctl", err)
		}
	}
	known := []string{bench.SkuaName, bench.TestpmdName, bench.OVSName}
	for _, name := range o.Subjects {
		if !slices.Contains(known, name) {
			return 0, fmt.Errorf("subject %q: unknown, the subjects are %s", name, strings.Join(known, ", "))
		}
	}
	for _, x := range []struct {
		name          string
		value, lo, hi int
	}{
		{"rounds", o.Rounds, 1, 1000}, {"vnis", o.VNIs, 1, 1 << 16}, {"rate", o.NewRate, 1, 1_000_000},
		{"batch", o.Batch, 1, 65536}, {"install-flows", o.Install, 1, 1 << 20},
	} {
		if x.value < x.lo || x.value > x.hi {
			return 0, fmt.Errorf("%s %d: must be %d to %d", x.name, x.value, x.lo, x.hi)
		}
	}
	for _, n := range slices.Concat(o.Flows, o.Tables) {
		if n < 1 || n > 1<<20 {
			return 0, fmt.Errorf("flows %d: must be 1 to %d", n, 1<<20)
		}
	}
	if o.Window < 50*time.Millisecond || o.Warmup < 0 {
		return 0, fmt.Errorf("window %v after warm-up %v: the window must be at least 50ms, the warm-up not negative", o.Window, o.Warmup)
	}
	if spoilt := o.newFlowsNeeded(); spoilt > traffic.MaxFlows/2 {
		return 0, fmt.Errorf("rate %d over warm-up and window needs %d distinct flows, there are %d: shorten the window", o.NewRate, spoilt, traffic.MaxFlows/2)
	}
	switch o.Proto {
	case "udp":
		return 17, nil
	case "tcp":
		return 6, nil
	}
	return 0, fmt.Errorf("proto %q: choose udp or tcp", o.Proto)
}

func (o *Options) newFlowsNeeded() int {
	return int(((o.Window + o.Warmup).Seconds() + 1) * float64(o.NewRate))
}

func (o *Options) recorded() bench.Options {
	return bench.Options{
		Rounds: o.Rounds, Window: o.Window.Seconds(), Warmup: o.Warmup.Seconds(), VNIs: o.VNIs, Proto: o.Proto,
		Exact: o.Exact, NewRate: o.NewRate, Batch: o.Batch, Quick: o.Quick,
	}
}
