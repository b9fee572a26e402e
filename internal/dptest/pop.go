package dptest

import "github.com/skua/skua/internal/dp"

// Bits of the first word of a VXLAN header.
const (
	vxlanI = 0x08000000 // RFC 7348: the VNI is valid
	vxlanG = 0x80000000 // draft-smith-vxlan-group-policy
)

// pop terminates the tunnel of p at a port and looks the inner frame up (section T).
func (m *Model) pop(p *Packet, no dp.PortNo, r *Result) {
	p.Depth++
	port := m.ports[no]
	switch {
	case p.Depth > maxDepth:
		r.drop(DropRecircDepth)
		return
	case port == nil || port.Kind != dp.PortTunnel:
		r.drop(DropTnlNoPort)
		return
	}
	if why := decap(p, port); why != "" {
		r.drop(why)
		return
	}
	p.Meta.InPort, p.Meta.RecircID = no, 0
	m.Classify(p, r)
}

// decap checks T2 to T11, removes the outer headers and fills the tunnel line
// (T12). It returns the name of a drop or "".
func decap(p *Packet, port *Port) string {
	outer, _ := Parse(p.Frame, p.Meta)
	f := p.Frame
	if why := checkOuter(f, &outer); why != "" {
		return why
	}
	udp := f[outer.L4:outer.End]
	udp = udp[:be16(udp[4:])]
	if be16(udp[6:]) != 0 {
		s := pseudo(f[outer.L3:], outer.V6, protoUDP, len(udp))
		if fold(sum(udp, s)) != 0xffff {
			return DropTnlUDPCsum
		}
	}
	vxlan, inner := udp[8:16], udp[16:]
	flags, vni := be32(vxlan), be32(vxlan[4:])>>8
	reserved := flags &^ vxlanI
	if port.Spec.TnlGBP {
		reserved &^= vxlanG | 0xffffff
	}
	switch {
	case flags&vxlanI == 0:
		return DropVXLANNoFlag
	case !port.Spec.TnlAnyVNI && !port.VNIs[vni]:
		return DropVXLANVNI
	case reserved != 0 || vxlan[7] != 0:
		return DropVXLANRes
	case len(inner) < ethLen:
		return DropVXLANShort
	}
	if !decapECN(inner, &outer) {
		return DropTnlECN
	}
	p.Meta.Tun = tunnelLine(&outer, udp, port.Spec.TnlGBP)
	front := outer.L4 + 16
	p.Frame = p.Frame[:front+len(inner)]
	p.remove(0, front)
	return ""
}

// checkOuter is T2 to T5.
func checkOuter(f []byte, o *Layers) string {
	typ := o.Key.EthType.Uint()
	if typ != ethIPv4 && typ != ethIPv6 {
		return DropActionError
	}
	if o.L3 < 0 || !o.Chain || o.V6 && f[o.L3]>>4 != 6 || !o.V6 && f[o.L3]>>4 != 4 {
		return DropTnlTruncated
	}
	if !o.V6 {
		if hl := int(f[o.L3]&15) * 4; fold(sum(f[o.L3:o.L3+hl], 0)) != 0xffff {
			return DropTnlIPCsum
		}
	}
	if o.Key.IPFrag != 0 {
		return DropTnlFragment
	}
	if o.Key.IPProto != protoUDP {
		return DropActionError
	}
	left := o.End - o.L4
	if left < udpLen {
		return DropTnlTruncated
	}
	if n := int(be16(f[o.L4+4:])); n < udpLen+8 || n > left {
		return DropTnlTruncated
	}
	return ""
}

// decapECN is T11; it changes the inner frame in place and reports false for a drop.
func decapECN(inner []byte, outer *Layers) bool {
	in, _ := Parse(inner, Meta{})
	if in.L3 < 0 {
		return true
	}
	ip := inner[in.L3:]
	// The two bits are the low ones of TOS, or bits 4 and 5 of IPv6's second byte.
	at, shift := 1, 0
	if in.V6 {
		shift = 4
	}
	o, i := outer.Key.IPTOS&3, ip[at]>>shift&3
	now := i
	switch {
	case i == 0 && o == 3:
		return false
	case i == 0:
	case o == 3:
		now = 3
	case o == 1 && i == 2:
		now = 1
	}
	old := [2]byte(ip[0:2])
	ip[at] = ip[at]&^(3<<shift) | now<<shift
	if !in.V6 {
		patch(ip[10:12], old[:], ip[0:2], false)
	}
	return true
}

// tunnelLine is T12's line; udp starts at the UDP header.
func tunnelLine(o *Layers, udp []byte, gbp bool) (t dp.KeyTun) {
	t.Src, t.Dst = o.Key.IP6.Src, o.Key.IP6.Dst
	if !o.V6 {
		t.Src, t.Dst = Mapped(o.Key.IPSrc), Mapped(o.Key.IPDst)
	}
	flags := be32(udp[8:])
	t.TunID = dp.ToBE64(uint64(be32(udp[12:]) >> 8))
	t.Flags = dp.TunKey
	if be16(udp[6:]) != 0 {
		t.Flags |= dp.TunCsum
	}
	t.TOS, t.TTL = o.Key.IPTOS, o.Key.IPTTL
	t.TPSrc, t.TPDst = o.Key.TPSrc, o.Key.TPDst
	if gbp && flags&vxlanG != 0 {
		t.GBPID = dp.ToBE16(uint16(flags))
		t.GBPFlags = uint8(flags>>16) & 0x48
	}
	return t
}

// Mapped is an IPv4 address as the tunnel line holds it.
func Mapped(a dp.BE32) (ip dp.IP6) {
	ip[10], ip[11] = 0xff, 0xff
	copy(ip[12:], a[:])
	return ip
}
