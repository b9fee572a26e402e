//go:build linux && cgo

package cgo

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/skua/skua/internal/dp"
)

// TestKeyLayout holds dp.Key against struct fp_key, field by field, and makes sure
// that the list of fields is complete on the Go side.
func TestKeyLayout(t *testing.T) {
	for _, p := range append(keyLayout(), constants()...) {
		switch {
		case p.isConst && p.goConst != p.cConst:
			t.Errorf("%s: %d in Go, %d in C", p.name, p.goConst, p.cConst)
		case p.goOfs != p.cOfs || p.goSize != p.cSize:
			t.Errorf("%s: at %d, %d bytes in Go; at %d, %d bytes in C", p.name, p.goOfs, p.goSize, p.cOfs, p.cSize)
		}
	}
	fields := 0
	for _, line := range []any{dp.KeyBase{}, dp.KeyIP6{}, dp.KeyTun{}, dp.KeyMisc{}, dp.KeyCT{}} {
		typ := reflect.TypeOf(line)
		for i := range typ.NumField() {
			if typ.Field(i).Name != "_" {
				fields++
			}
		}
	}
	if listed := len(keyLayout()) - 8; listed != fields { // 8: the lines, the key, the mask, the size
		t.Errorf("%d fields are compared, dp.Key has %d", listed, fields)
	}
	var put rawFlowPut
	if ofs := unsafe.Offsetof(put.mask) - unsafe.Offsetof(put.key); ofs != dp.KeySize {
		t.Errorf("the mask stands %d bytes behind the key", ofs)
	}
}

// TestDropReasons finds what the rest of the project names.
func TestDropReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range DropReasons() {
		if d.Name == "" || d.Text == "" || seen[d.Name] {
			t.Errorf("drop reason %+v has no name, no text or is there twice", d)
		}
		seen[d.Name] = true
	}
	for _, want := range []string{"flow_drop", "upcall_lost", "vxlan_unknown_vni"} {
		if !seen[want] {
			t.Errorf("no drop reason %s", want)
		}
	}
}
