package tnl

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/dp"
)

// syncDevices reads interfaces and addresses.
func (k *Kernel) syncDevices() error {
	links, err := k.h.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	byName, byIdx := map[string]*Device{}, map[int]*Device{}
	for _, l := range links {
		a := l.Attrs()
		d := &Device{Name: a.Name, Index: a.Index}
		copy(d.MAC[:], a.HardwareAddr)
		byName[d.Name], byIdx[d.Index] = d, d
	}
	addrs, err := k.h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		d := byIdx[a.LinkIndex]
		if d == nil || a.IPNet == nil {
			continue
		}
		if p, ok := prefixOf(a.IPNet); ok {
			d.Addrs = append(d.Addrs, p)
		}
	}
	k.mu.Lock()
	k.byName, k.byIdx = byName, byIdx
	k.mu.Unlock()
	return nil
}

// syncRoutes reads the tables main, default and local, as Open vSwitch does. Of
// several routes to one prefix the one with the lowest metric is taken.
func (k *Kernel) syncRoutes(t *Routes) error {
	if err := k.syncDevices(); err != nil {
		return err
	}
	list, err := k.h.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC},
		netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	var out []Route
	metric := map[Route]int{}
	for i := range list {
		r, ok := k.route(&list[i])
		if !ok {
			continue
		}
		id := Route{Dst: r.Dst, Local: r.Local}
		if m, seen := metric[id]; seen && m < list[i].Priority {
			continue
		}
		metric[id] = list[i].Priority
		out = append(out, r)
	}
	t.SetKernel(out)
	return nil
}

func (k *Kernel) route(nr *netlink.Route) (Route, bool) {
	switch nr.Table {
	case unix.RT_TABLE_MAIN, unix.RT_TABLE_DEFAULT, unix.RT_TABLE_LOCAL:
	default:
		return Route{}, false
	}
	if nr.Type != unix.RTN_UNICAST && nr.Type != unix.RTN_LOCAL {
		return Route{}, false
	}
	r := Route{Local: nr.Type == unix.RTN_LOCAL}
	var gw = nr.Gw
	idx := nr.LinkIndex
	if len(nr.MultiPath) > 0 { // the first hop, as tunnels need one
		gw, idx = nr.MultiPath[0].Gw, nr.MultiPath[0].LinkIndex
	}
	k.mu.RLock()
	d := k.byIdx[idx]
	k.mu.RUnlock()
	if d == nil {
		return Route{}, false
	}
	r.Dev = d.Name
	switch {
	case nr.Dst != nil:
		p, ok := prefixOf(nr.Dst)
		if !ok {
			return Route{}, false
		}
		r.Dst = p
	case nr.Family == netlink.FAMILY_V6:
		r.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	default:
		r.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	if a, ok := netip.AddrFromSlice(gw); ok {
		r.GW = a.Unmap()
	}
	if a, ok := netip.AddrFromSlice(nr.Src); ok {
		r.Src = a.Unmap()
	}
	return r, true
}

func (k *Kernel) syncNeighbours(n *Neighbours, want func(string) bool) error {
	list, err := k.h.NeighList(0, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	for i := range list {
		k.neighbour(n, want, false, &list[i])
	}
	return nil
}

// neighUsable are the states in which the kernel itself would send to a neighbour.
const neighUsable = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT

func (k *Kernel) neighbour(n *Neighbours, want func(string) bool, deleted bool, e *netlink.Neigh) {
	k.mu.RLock()
	d := k.byIdx[e.LinkIndex]
	k.mu.RUnlock()
	ip, ok := netip.AddrFromSlice(e.IP)
	if d == nil || !ok || !want(d.Name) {
		return
	}
	var mac dp.MAC
	copy(mac[:], e.HardwareAddr)
	if deleted || e.State&neighUsable == 0 || mac == (dp.MAC{}) || mac[0]&1 != 0 {
		n.DelKernel(d.Name, ip)
		return
	}
	n.SetKernel(d.Name, ip.Unmap(), mac)
}
