package dptest

import (
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/skua/skua/internal/dp"
)

// FakeConfig sizes a [Fake]; zero fields take the defaults in brackets.
type FakeConfig struct {
	Lcores        int           // packet lcores beside the housekeeping lcore, which is id 0 (1)
	MaxFlows      int           // (1048576)
	UpcallRing    int           // upcalls that may be outstanding in all (2048)
	UpcallLimit   int           // upcalls that a port may have outstanding (1024)
	HoldPerFlow   int           // packets that may wait for one upcall (64)
	UpcallTimeout time.Duration // (5 s)
	TxQueue       int           // frames that wait in a port to be collected (65536)
}

// Fake is a dp.Datapath over the model. Every port, of whatever kind, is a pair
// of queues that RingInject fills and RingCollect drains; a frame is processed to
// its end within the call that brings it in, once the port's queue 0 is on a
// lcore's list. Its methods may be called from several goroutines.
type Fake struct {
	cfg FakeConfig

	mu      sync.Mutex
	model   *Model
	ports   map[dp.PortNo]*fakePort
	rxqs    [][]dp.Rxq
	lcore   dp.LcoreStats
	drops   map[string]uint64
	ups     []dp.Upcall // not yet received, in order
	held    map[uint64]*miss
	byKey   map[dp.Key]*miss
	token   uint64
	wake    chan struct{} // holds a value while ups may be waiting
	recving sync.Mutex    // one receiver at a time
}

type fakePort struct {
	rx, tx  [][]byte
	up      bool
	mac     dp.MAC
	stats   dp.PortStats
	waiting int // outstanding misses
	limit   int
}

// miss is an upcall that waits for its answer, with its packets.
type miss struct {
	token   uint64
	key     dp.Key
	packets []*Packet
	since   time.Time
}

// NewFake returns a data plane without ports.
func NewFake(cfg FakeConfig) *Fake {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&cfg.Lcores, 1)
	def(&cfg.MaxFlows, 1<<20)
	def(&cfg.UpcallRing, 2048)
	def(&cfg.UpcallLimit, 1024)
	def(&cfg.HoldPerFlow, 64)
	def(&cfg.TxQueue, 65536)
	if cfg.UpcallTimeout == 0 {
		cfg.UpcallTimeout = 5 * time.Second
	}
	f := &Fake{
		cfg: cfg, model: NewModel(), ports: map[dp.PortNo]*fakePort{}, rxqs: make([][]dp.Rxq, cfg.Lcores+1),
		drops: map[string]uint64{}, held: map[uint64]*miss{}, byKey: map[dp.Key]*miss{}, wake: make(chan struct{}, 1),
	}
	f.model.Now = time.Now
	return f
}

var _ dp.Datapath = (*Fake)(nil)

// PortAdd adds a port of any kind but does not poll it (SetLcoreRxqs does).
func (f *Fake) PortAdd(s dp.PortSpec) (dp.PortNo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.Kind < dp.PortEthdev || s.Kind > dp.PortRing {
		return 0, fmt.Errorf("port add %q: kind %d: %w", s.Name, s.Kind, dp.ErrInvalid)
	}
	if s.Name == "" {
		return 0, fmt.Errorf("port add: no name: %w", dp.ErrInvalid)
	}
	for _, p := range f.model.ports {
		if p.Name == s.Name {
			return 0, fmt.Errorf("port add %q: name is port %d's: %w", s.Name, p.No, dp.ErrExist)
		}
	}
	if s.No == dp.NoPort {
		for s.No = 1; f.ports[s.No] != nil; s.No++ {
		}
	}
	if s.No >= maxPort {
		return 0, fmt.Errorf("port add %q: port %d, at most %d is possible: %w", s.Name, s.No, maxPort-1, dp.ErrInvalid)
	}
	if f.ports[s.No] != nil {
		return 0, fmt.Errorf("port add %q: port %d: %w", s.Name, s.No, dp.ErrExist)
	}
	if s.MTU == 0 {
		s.MTU = 1500
	}
	if s.RxQueues == 0 {
		s.RxQueues = 1
	}
	if s.TxQueues == 0 {
		s.TxQueues = 1
	}
	if s.UpcallLimit == 0 {
		s.UpcallLimit = f.cfg.UpcallLimit
	}
	f.model.AddPort(s)
	f.ports[s.No] = &fakePort{up: true, limit: s.UpcallLimit, mac: dp.MAC{2, 0, 0, 0, byte(s.No >> 8), byte(s.No)}}
	return s.No, nil
}

