package lab

import (
	"os"
	"strings"
	"testing"
)

// TestPicture holds the README's picture to the one that the report shows, and both
// to the addresses in use.
func TestPicture(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), Picture) {
		t.Error("README.md and Picture differ")
	}
	for _, s := range Segments() {
		for _, want := range []string{s.Name, s.Port + " ", s.Tnl, s.A.IP4, s.B.IP4, s.B.Dev} {
			if !strings.Contains(Picture, want) {
				t.Errorf("no %q of segment %s in the picture", want, s.Name)
			}
		}
	}
}
