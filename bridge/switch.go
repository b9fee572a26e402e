package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netns"
	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/learn"
	"github.com/skua/skua/ofproto/tnl"
	"github.com/skua/skua/pmd"
)

// TypeVXLAN is the type of tunnel ports.
const TypeVXLAN = "vxlan"

// Switch is a switch over one datapath.
type Switch struct {
	DP         dp.Datapath
	PMD        *pmd.Manager
	Tunnels    *tnl.Ports
	Neighbours *tnl.Neighbours
	Routes     *tnl.Routes
	Kernel     *tnl.Kernel
	Learn      *learn.Handler

	log *zap.Logger
	ns  netns.NsHandle

	mu sync.Mutex // one change of the configuration at a time
}

// New returns a switch without ports over d, which stays the caller's. It follows
// the kernel in network namespace ns, netns.None() for the caller's own. logger
// gives the logger of a module.
func New(d dp.Datapath, ns netns.NsHandle, logger func(module string) *zap.Logger) (*Switch, error) {
	s := &Switch{DP: d, log: logger("bridge"), ns: ns}
	var err error
	if s.Kernel, err = tnl.NewKernel(ns, logger("ovs_router")); err != nil {
		return nil, err
	}
	// The tables tell the handler of changes; it stands below none of them.
	changed := func() { s.Learn.UnderlayChanged() }
	s.Tunnels = tnl.NewPorts(d, changed)
	s.Neighbours = tnl.NewNeighbours(nil, changed)
	s.Routes = tnl.NewRoutes(s.Kernel, changed)
	s.Learn = learn.New(learn.Deps{DP: d, Ports: s.Tunnels, Routes: s.Routes, Neighbours: s.Neighbours,
		Interfaces: s.Kernel, Log: logger("ofproto_dpif_upcall")})
	s.PMD = pmd.New(d, logger("netdev"), pmd.Events{
		Returned: func(p pmd.Port) { s.Learn.Renumber(p.Name, p.No) },
	})
	if !ns.IsOpen() { // the settings that can be reached are those of our own namespace
		s.PMD.Quiet = pmd.QuietARP
	}
	return s, nil
}

// Run answers upcalls and follows the kernel until ctx ends, then returns.
func (s *Switch) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, f := range []func(context.Context){
		s.Learn.Run,
		func(ctx context.Context) { s.Kernel.Follow(ctx, s.Routes, s.Neighbours, s.Learn.HasLocal) },
		func(ctx context.Context) { s.PMD.FollowLinks(ctx, s.ns) },
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(ctx)
		}()
	}
	wg.Wait()
}

// Close removes all ports. Call it when Run has returned.
func (s *Switch) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, t := range s.Tunnels.List() {
		errs = append(errs, s.Tunnels.Del(t.Name))
	}
	errs = append(errs, s.PMD.Close())
	s.Kernel.Close()
	return errors.Join(errs...)
}

// AddIf adds a port: opts["type"] is system (the default: a kernel interface by
// name), tap, internal, dpdk or vxlan; the other keys are those of
// [pmd.ParseOptions] and [tnl.ParseOptions]. A failed add leaves nothing behind.
func (s *Switch) AddIf(name string, opts map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exists(name) {
		return fmt.Errorf("add port %q: %w", name, dp.ErrExist)
	}
	if opts["type"] == TypeVXLAN {
		c, err := tnl.ParseOptions(name, opts)
		if err != nil {
			return err
		}
		_, err = s.Tunnels.Add(c)
		return err
	}
	c, err := pmd.ParseOptions(name, opts["type"], opts)
	if err != nil {
		return err
	}
	p, err := s.PMD.Add(c)
	if err != nil {
		return err
	}
	s.log.Info("port added", zap.String("port", name), zap.String("type", c.Type), zap.Uint16("port_no", uint16(p.No)))
	return nil
}

func (s *Switch) exists(name string) bool {
	_, isPort := s.PMD.Get(name)
	return isPort || s.Tunnels.Get(name) != nil
}

// DelIf takes a port out of its bridge and removes it. Errors wrap dp.ErrNotFound.
func (s *Switch) DelIf(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.exists(name) {
		return fmt.Errorf("delete port %q: %w", name, dp.ErrNotFound)
	}
	if _, in := s.Learn.Bridge(name); in {
		if err := s.Learn.DelPort(name); err != nil {
			return err
		}
	}
	if s.Tunnels.Get(name) != nil {
		return s.Tunnels.Del(name)
	}
	if err := s.PMD.Del(name); err != nil {
		return err
	}
	s.log.Info("port deleted", zap.String("port", name))
	return nil
}

// AddBridge makes a learning switch of ports that exist, or adds them to it. A port
// of the bridge's own name is its LOCAL port.
func (s *Switch) AddBridge(name string, ports []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]learn.Port, 0, len(ports))
	for _, port := range ports {
		if t := s.Tunnels.Get(port); t != nil {
			list = append(list, learn.Port{Name: port, No: t.No, Tunnel: t})
			continue
		}
		p, ok := s.PMD.Get(port)
		if !ok {
			return fmt.Errorf("bridge %q: port %q: %w; add it with dpctl/add-if first", name, port, dp.ErrNotFound)
		}
		list = append(list, learn.Port{Name: port, No: p.No})
	}
	if err := s.Learn.AddBridge(name, list); err != nil {
		return err
	}
	// The neighbours of a new underlay are in the kernel's table already.
	return s.Kernel.Sync(s.Routes, s.Neighbours, s.Learn.HasLocal)
}

// DelBridge removes a bridge, or only the ports that are named from it.
func (s *Switch) DelBridge(name string, ports []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, port := range ports {
		if br, ok := s.Learn.Bridge(port); !ok || br != name {
			return fmt.Errorf("bridge %q: port %q: %w in it", name, port, dp.ErrNotFound)
		}
	}
	if len(ports) == 0 {
		return s.Learn.DelBridge(name)
	}
	for _, port := range ports {
		if err := s.Learn.DelPort(port); err != nil {
			return err
		}
	}
	return nil
}
