package dptest

import (
	"unsafe"

	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// span is a field of a key by place.
type span struct {
	name    string
	ofs, n  uintptr
	whole   bool // compared whole or not at all
	percent int  // how often a mask compares it
}

var zeroKey dp.Key

// keySpans are the fields that masks are made of.
var keySpans = []span{
	{"in_port", unsafe.Offsetof(zeroKey.InPort), 2, true, 90},
	{"eth_dst", unsafe.Offsetof(zeroKey.EthDst), 6, false, 30},
	{"eth_src", unsafe.Offsetof(zeroKey.EthSrc), 6, false, 30},
	{"eth_type", unsafe.Offsetof(zeroKey.EthType), 2, true, 70},
	{"vlan_tci", unsafe.Offsetof(zeroKey.VLANTCI), 2, false, 30},
	{"vlan_tpid", unsafe.Offsetof(zeroKey.VLANTPID), 2, true, 20},
	{"ip_src", unsafe.Offsetof(zeroKey.IPSrc), 4, false, 30},
	{"ip_dst", unsafe.Offsetof(zeroKey.IPDst), 4, false, 30},
	{"ip_proto", unsafe.Offsetof(zeroKey.IPProto), 1, true, 40},
	{"ip_tos", unsafe.Offsetof(zeroKey.IPTOS), 1, false, 10},
	{"ip_ttl", unsafe.Offsetof(zeroKey.IPTTL), 1, false, 10},
	{"ip_frag", unsafe.Offsetof(zeroKey.IPFrag), 1, true, 40},
	{"tp_src", unsafe.Offsetof(zeroKey.TPSrc), 2, false, 20},
	{"tp_dst", unsafe.Offsetof(zeroKey.TPDst), 2, false, 30},
	{"tcp_flags", unsafe.Offsetof(zeroKey.TCPFlags), 2, false, 10},
	{"pkt_mark", unsafe.Offsetof(zeroKey.PktMark), 4, false, 10},
	{"ip6_src", unsafe.Offsetof(zeroKey.IP6), 16, false, 25},
	{"ip6_dst", unsafe.Offsetof(zeroKey.IP6) + 16, 16, false, 25},
	{"ip6_label", unsafe.Offsetof(zeroKey.IP6) + 32, 4, false, 10},
	{"nd_target", unsafe.Offsetof(zeroKey.IP6) + 36, 16, false, 10},
	{"nd_ll", unsafe.Offsetof(zeroKey.IP6) + 52, 12, false, 10},
	{"tun_src", unsafe.Offsetof(zeroKey.Tun), 16, false, 20},
	{"tun_dst", unsafe.Offsetof(zeroKey.Tun) + 16, 16, false, 20},
	{"tun_id", unsafe.Offsetof(zeroKey.Tun) + 32, 8, false, 40},
	{"tun_flags", unsafe.Offsetof(zeroKey.Tun) + 40, 2, false, 20},
	{"tun_tos_ttl", unsafe.Offsetof(zeroKey.Tun) + 42, 2, false, 10},
	{"tun_ports", unsafe.Offsetof(zeroKey.Tun) + 44, 4, false, 10},
	{"tun_gbp", unsafe.Offsetof(zeroKey.Tun) + 48, 3, false, 10},
	{"arp", unsafe.Offsetof(zeroKey.Misc), 12, false, 15},
	{"cvlan", unsafe.Offsetof(zeroKey.Misc) + 12, 4, false, 15},
	{"priority", unsafe.Offsetof(zeroKey.Misc) + 28, 4, false, 10},
	{"nd_ext", unsafe.Offsetof(zeroKey.Misc) + 40, 5, false, 10},
}

// GenMask draws a mask. It always compares the whole recirculation id.
func GenMask(t *rapid.T) dp.Mask {
	var m dp.Mask
	m.RecircID = ^uint32(0)
	b := m.Bytes()
	for _, s := range keySpans {
		if !chance(t, s.percent, s.name) {
			continue
		}
		f := b[s.ofs : s.ofs+s.n]
		bits := int(8 * s.n)
		if !s.whole && chance(t, 30, "prefix") {
			bits = rapid.IntRange(1, bits).Draw(t, "bits")
		}
		for i := range bits {
			f[i/8] |= 0x80 >> (i % 8)
		}
	}
	return m
}

// Overlap reports whether a packet can match both flows.
func Overlap(a, b *dp.Flow) bool {
	ka, ma, kb, mb := a.Key.Bytes(), a.Mask.Bytes(), b.Key.Bytes(), b.Mask.Bytes()
	for i := range ka {
		if i != 6 && (ka[i]^kb[i])&ma[i]&mb[i] != 0 { // 6: Lines
			return false
		}
	}
	return true
}

// GenActions draws a list for packets like key.
func GenActions(t *rapid.T, key *dp.Key) dp.Actions {
	if popable(key) && chance(t, 85, "pop") {
		no := pick(t, []dp.PortNo{PortTnl, PortTnl, PortTnl, PortTnl, PortTnlVNI, PortTnlVNI, PortA, PortNone}, "tunnel")
		return dp.Actions{dp.TnlPop{Port: no}}
	}
	var acts dp.Actions
	for range rapid.IntRange(0, 3).Draw(t, "sets") {
		acts = append(acts, genSet(t, key))
	}
	if chance(t, 10, "clone") {
		acts = append(acts, dp.Clone{Actions: append(genTail(t, false), dp.Action(dp.PopVLAN{}))})
	}
	if chance(t, 10, "userspace") {
		acts = append(acts, dp.Userspace{PID: rapid.Uint32().Draw(t, "pid"), Cookie: rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "cookie")})
	}
	if chance(t, 10, "first") {
		acts = append(acts, genOutput(t), genSet(t, key))
	}
	return append(acts, genTail(t, true)...)
}

