package odp

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// ctAttrs are the fields of connection tracking.
var ctAttrs = []attr{
	{name: "ct_state", meta: true, parse: parseCTState},
	numberAttr("ct_zone", hex, func(k *dp.Key) any { return &k.CT.Zone }, 0),
	numberAttr("ct_mark", hex, func(k *dp.Key) any { return &k.CT.Mark }, 0),
	{name: "ct_label", meta: true, parse: parseCTLabel},
	{name: "ct_tuple4", meta: true, parse: parseCTTuple4},
	{name: "ct_tuple6", meta: true, parse: parseCTTuple6},
}

func parseCTState(p *keyParser) error {
	v, m, _, err := ctFlagSet.parse(p.scanner)
	if err != nil {
		return err
	}
	p.k.CT.State, p.m.CT.State = uint8(v), uint8(m)
	return p.expect(")")
}

// label128 consumes a number of at most 128 bits.
func (s *scanner) label128() (v [16]byte, err error) {
	start := s.pos
	digits, base := s.word(), 10
	if h, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = h, 16
	}
	n, ok := new(big.Int), len(digits) < 64 // 128 bits are 39 decimal digits
	if ok {
		n, ok = n.SetString(digits, base)
	}
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return v, s.errAt(start, "expected a label, a number of at most 128 bits")
	}
	n.FillBytes(v[:])
	return v, nil
}

func parseCTLabel(p *keyParser) (err error) {
	v, m := &p.k.CT.Label, &p.m.CT.Label
	if *v, err = p.label128(); err != nil {
		return err
	}
	*m = [16]byte(allOnes)
	if p.take("/") {
		if *m, err = p.label128(); err != nil {
			return err
		}
	}
	for i := range v {
		v[i] &= m[i]
	}
	return p.expect(")")
}

func labelText(v [16]byte) string {
	if v == [16]byte{} {
		return "0"
	}
	return fmt.Sprintf("%#x", new(big.Int).SetBytes(v[:]))
}

// tupleFields are the original direction's tuple; the ports' names differ, as
// Open vSwitch reads tp_src and prints src_port for IPv6.
func tupleFields(k *dp.Key, m *dp.Mask, addr form, src, dst string) []field {
	return []field{
		{"src", addr, &k.CT.OrigSrc, &m.CT.OrigSrc, 0},
		{"dst", addr, &k.CT.OrigDst, &m.CT.OrigDst, 0},
		{"proto", dec, &k.CT.OrigProto, &m.CT.OrigProto, 0},
		{src, dec, &k.CT.OrigTPSrc, &m.CT.OrigTPSrc, 0},
		{dst, dec, &k.CT.OrigTPDst, &m.CT.OrigTPDst, 0},
	}
}

func parseCTTuple4(p *keyParser) error {
	if p.hasSeen("ct_tuple6") {
		return p.err("ct_tuple4 and ct_tuple6 exclude each other")
	}
	return p.parseFields(tupleFields(&p.k, &p.m, mapped4, "tp_src", "tp_dst"))
}

func parseCTTuple6(p *keyParser) error {
	if p.hasSeen("ct_tuple4") {
		return p.err("ct_tuple4 and ct_tuple6 exclude each other")
	}
	fields := tupleFields(&p.k, &p.m, ip6, "tp_src", "tp_dst")
	return p.parseFields(append(fields, tupleFields(&p.k, &p.m, ip6, "src_port", "dst_port")[3:]...))
}

func (p *keyParser) hasSeen(name string) bool {
	for _, s := range p.seen {
		if s.name == name {
			return true
		}
	}
	return false
}

func (p *printer) ct() {
	k, m := &p.k.CT, &p.m.CT
	if p.Verbose {
		p.attr("ct_state", hexText(uint64(k.State))+"/"+hexText(uint64(m.State)))
	} else if m.State != 0 {
		p.attr("ct_state", ctFlagSet.maskedText(uint64(k.State), uint64(m.State)))
	}
	p.number("ct_zone", &k.Zone, &m.Zone)
	p.number("ct_mark", &k.Mark, &m.Mark)
	if p.Verbose || m.Label != [16]byte{} {
		exact := m.Label == [16]byte(allOnes)
		p.attr("ct_label", withMask(labelText(k.Label), labelText(m.Label), exact))
	}
	p.ctTuple()
}

// ctTuple prints the tuple if it is matched; as IPv4 where the addresses say so
// or, where none is matched, unless the packets are IPv6.
func (p *printer) ctTuple() {
	k, m := &p.k.CT, &p.m.CT
	_, _, src4 := unmapped(k.OrigSrc, m.OrigSrc)
	_, _, dst4 := unmapped(k.OrigDst, m.OrigDst)
	v4 := src4 || m.OrigSrc == dp.IP6{}
	v4 = v4 && (dst4 || m.OrigDst == dp.IP6{})
	if !src4 && !dst4 && p.k.EthType.Uint() == etherIPv6 {
		v4 = false
	}
	fields := tupleFields(p.k, p.m, ip6, "src_port", "dst_port")
	name := "ct_tuple6"
	if v4 {
		fields = tupleFields(p.k, p.m, mapped4, "tp_src", "tp_dst")
		name = "ct_tuple4"
	}
	if !allWild(fields) {
		p.attr(name, fieldsText(fields, p.Verbose))
	}
}
