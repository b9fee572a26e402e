package ui

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Term shows a bar with the step that is running below the lines of those that
// ended. It draws only from its own goroutine, so a slow terminal holds up no step.
type Term struct {
	commands bool
	pw       progress.Writer
	bar      *progress.Tracker
	done     chan struct{}
	closed   sync.Once
}

// NewTerm starts drawing on w, a terminal.
func NewTerm(w io.Writer, commands bool) *Term {
	t := &Term{commands: commands, pw: progress.NewWriter(), done: make(chan struct{})}
	t.pw.SetOutputWriter(w)
	t.pw.SetAutoStop(false)
	t.pw.SetUpdateFrequency(100 * time.Millisecond)
	t.pw.SetTrackerLength(24)
	t.pw.SetMessageLength(58)
	t.pw.SetStyle(progress.StyleBlocks)
	t.pw.Style().Visibility.ETA = false
	t.pw.Style().Visibility.Value = false
	t.pw.Style().Visibility.Percentage = false
	t.pw.Style().Options.TimeInProgressPrecision = time.Second
	go func() {
		defer close(t.done)
		t.pw.Render()
	}()
	return t
}

// Begin names the running step beside the bar.
func (t *Term) Begin(i, n int, group, name string) {
	if t.bar == nil {
		t.bar = &progress.Tracker{Total: int64(n), Units: progress.UnitsDefault}
		t.pw.AppendTracker(t.bar)
	}
	t.bar.UpdateTotal(int64(n))
	t.bar.SetValue(int64(i - 1))
	t.bar.UpdateMessage(fmt.Sprintf("%d/%d %s: %s", i, n, group, name))
}

// End prints the step's line above the bar.
func (t *Term) End(i, n int, s Step) {
	t.pw.Log("%s", Line(i, n, s, paint))
	if t.bar != nil && i < n { // a full bar would leave the list of running ones
		t.bar.SetValue(int64(i))
	}
}

// Note prints text above the bar.
func (t *Term) Note(s string) { t.pw.Log("%s", s) }

// Command prints the command above the bar.
func (t *Term) Command(s string) {
	if t.commands {
		t.pw.Log("%s", text.Faint.Sprint("  + "+s))
	}
}

// Close takes the bar away and waits until everything is on the terminal.
func (t *Term) Close() {
	t.closed.Do(func() {
		if t.bar != nil {
			t.bar.MarkAsDone()
		}
		for !t.pw.IsRenderInProgress() { // Stop before the first frame would be lost
			time.Sleep(time.Millisecond)
		}
		time.Sleep(150 * time.Millisecond) // one more frame for the lines that are queued
		t.pw.Stop()
		<-t.done
	})
}

func paint(s Status, word string) string {
	switch s {
	case Pass:
		return text.FgGreen.Sprint(word)
	case Fail:
		return text.Colors{text.FgRed, text.Bold}.Sprint(word)
	}
	return text.FgYellow.Sprint(word)
}
