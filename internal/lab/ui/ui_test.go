package ui

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var steps = []Step{
	{Group: "ping", Name: "a to b", Status: Pass, Detail: "5/5", Seconds: 0.4},
	{Group: "wire", Name: "tshark", Status: Fail, Error: "bad\nworse", Seconds: 1},
	{Group: "wire", Name: "more", Status: Skip, Error: "not here"},
}

func play(u UI) {
	for i, s := range steps {
		u.Begin(i+1, len(steps), s.Group, s.Name)
		u.Command("ip link show")
		u.End(i+1, len(steps), s)
	}
	u.Note("a note")
	u.Close()
	u.Close() // any number of times
}

func TestPlain(t *testing.T) {
	var b bytes.Buffer
	play(&Plain{W: &b})
	out := b.String()
	for _, want := range []string{"[1/3] ok   ping", "5/5", "[2/3] FAIL wire", "\n        bad\n        worse\n", "[3/3] skip", "not here", "a note\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "ip link") {
		t.Error("commands were shown without being asked for")
	}
	b.Reset()
	play(&Plain{W: &b, Commands: true})
	if strings.Count(b.String(), "  + ip link show\n") != len(steps) {
		t.Errorf("commands:\n%s", b.String())
	}
}

func TestJSONL(t *testing.T) {
	var b bytes.Buffer
	play(&JSONL{W: &b})
	var passed, failed, lines int
	for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var e struct{ Event, Status, Name string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines++
		switch {
		case e.Event == "step" && e.Status == string(Pass):
			passed++
		case e.Event == "step" && e.Status == string(Fail):
			failed++
		}
	}
	if passed != 1 || failed != 1 || lines != 4 {
		t.Errorf("%d passed, %d failed, %d lines:\n%s", passed, failed, lines, b.String())
	}
}

// TestTerm holds that nothing that was said is lost when the bar goes away.
func TestTerm(t *testing.T) {
	defer goleak.VerifyNone(t)
	var b bytes.Buffer
	play(NewTerm(&b, true))
	for _, want := range []string{"a to b", "worse", "not here", "a note", "+ ip link show"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%q", want, b.String())
		}
	}
	NewTerm(&bytes.Buffer{}, false).Close() // without a step
}
