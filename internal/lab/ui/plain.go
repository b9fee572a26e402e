package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Plain writes a line at the end of each step.
type Plain struct {
	W        io.Writer
	Commands bool // show commands too

	mu sync.Mutex
}

// Begin does nothing: a step's line comes at its end.
func (p *Plain) Begin(int, int, string, string) {}

// End writes the step's line and, if it failed, why.
func (p *Plain) End(i, n int, s Step) { p.line(Line(i, n, s, nil)) }

// Note writes text.
func (p *Plain) Note(text string) { p.line(text) }

// Command writes the command behind a plus sign.
func (p *Plain) Command(text string) {
	if p.Commands {
		p.line("  + " + text)
	}
}

// Close does nothing.
func (p *Plain) Close() {}

func (p *Plain) line(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.W, s)
}

// Line is a step's line: number, status, name, seconds and figures, and lines with
// the reason below it where there is one. paint may colour the status.
func Line(i, n int, s Step, paint func(Status, string) string) string {
	word := map[Status]string{Pass: "ok  ", Fail: "FAIL", Skip: "skip"}[s.Status]
	if paint != nil {
		word = paint(s.Status, word)
	}
	width := len(fmt.Sprint(n))
	out := fmt.Sprintf("[%*d/%d] %s %-9s %-44s %5.1f s", width, i, n, word, s.Group, s.Name, s.Seconds)
	if s.Detail != "" {
		out += "  " + s.Detail
	}
	if s.Error != "" {
		out += "\n        " + strings.ReplaceAll(strings.TrimSpace(s.Error), "\n", "\n        ")
	}
	return out
}
