//go:build linux && cgo

package cgo

import (
	"slices"

	"github.com/skua/skua/internal/dp"
)

// maskTable interns masks. The last one is tried first, because flows come in runs
// of one mask.
type maskTable struct {
	interned[words, struct{}]
	last uint32
}

// get returns the index of a mask with one more reference.
func (t *maskTable) get(m *words) uint32 {
	if int(t.last) < len(t.entries) {
		if e := &t.entries[t.last]; e.refs > 0 && e.key == *m {
			e.refs++
			return t.last
		}
	}
	i, ok := t.index[*m]
	if ok {
		t.entries[i].refs++
	} else {
		i = t.add(*m, struct{}{})
	}
	t.last = i
	return i
}

// actTable interns actions by their flat form.
type actTable struct {
	interned[string, dp.Actions]
	last uint32
}

// get returns the index of a list with one more reference. flat is its flat form;
// only a list that is new is copied.
func (t *actTable) get(flat []byte, actions dp.Actions) uint32 {
	if int(t.last) < len(t.entries) {
		if e := &t.entries[t.last]; e.refs > 0 && e.key == string(flat) {
			e.refs++
			return t.last
		}
	}
	i, ok := t.index[string(flat)]
	if ok {
		t.entries[i].refs++
	} else {
		i = t.add(string(flat), copyActions(actions))
	}
	t.last = i
	return i
}

// copyActions copies a list with everything that it points to.
func copyActions(actions dp.Actions) dp.Actions {
	if len(actions) == 0 {
		return nil
	}
	out := slices.Clone(actions)
	for i, a := range out {
		switch a := a.(type) {
		case dp.TnlPush:
			a.Header = slices.Clone(a.Header)
			out[i] = a
		case dp.Userspace:
			a.Cookie = slices.Clone(a.Cookie)
			out[i] = a
		case dp.Clone:
			a.Actions = copyActions(a.Actions)
			out[i] = a
		}
	}
	return out
}
