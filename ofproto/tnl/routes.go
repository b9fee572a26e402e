package tnl

import (
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"sync"
)

// ErrNoSource says that the interface of a route has no address to send from.
var ErrNoSource = errors.New("no source address")

// Route is one route of the underlay.
type Route struct {
	Dst   netip.Prefix // masked
	Mark  uint32       // pkt_mark
	Dev   string
	GW    netip.Addr // invalid: on the link
	Src   netip.Addr
	Local bool // an address of this host
	User  bool // added by ovs/route/add
}

// bits128 is the prefix length as an IPv6-mapped prefix has it.
func bits128(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}

// priority orders routes as Open vSwitch does: the longest prefix first, a route
// that a user added counts 32 bits more and a local one 64.
func (r *Route) priority() int {
	n := bits128(r.Dst)
	switch {
	case r.Local:
		n += 64
	case r.User:
		n += 32
	}
	return n
}

// Addrs answers questions about the addresses of network interfaces.
type Addrs interface {
	// Addrs returns the addresses of an interface with their prefix lengths.
	Addrs(dev string) []netip.Prefix
}

// group holds the routes of one prefix length and one mark mask.
type group struct {
	bits   int // 128-bit length
	max    int // highest priority in the group
	routes map[routeKey]*Route
}

type routeKey struct {
	addr [16]byte
	mark uint32
	user bool // a user's route stands beside the kernel's one and wins
}

// Routes is a route table: the kernel's routes and those of users. It answers by
// the longest prefix with Open vSwitch's preferences.
type Routes struct {
	addrs    Addrs
	onChange func()

	mu     sync.RWMutex
	kernel []Route
	user   []Route
	groups []*group // by max, descending
}

// NewRoutes returns an empty table. onChange (may be nil) is called after a change.
func NewRoutes(a Addrs, onChange func()) *Routes {
	if onChange == nil {
		onChange = func() {}
	}
	return &Routes{addrs: a, onChange: onChange}
}

// SetKernel replaces the kernel's routes. Routes of interfaces without an address
// of the right family are left out, as nothing can be sent by them.
func (t *Routes) SetKernel(routes []Route) {
	kept := make([]Route, 0, len(routes))
	for _, r := range routes {
		r.User = false
		if t.fillSource(&r) == nil {
			kept = append(kept, r)
		}
	}
	t.mu.Lock()
	t.kernel = kept
	t.rebuild()
	t.mu.Unlock()
	t.onChange()
}

// Add adds a route for packets with that mark, or replaces the user's route of
// the same prefix and mark. gw may be invalid.
func (t *Routes) Add(dst netip.Prefix, mark uint32, dev string, gw netip.Addr) error {
	r := Route{Dst: dst.Masked(), Mark: mark, Dev: ifName(dev), GW: gw, User: true}
	if err := t.fillSource(&r); err != nil {
		return fmt.Errorf("route %s dev %s: %w", dst, dev, err)
	}
	t.mu.Lock()
	t.user = append(dropRoute(t.user, r.Dst, mark), r)
	t.rebuild()
	t.mu.Unlock()
	t.onChange()
	return nil
}

// Del removes a user's route and reports whether there was one.
func (t *Routes) Del(dst netip.Prefix, mark uint32) bool {
	t.mu.Lock()
	n := len(t.user)
	t.user = dropRoute(t.user, dst.Masked(), mark)
	found := len(t.user) < n
	t.rebuild()
	t.mu.Unlock()
	if found {
		t.onChange()
	}
	return found
}

func dropRoute(routes []Route, dst netip.Prefix, mark uint32) []Route {
	out := make([]Route, 0, len(routes)+1)
	for _, r := range routes {
		if r.Dst != dst || r.Mark != mark {
			out = append(out, r)
		}
	}
	return out
}

