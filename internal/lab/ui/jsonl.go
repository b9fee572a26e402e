package ui

import (
	"encoding/json"
	"io"
	"sync"
)

// JSONL writes one JSON object per line: {"event":"step",...} at the end of each
// step, {"event":"command",...} and {"event":"note",...}.
type JSONL struct {
	W        io.Writer
	Commands bool

	mu sync.Mutex
}

type event struct {
	Event string `json:"event"`
	N     int    `json:"n,omitempty"`
	Of    int    `json:"of,omitempty"`
	Text  string `json:"text,omitempty"`
	*Step
}

func (j *JSONL) write(e event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = json.NewEncoder(j.W).Encode(e) // a reader that is gone ends the run by SIGPIPE
}

// Begin does nothing.
func (j *JSONL) Begin(int, int, string, string) {}

// End writes the step.
func (j *JSONL) End(i, n int, s Step) { j.write(event{Event: "step", N: i, Of: n, Step: &s}) }

// Note writes text.
func (j *JSONL) Note(text string) { j.write(event{Event: "note", Text: text}) }

// Command writes the command if commands are shown.
func (j *JSONL) Command(text string) {
	if j.Commands {
		j.write(event{Event: "command", Text: text})
	}
}

// Close does nothing.
func (j *JSONL) Close() {}
