//go:build linux && cgo

package cgo

import (
	"fmt"
	"slices"

	"github.com/skua/skua/internal/dp"
)

// Flags of a tunnel port, FP_TNL_*.
const (
	tnlAnyVNI = 1 << 0
	tnlGBP    = 1 << 1
	tnlGPE    = 1 << 2
)

// PortAdd adds a port and returns its number. Its queues are polled once
// SetLcoreRxqs names them. On error nothing is left behind.
func (d *Datapath) PortAdd(s dp.PortSpec) (dp.PortNo, error) {
	op := fmt.Sprintf("add port %q", s.Name)
	raw, err := rawSpec(s)
	if err != nil {
		return dp.NoPort, fmt.Errorf("%s: %w", op, err)
	}
	var no rawU16
	if err := d.write(op, func() int { return rawPortAdd(d.fp, &raw, &no, d.err) }); err != nil {
		return dp.NoPort, err
	}
	return dp.PortNo(no), nil
}

// rawSpec checks that a spec fits into C's and turns it into that.
func rawSpec(s dp.PortSpec) (rawPortSpec, error) {
	r := rawPortSpec{kind: rawU32(s.Kind), no: rawU16(s.No), tnl_udp_port: rawU16(s.TnlUDPPort)}
	if s.Kind < dp.PortEthdev || s.Kind > dp.PortRing {
		return r, invalid("port kind %d", s.Kind)
	}
	if s.No != dp.NoPort && s.No >= maxPorts {
		return r, invalid("port number %d, at most %d", s.No, maxPorts-1)
	}
	if s.Name == "" || !setCString(r.name[:], s.Name) {
		return r, invalid("port name of %d bytes, expected 1 to %d", len(s.Name), len(r.name)-1)
	}
	if !setCString(r.devargs[:], s.Devargs) {
		return r, invalid("devargs of %d bytes, at most %d", len(s.Devargs), len(r.devargs)-1)
	}
	small := []struct {
		name   string
		v, max int
		to     *rawU16
	}{
		{"rx queues", s.RxQueues, maxQueues, &r.n_rxq},
		{"tx queues", s.TxQueues, maxQueues, &r.n_txq},
		{"rx descriptors", s.RxDesc, 32768, &r.n_rxd},
		{"tx descriptors", s.TxDesc, 32768, &r.n_txd},
	}
	for _, f := range small {
		if f.v < 0 || f.v > f.max {
			return r, invalid("%d %s, at most %d", f.v, f.name, f.max)
		}
		*f.to = rawU16(f.v)
	}
	if s.MTU < 0 || s.MTU > 65535 {
		return r, invalid("MTU %d, at most 65535", s.MTU)
	}
	if s.UpcallLimit < 0 {
		return r, invalid("upcall limit %d", s.UpcallLimit)
	}
	r.mtu, r.upcall_limit = rawU32(s.MTU), rawU32(s.UpcallLimit)
	for _, f := range []struct {
		on  bool
		bit rawU16
	}{{s.TnlAnyVNI, tnlAnyVNI}, {s.TnlGBP, tnlGBP}, {s.TnlGPE, tnlGPE}} {
		if f.on {
			r.tnl_flags |= f.bit
		}
	}
	return r, nil
}

// PortDel removes a port under load: its queues leave their lcores first, packets
// that wait for it are dropped by name.
func (d *Datapath) PortDel(no dp.PortNo) error {
	return d.write(fmt.Sprintf("remove port %d", no), func() int {
		rc := rawPortDel(d.fp, rawU16(no), d.err)
		if rc >= 0 {
			for id, q := range d.rxqs {
				d.rxqs[id] = slices.DeleteFunc(q, func(q dp.Rxq) bool { return q.Port == no })
			}
		}
		return rc
	})
}

// PortInfo returns a port as it is.
func (d *Datapath) PortInfo(no dp.PortNo) (dp.PortInfo, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	op := fmt.Sprintf("port %d", no)
	if d.fp == nil {
		return dp.PortInfo{}, fmt.Errorf("%s: %w", op, ErrClosed)
	}
	var raw rawPortInfo
	if rc := rawPortInfoOf(d.fp, rawU16(no), &raw); rc < 0 {
		return dp.PortInfo{}, fail(op, rc, nil)
	}
	return portInfo(&raw), nil
}

// Ports returns all ports in ascending order of their numbers.
func (d *Datapath) Ports() []dp.PortInfo {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return nil
	}
	nos := make([]rawU16, maxPorts)
	n := min(rawPortList(d.fp, nos), len(nos))
	out := make([]dp.PortInfo, 0, max(n, 0))
	for i := range max(n, 0) {
		var raw rawPortInfo
		if rawPortInfoOf(d.fp, nos[i], &raw) == 0 {
			out = append(out, portInfo(&raw))
		}
	}
	return out
}