// popable reports whether key looks like VXLAN.
func popable(k *dp.Key) bool {
	return k.TPDst.Uint() == 4789 && k.IPProto == protoUDP
}

func genOutput(t *rapid.T) dp.Action {
	return dp.Output{Port: pick(t, []dp.PortNo{PortA, PortB, PortB, PortB, PortC, PortSmall, PortNone, PortTnl}, "out")}
}

// genTail draws what ends a list; lookup allows actions that look up again.
func genTail(t *rapid.T, lookup bool) dp.Actions {
	kinds := []string{"output", "output", "output", "output", "push", "push", "drop"}
	if lookup {
		kinds = append(kinds, "none", "recirc", "recirc", "pop")
	}
	switch pick(t, kinds, "tail") {
	case "output":
		return dp.Actions{genOutput(t)}
	case "push":
		return dp.Actions{genPush(t), genOutput(t)}
	case "drop":
		return dp.Actions{dp.Drop{}}
	case "recirc":
		return dp.Actions{dp.Recirc{ID: rapid.Uint32Range(1, 2).Draw(t, "recirc")}}
	case "pop":
		return dp.Actions{dp.TnlPop{Port: PortTnl}}
	}
	return nil
}

func genPush(t *rapid.T) dp.Action {
	pool := genIP4
	if chance(t, 40, "push6") {
		pool = genIP6
	}
	return dp.TnlPush{
		TnlPort: PortTnl, OutPort: PortA, Type: dp.TnlVXLAN,
		Header: PushHeader(pick(t, pool, "psrc"), pick(t, pool, "pdst"), pick(t, genVNI, "pvni"), pick(t, genTOS, "ptos"), chance(t, 40, "pcsum")),
	}
}

// fill draws random bytes and a mask that is all ones, zeros, or random.
func fill(t *rapid.T, value, mask []byte) {
	copy(value, rapid.SliceOfN(rapid.Byte(), len(value), len(value)).Draw(t, "value"))
	switch pick(t, []string{"ones", "ones", "zeros", "random"}, "mask") {
	case "ones":
		for i := range mask {
			mask[i] = 0xff
		}
	case "random":
		copy(mask, rapid.SliceOfN(rapid.Byte(), len(mask), len(mask)).Draw(t, "bits"))
	}
}

