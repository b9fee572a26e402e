package tnl

import (
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"sync"

	"github.com/skua/skua/internal/dp"
)

// Port is a tunnel port: one peer (or many, with flow options) behind a datapath
// port that it shares with every tunnel of its UDP port. Immutable once added.
type Port struct {
	Config
	No     dp.PortNo // datapath port
	DPName string    // its name, vxlan_sys_PORT
}

// matchKey is what a received packet must have; zero values are wildcards.
type matchKey struct {
	no            dp.PortNo
	keyFlow       bool
	key           uint32
	remote, local netip.Addr
}

// endpoint is a datapath port of kind PortTunnel.
type endpoint struct {
	no      dp.PortNo
	name    string
	udpPort uint16
	gbp     bool
	refs    int
	anyRefs int            // ports with key=flow
	vnis    map[uint32]int // references per VNI of the others
}

// Ports are the tunnel ports of a switch. It owns the datapath's tunnel ports.
type Ports struct {
	dp       dp.Datapath
	onChange func()

	mu        sync.RWMutex
	byName    map[string]*Port
	byMatch   map[matchKey]*Port
	endpoints map[uint16]*endpoint // by UDP port
}

// NewPorts returns an empty set of tunnel ports over d. onChange (may be nil) is
// called after every change.
func NewPorts(d dp.Datapath, onChange func()) *Ports {
	if onChange == nil {
		onChange = func() {}
	}
	return &Ports{dp: d, onChange: onChange, byName: map[string]*Port{},
		byMatch: map[matchKey]*Port{}, endpoints: map[uint16]*endpoint{}}
}

func matchOf(c *Config, no dp.PortNo) matchKey {
	m := matchKey{no: no, keyFlow: c.KeyFlow, remote: c.Remote, local: c.Local}
	if !c.KeyFlow {
		m.key = c.Key
	}
	return m
}

// Add adds a tunnel port and, with the first one of its UDP port, the datapath
// port vxlan_sys_PORT. A failed add leaves nothing behind. Errors wrap dp.ErrExist
// for a name or a configuration that is in use.
func (p *Ports) Add(c Config) (*Port, error) {
	p.mu.Lock()
	port, err := p.add(c)
	p.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("add tunnel port %q: %w", c.Name, err)
	}
	p.onChange()
	return port, nil
}

func (p *Ports) add(c Config) (*Port, error) {
	if p.byName[c.Name] != nil {
		return nil, dp.ErrExist
	}
	ep := p.endpoints[c.DstPort]
	if ep != nil && ep.gbp != c.GBP {
		return nil, fmt.Errorf("VXLAN-GBP, and non-VXLAN-GBP tunnels can't be configured on the same dst_port %d: %w",
			c.DstPort, dp.ErrInvalid)
	}
	if ep != nil {
		if other := p.byMatch[matchOf(&c, ep.no)]; other != nil {
			return nil, fmt.Errorf("same remote, local and key as port %q: %w", other.Name, dp.ErrExist)
		}
	}
	ep, err := p.ref(ep, &c)
	if err != nil {
		return nil, err
	}
	port := &Port{Config: c, No: ep.no, DPName: ep.name}
	p.byName[c.Name] = port
	p.byMatch[matchOf(&c, ep.no)] = port
	return port, nil
}

// ref makes ep (nil: make one) terminate what c asks for.
func (p *Ports) ref(ep *endpoint, c *Config) (*endpoint, error) {
	fresh := ep == nil
	if fresh {
		ep = &endpoint{udpPort: c.DstPort, gbp: c.GBP, vnis: map[uint32]int{},
			name: fmt.Sprintf("vxlan_sys_%d", c.DstPort)}
		no, err := p.dp.PortAdd(ep.spec(dp.NoPort, c.KeyFlow))
		if err != nil {
			return nil, fmt.Errorf("datapath port %s: %w", ep.name, err)
		}
		ep.no = no
	}
	var err error
	switch {
	case !c.KeyFlow && ep.anyRefs == 0 && ep.vnis[c.Key] == 0:
		err = p.dp.SetVNI(ep.no, c.Key, true)
	case c.KeyFlow && ep.anyRefs == 0 && !fresh:
		err = p.reopen(ep, true)
	}
	if err != nil {
		err = fmt.Errorf("datapath port %s: VNI %s: %w", ep.name, c.keyText(), err)
		if fresh {
			err = errors.Join(err, p.dp.PortDel(ep.no))
		}
		return nil, err
	}
	p.endpoints[c.DstPort] = ep
	ep.refs++
	if c.KeyFlow {
		ep.anyRefs++
	} else {
		ep.vnis[c.Key]++
	}
	return ep, nil
}

