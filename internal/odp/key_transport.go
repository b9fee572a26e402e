package odp

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// IP protocol numbers (IANA).
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

// transportAttrs are the fields of the header behind IP.
var transportAttrs = []attr{
	fieldsAttr("tcp", portFields, needProto(protoTCP, isIP)),
	fieldsAttr("udp", portFields, needProto(protoUDP, isIP)),
	fieldsAttr("sctp", portFields, needProto(protoSCTP, isIP)),
	fieldsAttr("icmp", icmpFields, needProto(protoICMP, isType(etherIPv4))),
	fieldsAttr("icmpv6", icmpFields, needProto(protoICMPv6, isType(etherIPv6))),
	{name: "tcp_flags", need: needProto(protoTCP, isIP), parse: parseTCPFlags},
}

func portFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"src", dec, &k.TPSrc, &m.TPSrc, 0},
		{"dst", dec, &k.TPDst, &m.TPDst, 0},
	}
}

// icmpFields: a key keeps type and code where the ports are; both have eight bits.
func icmpFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"type", dec, &k.TPSrc, &m.TPSrc, 8},
		{"code", dec, &k.TPDst, &m.TPDst, 8},
	}
}

func isType(t uint16) func(*dp.Key, *dp.Mask) bool {
	return func(k *dp.Key, m *dp.Mask) bool {
		return m.EthType.Uint() == 0xffff && k.EthType.Uint() == t
	}
}

// needProto returns a check that the flow asks for packets with such a header.
func needProto(proto uint8, network func(*dp.Key, *dp.Mask) bool) func(*dp.Key, *dp.Mask) string {
	return func(k *dp.Key, m *dp.Mask) string {
		switch {
		case !network(k, m) && proto == protoICMP:
			return "eth_type(0x0800)"
		case !network(k, m) && proto == protoICMPv6:
			return "eth_type(0x86dd)"
		case !network(k, m):
			return "eth_type(0x0800) or eth_type(0x86dd)"
		case m.IPProto != 0xff || k.IPProto != proto:
			return fmt.Sprintf("proto=%d in ipv4(...) or ipv6(...)", proto)
		case laterFrag(k, m):
			return "a packet that is not a later fragment"
		}
		return ""
	}
}

// laterFrag reports whether the flow asks for fragments without such a header.
func laterFrag(k *dp.Key, m *dp.Mask) bool {
	return k.IPFrag&m.IPFrag&dp.FragLater != 0
}

func parseTCPFlags(p *keyParser) error {
	v, m, _, err := tcpFlagSet.parse(p.scanner)
	if err != nil {
		return err
	}
	p.k.TCPFlags, p.m.TCPFlags = dp.ToBE16(uint16(v)), dp.ToBE16(uint16(m))
	return p.expect(")")
}

// transport prints the header behind IP if the flow says which one it is.
func (p *printer) transport() {
	if p.m.IPProto != 0xff || laterFrag(p.k, p.m) {
		return
	}
	v4 := p.k.EthType.Uint() == etherIPv4
	switch proto := p.k.IPProto; {
	case proto == protoTCP:
		p.fields("tcp", portFields(p.k, p.m))
		p.tcpFlags()
	case proto == protoUDP:
		p.fields("udp", portFields(p.k, p.m))
	case proto == protoSCTP:
		p.fields("sctp", portFields(p.k, p.m))
	case proto == protoICMP && v4:
		p.fields("icmp", icmpFields(p.k, p.m))
	case proto == protoICMPv6 && !v4:
		p.fields("icmpv6", icmpFields(p.k, p.m))
		p.nd()
	}
}

func (p *printer) tcpFlags() {
	all := ones(tcpFlagSet.bits)
	v, m := uint64(p.k.TCPFlags.Uint())&all, uint64(p.m.TCPFlags.Uint())&all
	switch m {
	case 0:
	case all:
		p.attr("tcp_flags", tcpFlagSet.exactText(v))
	default:
		p.attr("tcp_flags", tcpFlagSet.maskedText(v, m))
	}
}