// port finds a port; the lock is held.
func (f *Fake) port(no dp.PortNo) (*fakePort, *Port, error) {
	if p := f.ports[no]; p != nil {
		return p, f.model.ports[no], nil
	}
	return nil, nil, fmt.Errorf("port %d: %w", no, dp.ErrNotFound)
}

// PortDel removes a port, its receive queues and what is queued in it.
func (f *Fake) PortDel(no dp.PortNo) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, _, err := f.port(no)
	if err != nil {
		return err
	}
	f.drops["rx_port_gone"] += uint64(len(p.rx) + len(p.tx))
	for i, list := range f.rxqs {
		var keep []dp.Rxq
		for _, q := range list {
			if q.Port != no {
				keep = append(keep, q)
			}
		}
		f.rxqs[i] = keep
	}
	delete(f.ports, no)
	f.model.DelPort(no)
	return nil
}

// PortInfo returns a port as it is.
func (f *Fake) PortInfo(no dp.PortNo) (dp.PortInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.info(no)
}

func (f *Fake) info(no dp.PortNo) (dp.PortInfo, error) {
	p, m, err := f.port(no)
	if err != nil {
		return dp.PortInfo{}, err
	}
	i := m.PortInfo
	i.Driver, i.Devargs = "fake", m.Spec.Devargs
	i.RxQueues, i.TxQueues = m.Spec.RxQueues, m.Spec.TxQueues
	i.MAC, i.LinkUp, i.Promisc, i.Socket = p.mac, p.up, true, -1
	return i, nil
}

// PortByName finds a port by its name.
func (f *Fake) PortByName(name string) (dp.PortInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for no, p := range f.model.ports {
		if p.Name == name {
			return f.info(no)
		}
	}
	return dp.PortInfo{}, fmt.Errorf("port %q: %w", name, dp.ErrNotFound)
}

// Ports lists all ports, ascending by number.
func (f *Fake) Ports() []dp.PortInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []dp.PortInfo
	for no := range f.ports {
		if i, err := f.info(no); err == nil {
			out = append(out, i)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].No < out[j].No })
	return out
}

// PortStats returns a port's counters.
func (f *Fake) PortStats(no dp.PortNo) (dp.PortStats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, _, err := f.port(no)
	if err != nil {
		return dp.PortStats{}, err
	}
	return p.stats, nil
}

// change runs fn on a port under the lock.
func (f *Fake) change(no dp.PortNo, fn func(*fakePort, *Port) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, m, err := f.port(no)
	if err != nil {
		return err
	}
	return fn(p, m)
}

// PortSetMTU sets a port's MTU, 68 to 65535.
func (f *Fake) PortSetMTU(no dp.PortNo, mtu int) error {
	return f.change(no, func(_ *fakePort, m *Port) error {
		if mtu < 68 || mtu > 65535 {
			return fmt.Errorf("port %d: MTU %d, 68 to 65535 is possible: %w", no, mtu, dp.ErrInvalid)
		}
		m.MTU = mtu
		return nil
	})
}

// PortSetMAC sets a port's Ethernet address.
func (f *Fake) PortSetMAC(no dp.PortNo, mac dp.MAC) error {
	return f.change(no, func(p *fakePort, _ *Port) error { p.mac = mac; return nil })
}

// PortSetUp sets the state that PortInfo shows; frames pass in either.
func (f *Fake) PortSetUp(no dp.PortNo, up bool) error {
	return f.change(no, func(p *fakePort, _ *Port) error { p.up = up; return nil })
}

// SetVNI starts or stops the termination of a VNI.
func (f *Fake) SetVNI(no dp.PortNo, vni uint32, on bool) error {
	return f.change(no, func(_ *fakePort, m *Port) error {
		if m.Kind != dp.PortTunnel || vni >= 1<<24 {
			return fmt.Errorf("port %d: VNI %d: not a tunnel port or not a VNI: %w", no, vni, dp.ErrInvalid)
		}
		if on {
			m.VNIs[vni] = true
		} else {
			delete(m.VNIs, vni)
		}
		return nil
	})
}

// SetUpcallLimit sets how many upcalls a port may have outstanding.
func (f *Fake) SetUpcallLimit(no dp.PortNo, n int) error {
	return f.change(no, func(p *fakePort, _ *Port) error { p.limit = n; return nil })
}