func (ep *endpoint) spec(no dp.PortNo, anyVNI bool) dp.PortSpec {
	return dp.PortSpec{Kind: dp.PortTunnel, No: no, Name: ep.name, TnlUDPPort: ep.udpPort,
		TnlAnyVNI: anyVNI, TnlGBP: ep.gbp}
}

// reopen puts the datapath port anew under its number: whether it takes every VNI
// is fixed when a port opens. Packets that arrive in between are dropped by name.
func (p *Ports) reopen(ep *endpoint, anyVNI bool) error {
	if err := p.dp.PortDel(ep.no); err != nil {
		return err
	}
	_, err := p.dp.PortAdd(ep.spec(ep.no, anyVNI))
	if err != nil {
		if _, again := p.dp.PortAdd(ep.spec(ep.no, !anyVNI)); again != nil {
			return errors.Join(err, again)
		}
		anyVNI = !anyVNI
	}
	if anyVNI {
		return err
	}
	for vni := range ep.vnis {
		if e := p.dp.SetVNI(ep.no, vni, true); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (c *Config) keyText() string {
	if c.KeyFlow {
		return "flow"
	}
	return fmt.Sprint(c.Key)
}

// Del removes a tunnel port, and with the last one of its UDP port the datapath
// port. Errors wrap dp.ErrNotFound for a name that is not there.
func (p *Ports) Del(name string) error {
	p.mu.Lock()
	err := p.del(name)
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("delete tunnel port %q: %w", name, err)
	}
	p.onChange()
	return nil
}

func (p *Ports) del(name string) error {
	port := p.byName[name]
	if port == nil {
		return dp.ErrNotFound
	}
	ep := p.endpoints[port.DstPort]
	var err error
	switch {
	case ep.refs == 1:
		err = p.dp.PortDel(ep.no)
	case !port.KeyFlow && ep.anyRefs == 0 && ep.vnis[port.Key] == 1:
		err = p.dp.SetVNI(ep.no, port.Key, false)
	case port.KeyFlow && ep.anyRefs == 1:
		err = p.reopen(ep, false)
	}
	if err != nil {
		return fmt.Errorf("datapath port %s: %w", ep.name, err)
	}
	if ep.refs--; ep.refs == 0 {
		delete(p.endpoints, port.DstPort)
	}
	if port.KeyFlow {
		ep.anyRefs--
	} else if ep.vnis[port.Key]--; ep.vnis[port.Key] == 0 {
		delete(ep.vnis, port.Key)
	}
	delete(p.byName, name)
	delete(p.byMatch, matchOf(&port.Config, port.No))
	return nil
}

// Get returns the port of that name, nil if there is none.
func (p *Ports) Get(name string) *Port {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byName[name]
}

// Receive returns the port that a packet from a tunnel belongs to, nil if none.
// The most specific port wins: an exact key before key=flow, then an exact remote,
// then an exact local address.
func (p *Ports) Receive(no dp.PortNo, src, dst netip.Addr, vni uint32) *Port {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i := range 8 {
		m := matchKey{no: no, key: vni, remote: src, local: dst}
		if i&4 != 0 {
			m.keyFlow, m.key = true, 0
		}
		if i&2 != 0 {
			m.remote = netip.Addr{}
		}
		if i&1 != 0 {
			m.local = netip.Addr{}
		}
		if port := p.byMatch[m]; port != nil {
			return port
		}
	}
	return nil
}

// Listening returns the datapath port that terminates a UDP port.
func (p *Ports) Listening(udpPort uint16) (dp.PortNo, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if ep := p.endpoints[udpPort]; ep != nil {
		return ep.no, true
	}
	return dp.NoPort, false
}

// IsEndpoint reports whether a datapath port belongs to tunnels.
func (p *Ports) IsEndpoint(no dp.PortNo) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, ep := range p.endpoints {
		if ep.no == no {
			return true
		}
	}
	return false
}

// List returns all ports in the order of their names.
func (p *Ports) List() []*Port {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]*Port, 0, len(p.byName))
	for _, port := range p.byName {
		out = append(out, port)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Endpoint is a datapath port that terminates tunnels.
type Endpoint struct {
	No      dp.PortNo
	Name    string
	UDPPort uint16
	Refs    int
}

// Endpoints returns the datapath ports of tunnels in ascending order of numbers.
func (p *Ports) Endpoints() []Endpoint {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []Endpoint
	for _, ep := range p.endpoints {
		out = append(out, Endpoint{ep.no, ep.name, ep.udpPort, ep.refs})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].No < out[j].No })
	return out
}
