package tnl

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/dp"
)

// Device is a network interface of the kernel with what tunnels need of it.
type Device struct {
	Name  string
	Index int
	MAC   dp.MAC
	Addrs []netip.Prefix
}

// Kernel follows the kernel's interfaces, addresses, routes and neighbours over
// netlink (rtnetlink(7)) and keeps a [Routes] and a [Neighbours] in step.
type Kernel struct {
	log *zap.Logger
	ns  netns.NsHandle
	h   *netlink.Handle

	mu     sync.RWMutex
	byName map[string]*Device
	byIdx  map[int]*Device
}

// settle is how long a burst of changes may go on before the tables are read anew.
const settle = 30 * time.Millisecond

// NewKernel opens netlink in a network namespace; netns.None() is that of the
// calling thread. Close it after use.
func NewKernel(ns netns.NsHandle, log *zap.Logger) (*Kernel, error) {
	var h *netlink.Handle
	var err error
	if ns.IsOpen() {
		h, err = netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	} else {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	return &Kernel{log: log, ns: ns, h: h, byName: map[string]*Device{}, byIdx: map[int]*Device{}}, nil
}

// Close releases the netlink socket.
func (k *Kernel) Close() { k.h.Close() }

// Addrs returns the addresses of an interface; it implements [Addrs].
func (k *Kernel) Addrs(dev string) []netip.Prefix {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if d := k.byName[dev]; d != nil {
		return d.Addrs
	}
	return nil
}

// MAC returns the link address of an interface.
func (k *Kernel) MAC(dev string) (dp.MAC, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if d := k.byName[dev]; d != nil {
		return d.MAC, true
	}
	return dp.MAC{}, false
}

// Devices returns the interfaces in the order of their indices.
func (k *Kernel) Devices() []Device {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]Device, 0, len(k.byIdx))
	for _, d := range k.byIdx {
		out = append(out, *d)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Index < out[j].Index })
	return out
}

// Sync reads interfaces, addresses, routes and neighbours once.
func (k *Kernel) Sync(r *Routes, n *Neighbours, want func(dev string) bool) error {
	if err := k.syncRoutes(r); err != nil {
		return err
	}
	return k.syncNeighbours(n, want)
}

// Follow keeps r and n in step with the kernel until ctx ends. Neighbours are taken
// from interfaces for which want says so. When netlink loses messages it reads
// everything anew.
func (k *Kernel) Follow(ctx context.Context, r *Routes, n *Neighbours, want func(dev string) bool) {
	for ctx.Err() == nil {
		if err := k.follow(ctx, r, n, want); err != nil {
			k.log.Warn("following the kernel's routes was interrupted; reading them anew", zap.Error(err))
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

func (k *Kernel) follow(ctx context.Context, r *Routes, n *Neighbours, want func(string) bool) error {
	done := make(chan struct{})
	defer close(done)
	links, addrs, routes, neighs, err := k.subscribe(done)
	// The subscriptions close their channels when they end, and end only once
	// what they send is taken.
	defer func() { go drain(links, addrs, routes, neighs) }()
	if err != nil {
		return err
	}
	if err := k.Sync(r, n, want); err != nil {
		return err
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	dirty := false
	touch := func() {
		if !dirty {
			dirty = true
			timer.Reset(settle)
		}
	}
	for {
		open := true
		select {
		case <-ctx.Done():
			return nil
		case _, open = <-links:
			touch()
		case _, open = <-addrs:
			touch()
		case _, open = <-routes:
			touch()
		case u, ok := <-neighs:
			if open = ok; ok {
				k.neighbour(n, want, u.Type == unix.RTM_DELNEIGH, &u.Neigh)
			}
		case <-timer.C:
			dirty = false
			if err := k.Sync(r, n, want); err != nil {
				return err
			}
		}
		if !open {
			return fmt.Errorf("netlink subscription ended")
		}
	}
}

func (k *Kernel) subscribe(done chan struct{}) (links chan netlink.LinkUpdate, addrs chan netlink.AddrUpdate,
	routes chan netlink.RouteUpdate, neighs chan netlink.NeighUpdate, err error) {
	var ns *netns.NsHandle
	if k.ns.IsOpen() {
		ns = &k.ns
	}
	lost := func(err error) { k.log.Debug("netlink", zap.Error(err)) }
	l := make(chan netlink.LinkUpdate, 64)
	if err = netlink.LinkSubscribeWithOptions(l, done, netlink.LinkSubscribeOptions{Namespace: ns, ErrorCallback: lost}); err != nil {
		return nil, nil, nil, nil, fmt.Errorf("subscribe to links: %w", err)
	}
	links = l
	a := make(chan netlink.AddrUpdate, 64)
	if err = netlink.AddrSubscribeWithOptions(a, done, netlink.AddrSubscribeOptions{Namespace: ns, ErrorCallback: lost}); err != nil {
		return links, nil, nil, nil, fmt.Errorf("subscribe to addresses: %w", err)
	}
	addrs = a
	rt := make(chan netlink.RouteUpdate, 64)
	if err = netlink.RouteSubscribeWithOptions(rt, done, netlink.RouteSubscribeOptions{Namespace: ns, ErrorCallback: lost}); err != nil {
		return links, addrs, nil, nil, fmt.Errorf("subscribe to routes: %w", err)
	}
	routes = rt
	nb := make(chan netlink.NeighUpdate, 64)
	if err = netlink.NeighSubscribeWithOptions(nb, done, netlink.NeighSubscribeOptions{Namespace: ns, ErrorCallback: lost}); err != nil {
		return links, addrs, routes, nil, fmt.Errorf("subscribe to neighbours: %w", err)
	}
	return links, addrs, routes, nb, nil
}

func drain(links chan netlink.LinkUpdate, addrs chan netlink.AddrUpdate,
	routes chan netlink.RouteUpdate, neighs chan netlink.NeighUpdate) {
	for links != nil || addrs != nil || routes != nil || neighs != nil {
		open := true
		select {
		case _, open = <-links:
			if !open {
				links = nil
			}
		case _, open = <-addrs:
			if !open {
				addrs = nil
			}
		case _, open = <-routes:
			if !open {
				routes = nil
			}
		case _, open = <-neighs:
			if !open {
				neighs = nil
			}
		}
	}
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, bits := n.Mask.Size()
	a = a.Unmap()
	if a.Is4() && bits == 128 {
		ones -= 96
	}
	return netip.PrefixFrom(a, ones), true
}
