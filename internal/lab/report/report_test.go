package report

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	const nasty = `<script>alert("x")</script> & "quoted"`
	page, err := HTML(Page{
		Title: "Lab", OK: true, Summary: "1 passed, 0 failed", Facts: [][2]string{{"switch", nasty}}, Topology: nasty,
		Charts: []Chart{
			Bars{Title: nasty, Unit: "Mbit/s", Labels: []string{nasty, "b"}, Values: []float64{1, 2500}, Group: []int{0, 7}},
			Bars{Title: "no values at all"},
			Lines{Title: "course", Series: []Series{{Name: nasty, X: []float64{0, 1}, Y: []float64{2, 3}}, {Name: "flat", X: []float64{0, 1}, Y: []float64{0, 0}}}},
			Lines{Title: "one point", Series: []Series{{Name: "s", X: []float64{1}, Y: []float64{1}}}},
		},
		Steps: Table{Title: "Steps", Head: []string{"step"}, Rows: []Row{{Class: "fail", Cells: []string{nasty}}}},
		Texts: []Text{{Title: "log", Body: nasty}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	if strings.Contains(text, "<script") {
		t.Error("a text became markup")
	}
	if re := regexp.MustCompile(`(?i)(src|href)\s*=\s*"?(https?:)?//`); re.MatchString(text) {
		t.Error("the page needs something beside itself")
	}
	charts := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1)
	if len(charts) != 2 {
		t.Errorf("%d charts; those without content are to be left out", len(charts))
	}
	for _, c := range charts {
		for d := xml.NewDecoder(strings.NewReader(c)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("chart is no XML: %v", err)
			}
		}
		if strings.Contains(c, "NaN") || strings.Contains(c, "Inf") || strings.Contains(c, "#-") {
			t.Errorf("chart with a value that is none: %.400s", c)
		}
	}
}
