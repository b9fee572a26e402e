package dptest

import (
	"encoding/binary"

	"github.com/skua/skua/internal/dp"
)

// IP protocol and Ethernet type numbers that the rules name.
const (
	ethIPv4, ethIPv6, ethARP, ethRARP = 0x0800, 0x86dd, 0x0806, 0x8035
	ethVLAN, ethQinQ                  = 0x8100, 0x88a8
	ethMin                            = 0x0600

	protoHopOpts, protoICMP, protoTCP, protoUDP     = 0, 1, 6, 17
	protoRouting, protoFragment, protoAH            = 43, 44, 51
	protoICMPv6, protoDstOpts, protoSCTP            = 58, 60, 132
	icmp6Solicit, icmp6Advert                       = 135, 136
	ethLen, vlanLen, ip4Len, ip6Len, udpLen, arpLen = 14, 4, 20, 40, 8, 28
)

// Meta is what a packet carries beside its bytes.
type Meta struct {
	InPort   dp.PortNo
	RecircID uint32
	Mark     uint32
	Priority uint32
	Tun      dp.KeyTun
}

// Layers is a parsed frame: its key and where its headers stand. Offsets count
// from the start of the frame and are -1 for a header that the rules did not read.
type Layers struct {
	Key     dp.Key
	ARP     int  // K8 read an ARP body here
	L3      int  // good IPv4 or IPv6 header (K9, K11)
	V6      bool // L3 is IPv6
	Chain   bool // IPv6: the extension headers are whole; IPv4: true
	L4      int  // header behind L3 and its options, not in later fragments
	End     int  // end of what the IP header allows
	L4Read  bool // K13 read ports or type and code
	Routing bool // IPv6: a routing header has segments left
	ND      bool // K14 read a target
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// Parse reads a frame by the rules of section K of RULES.md. The frame must have
// at least 14 bytes (K1); ok is false if it has not.
func Parse(frame []byte, meta Meta) (l Layers, ok bool) {
	if len(frame) < ethLen {
		return l, false
	}
	l.ARP, l.L3, l.L4 = -1, -1, -1
	k := &l.Key
	k.InPort, k.RecircID, k.PktMark = meta.InPort, meta.RecircID, meta.Mark
	k.Misc.SkbPriority, k.Tun = meta.Priority, meta.Tun
	at := l.ethernet(frame)
	switch k.EthType.Uint() {
	case ethARP, ethRARP:
		l.arp(frame, at)
	case ethIPv4:
		l.ipv4(frame, at)
	case ethIPv6:
		l.ipv6(frame, at)
	}
	if l.L4 >= 0 {
		l.transport(frame[l.L4:l.End])
	}
	k.SetLines()
	return l, true
}

// ethernet reads K5 to K7 and returns where the payload starts.
func (l *Layers) ethernet(f []byte) int {
	k := &l.Key
	copy(k.EthDst[:], f[0:6])
	copy(k.EthSrc[:], f[6:12])
	at := 12
	for n := range 2 {
		tpid := be16(f[at:])
		if tpid != ethVLAN && tpid != ethQinQ || len(f)-at < 6 {
			break
		}
		tci := dp.ToBE16(be16(f[at+2:]) | dp.VLANCFI)
		if n == 0 {
			k.VLANTPID, k.VLANTCI = dp.ToBE16(tpid), tci
		} else {
			k.Misc.CVLANTPID, k.Misc.CVLANTCI = dp.ToBE16(tpid), tci
		}
		at += vlanLen
	}
	typ := be16(f[at:])
	at += 2
	if typ < ethMin {
		snap := [6]byte{0xaa, 0xaa, 3, 0, 0, 0}
		if len(f)-at < 8 || [6]byte(f[at:at+6]) != snap || be16(f[at+6:]) < ethMin {
			k.EthType = dp.ToBE16(dp.EthTypeNone)
			return at
		}
		typ = be16(f[at+6:])
		at += 8
	}
	k.EthType = dp.ToBE16(typ)
	return at
}

// arp reads K8.
func (l *Layers) arp(f []byte, at int) {
	b := f[at:]
	if len(b) < arpLen || be16(b) != 1 || be16(b[2:]) != ethIPv4 || b[4] != 6 || b[5] != 4 {
		return
	}
	k := &l.Key
	l.ARP = at
	copy(k.Misc.ARPSHA[:], b[8:14])
	copy(k.IPSrc[:], b[14:18])
	copy(k.Misc.ARPTHA[:], b[18:24])
	copy(k.IPDst[:], b[24:28])
	if op := be16(b[6:]); op <= 255 {
		k.IPProto = uint8(op)
	}
}

// ipv4 reads K9 and K10.
func (l *Layers) ipv4(f []byte, at int) {
	b := f[at:]
	if len(b) < ip4Len {
		return
	}
	hl, total := int(b[0]&15)*4, int(be16(b[2:]))
	if hl < ip4Len || hl > len(b) || total > len(b) || hl > total {
		return
	}
	k := &l.Key
	l.L3, l.Chain, l.End = at, true, at+total
	copy(k.IPSrc[:], b[12:16])
	copy(k.IPDst[:], b[16:20])
	k.IPTOS, k.IPTTL, k.IPProto = b[1], b[8], b[9]
	if frag := be16(b[6:]); frag&0x1fff != 0 {
		k.IPFrag = dp.FragAny | dp.FragLater
		return
	} else if frag&0x3fff != 0 {
		k.IPFrag = dp.FragAny
	}
	l.L4 = at + hl
}

// ipv6 reads K11 and K12.
func (l *Layers) ipv6(f []byte, at int) {
	b := f[at:]
	if len(b) < ip6Len || int(be16(b[4:]))+ip6Len > len(b) {
		return
	}
	k := &l.Key
	l.L3, l.V6, l.End = at, true, at+ip6Len+int(be16(b[4:]))
	copy(k.IP6.Src[:], b[8:24])
	copy(k.IP6.Dst[:], b[24:40])
	proto, frag, l4, ok := l.chain(f[:l.End], at+ip6Len, b[6])
	if !ok {
		return
	}
	l.Chain = true
	word := be32(b)
	k.IPProto, k.IPFrag = proto, frag
	k.IPTOS, k.IPTTL = uint8(word>>20), b[7]
	k.IP6.Label = dp.ToBE32(word & 0xfffff)
	if frag&dp.FragLater == 0 {
		l.L4 = l4
	}
}

// chain walks the extension headers of f from at on (K12).
func (l *Layers) chain(f []byte, at int, next uint8) (proto, frag uint8, l4 int, ok bool) {
	for {
		n := 0
		b := f[at:]
		switch next {
		case protoHopOpts, protoRouting, protoDstOpts, protoAH, protoFragment:
			if len(b) < 8 {
				return 0, 0, 0, false
			}
		}
		switch next {
		case protoHopOpts, protoRouting, protoDstOpts:
			n = (int(b[1]) + 1) * 8
		case protoAH:
			n = (int(b[1]) + 2) * 4
		case protoFragment:
			n = 8
		default:
			return next, frag, at, true
		}
		if n > len(b) {
			return 0, 0, 0, false
		}
		if next == protoRouting && b[3] != 0 {
			l.Routing = true
		}
		if next == protoFragment {
			if off := be16(b[2:]); off&0xfff8 != 0 {
				return protoFragment, dp.FragAny | dp.FragLater, at + n, true
			} else if off != 0 {
				frag = dp.FragAny
			}
		}
		next = b[0]
		at += n
	}
}

// transport reads K13; b ends where IP ends.
func (l *Layers) transport(b []byte) {
	k := &l.Key
	least := map[uint8]int{protoTCP: 20, protoUDP: 8, protoSCTP: 12, protoICMP: 8, protoICMPv6: 8}
	n, known := least[k.IPProto]
	if !known || len(b) < n {
		return
	}
	l.L4Read = true
	switch k.IPProto {
	case protoICMP, protoICMPv6:
		k.TPSrc, k.TPDst = dp.ToBE16(uint16(b[0])), dp.ToBE16(uint16(b[1]))
	default:
		copy(k.TPSrc[:], b[0:2])
		copy(k.TPDst[:], b[2:4])
	}
	if k.IPProto == protoTCP {
		k.TCPFlags = dp.ToBE16(be16(b[12:]) & 0x0fff)
	}
	if k.IPProto == protoICMPv6 && (b[0] == icmp6Solicit || b[0] == icmp6Advert) && b[1] == 0 {
		l.neighbour(b)
	}
}

// neighbour reads K14; b is the ICMPv6 message.
func (l *Layers) neighbour(b []byte) {
	k := &l.Key
	copy(k.Misc.NDReserved[:], b[4:8])
	if len(b) < 24 {
		return
	}
	l.ND = true
	copy(k.IP6.NDTarget[:], b[8:24])
	walkND(b, func(opt []byte) bool {
		field := &k.IP6.NDSLL
		if opt[0] == 2 {
			field = &k.IP6.NDTLL
		}
		if *field != (dp.MAC{}) {
			k.IP6.NDTarget, k.IP6.NDSLL, k.IP6.NDTLL = dp.IP6{}, dp.MAC{}, dp.MAC{}
			l.ND = false
			return false
		}
		copy(field[:], opt[2:8])
		if k.Misc.NDOptType == 0 {
			k.Misc.NDOptType = opt[0]
		}
		return true
	})
}

// walkND calls f with every link-layer address option of the ICMPv6 message b
// until it returns false or the options end or lie (K14).
func walkND(b []byte, f func(opt []byte) bool) {
	for at := 24; len(b)-at >= 8; {
		n := int(b[at+1]) * 8
		if n == 0 || n > len(b)-at {
			return
		}
		if n == 8 && (b[at] == 1 || b[at] == 2) && !f(b[at:at+8]) {
			return
		}
		at += n
	}
}
