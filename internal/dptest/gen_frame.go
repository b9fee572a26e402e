package dptest

import (
	"encoding/binary"
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// Small pools, so that generated packets and flows meet.
var (
	genIP4  = []string{"10.0.0.1", "10.0.0.2", "10.1.0.1", "255.255.255.255", "0.0.0.0"}
	genIP6  = []string{"fd00::1", "fd00::2", "fe80::1", "ff02::1"}
	genPort = []uint16{0, 53, 80, 4789, 40000, 65535}
	genVNI  = []uint32{0, 1, 1111, 0xffffff}
	genMAC  = []dp.MAC{HostA, HostB, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {}}
	genTag  = []uint16{ethVLAN, ethQinQ}
	genTOS  = []uint8{0, 1, 2, 3, 0xb8, 0xff}
)

func pick[T any](t *rapid.T, from []T, label string) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

func chance(t *rapid.T, percent int, label string) bool {
	return rapid.IntRange(0, 99).Draw(t, label) >= 100-percent
}

// GenFrame draws a frame: any kind of packet, sound or broken.
func GenFrame(t *rapid.T) []byte { return genFrame(t, 0) }

func genFrame(t *rapid.T, depth int) []byte {
	f := genSound(t, depth)
	if chance(t, 35, "break") {
		f = genBroken(t, f)
	}
	return f
}

// genSound draws a frame whose lengths and checksums are right.
func genSound(t *rapid.T, depth int) []byte {
	kinds := []string{"ip4", "ip4", "ip6", "ip6ext", "arp", "llc", "snap", "raw", "frag4", "frag6", "opts4", "nd"}
	if depth < 2 {
		kinds = append(kinds, "vxlan", "vxlan", "vxlan", "vxlan6", "vxlan", "vxlan6")
	}
	src, dst := pick(t, genMAC, "src"), pick(t, genMAC, "dst")
	kind := pick(t, kinds, "kind")
	if kind == "vxlan" || kind == "vxlan6" {
		pool := genIP4
		if kind == "vxlan6" {
			pool = genIP6
		}
		f := Encap(genFrame(t, depth+1), pick(t, pool, "osrc"), pick(t, pool, "odst"),
			rapid.Uint16Range(32768, 61000).Draw(t, "osport"), pick(t, genVNI, "vni"), pick(t, genTOS, "otos"), chance(t, 40, "ocsum"))
		if chance(t, 25, "outer") {
			f = genBrokenOuter(t, f)
		}
		return genTags(t, f)
	}
	typ, body := genBody(t, kind)
	f := append(append(append([]byte(nil), dst[:]...), src[:]...), byte(typ>>8), byte(typ))
	f = genTags(t, append(f, body...))
	if chance(t, 20, "padding") {
		f = append(f, make([]byte, rapid.IntRange(1, 30).Draw(t, "pad"))...)
	}
	return f
}

// genTags puts up to three tags in front of the type, often none.
func genTags(t *rapid.T, f []byte) []byte {
	if !chance(t, 25, "tagged") {
		return f
	}
	for range rapid.IntRange(1, 3).Draw(t, "tags") {
		tpid, tci := pick(t, genTag, "tpid"), rapid.Uint16().Draw(t, "tci")&0xf007
		f = append(f[:12:12], append([]byte{byte(tpid >> 8), byte(tpid), byte(tci >> 8), byte(tci)}, f[12:]...)...)
	}
	return f
}

// genBody draws an Ethernet type and what stands behind it.
func genBody(t *rapid.T, kind string) (uint16, []byte) {
	payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
	switch kind {
	case "arp":
		return ethARP, genARP(t)
	case "llc":
		return uint16(len(payload)), append([]byte{0x42, 0x42, 3}, payload...)
	case "snap":
		ip := genIP(t, "ip4", payload)
		return uint16(len(ip) + 8), append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, ip...)
	case "raw":
		return pick(t, []uint16{0x88cc, 0x8847, ethRARP, 0x0600, 0x05ff, 0}, "type"), payload
	case "ip6", "ip6ext", "frag6", "nd":
		return ethIPv6, genIP(t, kind, payload)
	}
	return ethIPv4, genIP(t, kind, payload)
}

func genARP(t *rapid.T) []byte {
	b := []byte{0, 1, 8, 0, 6, 4}
	b = binary.BigEndian.AppendUint16(b, pick(t, []uint16{1, 2, 3, 255, 256}, "op"))
	for range 2 {
		m := pick(t, genMAC, "ha")
		b = append(b, m[:]...)
		b = append(b, IP4(pick(t, genIP4, "pa"), "0.0.0.0", 0, 0).SrcIP...)
	}
	return b
}

// genIP draws an IP packet without its Ethernet header.
func genIP(t *rapid.T, kind string, payload []byte) []byte {
	v6 := kind == "ip6" || kind == "ip6ext" || kind == "frag6" || kind == "nd"
	proto := pick(t, []uint8{protoTCP, protoUDP, protoTCP, protoUDP, protoICMP, protoICMPv6, protoSCTP, 2, 59}, "proto")
	if kind == "nd" {
		proto = protoICMPv6
	}
	var net gopacket.SerializableLayer
	tos := pick(t, genTOS, "tos")
	if v6 {
		ip := IP6(pick(t, genIP6, "src6"), pick(t, genIP6, "dst6"), proto, tos)
		ip.FlowLabel = rapid.Uint32Range(0, 0xfffff).Draw(t, "label")
		ip.HopLimit = pick(t, []uint8{0, 1, 64, 255}, "hlim")
		net = ip
	} else {
		ip := IP4(pick(t, genIP4, "src4"), pick(t, genIP4, "dst4"), proto, tos)
		ip.TTL = pick(t, []uint8{0, 1, 64, 255}, "ttl")
		switch kind {
		case "frag4":
			ip.FragOffset, ip.Flags = pick(t, []uint16{0, 1, 0x1fff}, "off"), pick(t, []layers.IPv4Flag{0, 1, 2, 3}, "flags")
		case "opts4":
			ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
		}
		net = ip
	}
	all := genL4(t, net, proto, kind, payload)
	if kind == "ip6ext" || kind == "frag6" {
		all = genChain(t, all, proto, kind)
	}
	return all
}

