package lab

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/skua/skua/internal/lab/report"
	"github.com/skua/skua/internal/lab/ui"
)

// Tables returns the run's summary as text: traffic, wire, lcores, drops, and at the
// end what failed.
func Tables(r *Result) string {
	var b strings.Builder
	all := append([]report.Table{r.streamTable(), r.groupTable()}, r.tables()...)
	for _, t := range all {
		if len(t.Rows) == 0 {
			continue
		}
		w := table.NewWriter()
		w.SetStyle(table.StyleLight)
		w.Style().Options.DrawBorder = false
		w.Style().Options.SeparateColumns = false
		w.AppendHeader(cells(t.Head))
		for _, row := range t.Rows {
			w.AppendRow(cells(row.Cells))
		}
		fmt.Fprintf(&b, "%s\n%s\n\n", t.Title, w.Render())
	}
	for _, s := range r.Steps {
		if s.Status == ui.Fail {
			fmt.Fprintf(&b, "FAIL %s: %s\n    %s\n", s.Group, s.Name, strings.ReplaceAll(s.Error, "\n", "\n    "))
		}
	}
	return b.String()
}

func cells(in []string) table.Row {
	out := make(table.Row, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

func (r *Result) streamTable() report.Table {
	t := report.Table{Title: "Traffic, as the receiver saw it", Head: []string{"stream", "Mbit/s", "lost", "resent"}}
	for _, s := range r.Streams {
		if s.Beside == "capture" {
			continue
		}
		lost, resent := "-", fmt.Sprint(s.Resent)
		if s.Proto == "udp" {
			lost, resent = fmt.Sprintf("%.2f%%", s.Lost), "-"
		}
		t.Rows = append(t.Rows, report.Row{Cells: []string{s.label(), fmt.Sprintf("%.0f", s.Mbps), lost, resent}})
	}
	return t
}

func (r *Result) groupTable() report.Table {
	t := report.Table{Title: "Steps", Head: []string{"group", "passed", "failed", "not run", "seconds"}}
	at := map[string]int{}
	var groups []string
	type sum struct {
		n [3]int
		s float64
	}
	var sums []sum
	for _, s := range r.Steps {
		i, ok := at[s.Group]
		if !ok {
			i = len(groups)
			at[s.Group], groups, sums = i, append(groups, s.Group), append(sums, sum{})
		}
		sums[i].n[map[ui.Status]int{ui.Pass: 0, ui.Fail: 1, ui.Skip: 2}[s.Status]]++
		sums[i].s += s.Seconds
	}
	for i, g := range groups {
		t.Rows = append(t.Rows, report.Row{Cells: []string{g, fmt.Sprint(sums[i].n[0]), fmt.Sprint(sums[i].n[1]),
			fmt.Sprint(sums[i].n[2]), fmt.Sprintf("%.1f", sums[i].s)}})
	}
	return t
}
