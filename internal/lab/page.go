package lab

import (
	"fmt"
	"strings"

	"github.com/skua/skua/internal/lab/report"
	"github.com/skua/skua/internal/lab/ui"
)

// Summary is the run's last line: "N passed, N failed".
func (r *Result) Summary() string {
	passed, failed, _ := r.Count()
	return fmt.Sprintf("%d passed, %d failed", passed, failed)
}

// page arranges the result for the report.
func (r *Result) page() report.Page {
	_, _, skipped := r.Count()
	sum := r.Summary()
	if skipped > 0 {
		sum += fmt.Sprintf(", %d not run", skipped)
	}
	if r.Interrupted != "" {
		sum += ", " + r.Interrupted
	}
	huge := map[bool]string{true: "2 MB pages", false: "none"}[r.Huge]
	p := report.Page{
		Title: "Skua lab", OK: r.OK(), Summary: sum, Topology: strings.Trim(r.Topology, "\n"),
		Facts: [][2]string{
			{"run", r.ID}, {"begun", r.Started.Format("2006-01-02 15:04:05 MST")}, {"took", fmt.Sprintf("%.0f s", r.Seconds)},
			{"switch", r.Version}, {"pinned lcore", fmt.Sprintf("CPU %d of %d", r.CPU, r.CPUs)}, {"hugepages", huge},
			{"kernel", r.Kernel},
		},
		Charts: r.charts(),
		Steps:  r.stepTable(),
	}
	p.Tables = r.tables()
	if f := r.Figures; f != nil {
		if len(f.FlowText) > 0 {
			p.Texts = append(p.Texts, report.Text{Title: "dpctl/dump-flows", Body: strings.Join(f.FlowText, "\n")})
		}
		for _, name := range f.TextOrder {
			p.Texts = append(p.Texts, report.Text{Title: name, Body: f.Texts[name]})
		}
	}
	if len(r.Log) > 0 {
		p.Texts = append(p.Texts, report.Text{Title: "end of the daemon's log", Body: strings.Join(r.Log, "\n"), Open: true})
	}
	p.Texts = append(p.Texts, report.Text{Title: "commands", Body: strings.Join(r.Commands, "\n")})
	return p
}

func (r *Result) stepTable() report.Table {
	t := report.Table{Title: "Steps", Head: []string{"", "group", "step", "seconds", "found"}}
	for _, s := range r.Steps {
		found := s.Detail
		if s.Error != "" {
			found = strings.TrimSpace(found + "\n" + s.Error)
		}
		mark := map[ui.Status]string{ui.Pass: "ok", ui.Fail: "FAIL", ui.Skip: "skip"}[s.Status]
		t.Rows = append(t.Rows, report.Row{Class: string(s.Status),
			Cells: []string{mark, s.Group, s.Name, fmt.Sprintf("%.2f", s.Seconds), found}})
	}
	return t
}

// label names a stream.
func (s *Stream) label() string {
	text := fmt.Sprintf("%s %s %s to %s", s.Segment, strings.ToUpper(s.Proto), s.From, s.To)
	if s.Beside != "" {
		text += " (+ " + s.Beside + ")"
	}
	return text
}

func (r *Result) charts() []report.Chart {
	rate := report.Bars{Title: "What the receiver got", Unit: "Mbit/s"}
	course := report.Lines{Title: "TCP alone, over time", X: "seconds", Y: "Mbit/s"}
	for _, s := range r.Streams {
		if s.Beside == "capture" { // a few kilobytes for tshark
			continue
		}
		rate.Labels, rate.Values = append(rate.Labels, s.label()), append(rate.Values, s.Mbps)
		rate.Group = append(rate.Group, map[string]int{"red": 0, "blue": 1, "six": 2}[s.Segment])
		if s.Beside == "" && s.Proto == "tcp" {
			line := report.Series{Name: s.label(), Y: s.Interval}
			for i := range s.Interval {
				line.X = append(line.X, 0.5*float64(i+1))
			}
			course.Series = append(course.Series, line)
		}
	}
	rtt := report.Bars{Title: "Round trip, mean of the run", Unit: "ms"}
	for _, p := range r.Pings {
		if p.Size == 56 {
			rtt.Labels = append(rtt.Labels, fmt.Sprintf("%s %s to %s", p.Segment, p.From, p.To))
			rtt.Values = append(rtt.Values, p.AvgMS)
			rtt.Group = append(rtt.Group, map[string]int{"red": 0, "blue": 1, "six": 2}[p.Segment])
		}
	}
	return append([]report.Chart{rate, course, rtt}, r.lcoreCharts()...)
}

