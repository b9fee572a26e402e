package appctl

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/obs"
	"github.com/skua/skua/internal/unixctl"
)

// PortManager adds and removes interfaces. Names are interfaces' names, which may
// differ from those of the datapath's ports (several VXLAN interfaces share one).
// Errors wrap dp's sentinels or a syscall.Errno where one fits: the errno's text is
// what the user sees first.
type PortManager interface {
	// AddIf adds the interface; opts are its key=value pairs, "type" among them.
	AddIf(name string, opts map[string]string) error
	DelIf(name string) error
}

// Rebalancer spreads receive queues over lcores anew.
type Rebalancer interface{ Rebalance() error }

// Deps are what the commands work on. DP is required; a command whose part is nil
// is not registered.
type Deps struct {
	DP    dp.Datapath
	Ports PortManager
	Rxqs  Rebalancer
	Log   *obs.Log
	// Isolated tells whether a lcore polls only queues that were pinned to it;
	// nil: none does.
	Isolated func(lcore int) bool
	// Exit stops the daemon and returns once all but the control socket is gone,
	// or with ctx's end. cleanup: remove what outlives the daemon otherwise.
	Exit func(ctx context.Context, cleanup bool) error
	// Counters adds counters to coverage/*; nil: none. Names must stay the same.
	Counters func() map[string]uint64
	Version  string // text of version, "ovs-vswitchd (...) 3.1.0"
	Program  string // in front of dpctl's errors; "": "ovs-vswitchd"
	Logger   *zap.Logger
	Now      func() time.Time // nil: time.Now
}

// Commands are the registered commands and what they remember.
type Commands struct {
	Deps
	base    baselines
	history history
}

// Register registers the commands with the server. Run gives the rates of
// coverage/show and the usages of pmd-rxq-show their samples.
func Register(s *unixctl.Server, d Deps) *Commands {
	if d.Program == "" {
		d.Program = "ovs-vswitchd"
	}
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	c := &Commands{Deps: d}
	c.registerDaemon(s)
	c.registerDpctl(s)
	c.registerPmd(s)
	c.registerCoverage(s)
	c.registerSkua(s)
	s.Register("memory/show", "", 0, 0, c.memoryShow)
	if d.Log != nil {
		registerVlog(s, d.Log)
	}
	return c
}

// Run samples counters until ctx ends.
func (c *Commands) Run(ctx context.Context) {
	t := time.NewTicker(samplePeriod)
	defer t.Stop()
	c.sample()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.sample()
		}
	}
}

// isDatapath reports whether name names the datapath, with its type or without.
func (c *Commands) isDatapath(name string) bool {
	full := c.DP.Info().Name
	_, short, _ := strings.Cut(full, "@")
	return name == full || short != "" && name == short
}

// portNames implements odp.Names over the datapath's ports at one moment, since a
// dump asks for a name per flow.
type portNames struct {
	byNo   map[dp.PortNo]string
	byName map[string]dp.PortNo
}

func (c *Commands) portNames() *portNames {
	n := &portNames{byNo: map[dp.PortNo]string{}, byName: map[string]dp.PortNo{}}
	for _, p := range c.DP.Ports() {
		n.byNo[p.No], n.byName[p.Name] = p.Name, p.No
	}
	return n
}

// PortName returns the name of a port.
func (n *portNames) PortName(no dp.PortNo) (string, bool) {
	name, ok := n.byNo[no]
	return name, ok
}

// PortNumber returns the number of a port.
func (n *portNames) PortNumber(name string) (dp.PortNo, bool) {
	no, ok := n.byName[name]
	return no, ok
}
