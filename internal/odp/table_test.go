package odp

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The tables in testdata are blocks of "tag: text" lines:
//
//	in    what dpctl/add-flow was given
//	dump  what Open vSwitch's dump-flows printed for it, or "refused"
//	more  what its dump-flows -m printed
//	skua, skua-m  what this package prints instead, or "refused", where it differs
//
// Lines that start with # say why. TestLive compares in, dump and more with a
// running Open vSwitch and writes them again with -record.
type tableCase struct {
	comments                       []string
	in, dump, more, skua, skuaMore string
}

const refused = "refused"

func readTable(t testing.TB, path string) []tableCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []tableCase
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		var c tableCase
		for _, line := range strings.Split(block, "\n") {
			if strings.HasPrefix(line, "#") {
				c.comments = append(c.comments, line)
				continue
			}
			tag, value, ok := strings.Cut(line, ": ")
			field := map[string]*string{"in": &c.in, "dump": &c.dump, "more": &c.more, "skua": &c.skua, "skua-m": &c.skuaMore}[tag]
			if !ok || field == nil || *field != "" {
				t.Fatalf("%s: bad line %q", path, line)
			}
			*field = value
		}
		cases = append(cases, c)
	}
	return cases
}

func writeTable(t *testing.T, path string, cases []tableCase) {
	t.Helper()
	var b strings.Builder
	for i, c := range cases {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, comment := range c.comments {
			b.WriteString(comment + "\n")
		}
		for _, line := range []struct{ tag, text string }{
			{"in", c.in}, {"dump", c.dump}, {"more", c.more}, {"skua", c.skua}, {"skua-m", c.skuaMore},
		} {
			if line.text != "" {
				b.WriteString(line.tag + ": " + line.text + "\n")
			}
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// want returns what this package is to print.
func (c *tableCase) want() (dump, more string) {
	dump, more = c.dump, c.more
	if c.skua != "" {
		dump, more = c.skua, c.skuaMore
	}
	return dump, more
}

func TestKeyTable(t *testing.T) {
	for _, c := range readTable(t, "testdata/keys.txt") {
		t.Run(c.in, func(t *testing.T) {
			want, wantMore := c.want()
			k, m, err := ParseKey(c.in, names)
			if want == refused {
				if err == nil {
					t.Fatalf("is read as %q", FormatKey(&k, &m, Format{}))
				}
				checkSyntaxError(t, c.in, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compareText(t, "dump", FormatKey(&k, &m, Format{}), want)
			compareText(t, "more", FormatKey(&k, &m, Format{Names: names, Verbose: true}), wantMore)
			checkKey(t, k, m)
		})
	}
}

func TestActionsTable(t *testing.T) {
	for _, c := range readTable(t, "testdata/actions.txt") {
		t.Run(c.in, func(t *testing.T) {
			want, wantMore := c.want()
			a, err := ParseActions(c.in, names)
			if want == refused {
				if err == nil {
					t.Fatalf("is read as %q", FormatActions(a, Format{}))
				}
				checkSyntaxError(t, c.in, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compareText(t, "dump", FormatActions(a, Format{}), want)
			compareText(t, "more", FormatActions(a, Format{Names: names, Verbose: true}), wantMore)
			checkActions(t, a)
		})
	}
}

func compareText(t *testing.T, what, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
	}
}
