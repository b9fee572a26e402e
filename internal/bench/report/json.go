// Package report prints what a run of the benchmark found: tables, JSON and plots.
package report

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/skua/skua/internal/bench"
)

// WriteJSON writes the report to a file.
func WriteJSON(path string, r *bench.Report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report as JSON: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("report as JSON: %w", err)
	}
	return nil
}

// label is a subject's name as people read it.
func label(subject string) string {
	switch subject {
	case bench.SkuaName:
		return "Skua"
	case bench.TestpmdName:
		return "testpmd io"
	case bench.OVSName:
		return "Open vSwitch"
	}
	return subject
}
