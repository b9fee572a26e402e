package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/dp"
)

func TestStagesAreOfTheWindow(t *testing.T) {
	before := reading{lcore: dp.LcoreStats{StageCycles: [dp.NumStages]uint64{1000, 2000, 3000, 4000, 5000}, StagePackets: 7}}
	after := reading{lcore: dp.LcoreStats{StageCycles: [dp.NumStages]uint64{1100, 2050, 3025, 4010, 5001}, StagePackets: 17}}
	var s bench.Sample
	addFigures(&s, before, after)
	want := &bench.Stages{Packets: 10, Receive: 10, Parse: 5, Classify: 2.5, Act: 1, Send: 0.1}
	if d := cmp.Diff(want, s.Stages); d != "" {
		t.Errorf("stages (-want +got): %s", d)
	}
	s.Stages = nil
	addFigures(&s, after, after)
	if s.Stages != nil {
		t.Errorf("stages of a window without a sampled burst: %+v", s.Stages)
	}
}
