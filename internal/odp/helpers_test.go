package odp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/skua/skua/internal/dp"
)

// testNames are the ports of the datapath that the tables were recorded on.
type testNames map[dp.PortNo]string

var names = testNames{0: "d0", 1: "p1", 2: "p2", 3: "p3", 4: "vxlan_sys_4789"}

func (n testNames) PortName(no dp.PortNo) (string, bool) { s, ok := n[no]; return s, ok }

func (n testNames) PortNumber(name string) (dp.PortNo, bool) {
	for no, s := range n {
		if s == name {
			return no, true
		}
	}
	return 0, false
}

// formats are all ways to print.
var formats = []Format{{}, {Verbose: true}, {Names: names}, {Names: names, Verbose: true}}

// failer is what *testing.T and *rapid.T share.
type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// checkKey fails unless k and m survive being printed and read in every format.
func checkKey(t failer, k dp.Key, m dp.Mask) {
	t.Helper()
	for _, f := range formats {
		text := FormatKey(&k, &m, f)
		k2, m2, err := ParseKey(text, names)
		if err != nil {
			t.Fatalf("%q does not read back: %v", text, err)
		}
		if k != k2 || m != m2 {
			t.Fatalf("%q reads back differently: %s", text, keyDiff(k, m, k2, m2))
		}
	}
}

func keyDiff(k dp.Key, m dp.Mask, k2 dp.Key, m2 dp.Mask) string {
	opt := cmp.AllowUnexported(dp.Key{}, dp.KeyBase{}, dp.KeyTun{}, dp.KeyMisc{}, dp.KeyCT{})
	return fmt.Sprintf("key %s mask %s", cmp.Diff(k, k2, opt), cmp.Diff(dp.Key(m), dp.Key(m2), opt))
}

func checkActions(t failer, a dp.Actions) {
	t.Helper()
	for _, f := range formats {
		text := FormatActions(a, f)
		a2, err := ParseActions(text, names)
		if err != nil {
			t.Fatalf("%q does not read back: %v", text, err)
		}
		if diff := cmp.Diff(a, a2); diff != "" {
			t.Fatalf("%q reads back differently: %s", text, diff)
		}
	}
}

// checkSyntaxError fails unless err is a *SyntaxError that points into text.
func checkSyntaxError(t failer, text string, err error) *SyntaxError {
	t.Helper()
	var se *SyntaxError
	if !errors.As(err, &se) {
		t.Fatalf("%q: %v is not a *SyntaxError", text, err)
	}
	if se.Text != text || se.Reason == "" || se.Offset < 0 || se.Offset > len(text) ||
		!strings.HasPrefix(text[se.Offset:], se.Token) || (se.Token == "") != (se.Offset == len(text)) {
		t.Fatalf("%q: error does not point at its token: %#v", text, se)
	}
	return se
}

func mustKey(t *testing.T, text string) (dp.Key, dp.Mask) {
	t.Helper()
	k, m, err := ParseKey(text, names)
	if err != nil {
		t.Fatal(err)
	}
	return k, m
}
