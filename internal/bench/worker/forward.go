package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

// forwarding measures forward, push and pop.
func (w *worker) forwarding(ctx context.Context) (*bench.Sample, error) {
	if err := w.ports(); err != nil {
		return nil, err
	}
	puts, err := w.megaflows()
	if err != nil {
		return nil, err
	}
	if err := w.put(puts); err != nil {
		return nil, err
	}
	if err := w.plane.SetLcoreRxqs(w.lcore, []dp.Rxq{{Port: w.in}}); err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.spec.Warmup); err != nil {
		return nil, err
	}
	before, err := w.reading()
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.spec.Window); err != nil {
		return nil, err
	}
	after, err := w.reading()
	if err != nil {
		return nil, err
	}
	sample, err := bench.NewSample(before.Reading, after.Reading, w.spec.TSCHz)
	if err != nil {
		return nil, errors.Join(err, w.dropped(before, after))
	}
	addFigures(&sample, before, after)
	if err := w.dropped(before, after); err != nil {
		return nil, err
	}
	return &sample, w.audit()
}

// reading is the state of all counters at a moment.
type reading struct {
	bench.Reading
	lcore dp.LcoreStats
}

func (w *worker) reading() (reading, error) {
	asked := time.Now()
	out, err := w.plane.PortStats(w.out)
	at := asked.Add(time.Since(asked) / 2)
	if err != nil {
		return reading{}, err
	}
	ran, err := w.plane.CoreTime(w.spec.Core)
	if err != nil {
		return reading{}, err
	}
	for _, l := range w.plane.Lcores() {
		if l.ID == w.lcore {
			return reading{Reading: bench.Reading{At: at, Sent: out.TxPackets, Ran: ran}, lcore: l}, nil
		}
	}
	return reading{}, fmt.Errorf("lcore %d is not among the data plane's lcores", w.lcore)
}

func addFigures(s *bench.Sample, before, after reading) {
	a, b := after.lcore, before.lcore
	if rx := a.RxPackets - b.RxPackets; rx > 0 {
		s.OwnCycles = float64(a.BusyCycles-b.BusyCycles) / float64(rx)
	}
	s.Figures = map[string]float64{
		"packets_received": float64(a.RxPackets - b.RxPackets),
		"batches_received": float64(a.RxBatches - b.RxBatches),
		"emc_hits":         float64(a.EMCHits - b.EMCHits),
		"masked_hits":      float64(a.MaskedHits - b.MaskedHits),
		"masks_visited":    float64(a.MaskedVisits - b.MaskedVisits),
		"misses":           float64(a.Misses - b.Misses),
		"shortcut_pops":    float64(a.ShortcutPops - b.ShortcutPops),
		"recirculations":   float64(a.Recirculations - b.Recirculations),
	}
	n := a.StagePackets - b.StagePackets
	if n == 0 {
		return
	}
	per := func(s dp.Stage) float64 { return float64(a.StageCycles[s]-b.StageCycles[s]) / float64(n) }
	s.Stages = &bench.Stages{
		Packets: n, Receive: per(dp.StageReceive), Parse: per(dp.StageParse), Classify: per(dp.StageClassify),
		Act: per(dp.StageAct), Send: per(dp.StageSend),
	}
}

// dropped is an error if packets were dropped or missed between two readings: every
// packet of the traffic has a flow, so a case that drops measures the wrong thing.
func (w *worker) dropped(before, after reading) error {
	var errs []error
	was := map[string]uint64{}
	for _, d := range before.lcore.Drops {
		was[d.Name] = d.Packets
	}
	for _, d := range after.lcore.Drops {
		if n := d.Packets - was[d.Name]; n > 0 {
			errs = append(errs, fmt.Errorf("%d packets dropped: %s (%s)", n, d.Name, d.Text))
		}
	}
	if n := after.lcore.Misses - before.lcore.Misses; n > 0 {
		errs = append(errs, fmt.Errorf("%d packets matched no flow", n))
	}
	return errors.Join(errs...)
}

// audit stops the traffic and compares the flows' counters with the lcore's: what
// was measured had exact counters.
func (w *worker) audit() error {
	if err := w.plane.SetLcoreRxqs(w.lcore, nil); err != nil {
		return err
	}
	now, err := w.reading()
	if err != nil {
		return err
	}
	var outer, inner, innerBytes uint64
	err = w.plane.FlowDump(func(e *dp.FlowEntry) bool {
		if w.spec.Case.Job == bench.Pop && e.Key.InPort == w.in {
			outer += e.Stats.Packets
		} else {
			inner += e.Stats.Packets
			innerBytes += e.Stats.Bytes
		}
		return true
	})
	if err != nil {
		return err
	}
	received := now.lcore.RxPackets
	if inner != received || innerBytes != inner*traffic.FrameSize {
		return fmt.Errorf("flows counted %d packets of %d bytes, lcore %d received %d packets of %d bytes each",
			inner, innerBytes, w.lcore, received, traffic.FrameSize)
	}
	if w.spec.Case.Job == bench.Pop && outer != received {
		return fmt.Errorf("the outer flow counted %d packets, lcore %d received %d", outer, w.lcore, received)
	}
	return nil
}
