package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/bench"
)

func sample() *bench.Report {
	c := bench.Case{Job: bench.Pop, Flows: 10000}
	series := func(subject string, median float64) *bench.Series {
		return &bench.Series{
			Case: c, Subject: subject, Samples: []bench.Sample{{Cycles: median}},
			Cycles: bench.Spread{Median: median, Min: median - 1, Max: median + 1}, Mpps: bench.Spread{Median: 2600 / median},
		}
	}
	r := &bench.Report{
		Version: bench.ReportVersion, Started: time.Now(),
		Host:    bench.Host{CPU: "a CPU", Cores: 2, Core: 1, TSCHz: 2.6e9, Memory: "hugepages"},
		Options: bench.Options{Rounds: 3, VNIs: 1, Proto: "udp", NewRate: 50000},
		Subjects: []bench.SubjectID{
			{Name: bench.SkuaName, Version: "dev"}, {Name: bench.TestpmdName, Missing: "not installed: no dpdk-testpmd"}, {Name: bench.OVSName, Version: "3.1"},
		},
		Series: []*bench.Series{series(bench.SkuaName, 100), series(bench.OVSName, 500)},
		Solo: []*bench.SoloRun{
			{Case: bench.Case{Job: bench.Install, Flows: 1000}, Install: []bench.InstallSample{
				{Flows: 1000, Batch: 64, PutsPerSecond: 600000, DelsPerSecond: 700000}, {Flows: 1000, Batch: 64, PutsPerSecond: 620000, DelsPerSecond: 700000},
			}},
			{Case: bench.Case{Job: bench.Memory, Flows: 1000}, Error: "no memory"},
		},
	}
	// Three rounds, of which one had no sampled burst.
	r.Series[0].Samples = []bench.Sample{
		{Cycles: 99, Stages: &bench.Stages{Packets: 320, Receive: 30, Parse: 10, Classify: 5, Act: 6, Send: 4}},
		{Cycles: 101, Stages: &bench.Stages{Packets: 640, Receive: 32, Parse: 11, Classify: 6, Act: 7, Send: 900}}, {Cycles: 100},
	}
	r.Finish()
	return r
}

func TestTablesSayWhatWasMeasured(t *testing.T) {
	var b bytes.Buffer
	WriteTables(&b, sample())
	for _, want := range []string{
		"100.0 (99.0..101.0)  26.00 Mpps", "500.0 (499.0..501.0)  5.20 Mpps", "not installed", "5.00",
		"610000 (600000..620000)", "at least 4.50 x", "5.00 x", "met", "not measured",
		"stages of Skua, pop, 10k flows: receive 31.0, parse 10.5, classify 5.5, act 6.5, send 452.0 cycles per packet (960 packets sampled)\n",
		"FAILED memory, 1k flows: no memory", "Skua : Open vSwitch", "1 VNI, wildcarded megaflows",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestNoStagesNoLine(t *testing.T) {
	r := sample()
	for i := range r.Series[0].Samples {
		r.Series[0].Samples[i].Stages = nil
	}
	var b bytes.Buffer
	WriteTables(&b, r)
	if strings.Contains(b.String(), "stages") {
		t.Errorf("stages of nothing:\n%s", b.String())
	}
}

func TestJSONRoundTrip(t *testing.T) {
	r := sample()
	path := filepath.Join(t.TempDir(), "r.json")
	if err := WriteJSON(path, r); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back bench.Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	r.Started = back.Started // without the monotonic clock
	if d := cmp.Diff(*r, back); d != "" {
		t.Errorf("the report read back: %s", d)
	}
	if err := WriteJSON(filepath.Join(t.TempDir(), "none", "r.json"), r); err == nil {
		t.Error("a report was written into a folder that does not exist")
	}
}

func TestPlotHasABarOfEachSubject(t *testing.T) {
	dir := t.TempDir()
	r := sample()
	path := filepath.Join(dir, "p.png")
	if err := WritePlot(path, r); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	pixels := map[string]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			got := img.At(x, y)
			r0, g0, b0, _ := got.RGBA()
			for name, want := range colours {
				r1, g1, b1, _ := want.RGBA()
				if r0 == r1 && g0 == g1 && b0 == b1 {
					pixels[name]++
				}
			}
		}
	}
	// Bars of 100 and 500 cycles and equal swatches in the legend.
	skua, ovs := pixels[bench.SkuaName], pixels[bench.OVSName]
	if skua == 0 || float64(ovs) < 3*float64(skua) || pixels[bench.TestpmdName] != 0 {
		t.Errorf("coloured pixels: %v", pixels)
	}
	svg := filepath.Join(dir, "p.svg")
	if err := WritePlot(svg, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Open vSwitch", "Cycles per packet", ">500<", ">100<"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %q in the SVG", want)
		}
	}
}

func TestPlotRefuses(t *testing.T) {
	r := sample()
	if err := WritePlot(filepath.Join(t.TempDir(), "p.gif"), r); err == nil {
		t.Error("a plot was written in a form that does not exist")
	}
	r.Series = nil
	if err := WritePlot(filepath.Join(t.TempDir(), "p.svg"), r); !errors.Is(err, ErrNothingToPlot) {
		t.Errorf("a plot of nothing: %v", err)
	}
}
