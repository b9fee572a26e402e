package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

type testID struct{ pkg, test string }

// summary counts tests and subtests. A package that fails although none of its tests
// did (it does not compile, it panics, its TestMain fails) counts as one failure.
type summary struct {
	passed, failed, skipped int

	output    map[testID][]string
	failedIn  map[string]bool
	reports   []string
	skipLines []string
}

func summarise(in io.Reader, log io.Writer) (*summary, error) {
	s := &summary{output: map[testID][]string{}, failedIn: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), 1<<26)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			// What the go command itself says is no JSON.
			e = event{Action: "output", Output: lines.Text() + "\n"}
		}
		if _, err := io.WriteString(log, e.Output); err != nil {
			return nil, err
		}
		s.take(e)
	}
	return s, lines.Err()
}

func (s *summary) take(e event) {
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[id] = append(s.output[id], e.Output)
	case "build-output":
		id = testID{e.ImportPath, ""}
		s.output[id] = append(s.output[id], e.Output)
	case "build-fail":
		s.failed++
		s.failedIn[base(e.ImportPath)] = true
		s.report("does not build: "+e.ImportPath, testID{e.ImportPath, ""})
	case "pass":
		if e.Test != "" {
			s.passed++
			delete(s.output, id)
		}
	case "skip":
		if e.Test != "" {
			s.skipped++
			s.skipLines = append(s.skipLines, fmt.Sprintf("skipped: %s %s: %s", e.Package, e.Test, reason(s.output[id])))
		}
	case "fail":
		if e.Test == "" && s.failedIn[base(e.Package)] {
			return
		}
		s.failed++
		s.failedIn[base(e.Package)] = true
		s.report(fmt.Sprintf("failed: %s %s", e.Package, e.Test), id)
	}
}

func (s *summary) report(title string, id testID) {
	s.reports = append(s.reports, title+"\n    "+strings.ReplaceAll(strings.TrimRight(strings.Join(s.output[id], ""), "\n"), "\n", "\n    "))
}

// base is the package of an import path such as "x/y [x/y.test]".
func base(path string) string {
	path, _, _ = strings.Cut(path, " ")
	return strings.TrimSuffix(path, ".test")
}

// reason finds what a test said when it skipped, without the frame that go puts around.
func reason(output []string) string {
	var out []string
	for _, l := range output {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") {
			continue
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return "no reason given"
	}
	return strings.Join(out, " ")
}

func (s *summary) print(w io.Writer) {
	for _, r := range s.reports {
		fmt.Fprintln(w, r)
	}
	for _, l := range s.skipLines {
		fmt.Fprintln(w, l)
	}
}
