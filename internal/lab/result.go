package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skua/skua/internal/lab/ui"
)

// Result is everything that a run found.
type Result struct {
	ID      string    `json:"id"`
	Switch  string    `json:"switch"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Kernel  string    `json:"kernel"`
	CPUs    int       `json:"cpus"`
	CPU     int       `json:"lcore_cpu"`
	Huge    bool      `json:"hugepages"`
	Version string    `json:"version"` // what the switch says of itself

	Steps       []ui.Step `json:"steps"`
	Interrupted string    `json:"interrupted,omitempty"` // why the run ended early
	Kept        bool      `json:"kept,omitempty"`

	Pings   []Ping   `json:"pings"`
	Streams []Stream `json:"streams"`
	Wire    []Wire   `json:"wire"`
	Figures *Figures `json:"figures,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
	Log     []string `json:"log,omitempty"` // end of the daemon's log where a step failed

	Commands []string `json:"commands"` // what was run, as people would type it
	Topology string   `json:"topology"`
}

// Count returns how many steps passed, failed and were skipped.
func (r *Result) Count() (passed, failed, skipped int) {
	for _, s := range r.Steps {
		switch s.Status {
		case ui.Pass:
			passed++
		case ui.Fail:
			failed++
		case ui.Skip:
			skipped++
		}
	}
	return
}

// OK reports whether the run went to its end and nothing failed.
func (r *Result) OK() bool {
	passed, failed, _ := r.Count()
	return r.Interrupted == "" && failed == 0 && passed > 0
}

// WriteJSON writes r to file, whole or not at all.
func (r *Result) WriteJSON(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("result as JSON: %w", err)
	}
	return writeFile(file, append(b, '\n'))
}

// writeFile puts b in file by a rename, and makes the file's folder.
func writeFile(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already after the rename
	_, err = tmp.Write(b)
	if e := tmp.Chmod(0o644); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.Rename(tmp.Name(), file)
}
