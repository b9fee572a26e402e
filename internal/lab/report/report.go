// Package report writes what a run of the lab found as one HTML file that needs
// nothing beside itself: style and charts (SVG) stand inside of it.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

// Page is the content of a report.
type Page struct {
	Title    string
	OK       bool
	Summary  string      // "60 passed, 0 failed"
	Facts    [][2]string // name, value
	Topology string
	Charts   []Chart
	Tables   []Table
	Steps    Table
	Texts    []Text
}

// Chart draws itself as SVG.
type Chart interface {
	SVG() (template.HTML, error)
	Empty() bool
}

// Table is a table with a head.
type Table struct {
	Title string
	Head  []string
	Rows  []Row
}

// Row is a table's row; Class is a CSS class of the page ("pass", "fail", "skip").
type Row struct {
	Class string
	Cells []string
}

// Text is a block of text that the reader can unfold.
type Text struct {
	Title, Body string
	Open        bool
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// HTML returns the page. Charts without content are left out.
func HTML(p Page) ([]byte, error) {
	data := struct {
		Page
		SVGs []template.HTML
	}{Page: p}
	for _, c := range p.Charts {
		if c.Empty() {
			continue
		}
		s, err := c.SVG()
		if err != nil {
			return nil, err
		}
		data.SVGs = append(data.SVGs, s)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return b.Bytes(), nil
}
