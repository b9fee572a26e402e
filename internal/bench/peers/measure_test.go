package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/bench/tsc"
)

// peer returns a setup for a subject, or skips and says why.
func peer(t *testing.T, s bench.Subject) *bench.Setup {
	t.Helper()
	if testing.Short() {
		t.Skip("short: starts DPDK programs")
	}
	if os.Geteuid() != 0 {
		t.Skip("not root: DPDK programs and network namespaces need it")
	}
	if _, err := s.Version(); errors.Is(err, bench.ErrNotInstalled) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	// On a machine with one core both share it: packets pass all the same, and the
	// figures are not looked at.
	return &bench.Setup{
		Core: runtime.NumCPU() - 1, Others: []int{0}, Dir: t.TempDir(), Plan: traffic.Plan{Proto: 17, VNIs: 3},
		Window: time.Second, Warmup: 300 * time.Millisecond, TSCHz: tsc.Hz(),
	}
}

func measure(t *testing.T, s bench.Subject, set *bench.Setup, job bench.Job) bench.Sample {
	t.Helper()
	c := bench.Case{Job: job, Flows: 32}
	pcap := filepath.Join(set.Dir, string(job)+".pcap")
	if err := set.Plan.WritePcap(pcap, c.Flows, job == bench.Pop); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	sample, err := s.Measure(ctx, set, c, pcap)
	if err != nil {
		t.Fatal(err)
	}
	if sample.Packets == 0 || sample.Cycles <= 0 || sample.OwnCycles <= 0 {
		t.Errorf("sample %+v", sample)
	}
	return sample
}

func leftovers(t *testing.T, set *bench.Setup) {
	t.Helper()
	spaces, err := filepath.Glob("/run/netns/" + NetnsPrefix + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spaces {
		if strings.HasPrefix(filepath.Base(s), fmt.Sprintf("%s%d-", NetnsPrefix, os.Getpid())) {
			t.Errorf("network namespace %s is left", s)
		}
	}
	if dirs, err := filepath.Glob(filepath.Join(set.Dir, "ovs*")); err != nil || len(dirs) != 0 {
		t.Errorf("left in the run's folder: %v, %v", dirs, err)
	}
}

func TestTestpmdForwards(t *testing.T) {
	set := peer(t, Testpmd{})
	measure(t, Testpmd{}, set, bench.Forward)
}

func TestOVSForwardsPushesAndPops(t *testing.T) {
	set := peer(t, OVS{})
	for _, c := range []struct {
		job     bench.Job
		lookups float64 // per packet
	}{{job: bench.Forward, lookups: 1}, {job: bench.Push, lookups: 1}, {job: bench.Pop, lookups: 2}} {
		s := measure(t, OVS{}, set, c.job)
		f := s.Figures
		lookups := (f["emc_hits"] + f["megaflow_hits"] + f["smc_hits"] + f["simple_match_hits"]) / f["packets_received"]
		if lookups < 0.95*c.lookups || lookups > 1.05*c.lookups {
			t.Errorf("%s: %.2f lookups hit per packet, not %.0f: %v", c.job, lookups, c.lookups, f)
		}
		leftovers(t, set)
	}
}

func TestInterruptedMeasureLeavesNothing(t *testing.T) {
	set := peer(t, OVS{})
	ctx, cancel := context.WithCancel(t.Context())
	pcap := filepath.Join(set.Dir, "t.pcap")
	if err := set.Plan.WritePcap(pcap, 8, false); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(400*time.Millisecond, cancel)
	if _, err := (OVS{}).Measure(ctx, set, bench.Case{Job: bench.Forward, Flows: 8}, pcap); !errors.Is(err, context.Canceled) {
		t.Errorf("Measure after an interrupt: %v", err)
	}
	leftovers(t, set)
}
