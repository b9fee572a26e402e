package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/skua/skua/internal/bench"
)

// WriteTables prints everything that the report holds.
func WriteTables(w io.Writer, r *bench.Report) {
	writeHost(w, r)
	if len(r.Series) > 0 {
		writeForwarding(w, r)
	}
	if len(r.Solo) > 0 {
		writeSolo(w, r)
	}
	writeTargets(w, r)
	writeErrors(w, r)
}

func writeHost(w io.Writer, r *bench.Report) {
	fmt.Fprintf(w, "\n%s, %d cores, TSC %.0f MHz, Linux %s, DPDK memory from %s, load before %s\n",
		r.Host.CPU, r.Host.Cores, r.Host.TSCHz/1e6, r.Host.Kernel, r.Host.Memory, r.Host.Load)
	fmt.Fprintf(w, "core %d, %d rounds of %gs after %gs of warm-up, %s, %s, %s of Skua\n",
		r.Host.Core, r.Options.Rounds, r.Options.Window, r.Options.Warmup, r.Options.Proto,
		plural(r.Options.VNIs, "VNI"), megaflows(r))
	for _, s := range r.Subjects {
		what := s.Version
		if s.Missing != "" {
			what = s.Missing
		}
		fmt.Fprintf(w, "  %-13s %s\n", label(s.Name)+":", what)
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func megaflows(r *bench.Report) string {
	if r.Options.Exact {
		return "one megaflow per flow"
	}
	return "wildcarded megaflows"
}

func newTable(w io.Writer, title string, header table.Row, rightFrom int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.SetTitle(title)
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i := rightFrom; i <= len(header); i++ {
		columns = append(columns, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

// writeForwarding prints a row per case: cycles and rate per subject, then ratios.
func writeForwarding(w io.Writer, r *bench.Report) {
	header := table.Row{"job", "flows"}
	for _, s := range r.Subjects {
		header = append(header, label(s.Name))
	}
	for _, s := range r.Subjects {
		if s.Name != bench.SkuaName {
			header = append(header, "Skua : "+label(s.Name))
		}
	}
	fmt.Fprintln(w)
	t := newTable(w, "cycles per packet, median (min..max), and Mpps of one core", header, 2)
	for _, c := range r.Cases() {
		row := table.Row{string(c.Job), bench.ShortCount(c.Flows)}
		for _, s := range r.Subjects {
			row = append(row, cell(r, c, s))
		}
		for _, s := range r.Subjects {
			if s.Name != bench.SkuaName {
				row = append(row, ratio(r, c, s.Name))
			}
		}
		t.AppendRow(row)
	}
	t.Render()
	writeDisturbed(w, r)
	writeStages(w, r)
	fmt.Fprintln(w, "cycles per packet: TSC ticks of the window over packets that left; ratios are of rates: 2 means that Skua forwards twice the packets")
}

// quiet is the share of its core from which on a subject counts as alone on it.
const quiet = 0.985

// writeDisturbed names the figures that somebody else on the core has spoilt.
func writeDisturbed(w io.Writer, r *bench.Report) {
	for _, s := range r.Series {
		if len(s.Samples) > 0 && s.Share.Median < quiet {
			fmt.Fprintf(w, "disturbed: %s, %s had %.0f %% of its core (%.0f..%.0f): its cycles count others' work too\n",
				s.Case, label(s.Subject), 100*s.Share.Median, 100*s.Share.Min, 100*s.Share.Max)
		}
	}
}

func cell(r *bench.Report, c bench.Case, id bench.SubjectID) string {
	if id.Missing != "" {
		return "not installed"
	}
	s := r.Find(c, id.Name)
	if s == nil {
		return "failed"
	}
	text := fmt.Sprintf("%.1f (%.1f..%.1f)  %.2f Mpps", s.Cycles.Median, s.Cycles.Min, s.Cycles.Max, s.Mpps.Median)
	if s.Error != "" {
		text += " (a round failed)"
	}
	return text
}

func ratio(r *bench.Report, c bench.Case, peer string) string {
	for _, x := range r.Ratios {
		if x.Case == c && x.Peer == peer {
			return fmt.Sprintf("%.2f", x.Faster)
		}
	}
	return "-"
}

func writeSolo(w io.Writer, r *bench.Report) {
	fmt.Fprintln(w)
	t := newTable(w, "Skua alone, median (min..max)", table.Row{"job", "figure", "value"}, 3)
	for _, s := range r.Solo {
		job := s.Case.String()
		if s.Error != "" {
			t.AppendRow(table.Row{job, "failed", ""})
		}
		for _, f := range soloFigures(s) {
			t.AppendRow(table.Row{job, f.name, f.text})
		}
	}
	t.Render()
}

type soloFigure struct{ name, text string }

func soloFigures(s *bench.SoloRun) []soloFigure {
	var list []soloFigure
	if m := s.NewFlows; len(m) > 0 {
		pick := func(name, format string, f func(bench.NewFlowsSample) float64) {
			list = append(list, soloFigure{name, spread(format, m, f)})
		}
		pick("established without new flows, Mpps", "%.2f", func(m bench.NewFlowsSample) float64 { return m.MppsWithout })
		pick("established beside new flows, Mpps", "%.2f", func(m bench.NewFlowsSample) float64 { return m.MppsWith })
		pick("kept of the rate, %", "%.1f", func(m bench.NewFlowsSample) float64 { return 100 * m.Ratio })
		pick("new flows offered per second", "%.0f", func(m bench.NewFlowsSample) float64 { return m.Offered })
		pick("new flows installed per second", "%.0f", func(m bench.NewFlowsSample) float64 { return m.Installed })
		pick("old flows removed per second", "%.0f", func(m bench.NewFlowsSample) float64 { return m.Deleted })
		pick("share of the core, worst window, %", "%.1f", func(m bench.NewFlowsSample) float64 { return 100 * m.Share })
		pick("upcalls lost", "%.0f", func(m bench.NewFlowsSample) float64 { return float64(m.Lost) })
	}
	if m := s.Install; len(m) > 0 {
		name := fmt.Sprintf("per second, in batches of %d", m[0].Batch)
		list = append(list,
			soloFigure{"flow puts " + name, spread("%.0f", m, func(m bench.InstallSample) float64 { return m.PutsPerSecond })},
			soloFigure{"flow deletes " + name, spread("%.0f", m, func(m bench.InstallSample) float64 { return m.DelsPerSecond })})
	}
	for _, m := range s.Memory {
		n := float64(m.Flows)
		list = append(list,
			soloFigure{"data-plane bytes per flow", fmt.Sprintf("%.0f", m.BytesPerFlow)},
			soloFigure{"  of these flows with counters, tables, programs", fmt.Sprintf("%.0f, %.0f, %.0f",
				float64(m.FlowBytes)/n, float64(m.TableBytes)/n, float64(m.ProgBytes)/n)},
			soloFigure{"growth of the whole process per flow", fmt.Sprintf("%.0f", m.RSSPerFlow)},
			soloFigure{"  of these Go's heap", fmt.Sprintf("%.0f", m.GoHeapPerFlow)})
	}
	return list
}

func spread[M any](format string, samples []M, f func(M) float64) string {
	values := make([]float64, len(samples))
	for i, m := range samples {
		values[i] = f(m)
	}
	s := bench.SpreadOf(values)
	if len(values) == 1 {
		return fmt.Sprintf(format, s.Median)
	}
	return fmt.Sprintf(format+" ("+format+".."+format+")", s.Median, s.Min, s.Max)
}

func writeTargets(w io.Writer, r *bench.Report) {
	fmt.Fprintln(w)
	t := newTable(w, "aims", table.Row{"what", "aim", "measured", ""}, 2)
	for _, x := range r.Targets {
		verdict := "NOT MET"
		switch {
		case x.Measured == "":
			x.Measured, verdict = "not measured", ""
		case x.Met:
			verdict = "met"
		}
		t.AppendRow(table.Row{x.What, x.Aim, x.Measured, verdict})
	}
	t.Render()
}

func writeErrors(w io.Writer, r *bench.Report) {
	for _, s := range r.Series {
		if s.Error != "" {
			fmt.Fprintf(w, "FAILED %s, %s: %s\n", s.Case, label(s.Subject), strings.TrimSpace(s.Error))
		}
	}
	for _, s := range r.Solo {
		if s.Error != "" {
			fmt.Fprintf(w, "FAILED %s: %s\n", s.Case, strings.TrimSpace(s.Error))
		}
	}
}
