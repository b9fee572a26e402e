package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

const (
	firstNewFlow  = 1 << 20 // new flows are none of the established ones
	liveNewFlows  = 100_000 // in the table at most; older ones are removed again
	expireBatch   = 256
	injectEvery   = time.Millisecond
	upcallTimeout = 20 * time.Millisecond
)

// newFlows measures the rate of established flows on one port, before, while and
// after new flows arrive on another port of the same lcore. Each new flow's packet
// misses, comes up, gets a megaflow of its own, and is classified again.
func (w *worker) newFlows(ctx context.Context) (*bench.NewFlowsSample, error) {
	r, err := w.newRun()
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.spec.Warmup); err != nil {
		return nil, err
	}
	before, err := r.window(ctx)
	if err != nil {
		return nil, err
	}
	during, err := r.withNewFlows(ctx)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.spec.Warmup); err != nil {
		return nil, err
	}
	after, err := r.window(ctx)
	if err != nil {
		return nil, err
	}
	s := during
	s.MppsWithout = (before.MppsWith + after.MppsWith) / 2
	s.Ratio = s.MppsWith / s.MppsWithout
	s.Share = min(s.Share, before.Share, after.Share)
	return &s, nil
}

// newRun is the state of the job: a ring port that new flows come in by, the
// output device of their packets, and what happened to them.
type newRun struct {
	*worker
	ring, out2 dp.PortNo
	frames     [][]byte
	offered    atomic.Uint64
	installed  atomic.Uint64
	deleted    atomic.Uint64
}

func (w *worker) newRun() (*newRun, error) {
	r := &newRun{worker: w}
	if err := w.ports(); err != nil {
		return nil, err
	}
	var err error
	if r.out2, err = w.device("out1", w.spec.Out2); err != nil {
		return nil, err
	}
	if r.ring, err = w.plane.PortAdd(dp.PortSpec{Kind: dp.PortRing, No: dp.NoPort, Name: "new0"}); err != nil {
		return nil, err
	}
	puts, err := w.megaflows()
	if err != nil {
		return nil, err
	}
	if err := w.put(puts); err != nil {
		return nil, err
	}
	seconds := (w.spec.Warmup + w.spec.Window).Seconds() + 0.5
	r.frames = make([][]byte, int(seconds*float64(w.spec.NewRate)))
	for i := range r.frames {
		if r.frames[i], err = w.spec.Plan.Flow(firstNewFlow + i).Frame(); err != nil {
			return nil, err
		}
	}
	return r, w.plane.SetLcoreRxqs(w.lcore, []dp.Rxq{{Port: w.in}, {Port: r.ring}})
}

// window measures one window; MppsWith is the rate of the established flows.
func (r *newRun) window(ctx context.Context) (bench.NewFlowsSample, error) {
	before, err := r.reading()
	if err != nil {
		return bench.NewFlowsSample{}, err
	}
	offered, installed, deleted := r.offered.Load(), r.installed.Load(), r.deleted.Load()
	if err := sleep(ctx, r.spec.Window); err != nil {
		return bench.NewFlowsSample{}, err
	}
	after, err := r.reading()
	if err != nil {
		return bench.NewFlowsSample{}, err
	}
	if after.Sent == before.Sent {
		return bench.NewFlowsSample{}, errors.Join(errors.New("no packet of the established flows left the output port"), r.dropped(before, after))
	}
	seconds := after.At.Sub(before.At).Seconds()
	return bench.NewFlowsSample{
		MppsWith:  float64(after.Sent-before.Sent) / seconds / 1e6,
		Offered:   float64(r.offered.Load()-offered) / seconds,
		Installed: float64(r.installed.Load()-installed) / seconds,
		Deleted:   float64(r.deleted.Load()-deleted) / seconds,
		Share:     min(1, (after.Ran-before.Ran).Seconds()/seconds),
		Lost:      after.lcore.UpcallsLost - before.lcore.UpcallsLost,
	}, nil
}

