package odp

import (
	"testing"

	"github.com/skua/skua/internal/dp"
)

// seedTable adds what Open vSwitch was given and what it printed.
func seedTable(f *testing.F, path string) {
	f.Helper()
	for _, c := range readTable(f, path) {
		for _, text := range []string{c.in, c.dump, c.more, c.skua, c.skuaMore} {
			if text != "" && text != refused {
				f.Add(text)
			}
		}
	}
}

// FuzzParseKey: nothing panics, an error points at its token and hands out
// nothing, and what is read prints and reads back to the same.
func FuzzParseKey(f *testing.F) {
	seedTable(f, "testdata/keys.txt")
	f.Fuzz(func(t *testing.T, text string) {
		k, m, err := ParseKey(text, names)
		if err != nil {
			checkSyntaxError(t, text, err)
			if *k.Bytes() != [dp.KeySize]byte{} || *m.Bytes() != [dp.KeySize]byte{} {
				t.Fatalf("%q: a refused text gave a key", text)
			}
			return
		}
		if masked := k.Apply(&m); masked != k {
			t.Fatalf("%q: the key has bits outside of its mask", text)
		}
		checkKey(t, k, m)
	})
}

// FuzzParseActions is as FuzzParseKey, for actions.
func FuzzParseActions(f *testing.F) {
	seedTable(f, "testdata/actions.txt")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseActions(text, names)
		if err != nil {
			checkSyntaxError(t, text, err)
			if a != nil {
				t.Fatalf("%q: a refused text gave actions", text)
			}
			return
		}
		checkActions(t, a)
	})
}
