// Package ui shows how a run of the lab goes: a moving line with what is being done
// on a terminal, plain lines elsewhere, JSON lines for programs.
package ui

// Status is how a step ended.
type Status string

// Ends of a step.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Step is one named step of a run and how it ended.
type Step struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Status  Status  `json:"status"`
	Detail  string  `json:"detail,omitempty"` // figures, one line
	Error   string  `json:"error,omitempty"`  // Fail: what was expected and found; Skip: why
	Seconds float64 `json:"seconds"`
}

// UI is told how a run goes. Calls come from one goroutine, but for Command.
type UI interface {
	// Begin starts step number i of n, both counted from 1.
	Begin(i, n int, group, name string)
	// End ends the step that Begin started.
	End(i, n int, s Step)
	// Note shows a line of text that belongs to no step.
	Note(text string)
	// Command shows a command that is being run. Any goroutine.
	Command(text string)
	// Close restores the terminal.
	Close()
}

// Discard shows nothing.
type Discard struct{}

// Begin does nothing.
func (Discard) Begin(int, int, string, string) {}

// End does nothing.
func (Discard) End(int, int, Step) {}

// Note does nothing.
func (Discard) Note(string) {}

// Command does nothing.
func (Discard) Command(string) {}

// Close does nothing.
func (Discard) Close() {}
