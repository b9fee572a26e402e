package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// mesonTest is a line of meson's testlog.json.
type mesonTest struct {
	Name, Result, Stdout, Stderr string
	ReturnCode                   int // negative: the signal that ended it
}

// harness is the line that a C test ends with.
var harness = regexp.MustCompile(`(?m)^(\d+) tests, \d+ checks, \d+ failures$`)

// summariseMeson counts the cases of C tests. A test program that fails is one
// failure, whichever of its cases it was; one that passes without saying how many
// cases it ran counts as one.
func summariseMeson(in io.Reader, log io.Writer) (*summary, error) {
	s := &summary{}
	d := json.NewDecoder(in)
	for {
		var t mesonTest
		if err := d.Decode(&t); err == io.EOF {
			return s, nil
		} else if err != nil {
			return nil, fmt.Errorf("meson's test log: %w", err)
		}
		fmt.Fprintf(log, "== %s: %s\n%s%s", t.Name, t.Result, t.Stdout, t.Stderr)
		switch t.Result {
		case "OK":
			n := 1
			if m := harness.FindStringSubmatch(t.Stdout); m != nil {
				n, _ = strconv.Atoi(m[1])
			}
			s.passed += n
		case "SKIP":
			s.skipped++
			s.skipLines = append(s.skipLines, fmt.Sprintf("skipped: %s: %s", t.Name, lastLine(t.Stdout+t.Stderr)))
		default:
			s.failed++
			s.reports = append(s.reports, fmt.Sprintf("failed: %s (%s, status %d)\n    %s", t.Name, t.Result, t.ReturnCode,
				strings.ReplaceAll(strings.TrimSpace(t.Stdout+t.Stderr), "\n", "\n    ")))
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if l := lines[len(lines)-1]; l != "" {
		return l
	}
	return "no reason given"
}
