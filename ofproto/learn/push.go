package learn

import (
	"net/netip"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

// hopKey names a neighbour of the underlay.
type hopKey struct {
	bridge string
	ip     netip.Addr
}

// refresh drops what was made from older tables of the underlay.
func (h *Handler) refresh() {
	gen := h.gen.Load()
	if gen == h.seenGen {
		return
	}
	h.seenGen = gen
	clear(h.cache)
	clear(h.nextHops)
	clear(h.hops)
	for _, br := range h.bridges {
		br.localMAC, br.localAddrs = dp.MAC{}, nil
		if br.local == nil {
			continue
		}
		br.localMAC, _ = h.Interfaces.MAC(br.name)
		for _, p := range h.Interfaces.Addrs(br.name) {
			br.localAddrs = append(br.localAddrs, p.Addr())
		}
	}
}

// push adds to d what sends a packet into a tunnel: a route to the remote, its next
// hop's address, the header, and the underlay bridge's port (or all of them) to send by. A
// tunnel that cannot be reached adds nothing.
func (h *Handler) push(d *decision, t *tnl.Port, dk *decisionKey) {
	if t.RemoteFlow {
		return // this handler sets no tunnel addresses
	}
	route, ok := h.Routes.Lookup(0, t.Remote, t.Local)
	if !ok || route.Local { // no route, or the tunnel would end here
		return
	}
	br := h.bridges[route.Dev]
	if br == nil || br.local == nil || br.localMAC == (dp.MAC{}) {
		return // the way out is not one of our bridges
	}
	hop := t.Remote
	if route.GW.IsValid() {
		hop = route.GW
	}
	mac, ok := h.Neighbours.Lookup(br.name, hop)
	if !ok {
		h.ask(br, hop, route.Src)
		d.unresolved, d.hop = true, hopKey{br.name, hop}
		return
	}
	h.hops[hopKey{br.name, hop}] = route.Src
	hdr := tnl.Header{SrcMAC: br.localMAC, DstMAC: mac, Src: route.Src, Dst: t.Remote,
		TOS: t.TOS, TTL: t.TTL, DF: t.DF, Csum: t.Csum, DstPort: t.DstPort, VNI: t.Key, GBP: t.GBP}
	if dk.ip {
		if t.TOSInherit {
			hdr.TOS = dk.tos
		}
		hdr.TOS = hdr.TOS&^3 | tnl.OuterECN(dk.tos)
		if t.TTLInherit {
			hdr.TTL = dk.ttl
		}
	} else if t.TTLInherit {
		hdr.TTL = tnl.DefaultTTL
	}
	if t.KeyFlow {
		hdr.VNI = dk.vni
	}
	ports := h.underlayPorts(br, mac)
	if len(ports) == 0 {
		return
	}
	seg := dp.Actions{dp.TnlPush{TnlPort: t.No, OutPort: br.local.No, Type: dp.TnlVXLAN, Header: hdr.Build()}}
	for _, p := range ports {
		seg = append(seg, dp.Output{Port: p.No})
	}
	d.segments = append(d.segments, seg)
}

// assemble makes the list of actions. A segment that changes the packet stands in
// a clone unless it is the last.
func (d *decision) assemble() {
	for i, seg := range d.segments {
		if len(seg) > 1 && i < len(d.segments)-1 {
			d.actions = append(d.actions, dp.Clone{Actions: seg})
		} else {
			d.actions = append(d.actions, seg...)
		}
	}
	d.segments = nil
}

// underlayPorts returns the ports of an underlay bridge by which a neighbour is
// reached: the one that its address was learned on, else all (as an unknown
// address is flooded), but never LOCAL, where the packet comes from, nor a tunnel.
func (h *Handler) underlayPorts(br *bridge, mac dp.MAC) []*port {
	k := macKey{0, mac}
	h.nextHops[k] = true
	if p := br.macs.lookup(k); p != nil {
		if p == br.local || p.Tunnel != nil {
			return nil
		}
		return []*port{p}
	}
	var out []*port
	for _, p := range br.ports {
		if p != br.local && p.Tunnel == nil {
			out = append(out, p)
		}
	}
	return out
}

// sendRequest asks for a neighbour on all ports of its bridge.
func (h *Handler) sendRequest(br *bridge, target, src netip.Addr) {
	frame := requestFrame(br.localMAC, src, target)
	var acts dp.Actions
	for _, p := range br.ports {
		if p != br.local && p.Tunnel == nil {
			acts = append(acts, dp.Output{Port: p.No})
		}
	}
	if len(acts) == 0 {
		return
	}
	h.figures.ARPSent++
	errs := h.DP.PacketOut([]dp.PacketOut{{InPort: br.local.No, Packet: frame, Actions: acts}})
	for _, err := range errs {
		if err != nil {
			h.Log.Debug("request for a neighbour could not be sent", zap.String("bridge", br.name),
				zap.Stringer("ip", target), zap.Error(err))
		}
	}
}

func requestFrame(mac dp.MAC, src, target netip.Addr) []byte {
	if target.Is4() {
		return tnl.ARPRequest(mac, src, target)
	}
	return tnl.NDSolicitation(mac, src, target)
}
