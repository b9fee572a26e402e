package learn

import (
	"time"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

const (
	ethTypeIPv4 = 0x0800
	ethTypeIPv6 = 0x86dd

	protoUDP = 17
)

var (
	all16  = dp.BE16{0xff, 0xff}
	all32  = dp.BE32{0xff, 0xff, 0xff, 0xff}
	all64  = dp.BE64{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allMAC = dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allIP6 = dp.IP6{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// result is a decision about a packet with what it stands on.
type result struct {
	actions    dp.Actions
	in         *port
	dep        macKey
	depends    bool
	underlay   bool
	unresolved bool   // a next hop is not known
	hop        hopKey // which
}

func isIP(k *dp.Key) bool {
	t := k.EthType.Uint()
	return t == ethTypeIPv4 || t == ethTypeIPv6
}

// inPort returns the bridge port that a packet came in by, nil if none.
func (h *Handler) inPort(k *dp.Key) *port {
	if p := h.byNo[k.InPort]; p != nil {
		return p
	}
	if k.Tun.Dst == (dp.IP6{}) {
		return nil
	}
	t := h.Ports.Receive(k.InPort, tnl.Addr(k.Tun.Src), tnl.Addr(k.Tun.Dst), uint32(k.Tun.TunID.Uint()))
	if t == nil {
		return nil
	}
	return h.byName[t.Name]
}

func vlanOf(k *dp.Key) uint16 { return k.VLANTCI.Uint() & 0xfff }

// observe learns from a packet: where its sender is and, on an underlay bridge, the
// neighbour that it announces.
func (h *Handler) observe(k *dp.Key, now time.Time) {
	in := h.inPort(k)
	if in == nil || k.RecircID != 0 || reserved(k.EthDst) {
		return
	}
	in.br.macs.learn(macKey{vlanOf(k), k.EthSrc}, in, now)
	if in.br.local != nil && in != in.br.local {
		if ip, mac, ok := tnl.Snoop(k); ok {
			h.Neighbours.Set(in.br.name, ip, mac)
		}
	}
}

// reserved reports whether a frame is for the bridge itself and never forwarded
// (IEEE 802.1Q table 8-1, 01-80-c2-00-00-00 to 0f).
func reserved(dst dp.MAC) bool {
	return dst[0] == 0x01 && dst[1] == 0x80 && dst[2] == 0xc2 && dst[3] == 0 && dst[4] == 0 && dst[5] < 0x10
}

// translate decides about a packet. It sets in m the bits of k that it looked at,
// and those that Open vSwitch compares in every flow: in_port, recirc_id, the
// Ethernet type, and of IP whether the packet is a fragment.
func (h *Handler) translate(k *dp.Key, m *dp.Mask) result {
	m.RecircID = 0xffffffff
	m.InPort = 0xffff
	m.EthType = all16
	if isIP(k) {
		m.IPFrag = dp.FragAny | dp.FragLater
	}
	tunnelled := k.Tun.Dst != (dp.IP6{})
	if tunnelled {
		m.Tun.Src, m.Tun.Dst, m.Tun.TunID = allIP6, allIP6, all64
	}
	r := result{in: h.inPort(k), underlay: tunnelled}
	if r.in == nil || k.RecircID != 0 {
		return r
	}
	m.EthSrc, m.EthDst = allMAC, allMAC // the sender is learned, the receiver looked up
	m.VLANTCI = all16
	if k.VLANTCI != (dp.BE16{}) {
		m.VLANTPID = all16
	}
	if reserved(k.EthDst) {
		return r
	}
	br := r.in.br
	if br.local != nil && r.in != br.local {
		r.underlay = true
		tnl.SnoopMask(k, m)
		if pop, ok := h.terminates(br, k, m); ok {
			r.actions = dp.Actions{pop}
			return r
		}
	}
	var out *port
	if k.EthDst[0]&1 == 0 {
		r.dep, r.depends = macKey{vlanOf(k), k.EthDst}, true
		out = br.macs.lookup(r.dep)
		if out == r.in {
			return r // where it came from: nobody else wants it
		}
	}
	d := h.decide(r.in, out, k, m)
	r.actions = d.actions
	r.unresolved, r.hop = d.unresolved, d.hop
	r.underlay = r.underlay || d.underlay
	return r
}

// terminates reports whether a packet is for a tunnel that ends at the host behind
// a bridge's LOCAL port, and sets what it looked at.
func (h *Handler) terminates(br *bridge, k *dp.Key, m *dp.Mask) (dp.TnlPop, bool) {
	var pop dp.TnlPop
	if k.EthDst != br.localMAC || !isIP(k) || k.VLANTCI != (dp.BE16{}) {
		return pop, false
	}
	m.IPProto = 0xff
	if k.IPProto != protoUDP || k.IPFrag != 0 {
		return pop, false
	}
	m.TPDst = all16
	no, ok := h.Ports.Listening(k.TPDst.Uint())
	if !ok {
		return pop, false
	}
	dst := tnl.Addr4(k.IPDst)
	if k.EthType.Uint() == ethTypeIPv6 {
		dst = tnl.Addr(k.IP6.Dst)
		m.IP6.Dst = allIP6
	} else {
		m.IPDst = all32
	}
	for _, a := range br.localAddrs {
		if a == dst {
			return dp.TnlPop{Port: no}, true
		}
	}
	return pop, false
}

// decisionKey is all that the actions depend on beside the underlay's tables.
type decisionKey struct {
	in, out  *port // out nil: flood
	ip       bool
	tos, ttl uint8 // only the bits that were looked at
	vni      uint32
}

// decision is a list of actions that many flows share.
type decision struct {
	actions    dp.Actions
	segments   []dp.Actions // while it is made: one per port
	underlay   bool
	unresolved bool
	hop        hopKey
}

// decide returns the actions for a packet from in to out, or to all other ports.
func (h *Handler) decide(in, out *port, k *dp.Key, m *dp.Mask) *decision {
	dk := decisionKey{in: in, out: out, ip: isIP(k)}
	need := h.needs(in, out, dk.ip)
	if need.tos != 0 {
		m.IPTOS |= need.tos
		dk.tos = k.IPTOS & need.tos
	}
	if need.ttl {
		m.IPTTL = 0xff
		dk.ttl = k.IPTTL
	}
	if need.vni && in.Tunnel != nil {
		dk.vni = uint32(k.Tun.TunID.Uint()) // compared for every tunnel packet
	}
	if d := h.cache[dk]; d != nil {
		return d
	}
	d := &decision{}
	if out != nil {
		h.output(d, out, &dk)
	} else {
		for _, p := range in.br.ports {
			if p != in {
				h.output(d, p, &dk)
			}
		}
	}
	d.assemble()
	if !d.unresolved { // an unresolved next hop is to be asked for each time
		if len(h.cache) >= maxCache {
			clear(h.cache)
		}
		h.cache[dk] = d
	}
	return d
}

// maxCache bounds the shared decisions; ttl=inherit and VNIs of flow-keyed tunnels
// can make many.
const maxCache = 65536

// needs says what outer headers take from an inner packet.
type needs struct {
	tos      uint8 // bits
	ttl, vni bool
}

func (h *Handler) needs(in, out *port, ip bool) (n needs) {
	add := func(p *port) {
		t := p.Tunnel
		if t == nil || p == in || t.RemoteFlow {
			return
		}
		n.vni = n.vni || t.KeyFlow
		if !ip {
			return
		}
		n.tos |= 3 // ECN is always taken over
		if t.TOSInherit {
			n.tos = 0xff
		}
		n.ttl = n.ttl || t.TTLInherit
	}
	if out != nil {
		add(out)
		return n
	}
	for _, p := range in.br.ports {
		add(p)
	}
	return n
}

func (h *Handler) output(d *decision, p *port, dk *decisionKey) {
	if p.Tunnel == nil {
		d.segments = append(d.segments, dp.Actions{dp.Output{Port: p.No}})
		return
	}
	d.underlay = true
	h.push(d, p.Tunnel, dk)
}