// withNewFlows measures a window in which new flows arrive, are installed and, once
// the table holds enough of them, removed again.
func (r *newRun) withNewFlows(ctx context.Context) (bench.NewFlowsSample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	old := make(chan []dp.UFID, len(r.frames))
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return r.handle(ctx, old) },
		func(ctx context.Context) error { return r.expire(ctx, old) },
		r.inject,
	} {
		wg.Go(func() {
			if err := part(ctx); err != nil {
				cancel(err)
			}
		})
	}
	err := sleep(ctx, r.spec.Warmup)
	var s bench.NewFlowsSample
	if err == nil {
		s, err = r.window(ctx)
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	wg.Wait()
	if err == nil && s.Installed == 0 {
		err = fmt.Errorf("no new flow was installed, %.0f per second were offered", s.Offered)
	}
	return s, err
}

// inject hands the new flows' packets to the ring port at the asked rate, every
// millisecond what has become due. What the ring does not take is not sent again.
func (r *newRun) inject(ctx context.Context) error {
	start, next := time.Now(), 0
	for next < len(r.frames) {
		if sleep(ctx, injectEvery) != nil {
			return nil // the end of the measurement
		}
		due := min(len(r.frames), int(time.Since(start).Seconds()*float64(r.spec.NewRate)))
		if due <= next {
			continue
		}
		n, err := r.plane.RingInject(r.ring, r.frames[next:due])
		if err != nil {
			return err
		}
		r.offered.Add(uint64(n))
		next = due
	}
	return nil
}

// handle answers misses as an upcall handler does: a batch of upcalls, a batch of
// flow puts, a batch of verdicts.
func (r *newRun) handle(ctx context.Context, old chan<- []dp.UFID) error {
	exact := ipv4(0, dp.MAC{}, dp.MAC{}).tuple(traffic.Flow{}).mask
	var puts []dp.FlowPut
	var verdicts []dp.Verdict
	actions := dp.Actions{dp.Output{Port: r.out2}}
	var failed error
	answer := func(batch []dp.Upcall) {
		puts, verdicts = puts[:0], verdicts[:0]
		for i := range batch {
			if batch[i].Reason != dp.UpcallMiss {
				continue
			}
			key := batch[i].Key.Apply(&exact)
			flow := dp.Flow{UFID: r.plane.MakeUFID(&key, &exact), Key: key, Mask: exact, Actions: actions}
			puts = append(puts, dp.FlowPut{Flow: flow})
			verdicts = append(verdicts, dp.Verdict{Token: batch[i].Token, Kind: dp.VerdictReinject})
		}
		names := make([]dp.UFID, 0, len(puts))
		for i, err := range r.plane.FlowPut(puts) {
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("flow put: %w", err))
				continue
			}
			names = append(names, puts[i].UFID)
		}
		r.installed.Add(uint64(len(names)))
		failed = errors.Join(failed, firstError(r.plane.UpcallAnswer(verdicts)))
		old <- names // has room for all
	}
	for ctx.Err() == nil && failed == nil {
		err := r.plane.UpcallRecv(upcallTimeout, answer)
		failed = errors.Join(failed, err)
	}
	return failed
}

// expire removes the oldest flows once more than liveNewFlows are in the table.
func (r *newRun) expire(ctx context.Context, old <-chan []dp.UFID) error {
	var live []dp.UFID
	for {
		select {
		case <-ctx.Done():
			return nil
		case names := <-old:
			live = append(live, names...)
		}
		for len(live) >= liveNewFlows+expireBatch {
			if _, errs := r.plane.FlowDel(live[:expireBatch]); firstError(errs) != nil {
				return fmt.Errorf("flow delete: %w", firstError(errs))
			}
			r.deleted.Add(expireBatch)
			live = live[expireBatch:]
		}
	}
}
