package odp

import (
	"testing"

	"github.com/skua/skua/internal/dp"
	"pgregory.net/rapid"
)

// drawBytes fills v and m; the mask is empty, whole or any.
func drawBytes(t *rapid.T, v, m []byte) {
	kind := rapid.IntRange(0, 3).Draw(t, "mask kind")
	for i := range v {
		switch kind {
		case 0:
			m[i] = 0
		case 1:
			m[i] = 0xff
		default:
			m[i] = rapid.Byte().Draw(t, "mask")
		}
		v[i] = rapid.Byte().Draw(t, "value") & m[i]
	}
}

// draw gives a field any value and mask.
func (f *field) draw(t *rapid.T) {
	switch v := f.val.(type) {
	case *dp.MAC:
		drawBytes(t, v[:], f.mask.(*dp.MAC)[:])
		return
	case *dp.IP6:
		m := f.mask.(*dp.IP6)
		if f.form != mapped4 {
			drawBytes(t, v[:], m[:])
			return
		}
		var v4, m4 dp.BE32
		drawBytes(t, v4[:], m4[:])
		*v, *m = mapped(v4, m4)
		return
	}
	bits := f.numBits()
	if f.form == frag {
		bits = 2
	}
	var m uint64
	switch rapid.IntRange(0, 3).Draw(t, "mask kind") {
	case 0:
	case 1:
		m = ones(bits)
	default:
		m = rapid.Uint64Max(ones(bits)).Draw(t, "mask")
	}
	store(f.val, rapid.Uint64Max(ones(bits)).Draw(t, f.name)&m)
	store(f.mask, m)
}

func drawAll(t *rapid.T, fields []field) {
	for i := range fields {
		fields[i].draw(t)
	}
}

func number(name string, val, mask any, bits int) *field { return &field{name, hex, val, mask, bits} }

// drawKey returns a key and mask that a text can say.
func drawKey(t *rapid.T) (k dp.Key, m dp.Mask) {
	k.RecircID, m.RecircID = rapid.Uint32().Draw(t, "recirc_id"), 0xffffffff
	k.InPort, m.InPort = dp.PortNo(rapid.IntRange(0, 0xfffe).Draw(t, "in_port")), 0xffff
	number("skb_priority", &k.Misc.SkbPriority, &m.Misc.SkbPriority, 0).draw(t)
	number("skb_mark", &k.PktMark, &m.PktMark, 0).draw(t)
	number("dp_hash", &k.Misc.DPHash, &m.Misc.DPHash, 0).draw(t)
	drawCT(t, &k, &m)
	drawTunnel(t, &k, &m)
	drawAll(t, ethFields(&k, &m))
	drawTags(t, &k, &m)
	drawNetwork(t, &k, &m)
	k.SetLines()
	return k, m
}

func drawCT(t *rapid.T, k *dp.Key, m *dp.Mask) {
	number("ct_state", &k.CT.State, &m.CT.State, 0).draw(t)
	number("ct_zone", &k.CT.Zone, &m.CT.Zone, 0).draw(t)
	number("ct_mark", &k.CT.Mark, &m.CT.Mark, 0).draw(t)
	drawBytes(t, k.CT.Label[:], m.CT.Label[:])
	switch rapid.IntRange(0, 2).Draw(t, "ct tuple") {
	case 1:
		drawAll(t, tupleFields(k, m, mapped4, "tp_src", "tp_dst"))
	case 2:
		drawAll(t, tupleFields(k, m, ip6, "tp_src", "tp_dst"))
	}
}

func drawTunnel(t *rapid.T, k *dp.Key, m *dp.Mask) {
	kind := rapid.IntRange(0, 2).Draw(t, "tunnel")
	if kind == 0 {
		return
	}
	for _, f := range tunnelFields(k, m) {
		if _, addr := f.val.(*dp.IP6); !addr || (kind == 1) == (f.form == mapped4) {
			f.draw(t)
		}
	}
	number("flags", &k.Tun.Flags, &m.Tun.Flags, 4).draw(t)
	if m.Tun.TunID != (dp.BE64{}) { // the text's tun_id implies flag key
		k.Tun.Flags |= dp.TunKey
		m.Tun.Flags |= dp.TunKey
	}
	drawAll(t, gbpFields(k, m))
	drawAll(t, gpeFields(k, m))
}