// lcoreCharts draws the samples and the cache levels.
func (r *Result) lcoreCharts() []report.Chart {
	if r.Figures == nil {
		return nil
	}
	pps := report.Lines{Title: "Packets per second, by lcore", X: "seconds of the run", Y: "packets/s"}
	busy := report.Lines{Title: "Busy cycles, by lcore", X: "seconds of the run", Y: "% of cycles"}
	hits := report.Bars{Title: "Packets by the level that decided", Unit: "% of the lcore's lookups"}
	for i, c := range r.Figures.Lcores {
		a, b := report.Series{Name: c.Name}, report.Series{Name: c.Name}
		for k := 1; k < len(r.Samples); k++ {
			was, now := r.Samples[k-1], r.Samples[k]
			if i >= len(was.Packets) || i >= len(now.Packets) || now.Packets[i] < was.Packets[i] {
				continue
			}
			work, idle := float64(now.Busy[i]-was.Busy[i]), float64(now.Idle[i]-was.Idle[i])
			a.X = append(a.X, now.Seconds)
			a.Y = append(a.Y, float64(now.Packets[i]-was.Packets[i])/(now.Seconds-was.Seconds))
			b.X, b.Y = append(b.X, now.Seconds), append(b.Y, 100*work/max(1, work+idle))
		}
		pps.Series, busy.Series = append(pps.Series, a), append(busy.Series, b)
		total := float64(c.EMC + c.SMC + c.Megaflow + c.Missed + c.Lost)
		for _, level := range []Counter{{"exact match", c.EMC + c.SMC}, {"masked", c.Megaflow}, {"upcall", c.Missed + c.Lost}} {
			if total > 0 {
				hits.Labels = append(hits.Labels, c.short()+": "+level.Name)
				hits.Values = append(hits.Values, 100*float64(level.Count)/total)
				hits.Group = append(hits.Group, i)
			}
		}
	}
	return []report.Chart{pps, busy, hits}
}

// short names a lcore in a few letters.
func (c *Lcore) short() string {
	if c.CPU >= 0 {
		return fmt.Sprintf("CPU %d", c.CPU)
	}
	return c.Name
}

func (r *Result) tables() []report.Table {
	var out []report.Table
	if f := r.Figures; f != nil && len(f.Lcores) > 0 {
		t := report.Table{Title: "Lcores", Head: []string{"lcore", "packets", "cycles per packet", "busy", "exact match", "masked",
			"masks per hit", "upcalls", "lost"}}
		for _, c := range f.Lcores {
			t.Rows = append(t.Rows, report.Row{Cells: c.cells()})
		}
		out = append(out, t)
	}
	if f := r.Figures; f != nil && len(f.Drops) > 0 {
		t := report.Table{Title: "Drops, by reason", Head: []string{"reason", "packets"}}
		for _, d := range f.Drops {
			t.Rows = append(t.Rows, report.Row{Cells: []string{d.Name, fmt.Sprint(d.Count)}})
		}
		out = append(out, t)
	}
	if len(r.Wire) > 0 {
		t := report.Table{Title: "On the wire, as tshark reads it", Head: []string{"segment", "frames", "VXLAN", "malformed",
			"checksums good", "bad", "longest", "inner flows", "source ports"}}
		for _, w := range r.Wire {
			t.Rows = append(t.Rows, report.Row{Cells: []string{w.Segment, fmt.Sprint(w.Frames), fmt.Sprint(w.VXLAN), fmt.Sprint(w.Malformed),
				fmt.Sprint(w.GoodSums), fmt.Sprint(w.BadSums), fmt.Sprint(w.Longest), fmt.Sprint(w.Flows), fmt.Sprint(w.Ports)}})
		}
		out = append(out, t)
	}
	return out
}

// cells are a lcore's figures as a table's row.
func (c *Lcore) cells() []string {
	return []string{c.Name, fmt.Sprint(c.Packets), fmt.Sprintf("%.0f", c.CyclesPerPkt),
		fmt.Sprintf("%.1f%%", 100*float64(c.Busy)/float64(max(1, c.Busy+c.Idle))), fmt.Sprint(c.EMC + c.SMC), fmt.Sprint(c.Megaflow),
		fmt.Sprintf("%.2f", c.Lookups), fmt.Sprint(c.Missed), fmt.Sprint(c.Lost)}
}