// PortByName returns the port with a name.
func (d *Datapath) PortByName(name string) (dp.PortInfo, error) {
	for _, p := range d.Ports() {
		if p.Name == name {
			return p, nil
		}
	}
	return dp.PortInfo{}, fmt.Errorf("port %q: %w", name, dp.ErrNotFound)
}

func portInfo(r *rawPortInfo) dp.PortInfo {
	in := dp.PortInfo{
		Kind: dp.PortKind(r.kind), No: dp.PortNo(r.no),
		Name: goString(r.name[:]), Driver: goString(r.driver[:]), Devargs: goString(r.devargs[:]),
		RxQueues: int(r.n_rxq), TxQueues: int(r.n_txq), MTU: int(r.mtu),
		LinkUp: r.link_up != 0, Promisc: r.promisc != 0, LinkMbps: int(r.link_mbps),
		Socket: int(r.socket), IfIndex: int(r.ifindex), TnlUDPPort: uint16(r.tnl_udp_port),
	}
	for i := range in.MAC {
		in.MAC[i] = byte(r.mac[i])
	}
	return in
}

// PortStats returns a port's counters.
func (d *Datapath) PortStats(no dp.PortNo) (dp.PortStats, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	op := fmt.Sprintf("statistics of port %d", no)
	if d.fp == nil {
		return dp.PortStats{}, fmt.Errorf("%s: %w", op, ErrClosed)
	}
	var r rawPortStats
	if rc := rawPortStatsOf(d.fp, rawU16(no), &r); rc < 0 {
		return dp.PortStats{}, fail(op, rc, nil)
	}
	return dp.PortStats{
		RxPackets: uint64(r.rx_packets), RxBytes: uint64(r.rx_bytes),
		RxDropped: uint64(r.rx_dropped), RxErrors: uint64(r.rx_errors),
		TxPackets: uint64(r.tx_packets), TxBytes: uint64(r.tx_bytes),
		TxDropped: uint64(r.tx_dropped), TxErrors: uint64(r.tx_errors),
		Upcalls: uint64(r.upcalls), UpcallsLost: uint64(r.upcalls_lost),
	}, nil
}

// PortSetMTU sets a port's MTU in bytes, without the Ethernet header.
func (d *Datapath) PortSetMTU(no dp.PortNo, mtu int) error {
	op := fmt.Sprintf("set MTU of port %d to %d", no, mtu)
	if mtu <= 0 || mtu > 65535 {
		return fmt.Errorf("%s: %w", op, invalid("MTU must be 1 to 65535"))
	}
	return d.write(op, func() int { return rawPortSetMTU(d.fp, rawU16(no), rawU32(mtu), d.err) })
}

// PortSetMAC sets a port's Ethernet address.
func (d *Datapath) PortSetMAC(no dp.PortNo, mac dp.MAC) error {
	var raw [6]rawU8
	for i := range mac {
		raw[i] = rawU8(mac[i])
	}
	return d.write(fmt.Sprintf("set MAC of port %d to %x", no, mac),
		func() int { return rawPortSetMAC(d.fp, rawU16(no), &raw, d.err) })
}

// PortSetUp sets a port up or down.
func (d *Datapath) PortSetUp(no dp.PortNo, up bool) error {
	return d.write(fmt.Sprintf("set port %d up=%t", no, up),
		func() int { return rawPortSetUp(d.fp, rawU16(no), cBool(up), d.err) })
}

// SetUpcallLimit sets how many upcalls of a port may be outstanding; 0: the default.
func (d *Datapath) SetUpcallLimit(no dp.PortNo, limit int) error {
	op := fmt.Sprintf("set upcall limit of port %d to %d", no, limit)
	if limit < 0 {
		return fmt.Errorf("%s: %w", op, invalid("negative limit"))
	}
	return d.write(op, func() int { return rawPortSetUpcallLimit(d.fp, rawU16(no), rawU32(limit)) })
}

// SetVNI makes a tunnel port terminate a VNI (24 bits) or stop that.
func (d *Datapath) SetVNI(port dp.PortNo, vni uint32, on bool) error {
	op := fmt.Sprintf("set VNI %d of port %d on=%t", vni, port, on)
	if vni >= 1<<24 {
		return fmt.Errorf("%s: %w", op, invalid("a VNI has 24 bits"))
	}
	return d.write(op, func() int { return rawTnlVNI(d.fp, rawU16(port), rawU32(vni), cBool(on)) })
}
