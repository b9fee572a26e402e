package tnl

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Ageing of neighbours as in Open vSwitch: 15 minutes unless tnl/neigh/aging says
// otherwise, at most an hour.
const (
	DefaultNeighAging = 15 * time.Minute
	MaxNeighAging     = time.Hour
)

// MaxNeighbours bounds the table: what is snooped comes from the network. When it
// is full the entry that is closest to its end makes room.
const MaxNeighbours = 16384

type neighKey struct {
	bridge string
	ip     netip.Addr
}

type neighbour struct {
	mac     dp.MAC
	expires time.Time
	kernel  bool // as in the kernel's table, which ends its life
}

// Neighbours are the link addresses of the underlay's hosts, per bridge.
type Neighbours struct {
	now      func() time.Time
	onChange func()

	mu    sync.RWMutex
	aging time.Duration
	table map[neighKey]*neighbour
}

// NewNeighbours returns an empty table. now (nil: time.Now) is its clock; onChange
// (may be nil) is called when an address appears, changes or disappears.
func NewNeighbours(now func() time.Time, onChange func()) *Neighbours {
	if now == nil {
		now = time.Now
	}
	if onChange == nil {
		onChange = func() {}
	}
	return &Neighbours{now: now, onChange: onChange, aging: DefaultNeighAging,
		table: map[neighKey]*neighbour{}}
}

// Set records a neighbour that was seen or configured and starts its life anew.
func (n *Neighbours) Set(bridge string, ip netip.Addr, mac dp.MAC) {
	n.set(bridge, ip, mac, false)
}

// SetKernel records a neighbour of the kernel's table; it stays until
// [Neighbours.DelKernel].
func (n *Neighbours) SetKernel(bridge string, ip netip.Addr, mac dp.MAC) {
	n.set(bridge, ip, mac, true)
}

func (n *Neighbours) set(bridge string, ip netip.Addr, mac dp.MAC, kernel bool) {
	k := neighKey{ifName(bridge), ip.Unmap()}
	n.mu.Lock()
	e := n.table[k]
	if e == nil {
		if len(n.table) >= MaxNeighbours {
			n.evict()
		}
		e = &neighbour{}
		n.table[k] = e
	}
	changed := e.mac != mac
	e.mac = mac
	e.expires = n.now().Add(n.aging)
	e.kernel = e.kernel || kernel
	n.mu.Unlock()
	if changed {
		n.onChange()
	}
}

// evict removes the entry that ends first; the caller holds the lock.
func (n *Neighbours) evict() {
	var victim neighKey
	var first time.Time
	for k, e := range n.table {
		if !e.kernel && (first.IsZero() || e.expires.Before(first)) {
			victim, first = k, e.expires
		}
	}
	delete(n.table, victim)
}

// DelKernel ends a neighbour that the kernel no longer has.
func (n *Neighbours) DelKernel(bridge string, ip netip.Addr) {
	k := neighKey{ifName(bridge), ip.Unmap()}
	n.mu.Lock()
	e := n.table[k]
	gone := e != nil && e.kernel
	if gone {
		delete(n.table, k)
	}
	n.mu.Unlock()
	if gone {
		n.onChange()
	}
}

// Lookup returns a neighbour's link address.
func (n *Neighbours) Lookup(bridge string, ip netip.Addr) (dp.MAC, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e := n.table[neighKey{ifName(bridge), ip.Unmap()}]
	if e == nil || (!e.kernel && !n.now().Before(e.expires)) {
		return dp.MAC{}, false
	}
	return e.mac, true
}

// Left returns how long a neighbour has to live if it is not seen again; one of
// the kernel's table has MaxNeighAging. ok is false when it is not known.
func (n *Neighbours) Left(bridge string, ip netip.Addr) (left time.Duration, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e := n.table[neighKey{ifName(bridge), ip.Unmap()}]
	if e == nil {
		return 0, false
	}
	if e.kernel {
		return MaxNeighAging, true
	}
	left = e.expires.Sub(n.now())
	return left, left > 0
}

// Sweep removes neighbours whose time is over.
func (n *Neighbours) Sweep() {
	n.mu.Lock()
	now, gone := n.now(), false
	for k, e := range n.table {
		if !e.kernel && !now.Before(e.expires) {
			delete(n.table, k)
			gone = true
		}
	}
	n.mu.Unlock()
	if gone {
		n.onChange()
	}
}

// Flush removes every neighbour; those of the kernel come back with its next word
// about them.
func (n *Neighbours) Flush() {
	n.mu.Lock()
	gone := len(n.table) > 0
	clear(n.table)
	n.mu.Unlock()
	if gone {
		n.onChange()
	}
}

// Aging returns how long a neighbour lives that is not seen again.
func (n *Neighbours) Aging() time.Duration {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.aging
}

// SetAging sets the life of neighbours that are seen from now on, at least a
// second and at most MaxNeighAging.
func (n *Neighbours) SetAging(d time.Duration) error {
	if d < time.Second || d > MaxNeighAging {
		return fmt.Errorf("neighbour ageing %v: %w: want 1 s to %v", d, dp.ErrInvalid, MaxNeighAging)
	}
	n.mu.Lock()
	n.aging = d
	n.mu.Unlock()
	return nil
}

// Show returns the table in the form of tnl/neigh/show.
func (n *Neighbours) Show() string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	keys := make([]neighKey, 0, len(n.table))
	for k, e := range n.table {
		if e.kernel || n.now().Before(e.expires) {
			keys = append(keys, k)
		}
	}
	sort.Slice(keys, func(i, j int) bool {
		if c := keys[i].ip.Compare(keys[j].ip); c != 0 {
			return c < 0
		}
		return keys[i].bridge < keys[j].bridge
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%-46s%-20s%s\n%s\n", "IP", "MAC", "Bridge", strings.Repeat("=", 74))
	for _, k := range keys {
		fmt.Fprintf(&b, "%-46s%-20s%s\n", k.ip, FormatMAC(n.table[k].mac), k.bridge)
	}
	return b.String()
}

// FormatMAC returns a link address in the usual form, six pairs of hex digits.
func FormatMAC(m dp.MAC) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}