func genL4(t *rapid.T, net gopacket.SerializableLayer, proto uint8, kind string, payload []byte) []byte {
	a, b := pick(t, genPort, "tpsrc"), pick(t, genPort, "tpdst")
	if kind == "nd" {
		_, v6 := net.(*layers.IPv6)
		if !v6 {
			panic("dptest: neighbour discovery needs IPv6")
		}
		return Build(net, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(pick(t, []uint8{135, 136}, "ndtype"), 0)}, Raw(genND(t)))
	}
	switch proto {
	case protoTCP:
		tcp := TCP(a, b)
		tcp.SYN, tcp.FIN = chance(t, 30, "syn"), chance(t, 30, "fin")
		return Build(net, tcp, Raw(payload))
	case protoUDP:
		f := Build(net, UDP(a, b), Raw(payload))
		if chance(t, 25, "nocsum") {
			at := len(f) - len(payload) - 2
			f[at], f[at+1] = 0, 0
		}
		return f
	case protoICMPv6:
		if _, v6 := net.(*layers.IPv6); v6 {
			return Build(net, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(pick(t, []uint8{128, 1, 135}, "type"), pick(t, []uint8{0, 4}, "code"))}, Raw(payload))
		}
	}
	return Build(net, Raw(payload))
}

// genND draws the body of a neighbour solicitation or advertisement.
func genND(t *rapid.T) []byte {
	b := make([]byte, 20)
	copy(b, rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "rso"))
	copy(b[4:], IP6(pick(t, genIP6, "target"), "::", 0, 0).SrcIP)
	for range rapid.IntRange(0, 3).Draw(t, "opts") {
		m := pick(t, genMAC, "lla")
		n := pick(t, []byte{1, 1, 1, 2, 0}, "optlen")
		b = append(append(b, pick(t, []byte{1, 2, 3}, "opt"), n), m[:]...)
		if n == 2 {
			b = append(b, make([]byte, 8)...)
		}
	}
	return b
}

// genChain puts extension headers between the IPv6 header and the rest.
func genChain(t *rapid.T, ip []byte, proto uint8, kind string) []byte {
	var chain []byte
	kinds := []uint8{protoHopOpts, protoRouting, protoDstOpts, protoAH}
	if kind == "frag6" {
		kinds = append(kinds, protoFragment, protoFragment, protoFragment)
	}
	next := proto
	for range rapid.IntRange(1, 3).Draw(t, "exts") {
		k := pick(t, kinds, "ext")
		h := make([]byte, 8)
		switch k {
		case protoFragment:
			binary.BigEndian.PutUint16(h[2:], pick(t, []uint16{0, 1, 2, 8, 9, 0xfff8}, "fragoff"))
		case protoAH:
			n := pick(t, []int{0, 2, 4}, "ahlen")
			h = make([]byte, (n+2)*4)
			h[1] = byte(n)
		default:
			n := rapid.IntRange(0, 2).Draw(t, "extlen")
			h = make([]byte, (n+1)*8)
			h[1], h[3] = byte(n), byte(rapid.IntRange(0, 1).Draw(t, "segleft"))
		}
		h[0] = next
		chain = append(h, chain...)
		next = k
	}
	out := append(append(append([]byte(nil), ip[:40]...), chain...), ip[40:]...)
	out[6] = next
	binary.BigEndian.PutUint16(out[4:], uint16(len(out)-40))
	return out
}

// genBroken breaks a frame: cut, a byte changed, a length that lies, bytes behind.
func genBroken(t *rapid.T, f []byte) []byte {
	f = append([]byte(nil), f...)
	if len(f) == 0 {
		return f
	}
	switch how := pick(t, []string{"cut", "cut", "flip", "flip", "byte", "grow"}, "how"); how {
	case "cut":
		return f[:rapid.IntRange(1, len(f)).Draw(t, "len")]
	case "flip", "byte":
		at := rapid.IntRange(0, min(len(f)-1, 120)).Draw(t, "at")
		if how == "flip" {
			f[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		} else {
			f[at] = pick(t, []byte{0, 1, 0xff, 0x80, 0x45}, "value")
		}
		return f
	case "grow":
		return append(f, rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "tail")...)
	default:
		panic(fmt.Sprintf("dptest: no such way to break a frame: %s", how))
	}
}

// genBrokenOuter flips a bit where the rules for tnl_pop look.
func genBrokenOuter(t *rapid.T, f []byte) []byte {
	l4 := ethLen + ip4Len
	places := []int{l4 + 5, l4 + 6, l4 + 8, l4 + 9, l4 + 11, l4 + 14, l4 + 15}
	if be16(f[12:]) == ethIPv4 {
		places = append(places, 20, 21, 24, 25, 24, 25) // fragment, header checksum
	} else {
		for i := range places {
			places[i] += ip6Len - ip4Len
		}
	}
	f[pick(t, places, "place")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return f
}
