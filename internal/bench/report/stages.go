package report

import (
	"fmt"
	"io"

	"github.com/skua/skua/internal/bench"
)

// writeStages prints a line for each case: what a packet costs Skua in each stage of
// its loop, medians of the rounds.
func writeStages(w io.Writer, r *bench.Report) {
	found := false
	for _, c := range r.Cases() {
		s := r.Find(c, bench.SkuaName)
		if s == nil {
			continue
		}
		var packets uint64
		var receive, parse, classify, act, send []float64
		for _, m := range s.Samples {
			if m.Stages == nil {
				continue
			}
			packets += m.Stages.Packets
			receive, parse = append(receive, m.Stages.Receive), append(parse, m.Stages.Parse)
			classify, act = append(classify, m.Stages.Classify), append(act, m.Stages.Act)
			send = append(send, m.Stages.Send)
		}
		if packets == 0 {
			continue
		}
		found = true
		median := func(v []float64) float64 { return bench.SpreadOf(v).Median }
		fmt.Fprintf(w, "stages of Skua, %s: receive %.1f, parse %.1f, classify %.1f, act %.1f, send %.1f cycles per packet (%d packets sampled)\n",
			c, median(receive), median(parse), median(classify), median(act), median(send), packets)
	}
	if found {
		fmt.Fprintln(w, "stages: medians of the rounds, from a few bursts per thousand")
	}
}
