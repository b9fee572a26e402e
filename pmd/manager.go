package pmd

import (
	"errors"
	"fmt"
	"sort"
	"sync"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
)

// Port is a port as the manager has it.
type Port struct {
	Config
	No      dp.PortNo // number in the datapath; kept while the port is away
	IfIndex int       // kernel interface's index when it was opened, 0: none
	Present bool      // false: its kernel interface has disappeared

	restore func() error // what Manager.Quiet gave, nil: nothing
}

// Events are told what happens to ports without being asked for. They are called
// without the manager's lock.
type Events struct {
	Lost     func(p Port) // the interface of a port has disappeared; the port has left the datapath
	Returned func(p Port) // it is back, under its number
}

// Manager keeps a datapath's ports and queue lists as they are desired.
type Manager struct {
	// Quiet is called when a kernel interface becomes a port, and what it returns
	// when it is none any more; see [QuietARP]. Set before the first port, nil: none.
	Quiet func(ifname string) (restore func() error, err error)

	dp     dp.Datapath
	log    *zap.Logger
	events Events

	mu    sync.Mutex
	ports map[string]*Port
}

// New returns a manager without ports.
func New(d dp.Datapath, log *zap.Logger, ev Events) *Manager {
	return &Manager{dp: d, log: log, events: ev, ports: map[string]*Port{}}
}

// Add adds a port. A failed add leaves nothing behind. Errors wrap dp.ErrExist for
// a name in use, dp.ErrInvalid for a configuration that cannot be.
func (m *Manager) Add(c Config) (Port, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ports[c.Name] != nil {
		return Port{}, fmt.Errorf("add port %q: %w", c.Name, dp.ErrExist)
	}
	p, err := m.open(c)
	if err != nil {
		return Port{}, err
	}
	return *p, nil
}

// Del removes a port under load. Errors wrap dp.ErrNotFound.
func (m *Manager) Del(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.ports[name]
	if p == nil {
		return fmt.Errorf("delete port %q: %w", name, dp.ErrNotFound)
	}
	if err := m.close(p); err != nil {
		return fmt.Errorf("delete port %q: %w", name, err)
	}
	delete(m.ports, name)
	return nil
}

// Apply makes the ports those of desired: it removes what is not named, opens
// what is missing, and changes what differs. A port that fails does not hold up
// the others; the errors of all are joined.
func (m *Manager) Apply(desired []Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	want := map[string]*Config{}
	for i := range desired {
		want[desired[i].Name] = &desired[i]
	}
	var errs []error
	for _, name := range m.names() {
		p := m.ports[name]
		if c := want[name]; c != nil && c.sameDevice(&p.Config) {
			continue
		}
		if err := m.close(p); err != nil {
			errs = append(errs, fmt.Errorf("delete port %q: %w", name, err))
			continue
		}
		delete(m.ports, name)
	}
	for i := range desired {
		c := desired[i]
		var err error
		if p := m.ports[c.Name]; p != nil {
			if err = m.change(p, c); err != nil {
				err = fmt.Errorf("change port %q: %w", c.Name, err)
			}
		} else {
			_, err = m.open(c)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// SetAffinity binds receive queues of a port to the pinned lcores of cpus while
// traffic passes; queues that are not named are spread as usual.
func (m *Manager) SetAffinity(name string, affinity map[int]int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.ports[name]
	if p == nil {
		return fmt.Errorf("affinity of port %q: %w", name, dp.ErrNotFound)
	}
	c := p.Config
	c.Affinity = affinity
	if err := m.change(p, c); err != nil {
		return fmt.Errorf("affinity of port %q: %w", name, err)
	}
	return nil
}

// Rebalance forgets which lcore had which queue and spreads them anew.
func (m *Manager) Rebalance() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	to, err := Assign(m.lcores(), m.queues(), nil)
	if err != nil {
		return fmt.Errorf("rebalance: %w", err)
	}
	return m.move(m.current(), to)
}

// Get returns a port by its name.
func (m *Manager) Get(name string) (Port, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.ports[name]; p != nil {
		return *p, true
	}
	return Port{}, false
}

// List returns all ports in the order of their names.
func (m *Manager) List() []Port {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Port, 0, len(m.ports))
	for _, name := range m.names() {
		out = append(out, *m.ports[name])
	}
	return out
}

// Stats returns the counters of a port.
func (m *Manager) Stats(name string) (dp.PortStats, error) {
	p, ok := m.Get(name)
	if !ok || !p.Present {
		return dp.PortStats{}, fmt.Errorf("statistics of port %q: %w", name, dp.ErrNotFound)
	}
	return m.dp.PortStats(p.No)
}

// Close removes all ports.
func (m *Manager) Close() error { return m.Apply(nil) }

func (m *Manager) names() []string {
	out := make([]string, 0, len(m.ports))
	for name := range m.ports {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Isolated reports whether a lcore polls only queues that an affinity bound to it.
func (m *Manager) Isolated(lcore int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	rxqs := m.dp.LcoreRxqs(lcore)
	for _, q := range rxqs {
		bound := false
		for _, p := range m.ports {
			if p.Present && p.No == q.Port {
				_, bound = p.Affinity[q.Queue]
			}
		}
		if !bound {
			return false
		}
	}
	return len(rxqs) > 0
}
