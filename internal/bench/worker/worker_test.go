package worker

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakePlane is dptest's data plane in plain Go, whose port in0 receives the traffic
// of a case again and again as net_pcap's does.
type fakePlane struct {
	*dptest.Fake
	spoil func([]dp.FlowPut) []dp.FlowPut // changes what is put; nil: nothing
}

func (p *fakePlane) LcoreStart(_ int, housekeeping bool) (int, error) {
	if housekeeping {
		return 0, nil
	}
	return 1, nil
}

func (p *fakePlane) CoreTime(int) (time.Duration, error) { return time.Since(began), nil }

var began = time.Now()

func (p *fakePlane) FlowPut(puts []dp.FlowPut) []error {
	if p.spoil != nil {
		puts = p.spoil(puts)
	}
	return p.Fake.FlowPut(puts)
}

// run runs a spec with the traffic that its case has.
func run(t *testing.T, spec Spec, spoil func([]dp.FlowPut) []dp.FlowPut) (*Result, error) {
	t.Helper()
	plane := &fakePlane{Fake: dptest.NewFake(dptest.FakeConfig{}), spoil: spoil}
	var frames [][]byte
	for i := range min(spec.Case.Flows, 16) {
		build := spec.Plan.Flow(i).Frame
		if spec.Case.Job == bench.Pop {
			build = spec.Plan.Flow(i).Encapsulated
		}
		frame, err := build()
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, port := range plane.Ports() {
				switch port.Name {
				case "in0":
					_, _ = plane.RingInject(port.No, frames) // the port exists
				case "out0", "out1":
					_, _ = plane.RingCollect(port.No, 1<<16)
				}
			}
			time.Sleep(time.Millisecond)
		}
	})
	defer wg.Wait()
	defer stop()
	return Run(ctx, spec, plane)
}

func spec(job bench.Job, flows int) Spec {
	return Spec{
		Case: bench.Case{Job: job, Flows: flows}, Plan: traffic.Plan{Proto: 17, VNIs: 3}, In: "net_pcap0", Out: "net_null0", Out2: "net_null1",
		Core: 1, Warmup: 20 * time.Millisecond, Window: 60 * time.Millisecond, TSCHz: 1e9, NewRate: 2000, Batch: 64,
	}
}

func TestForwardingJobs(t *testing.T) {
	for _, job := range []bench.Job{bench.Forward, bench.Push, bench.Pop} {
		for _, exact := range []bool{false, true} {
			s := spec(job, 12)
			s.Exact = exact
			res, err := run(t, s, nil)
			if err != nil {
				t.Errorf("%s, exact %v: %v", job, exact, err)
				continue
			}
			if res.Sample == nil || res.Sample.Packets == 0 || res.Sample.Cycles <= 0 {
				t.Errorf("%s, exact %v: %+v", job, exact, res.Sample)
			}
		}
	}
}

// TestWrongMegaflowsFail holds that a case whose flows do not carry its traffic has
// no figure: packets that drop, that miss, or that are not counted.
func TestWrongMegaflowsFail(t *testing.T) {
	half := func(change func(*dp.FlowPut)) func([]dp.FlowPut) []dp.FlowPut {
		return func(puts []dp.FlowPut) []dp.FlowPut {
			change(&puts[len(puts)-1])
			return puts
		}
	}
	for name, c := range map[string]struct {
		spoil func([]dp.FlowPut) []dp.FlowPut
		want  string
	}{
		"drop": {half(func(p *dp.FlowPut) { p.Actions = nil }), "packets dropped"},
		"miss": {half(func(p *dp.FlowPut) { p.Key.EthDst[5] ^= 0x80 }), "matched no flow"},
	} {
		if _, err := run(t, spec(bench.Pop, 12), c.spoil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewFlowsJob(t *testing.T) {
	s := spec(bench.NewFlows, 8)
	s.Window = 300 * time.Millisecond
	res, err := run(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := res.NewFlows
	if m.MppsWith <= 0 || m.MppsWithout <= 0 || m.Ratio <= 0 {
		t.Errorf("rates of established flows: %+v", m)
	}
	// The rate is bounded above; below, a busy machine may fall behind.
	if m.Installed <= 0 || m.Installed > 1.5*float64(s.NewRate) || m.Offered > 1.5*float64(s.NewRate) {
		t.Errorf("%.0f of %d new flows per second were installed, %.0f offered", m.Installed, s.NewRate, m.Offered)
	}
}

func TestInstallJob(t *testing.T) {
	res, err := run(t, spec(bench.Install, 1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := res.Install; m.Flows != 1000 || m.PutsPerSecond <= 0 || m.DelsPerSecond <= 0 {
		t.Errorf("%+v", m)
	}
}

func TestMemoryJob(t *testing.T) {
	res, err := run(t, spec(bench.Memory, 1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := res.Memory; m.Flows != 1000 || m.BytesPerFlow != 2*dp.KeySize { // what the fake accounts for
		t.Errorf("%+v", m)
	}
}

func TestUnknownJobIsRefused(t *testing.T) {
	if _, err := run(t, spec("dance", 1), nil); err == nil || !strings.Contains(err.Error(), "dance") {
		t.Errorf("job dance: %v", err)
	}
}
