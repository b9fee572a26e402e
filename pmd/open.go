package pmd

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
)

// spec translates a port's configuration for the datapath.
func (c *Config) spec() dp.PortSpec {
	s := dp.PortSpec{No: c.No, Name: c.Name, RxQueues: c.RxQueues, RxDesc: c.RxDesc, TxDesc: c.TxDesc, MTU: c.MTU}
	switch c.Type {
	case TypeSystem:
		s.Kind = dp.PortKif
	case TypeInternal, TypeTap:
		s.Kind = dp.PortTap
	case TypeDPDK:
		s.Kind = dp.PortEthdev
		s.Devargs = c.Devargs
	}
	return s
}

// open adds a port to the datapath and has its queues polled. What it did is
// undone when a later step fails.
func (m *Manager) open(c Config) (*Port, error) {
	no, err := m.dp.PortAdd(c.spec())
	if err != nil {
		return nil, err
	}
	p := &Port{Config: c, No: no, Present: true}
	if err := m.settle(p); err != nil {
		err = fmt.Errorf("add port %q: %w", c.Name, err)
		delete(m.ports, c.Name)
		// Without the port, so that none of its queues is polled any more.
		return nil, errors.Join(err, m.reassign(nil), m.dp.PortDel(no))
	}
	return p, nil
}

// settle does what follows the opening of a port: address, state, queues.
func (m *Manager) settle(p *Port) error {
	if p.MAC != (dp.MAC{}) {
		if err := m.dp.PortSetMAC(p.No, p.MAC); err != nil {
			return fmt.Errorf("set address: %w", err)
		}
	}
	// The state of an internal port is its host's affair, as in Open vSwitch.
	if p.Type != TypeInternal {
		if err := m.dp.PortSetUp(p.No, true); err != nil {
			return fmt.Errorf("set up: %w", err)
		}
	}
	info, err := m.dp.PortInfo(p.No)
	if err != nil {
		return err
	}
	p.IfIndex = info.IfIndex
	m.ports[p.Name] = p
	if err := m.reassign(nil); err != nil {
		return err
	}
	m.quiet(p)
	return nil
}

// quiet keeps the kernel from meddling with an interface that is a port now. A
// failure is told and does not keep the port from working.
func (m *Manager) quiet(p *Port) {
	if p.Type != TypeSystem || m.Quiet == nil {
		return
	}
	restore, err := m.Quiet(p.Name)
	if err != nil {
		m.log.Warn("the kernel may answer ARP on this interface beside its bridge", zap.String("port", p.Name), zap.Error(err))
	}
	p.restore = restore
}

func (m *Manager) unquiet(p *Port) {
	if p.restore == nil {
		return
	}
	if err := p.restore(); err != nil {
		m.log.Warn("the kernel's ARP setting could not be put back", zap.String("port", p.Name), zap.Error(err))
	}
	p.restore = nil
}

// close takes a port's queues off their lcores and removes it. On failure the port
// stays as it was.
func (m *Manager) close(p *Port) error {
	if !p.Present {
		return nil
	}
	p.Present = false
	if err := m.reassign(nil); err != nil {
		p.Present = true
		return errors.Join(err, m.reassign(nil))
	}
	if err := m.dp.PortDel(p.No); err != nil && !errors.Is(err, dp.ErrNotFound) {
		p.Present = true
		return errors.Join(err, m.reassign(nil))
	}
	m.unquiet(p)
	return nil
}

// change brings a port that stays open to a new configuration.
func (m *Manager) change(p *Port, c Config) error {
	old := p.Config
	if c.MTU != 0 && c.MTU != old.MTU && p.Present {
		if err := m.dp.PortSetMTU(p.No, c.MTU); err != nil {
			return fmt.Errorf("set MTU %d: %w", c.MTU, err)
		}
		p.MTU = c.MTU
	}
	if c.MAC != (dp.MAC{}) && c.MAC != old.MAC && p.Present {
		if err := m.dp.PortSetMAC(p.No, c.MAC); err != nil {
			return fmt.Errorf("set address: %w", err)
		}
		p.MAC = c.MAC
	}
	no := p.Config.No
	p.Config = c
	if c.No == dp.NoPort {
		p.Config.No = no
	}
	if err := m.reassign(nil); err != nil {
		p.Affinity = old.Affinity
		return errors.Join(err, m.reassign(nil))
	}
	return nil
}

func (m *Manager) lcores() []Lcore {
	var out []Lcore
	for _, l := range m.dp.Lcores() {
		out = append(out, Lcore{ID: l.ID, CPU: l.CPU, Housekeeping: l.Housekeeping})
	}
	return out
}

// queues lists the queues of all present ports in the order of names.
func (m *Manager) queues() []PortQueues {
	var out []PortQueues
	for _, name := range m.names() {
		p := m.ports[name]
		if !p.Present {
			continue
		}
		info, err := m.dp.PortInfo(p.No)
		if err != nil {
			m.log.Warn("port has left the datapath by itself", zap.String("port", name), zap.Error(err))
			continue
		}
		out = append(out, PortQueues{No: p.No, Queues: info.RxQueues, Kernel: p.kernel(), Affinity: p.Affinity})
	}
	return out
}

func (m *Manager) current() Assignment {
	out := Assignment{}
	for _, l := range m.dp.Lcores() {
		rxqs := append([]dp.Rxq{}, m.dp.LcoreRxqs(l.ID)...)
		sortRxqs(rxqs)
		out[l.ID] = rxqs
	}
	return out
}

// reassign spreads queues with as few moves as possible from prev (nil: the lists
// that lcores have).
func (m *Manager) reassign(prev Assignment) error {
	now := m.current()
	if prev == nil {
		prev = now
	}
	to, err := Assign(m.lcores(), m.queues(), prev)
	if err != nil {
		return err
	}
	return m.move(now, to)
}

func (m *Manager) move(from, to Assignment) error {
	for _, s := range plan(from, to) {
		if err := m.dp.SetLcoreRxqs(s.lcore, s.rxqs); err != nil {
			return fmt.Errorf("queues of lcore %d: %w", s.lcore, err)
		}
	}
	return nil
}
