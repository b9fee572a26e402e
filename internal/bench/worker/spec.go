// Package worker drives Skua's data plane for the benchmark, in a process of its
// own: one case, one window, one result. It sees the data plane through [Plane]
// and so builds without cgo; the command that runs it opens the real one.
package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

// Spec says what a worker measures; it comes as JSON on standard input.
type Spec struct {
	Case       bench.Case
	Plan       traffic.Plan
	Exact      bool          // one megaflow per flow
	In, Out    string        // devargs of the input and output device
	Out2       string        // newflows: devargs of the output device of new flows
	Core       int           // core under test
	Warmup     time.Duration // before the window
	Window     time.Duration
	TSCHz      float64
	NewRate    int // newflows: new flows per second
	Batch      int // install, memory: flows per put
	Huge       bool
	MemMB      int // without Huge
	FilePrefix string
	Mbufs      int
	MaxFlows   int
}

// Result is what a worker prints, as one line of JSON. One of the pointers is set.
type Result struct {
	Sample   *bench.Sample         `json:",omitempty"`
	NewFlows *bench.NewFlowsSample `json:",omitempty"`
	Install  *bench.InstallSample  `json:",omitempty"`
	Memory   *bench.MemorySample   `json:",omitempty"`
	Info     dp.Info
}

// Plane is what a worker needs of a data plane beside [dp.Datapath].
type Plane interface {
	dp.Datapath
	LcoreStart(cpu int, housekeeping bool) (int, error)
	RingInject(port dp.PortNo, frames [][]byte) (int, error)
	// CoreTime is how long the lcore that is pinned to a core has run on it.
	CoreTime(core int) (time.Duration, error)
}

// Run measures what spec asks for on a data plane that has no ports yet.
func Run(ctx context.Context, spec Spec, plane Plane) (*Result, error) {
	w := &worker{spec: spec, plane: plane}
	if err := w.lcores(); err != nil {
		return nil, err
	}
	res := &Result{Info: plane.Info()}
	var err error
	switch spec.Case.Job {
	case bench.Forward, bench.Push, bench.Pop:
		res.Sample, err = w.forwarding(ctx)
	case bench.NewFlows:
		res.NewFlows, err = w.newFlows(ctx)
	case bench.Install:
		res.Install, err = w.install(ctx)
	case bench.Memory:
		res.Memory, err = w.memory(ctx)
	default:
		err = fmt.Errorf("job %q: the worker has no such job", spec.Case.Job)
	}
	if err != nil {
		return nil, fmt.Errorf("skua, %v: %w", spec.Case, err)
	}
	return res, nil
}

// worker is one measurement.
type worker struct {
	spec  Spec
	plane Plane
	lcore int // the one under test
	in    dp.PortNo
	out   dp.PortNo
	tun   dp.PortNo // of push and pop
}

// lcores starts the lcore under test and the one that serves upcalls, as the
// daemon does.
func (w *worker) lcores() error {
	if _, err := w.plane.LcoreStart(-1, true); err != nil {
		return err
	}
	var err error
	w.lcore, err = w.plane.LcoreStart(w.spec.Core, false)
	return err
}

// ports adds the input and output device and, for push and pop, the tunnel port.
func (w *worker) ports() error {
	var err error
	if w.out, err = w.device("out0", w.spec.Out); err != nil {
		return err
	}
	if job := w.spec.Case.Job; job == bench.Push || job == bench.Pop {
		w.tun, err = w.plane.PortAdd(dp.PortSpec{
			Kind: dp.PortTunnel, No: dp.NoPort, Name: fmt.Sprintf("vxlan_sys_%d", traffic.VXLANPort), TnlUDPPort: traffic.VXLANPort,
		})
		if err != nil {
			return err
		}
		for i := range w.spec.Plan.VNIs {
			if err := w.plane.SetVNI(w.tun, traffic.VNI(i), true); err != nil {
				return err
			}
		}
	}
	w.in, err = w.device("in0", w.spec.In)
	return err
}

func (w *worker) device(name, devargs string) (dp.PortNo, error) {
	return w.plane.PortAdd(dp.PortSpec{Kind: dp.PortEthdev, No: dp.NoPort, Name: name, Devargs: devargs})
}

// put puts flows in batches and reports the first that is refused.
func (w *worker) put(flows []dp.FlowPut) error {
	for len(flows) > 0 {
		n := min(len(flows), max(1, w.spec.Batch))
		if err := firstError(w.plane.FlowPut(flows[:n])); err != nil {
			return fmt.Errorf("flow put: %w", err)
		}
		flows = flows[n:]
	}
	return nil
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