// fillSource finds the address of r.Dev to send from: in the network of the
// destination, else in that of the gateway; the longest prefix wins.
func (t *Routes) fillSource(r *Route) error {
	addrs := t.addrs.Addrs(r.Dev)
	for _, to := range []netip.Addr{r.Dst.Addr(), r.GW} {
		if !to.IsValid() {
			continue
		}
		best := -1
		var src netip.Addr
		for _, p := range addrs {
			if p.Addr().Is4() != to.Is4() || !p.Contains(to) || p.Bits() <= best {
				continue
			}
			if r.Src.IsValid() && p.Addr() != r.Src {
				continue
			}
			best, src = p.Bits(), p.Addr()
		}
		if best >= 0 {
			r.Src = src
			return nil
		}
	}
	return ErrNoSource
}

// rebuild makes groups of the routes. Of two kernel routes to the same prefix the
// later one stays, unless the earlier one is local.
func (t *Routes) rebuild() {
	byBits := map[int]*group{}
	put := func(r *Route) {
		n := bits128(r.Dst)
		g := byBits[n]
		if g == nil {
			g = &group{bits: n, routes: map[routeKey]*Route{}}
			byBits[n] = g
		}
		k := routeKey{r.Dst.Addr().As16(), r.Mark, r.User}
		if old := g.routes[k]; old == nil || r.priority() >= old.priority() {
			g.routes[k] = r
		}
		g.max = max(g.max, r.priority())
	}
	for i := range t.kernel {
		put(&t.kernel[i])
	}
	for i := range t.user {
		put(&t.user[i])
	}
	t.groups = t.groups[:0:0]
	for _, g := range byBits {
		t.groups = append(t.groups, g)
	}
	sort.Slice(t.groups, func(i, j int) bool {
		if t.groups[i].max != t.groups[j].max {
			return t.groups[i].max > t.groups[j].max
		}
		return t.groups[i].bits > t.groups[j].bits
	})
}

// Lookup finds the route to dst. src, when valid, must be an address of this host
// and is the source that the result has. ok is false when there is no route.
func (t *Routes) Lookup(mark uint32, dst, src netip.Addr) (Route, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if src.IsValid() {
		if r := t.find(mark, src); r == nil || !r.Local {
			return Route{}, false
		}
	}
	r := t.find(mark, dst)
	if r == nil {
		return Route{}, false
	}
	out := *r
	if src.IsValid() {
		out.Src = src
	}
	return out, true
}

func (t *Routes) find(mark uint32, dst netip.Addr) *Route {
	var best *Route
	for _, g := range t.groups {
		if best != nil && best.priority() >= g.max {
			break
		}
		p := netip.PrefixFrom(netip.AddrFrom16(dst.As16()), g.bits).Masked()
		for _, user := range []bool{true, false} {
			r := g.routes[routeKey{p.Addr().As16(), mark, user}]
			if r != nil && r.Dst.Addr().Is4() == dst.Is4() && (best == nil || r.priority() > best.priority()) {
				best = r
			}
		}
	}
	return best
}

// Show returns the table in the form of ovs/route/show.
func (t *Routes) Show() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var b strings.Builder
	b.WriteString("Route Table:\n")
	for _, g := range t.groups {
		var list []*Route
		for _, r := range g.routes {
			list = append(list, r)
		}
		sort.Slice(list, func(i, j int) bool {
			if c := list[i].Dst.Addr().Compare(list[j].Dst.Addr()); c != 0 {
				return c < 0
			}
			if list[i].Mark != list[j].Mark {
				return list[i].Mark < list[j].Mark
			}
			return list[i].priority() > list[j].priority()
		})
		for _, r := range list {
			r.format(&b)
		}
	}
	return b.String()
}

func (r *Route) format(b *strings.Builder) {
	kind := "Cached"
	if r.User {
		kind = "User"
	}
	fmt.Fprintf(b, "%s: %s", kind, r.Dst)
	if r.Mark != 0 {
		fmt.Fprintf(b, " MARK %d", r.Mark)
	}
	fmt.Fprintf(b, " dev %s", r.Dev)
	if r.GW.IsValid() {
		fmt.Fprintf(b, " GW %s", r.GW)
	}
	fmt.Fprintf(b, " SRC %s", r.Src)
	if r.Local {
		b.WriteString(" local")
	}
	b.WriteByte('\n')
}
