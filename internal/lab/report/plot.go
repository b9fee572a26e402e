package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Bars is a bar chart: one bar per label.
type Bars struct {
	Title, Unit string
	Labels      []string
	Values      []float64
	Group       []int // colour of each bar; nil: one colour
}

// Lines is a chart of series over a common x axis.
type Lines struct {
	Title, X, Y string
	Series      []Series
}

// Series is one line of a chart; X and Y have the same length.
type Series struct {
	Name string
	X, Y []float64
}

// palette is Okabe and Ito's, which stays apart for colour-blind readers.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
}

// colour i; the palette repeats.
func colour(i int) color.Color { return palette[i%len(palette)] }

// Empty reports whether there is nothing to draw.
func (b Bars) Empty() bool { return len(b.Values) == 0 }

// SVG draws b with bars that lie, so that long labels can be read.
func (b Bars) SVG() (template.HTML, error) {
	p := newPlot(b.Title)
	p.X.Label.Text = b.Unit
	p.X.Min = 0
	n := len(b.Values)
	for i, v := range b.Values {
		c := colour(0)
		if b.Group != nil {
			c = colour(b.Group[i])
		}
		bar, err := plotter.NewBarChart(plotter.Values{v}, vg.Points(11))
		if err != nil {
			return "", fmt.Errorf("chart %q: %w", b.Title, err)
		}
		bar.Horizontal, bar.Color, bar.LineStyle.Width = true, c, 0
		bar.XMin = float64(n - 1 - i) // the first one on top
		p.Add(bar)
	}
	if err := b.numbers(p); err != nil {
		return "", err
	}
	marks := make([]plot.Tick, n)
	for i, label := range b.Labels {
		marks[i] = plot.Tick{Value: float64(n - 1 - i), Label: label}
	}
	p.Y.Tick.Marker = plot.ConstantTicks(marks)
	p.Y.Tick.Label.Font.Size = vg.Points(8) // small enough for a reader's wider font
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	p.Y.Min, p.Y.Max = -0.7, float64(n)-0.3
	return svg(p, 16*vg.Centimeter, vg.Points(float64(70+16*n)))
}

// numbers writes each bar's value behind its end.
func (b Bars) numbers(p *plot.Plot) error {
	n := len(b.Values)
	at := plotter.XYLabels{XYs: make(plotter.XYs, n), Labels: make([]string, n)}
	top := 0.0
	for i, v := range b.Values {
		at.XYs[i] = plotter.XY{X: v, Y: float64(n - 1 - i)}
		at.Labels[i] = " " + strconv.FormatFloat(v, 'g', 3, 64)
		if v >= 100 {
			at.Labels[i] = " " + strconv.FormatFloat(v, 'f', 0, 64)
		}
		top = max(top, v)
	}
	labels, err := plotter.NewLabels(at)
	if err != nil {
		return fmt.Errorf("chart %q: %w", b.Title, err)
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Font.Variant, labels.TextStyle[i].Font.Size = "Sans", vg.Points(8)
		labels.TextStyle[i].YAlign = text.YCenter
	}
	p.Add(labels)
	p.X.Max = top*1.15 + 1e-9 // room for the longest bar's number
	return nil
}

// Empty reports whether there is nothing to draw.
func (l Lines) Empty() bool {
	for _, s := range l.Series {
		if len(s.X) > 1 {
			return false
		}
	}
	return true
}

// SVG draws l.
func (l Lines) SVG() (template.HTML, error) {
	p := newPlot(l.Title)
	p.X.Label.Text, p.Y.Label.Text = l.X, l.Y
	p.Add(plotter.NewGrid())
	for i, s := range l.Series {
		xy := make(plotter.XYs, len(s.X))
		for k := range xy {
			xy[k].X, xy[k].Y = s.X[k], s.Y[k]
		}
		line, err := plotter.NewLine(xy)
		if err != nil {
			return "", fmt.Errorf("chart %q, %s: %w", l.Title, s.Name, err)
		}
		line.Color, line.Width = colour(i), vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(s.Name, line)
	}
	p.X.Max += (p.X.Max - p.X.Min) / 50
	p.Y.Min, p.Y.Max = 0, headroom(p.Y.Max, len(l.Series))
	p.Legend.Top = true
	p.Legend.TextStyle.Font.Size = vg.Points(8)
	return svg(p, 16*vg.Centimeter, 7*vg.Centimeter)
}

// headroom is the top of an axis with room for a legend of n lines above the data.
func headroom(top float64, n int) float64 {
	if top <= 0 {
		return 1
	}
	return top * (1.1 + 0.09*float64(n))
}

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(6)
	p.BackgroundColor = nil // the page's own
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	return p
}

// svg draws p as an element that can stand inside of a page.
func svg(p *plot.Plot, w, h vg.Length) (template.HTML, error) {
	c := vgsvg.New(w, h)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("svg: %w", err)
	}
	i := bytes.Index(b.Bytes(), []byte("<svg")) // no XML header inside of HTML
	if i < 0 {
		return "", fmt.Errorf("svg: the chart library wrote none")
	}
	// The chart is laid out for Liberation Sans; Arial has its metrics.
	out := bytes.ReplaceAll(b.Bytes()[i:], []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,sans-serif"))
	return template.HTML(out), nil // texts in it are escaped by the library
}