func drawTags(t *rapid.T, k *dp.Key, m *dp.Mask) {
	n := rapid.IntRange(0, maxTags).Draw(t, "tags")
	for i := range n {
		tag := tagOf(dp.VLANCFI, dp.VLANCFI)
		drawAll(t, tag.fields()[:2])
		if tag.vidMask != 0 && rapid.Bool().Draw(t, "presence not matched") {
			tag.present, tag.presentMask = 0, 0
		}
		v, mask := tag.tci()
		tpid, tci := tagSlots(k, i)
		tpidMask, tciMask := tagSlots((*dp.Key)(m), i)
		*tci, *tciMask = dp.ToBE16(v), dp.ToBE16(mask)
		if rapid.Bool().Draw(t, "tpid matched") {
			*tpid = dp.ToBE16(rapid.SampledFrom([]uint16{etherVLAN, etherSVLAN}).Draw(t, "tpid"))
			*tpidMask = dp.ToBE16(0xffff)
		}
	}
	if n < maxTags {
		tpidMask, tciMask := tagSlots((*dp.Key)(m), n)
		*tpidMask, *tciMask = dp.ToBE16(0xffff), dp.ToBE16(0xffff)
	}
}

func drawNetwork(t *rapid.T, k *dp.Key, m *dp.Mask) {
	types := []uint16{etherIPv4, etherIPv6, etherARP, etherRARP, etherMPLS, etherMPLSMulti, dp.EthTypeNone, 0x1234}
	m.EthType = dp.ToBE16(0xffff)
	k.EthType = dp.ToBE16(rapid.SampledFrom(types).Draw(t, "eth_type"))
	untagged := m.VLANTCI.Uint() == 0xffff && k.VLANTCI.Uint() == 0
	switch rapid.IntRange(0, 9).Draw(t, "eth_type kind") {
	case 0:
		k.EthType, m.EthType = dp.BE16{}, dp.BE16{}
		return
	case 1:
		k.EthType, m.EthType = dp.ToBE16(0x1200), dp.ToBE16(0xff00)
		return
	case 2: // with its Ethernet header
		m.Misc.PacketType = dp.ToBE32(0xffffffff)
	case 3: // without
		if untagged && k.EthType.Uint() != dp.EthTypeNone {
			k.EthSrc, k.EthDst, m.EthSrc, m.EthDst = dp.MAC{}, dp.MAC{}, dp.MAC{}, dp.MAC{}
			k.Misc.PacketType = dp.ToBE32(nsEtherType<<16 | uint32(k.EthType.Uint()))
			m.Misc.PacketType = dp.ToBE32(0xffffffff)
		}
	}
	switch k.EthType.Uint() {
	case etherIPv4:
		drawAll(t, ipv4Fields(k, m))
		drawTransport(t, k, m, false)
	case etherIPv6:
		drawAll(t, ipv6Fields(k, m))
		drawTransport(t, k, m, true)
	case etherARP, etherRARP:
		drawAll(t, arpFields(k, m))
	case etherMPLS, etherMPLSMulti:
		for i := range k.Misc.MPLS {
			drawBytes(t, k.Misc.MPLS[i][:], m.Misc.MPLS[i][:])
		}
	}
}

func drawTransport(t *rapid.T, k *dp.Key, m *dp.Mask, v6 bool) {
	if laterFrag(k, m) {
		return
	}
	protos := []uint8{protoTCP, protoUDP, protoSCTP, protoICMP, protoICMPv6, 0}
	k.IPProto = rapid.SampledFrom(protos).Draw(t, "proto")
	m.IPProto = 0xff
	switch {
	case k.IPProto == protoTCP:
		drawAll(t, portFields(k, m))
		number("tcp_flags", &k.TCPFlags, &m.TCPFlags, tcpFlagSet.bits).draw(t)
	case k.IPProto == protoUDP || k.IPProto == protoSCTP:
		drawAll(t, portFields(k, m))
	case k.IPProto == protoICMP && !v6:
		drawAll(t, icmpFields(k, m))
	case k.IPProto == protoICMPv6 && v6:
		drawAll(t, icmpFields(k, m))
		if rapid.Bool().Draw(t, "nd") {
			k.TPSrc, m.TPSrc = dp.ToBE16(ndSolicit), dp.ToBE16(0xff)
			k.TPDst, m.TPDst = dp.ToBE16(0), dp.ToBE16(0xff)
			drawAll(t, ndFields(k, m))
			drawAll(t, ndExtFields(k, m))
		}
	}
}

func TestKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, m := drawKey(t)
		checkKey(t, k, m)
	})
}

// drawHeader returns an outer header of VXLAN as the text says it.
func drawHeader(t *rapid.T) []byte {
	h := outerHeader{
		etherType: rapid.SampledFrom([]uint16{etherIPv4, etherIPv6}).Draw(t, "dl_type"),
		proto:     protoUDP,
		label:     rapid.Uint32Max(0xfffff).Draw(t, "label"),
		vxlVNI:    rapid.Uint32Max(0xffffff).Draw(t, "vni"),
	}
	for _, p := range []any{&h.tos, &h.ttl, &h.fragOff, &h.udpSrc, &h.udpDst, &h.udpCsum, &h.vxlanFlags} {
		store(p, rapid.Uint64Max(ones(width(p))).Draw(t, "number"))
	}
	for _, b := range [][]byte{h.ethDst[:], h.ethSrc[:], h.src4[:], h.dst4[:], h.src6[:], h.dst6[:]} {
		copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, "address"))
	}
	return h.bytes()
}

// drawList returns a list in which clones are nested at most depth deep.
func drawList(t *rapid.T, depth int) (list dp.Actions) {
	for range rapid.IntRange(0, 5).Draw(t, "actions") {
		if depth > 0 && rapid.IntRange(0, 5).Draw(t, "clone") == 0 {
			list = append(list, dp.Clone{Actions: drawList(t, depth-1)})
		} else {
			list = append(list, drawAction(t))
		}
	}
	if len(list) > 0 && rapid.Bool().Draw(t, "drop at the end") {
		list = append(list, dp.Drop{})
	}
	return list
}

func drawAction(t *rapid.T) dp.Action {
	port := func() dp.PortNo { return dp.PortNo(rapid.IntRange(0, 0xfffe).Draw(t, "port")) }
	u32 := func() uint32 { return rapid.Uint32().Draw(t, "number") }
	switch rapid.IntRange(0, 15).Draw(t, "action") {
	case 0:
		return dp.Output{Port: port()}
	case 1:
		return dp.PushVLAN{TPID: uint16(u32()), TCI: uint16(u32()) | dp.VLANCFI}
	case 2:
		return dp.PopVLAN{}
	case 3:
		return dp.TnlPush{TnlPort: port(), OutPort: port(), Type: dp.TnlVXLAN, Header: drawHeader(t)}
	case 4:
		return dp.TnlPop{Port: port()}
	case 5:
		return dp.Recirc{ID: u32()}
	case 6:
		a := dp.Userspace{PID: u32()}
		if b := rapid.SliceOfN(rapid.Byte(), 0, maxCookie).Draw(t, "cookie"); len(b) > 0 {
			a.Cookie = b
		}
		return a
	case 7:
		m := u32()
		return dp.SetMark{Value: u32() & m, Mask: m}
	case 8:
		m := u32()
		return dp.SetPriority{Value: u32() & m, Mask: m}
	default:
		names := []string{"eth", "ipv4", "ipv6", "tcp", "udp", "icmp", "icmpv6", "arp", "nd"}
		target := setTargets[rapid.SampledFrom(names).Draw(t, "header")]()
		drawAll(t, target.fields)
		return target.action()
	}
}

func TestActionsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkActions(t, drawList(t, maxNesting))
	})
}

func TestUFIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := dp.UFID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ufid"))
		text := FormatUFID(id)
		if got, err := ParseUFID(text); err != nil || got != id {
			t.Fatalf("ParseUFID(%q) = %x, %v; want %x", text, got, err, id)
		}
		got, key, ok, err := SplitUFID(text + ", in_port(1)")
		if got != id || key != "in_port(1)" || !ok || err != nil {
			t.Fatalf("SplitUFID = %x, %q, %v, %v", got, key, ok, err)
		}
	})
}