func fill8(t *rapid.T, v, m *uint8) {
	var a, b [1]byte
	fill(t, a[:], b[:])
	*v, *m = a[0], b[0]
}

// genSet draws an action that changes the packet, most often one that applies.
func genSet(t *rapid.T, key *dp.Key) dp.Action {
	kinds := []string{"eth", "pushvlan", "popvlan", "mark", "prio", "ip4", "ip6", "tp", "icmp", "arp", "nd"}
	switch key.EthType.Uint() {
	case ethIPv4:
		kinds = append(kinds, "ip4", "ip4", "ip4", "tp", "tp", "icmp")
	case ethIPv6:
		kinds = append(kinds, "ip6", "ip6", "ip6", "tp", "tp", "icmp", "nd")
	case ethARP, ethRARP:
		kinds = append(kinds, "arp", "arp", "arp")
	}
	switch pick(t, kinds, "set") {
	case "eth":
		var a dp.SetEth
		fill(t, a.Src[:], a.SrcMask[:])
		fill(t, a.Dst[:], a.DstMask[:])
		return a
	case "pushvlan":
		return dp.PushVLAN{TPID: pick(t, genTag, "tpid"), TCI: rapid.Uint16().Draw(t, "tci") | dp.VLANCFI}
	case "popvlan":
		return dp.PopVLAN{}
	case "mark":
		return dp.SetMark{Value: rapid.Uint32().Draw(t, "v"), Mask: pick(t, []uint32{^uint32(0), 0xff00}, "m")}
	case "prio":
		return dp.SetPriority{Value: rapid.Uint32().Draw(t, "v"), Mask: pick(t, []uint32{^uint32(0), 0xff00}, "m")}
	case "ip4":
		var a dp.SetIPv4
		fill(t, a.Src[:], a.SrcMask[:])
		fill(t, a.Dst[:], a.DstMask[:])
		fill8(t, &a.TOS, &a.TOSMask)
		fill8(t, &a.TTL, &a.TTLMask)
		return a
	case "ip6":
		var a dp.SetIPv6
		fill(t, a.Src[:], a.SrcMask[:])
		fill(t, a.Dst[:], a.DstMask[:])
		fill(t, a.Label[1:], a.LabelMask[1:])
		a.Label[1] &= 0x0f
		a.LabelMask[1] &= 0x0f
		fill8(t, &a.TClass, &a.TClassMask)
		fill8(t, &a.HLimit, &a.HLimitMask)
		return a
	case "tp":
		a := dp.SetTP{Proto: pick(t, []uint8{protoTCP, protoUDP}, "proto")}
		if chance(t, 80, "same") && (key.IPProto == protoTCP || key.IPProto == protoUDP) {
			a.Proto = key.IPProto
		}
		fill(t, a.Src[:], a.SrcMask[:])
		fill(t, a.Dst[:], a.DstMask[:])
		return a
	case "icmp":
		a := dp.SetICMP{V6: key.IPProto == protoICMPv6}
		fill8(t, &a.Type, &a.TypeMask)
		fill8(t, &a.Code, &a.CodeMask)
		return a
	case "arp":
		var a dp.SetARP
		fill(t, a.SIP[:], a.SIPMask[:])
		fill(t, a.TIP[:], a.TIPMask[:])
		fill(t, a.Op[:], a.OpMask[:])
		fill(t, a.SHA[:], a.SHAMask[:])
		fill(t, a.THA[:], a.THAMask[:])
		return a
	}
	var a dp.SetND
	fill(t, a.Target[:], a.TargetMask[:])
	fill(t, a.SLL[:], a.SLLMask[:])
	fill(t, a.TLL[:], a.TLLMask[:])
	return a
}
