package odp

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// Ethernet types that have attributes of their own (IEEE 802 numbers).
const (
	etherIPv4      = 0x0800
	etherARP       = 0x0806
	etherRARP      = 0x8035
	etherVLAN      = 0x8100
	etherIPv6      = 0x86dd
	etherMPLS      = 0x8847
	etherMPLSMulti = 0x8848
	etherSVLAN     = 0x88a8

	etherMin = 0x0600 // smaller values are lengths (IEEE 802.3 section 3.2.6)
)

// etherAttrs are the fields of the Ethernet header.
var etherAttrs = []attr{
	{name: "eth", meta: true, need: needEther, parse: func(p *keyParser) error {
		return p.parseFields(ethFields(&p.k, &p.m))
	}},
	{name: "eth_type", parse: parseEthType},
}

func ethFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"src", mac, &k.EthSrc, &m.EthSrc, 0},
		{"dst", mac, &k.EthDst, &m.EthDst, 0},
	}
}

func needEther(k *dp.Key, m *dp.Mask) string {
	if _, ok := etherPacketType(k, m); ok {
		return "a packet type with an Ethernet header, ns=0"
	}
	return ""
}

// parseEthType keeps the type for the level of tags that it stands on.
func parseEthType(p *keyParser) error {
	start := p.pos
	v, m, err := p.maskedNumber("eth_type", 16)
	if err != nil {
		return err
	}
	if m == 0xffff && v < etherMin {
		if v != 0 {
			return p.errAt(start, "an Ethernet type is at least %#x; 0/0xffff matches frames without one", etherMin)
		}
		v = dp.EthTypeNone
	}
	l := &p.levels[p.depth]
	l.hasType, l.typeOffset = true, start
	l.ethType, l.typeMask = uint16(v), uint16(m)
	return p.expect(")")
}

// ethernet prints eth(...): empty where only its being there is said.
func (p *printer) ethernet() {
	fields := ethFields(p.k, p.m)
	switch {
	case !allWild(fields):
		p.fields("eth", fields)
	case p.Verbose && !p.withoutEther():
		p.fields("eth", fields)
	case !p.Verbose && p.m.Misc.PacketType == dp.BE32{}:
		p.attr("eth", "")
	}
}

// withoutEther reports whether the packet type says that there is no Ethernet
// header.
func (p *printer) withoutEther() bool {
	return p.m.Misc.PacketType.Uint()>>16 == 0xffff && p.k.Misc.PacketType.Uint()>>16 != 0
}

// ethTypeText prints a type of an Ethernet or VLAN header.
func ethTypeText(v, m uint16) string {
	switch {
	case m != 0xffff:
		return fmt.Sprintf("0x%04x/0x%04x", v, m)
	case v == dp.EthTypeNone:
		return "0/0xffff"
	}
	return fmt.Sprintf("0x%04x", v)
}
