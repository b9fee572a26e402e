package learn

import (
	"fmt"
	"net/netip"
	"sort"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

// ofLocal is OpenFlow's number of a bridge's own port.
const ofLocal = 0xfffe

// Port is a port as a bridge takes it in.
type Port struct {
	Name   string
	No     dp.PortNo // datapath port; of a tunnel, that of its endpoint
	Tunnel *tnl.Port // nil: not a tunnel
}

// port is a member of a bridge.
type port struct {
	Port
	br     *bridge
	ofPort int
}

func (p *port) ofName() string {
	if p.ofPort == ofLocal {
		return "LOCAL"
	}
	return fmt.Sprint(p.ofPort)
}

// bridge is one learning switch.
type bridge struct {
	name   string
	ports  []*port // in the order of OpenFlow numbers, LOCAL last
	local  *port   // the port of the bridge's own name, nil if it has none
	nextOF int
	macs   *macTable
	deps   map[macKey]*flow // flows that looked an address up

	// Of the interface that is the bridge's LOCAL port; refreshed when the
	// underlay's generation changes.
	localMAC   dp.MAC
	localAddrs []netip.Addr
}

// AddBridge adds a bridge, or ports to one that exists. A port of the bridge's own
// name is its LOCAL port: its host's address ends tunnels. Nothing changes when a
// port is wrong. Errors wrap dp.ErrExist for a port that a bridge has.
func (h *Handler) AddBridge(name string, ports []Port) error {
	if name == "" {
		return fmt.Errorf("bridge: no name given: %w", dp.ErrInvalid)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for _, p := range ports {
		if have := h.byName[p.Name]; have != nil {
			return fmt.Errorf("bridge %q: port %q is in bridge %q: %w", name, p.Name, have.br.name, dp.ErrExist)
		}
		if seen[p.Name] {
			return fmt.Errorf("bridge %q: port %q stands twice: %w", name, p.Name, dp.ErrInvalid)
		}
		seen[p.Name] = true
	}
	br := h.bridges[name]
	if br == nil {
		br = &bridge{name: name, nextOF: 1, deps: map[macKey]*flow{}}
		br.macs = newMACTable(func(k macKey) { h.addressChanged(br, k) })
		h.bridges[name] = br
	}
	for _, p := range ports {
		br.add(h, p)
	}
	h.reconfigured()
	return nil
}

func (br *bridge) add(h *Handler, p Port) {
	bp := &port{Port: p, br: br, ofPort: br.nextOF}
	if p.Name == br.name {
		bp.ofPort = ofLocal
		br.local = bp
	} else {
		br.nextOF++
	}
	br.ports = append(br.ports, bp)
	sort.SliceStable(br.ports, func(i, j int) bool { return br.ports[i].ofPort < br.ports[j].ofPort })
	h.byName[p.Name] = bp
	if p.Tunnel == nil {
		h.byNo[p.No] = bp
	}
}

// DelBridge removes a bridge; its ports stay in the datapath, and what they receive
// is dropped. Errors wrap dp.ErrNotFound.
func (h *Handler) DelBridge(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	br := h.bridges[name]
	if br == nil {
		return fmt.Errorf("delete bridge %q: %w", name, dp.ErrNotFound)
	}
	for _, p := range br.ports {
		h.forget(p)
	}
	delete(h.bridges, name)
	h.reconfigured()
	return nil
}

// DelPort takes a port out of its bridge. Errors wrap dp.ErrNotFound for a port
// that no bridge has.
func (h *Handler) DelPort(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byName[name]
	if p == nil {
		return fmt.Errorf("take port %q out of its bridge: %w in any bridge", name, dp.ErrNotFound)
	}
	br := p.br
	h.forget(p)
	kept := br.ports[:0:0]
	for _, q := range br.ports {
		if q != p {
			kept = append(kept, q)
		}
	}
	br.ports = kept
	if br.local == p {
		br.local = nil
	}
	br.macs.flush(p)
	h.reconfigured()
	return nil
}

func (h *Handler) forget(p *port) {
	delete(h.byName, p.Name)
	if h.byNo[p.No] == p {
		delete(h.byNo, p.No)
	}
}

// Renumber tells that a port has another number in the datapath.
func (h *Handler) Renumber(name string, no dp.PortNo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byName[name]
	if p == nil || p.No == no || p.Tunnel != nil {
		return
	}
	if h.byNo[p.No] == p {
		delete(h.byNo, p.No)
	}
	p.No = no
	h.byNo[no] = p
	h.reconfigured()
}

// Bridge returns the name of the bridge that has a port.
func (h *Handler) Bridge(port string) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.byName[port]; p != nil {
		return p.br.name, true
	}
	return "", false
}

// HasLocal reports whether a bridge of that name exists and has a LOCAL port, so
// that the interface of its name is an underlay.
func (h *Handler) HasLocal(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	br := h.bridges[name]
	return br != nil && br.local != nil
}
