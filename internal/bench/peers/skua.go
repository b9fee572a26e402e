package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/proc"
	"github.com/skua/skua/internal/bench/worker"
)

// Skua is Skua's own data plane, without the daemon around it: a worker process
// opens it, installs flows through the same calls as the daemon, and measures.
type Skua struct {
	Command []string // starts a worker that reads a [worker.Spec]
	Release string   // version of this build
}

// Name implements [bench.Subject].
func (k *Skua) Name() string { return bench.SkuaName }

// Version implements [bench.Subject].
func (k *Skua) Version() (string, error) { return k.Release, nil }

// Measure implements [bench.Subject]. OwnCycles is busy cycles per packet received.
func (k *Skua) Measure(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) (bench.Sample, error) {
	flows := s.Plan.VNIs
	if s.Exact {
		flows = c.Flows
	}
	res, err := k.work(ctx, s, k.spec(s, c, pcap, flows))
	if err != nil {
		return bench.Sample{}, err
	}
	if res.Sample == nil {
		return bench.Sample{}, fmt.Errorf("skua: the worker answered without a sample of %v", c)
	}
	return *res.Sample, nil
}

// NewFlows implements [bench.Solo].
func (k *Skua) NewFlows(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) (bench.NewFlowsSample, error) {
	spec := k.spec(s, c, pcap, 300_000)
	spec.Out2 = nullDevice(1)
	res, err := k.work(ctx, s, spec)
	if err != nil {
		return bench.NewFlowsSample{}, err
	}
	if res.NewFlows == nil {
		return bench.NewFlowsSample{}, fmt.Errorf("skua: the worker answered without a sample of %v", c)
	}
	return *res.NewFlows, nil
}

// Install implements [bench.Solo].
func (k *Skua) Install(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) (bench.InstallSample, error) {
	res, err := k.work(ctx, s, k.spec(s, c, pcap, c.Flows))
	if err != nil {
		return bench.InstallSample{}, err
	}
	if res.Install == nil {
		return bench.InstallSample{}, fmt.Errorf("skua: the worker answered without a sample of %v", c)
	}
	return *res.Install, nil
}

// Memory implements [bench.Solo]. The table is made for the case's number of flows,
// rounded up as the data plane does.
func (k *Skua) Memory(ctx context.Context, s *bench.Setup, c bench.Case) (bench.MemorySample, error) {
	res, err := k.work(ctx, s, k.spec(s, c, "", c.Flows))
	if err != nil {
		return bench.MemorySample{}, err
	}
	if res.Memory == nil {
		return bench.MemorySample{}, fmt.Errorf("skua: the worker answered without a sample of %v", c)
	}
	return *res.Memory, nil
}

// spec returns the case's spec with a table for so many flows and a few more.
func (k *Skua) spec(s *bench.Setup, c bench.Case, pcap string, flows int) worker.Spec {
	mbufs := Mbufs(0)
	if c.Job.Forwarding() {
		mbufs = Mbufs(c.Flows)
	}
	maxFlows := 65536
	for maxFlows < flows+16 {
		maxFlows *= 2
	}
	return worker.Spec{
		Case: c, Plan: s.Plan, Exact: s.Exact,
		In: pcapDevice(0, pcap), Out: nullDevice(0),
		Core: s.Core, Warmup: s.Warmup, Window: s.Window, TSCHz: s.TSCHz,
		NewRate: s.NewRate, Batch: s.Batch,
		Huge: s.Huge, MemMB: memoryMB(mbufs, maxFlows), FilePrefix: filePrefix("skua"),
		Mbufs: mbufs, MaxFlows: maxFlows,
	}
}

// workerSlack is what starting, filling tables and stopping may take beside the
// windows.
const workerSlack = 90 * time.Second

// work runs a worker on one of the other cores: "one core" for Go's side of things.
func (k *Skua) work(ctx context.Context, s *bench.Setup, spec worker.Spec) (*worker.Result, error) {
	in, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("skua: spec: %w", err)
	}
	p, err := proc.Start(proc.Command{Cores: s.Others[:1], Args: k.Command, Stdin: in, Eager: true})
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	limit, cancel := context.WithTimeout(ctx, 4*(spec.Warmup+spec.Window)+workerSlack)
	defer cancel()
	if err := p.Wait(limit); err != nil {
		if limit.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("skua: the worker did not end in time: %w", err)
		}
		return nil, err
	}
	out := strings.TrimSpace(p.Output())
	var res worker.Result
	if err := json.Unmarshal([]byte(out[strings.LastIndexByte(out, '\n')+1:]), &res); err != nil {
		return nil, fmt.Errorf("skua: the worker's answer %q: %w", out, err)
	}
	return &res, nil
}
