package learn

import (
	"time"

	"github.com/skua/skua/internal/dp"
)

// Limits of a bridge's MAC table, as in Open vSwitch (mac-aging-time, mac-table-size).
const (
	MACAging   = 300 * time.Second
	MaxEntries = 8192
)

type macKey struct {
	vid uint16
	mac dp.MAC
}

// macEntry is one learned address; entries stand in a list by their last use, the
// oldest first.
type macEntry struct {
	macKey
	port       *port
	used       time.Time
	prev, next *macEntry
}

// macTable maps addresses to ports. Its list's ring closes at root.
type macTable struct {
	entries map[macKey]*macEntry
	root    macEntry
	changed func(macKey) // an address appeared, moved or went away
}

func newMACTable(changed func(macKey)) *macTable {
	t := &macTable{entries: map[macKey]*macEntry{}, changed: changed}
	t.root.prev, t.root.next = &t.root, &t.root
	return t
}

func (e *macEntry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
}

func (t *macTable) append(e *macEntry) {
	e.prev, e.next = t.root.prev, &t.root
	e.prev.next, e.next.prev = e, e
}

func (t *macTable) lookup(k macKey) *port {
	if e := t.entries[k]; e != nil {
		return e.port
	}
	return nil
}

// learn records that k is behind p at a time. A word that is older than what the
// table knows changes nothing. A full table gives up its oldest entry.
func (t *macTable) learn(k macKey, p *port, at time.Time) {
	if k.mac[0]&1 != 0 || k.mac == (dp.MAC{}) {
		return
	}
	e := t.entries[k]
	switch {
	case e == nil:
		if len(t.entries) >= MaxEntries {
			t.remove(t.root.next)
		}
		e = &macEntry{macKey: k, port: p}
		t.entries[k] = e
		t.changed(k)
	case at.Before(e.used):
		return
	default:
		e.unlink()
		if e.port != p {
			e.port = p
			t.changed(k)
		}
	}
	e.used = at
	t.append(e)
}

func (t *macTable) remove(e *macEntry) {
	e.unlink()
	delete(t.entries, e.macKey)
	t.changed(e.macKey)
}

// expire removes what was not seen since a time.
func (t *macTable) expire(since time.Time) {
	for e := t.root.next; e != &t.root && e.used.Before(since); e = t.root.next {
		t.remove(e)
	}
}

// flush removes the entries of a port, or all of them (nil).
func (t *macTable) flush(p *port) {
	for _, e := range t.entries {
		if p == nil || e.port == p {
			t.remove(e)
		}
	}
}
