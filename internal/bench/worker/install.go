package worker

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/dp"
)

// install measures puts and deletes of exact flows, in batches, while the lcore
// forwards traffic: every batch meets readers. Only the calls are timed, not the
// making of the flows that are put.
func (w *worker) install(ctx context.Context) (*bench.InstallSample, error) {
	if err := w.ports(); err != nil {
		return nil, err
	}
	busy, err := w.megaflows()
	if err != nil {
		return nil, err
	}
	if err := w.put(busy[:w.spec.Plan.VNIs]); err != nil {
		return nil, err
	}
	if err := w.plane.SetLcoreRxqs(w.lcore, []dp.Rxq{{Port: w.in}}); err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.spec.Warmup); err != nil {
		return nil, err
	}
	// The first round touches the table's memory, which the kernel (and, on a virtual
	// machine, the host) hands out page by page, and is not counted.
	if _, _, err := w.fillAndEmpty(ctx); err != nil {
		return nil, err
	}
	puts, dels, err := w.fillAndEmpty(ctx)
	if err != nil {
		return nil, err
	}
	n := float64(w.spec.Case.Flows)
	return &bench.InstallSample{
		Flows: w.spec.Case.Flows, Batch: w.spec.Batch,
		PutsPerSecond: n / puts.Seconds(), DelsPerSecond: n / dels.Seconds(),
	}, nil
}

// fillAndEmpty puts the case's flows and deletes them, and says how long the calls took.
func (w *worker) fillAndEmpty(ctx context.Context) (puts, dels time.Duration, err error) {
	ufids := make([]dp.UFID, 0, w.spec.Case.Flows)
	err = w.exactFlows(ctx, 0, w.spec.Case.Flows, func(batch []dp.FlowPut) error {
		start := time.Now()
		errs := w.plane.FlowPut(batch)
		puts += time.Since(start)
		for i := range batch {
			ufids = append(ufids, w.plane.MakeUFID(&batch[i].Key, &batch[i].Mask))
		}
		return firstError(errs)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("flow put: %w", err)
	}
	if got, want := w.plane.FlowCount(), len(ufids)+w.spec.Plan.VNIs; got != want {
		return 0, 0, fmt.Errorf("the table holds %d flows after %d puts", got, want)
	}
	for rest := ufids; len(rest) > 0 && ctx.Err() == nil; {
		n := min(len(rest), w.spec.Batch)
		start := time.Now()
		_, errs := w.plane.FlowDel(rest[:n])
		dels += time.Since(start)
		if err := firstError(errs); err != nil {
			return 0, 0, fmt.Errorf("flow delete: %w", err)
		}
		rest = rest[n:]
	}
	return puts, dels, ctx.Err()
}

// exactFlows makes flows first to last-1 of the plan, each matched by its whole
// 5-tuple on a port that has no traffic, and hands them over in batches.
func (w *worker) exactFlows(ctx context.Context, first, last int, put func([]dp.FlowPut) error) error {
	batch := make([]dp.FlowPut, 0, w.spec.Batch)
	actions := dp.Actions{dp.Output{Port: w.out}}
	for i := first; i < last; i++ {
		f := w.spec.Plan.Flow(i)
		p := ipv4(w.out, f.EthSrc, f.EthDst).tuple(f).put()
		p.Actions = actions
		batch = append(batch, p)
		if len(batch) < w.spec.Batch && i+1 < last {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := put(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// memory measures what exact flows cost, by the data plane's own account and as
// growth of the process.
func (w *worker) memory(ctx context.Context) (*bench.MemorySample, error) {
	var err error
	if w.out, err = w.device("out0", w.spec.Out); err != nil {
		return nil, err
	}
	rss, heap, err := footprint()
	if err != nil {
		return nil, err
	}
	n := w.spec.Case.Flows
	err = w.exactFlows(ctx, 0, n, func(batch []dp.FlowPut) error { return firstError(w.plane.FlowPut(batch)) })
	if err != nil {
		return nil, fmt.Errorf("flow put: %w", err)
	}
	rssAfter, heapAfter, err := footprint()
	if err != nil {
		return nil, err
	}
	m := w.plane.Memory()
	if m.Flows != uint64(n) {
		return nil, fmt.Errorf("the data plane accounts for %d flows after %d puts", m.Flows, n)
	}
	return &bench.MemorySample{
		Flows:         n,
		BytesPerFlow:  float64(m.FlowBytes+m.TableBytes+m.ProgBytes) / float64(n),
		FlowBytes:     m.FlowBytes,
		TableBytes:    m.TableBytes,
		ProgBytes:     m.ProgBytes,
		RSSPerFlow:    (rssAfter - rss) / float64(n),
		GoHeapPerFlow: (heapAfter - heap) / float64(n),
	}, nil
}

var smapsLine = regexp.MustCompile(`(?m)^(Rss|Private_Hugetlb|Shared_Hugetlb):\s+(\d+) kB$`)

// footprint returns the bytes that the process has in memory, hugepages included
// (proc(5): Rss leaves them out), and the live bytes of Go's heap among them.
func footprint() (rss, heap float64, err error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, 0, fmt.Errorf("memory of the process: %w", err)
	}
	for _, f := range smapsLine.FindAllSubmatch(text, -1) {
		kb, err := strconv.ParseFloat(string(f[2]), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory of the process: %q: %w", f[0], err)
		}
		rss += kb * 1024
	}
	return rss, float64(m.HeapAlloc), nil
}
