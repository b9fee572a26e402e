package report

import (
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skua/skua/internal/bench"
)

// ErrNothingToPlot says that no forwarding case was measured.
var ErrNothingToPlot = errors.New("nothing to plot: no forwarding case was measured")

// colours of subjects, told apart in print and by colour-blind readers.
var colours = map[string]color.Color{
	bench.SkuaName:    color.RGBA{R: 0x1b, G: 0x6c, B: 0xa8, A: 0xff},
	bench.TestpmdName: color.RGBA{R: 0x9a, G: 0xa5, B: 0xb1, A: 0xff},
	bench.OVSName:     color.RGBA{R: 0xe0, G: 0x7b, B: 0x39, A: 0xff},
}

// WritePlot draws cycles per packet of all forwarding cases as bars: medians, with
// whiskers from the fastest to the slowest round. The file's extension says the
// form: svg, png or pdf.
func WritePlot(path string, r *bench.Report) error {
	g := &groups{}
	var names []string
	for _, id := range r.Subjects {
		if id.Missing == "" {
			g.subjects = append(g.subjects, id.Name)
		}
	}
	for _, c := range r.Cases() {
		row := make([]bench.Spread, len(g.subjects))
		for i, name := range g.subjects {
			if s := r.Find(c, name); s != nil {
				row[i] = s.Cycles
				g.top = max(g.top, s.Cycles.Max)
			}
		}
		g.cases = append(g.cases, row)
		names = append(names, fmt.Sprintf("%s\n%s", c.Job, bench.ShortCount(c.Flows)))
	}
	if g.top == 0 {
		return ErrNothingToPlot
	}
	p := plot.New()
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Y.Label.TextStyle, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	p.Title.Text = "Cycles per packet on one core (less is better)"
	p.Title.Padding = vg.Points(8)
	p.Y.Label.Text = "TSC cycles per packet"
	p.Y.Min = 0
	p.NominalX(names...)
	p.X.Padding = vg.Points(4)
	p.Add(g)
	for _, name := range g.subjects {
		p.Legend.Add(label(name), swatch{colours[name]})
	}
	p.Legend.Top, p.Legend.Left = true, true
	width := vg.Points(120 + 100*float64(len(g.cases)))
	if err := p.Save(max(width, vg.Points(420)), vg.Points(340), path); err != nil {
		return fmt.Errorf("plot %s: %w", path, err)
	}
	return nil
}

// groups draws one group of bars per case.
type groups struct {
	subjects []string
	cases    [][]bench.Spread // by case and subject; zero: nothing measured
	top      float64
}

// groupWidth is how much of the distance between two cases their bars take.
const groupWidth = 0.78

// Plot implements plot.Plotter.
func (g *groups) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	bar := groupWidth / float64(len(g.subjects))
	small := font.From(plot.DefaultFont, vg.Points(8))
	small.Variant = "Sans"
	style := text.Style{
		Color: color.Black, Font: small,
		XAlign: draw.XCenter, YAlign: draw.YBottom, Handler: plot.DefaultTextHandler,
	}
	whisker := draw.LineStyle{Color: color.Gray{Y: 0x30}, Width: vg.Points(0.8)}
	for i, row := range g.cases {
		for k, s := range row {
			if s.Median == 0 {
				continue
			}
			left := float64(i) - groupWidth/2 + float64(k)*bar
			x0, x1 := tx(left+0.03*bar), tx(left+0.97*bar)
			y0, y1 := ty(0), ty(s.Median)
			c.FillPolygon(colours[g.subjects[k]], []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
			mid := (x0 + x1) / 2
			c.StrokeLine2(whisker, mid, ty(s.Min), mid, ty(s.Max))
			c.FillText(style, vg.Point{X: mid, Y: ty(s.Max) + vg.Points(2)}, fmt.Sprintf("%.0f", s.Median))
		}
	}
}

// DataRange implements plot.DataRanger; the room on top is for the legend.
func (g *groups) DataRange() (xmin, xmax, ymin, ymax float64) {
	return -0.6, float64(len(g.cases)) - 0.4, 0, g.top * 1.3
}

// swatch is a subject's colour in the legend.
type swatch struct{ colour color.Color }

// Thumbnail implements plot.Thumbnailer.
func (s swatch) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(s.colour, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}
