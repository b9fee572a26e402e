package odp

import (
	"strconv"

	"github.com/skua/skua/internal/dp"
)

// metaAttrs are the fields of a packet that are not in its headers.
var metaAttrs = []attr{
	numberAttr("skb_priority", hex, func(k *dp.Key) any { return &k.Misc.SkbPriority }, 0),
	numberAttr("skb_mark", hex, func(k *dp.Key) any { return &k.PktMark }, 0),
	numberAttr("dp_hash", hex, func(k *dp.Key) any { return &k.Misc.DPHash }, 0),
	{name: "recirc_id", meta: true, parse: parseRecircID},
	{name: "in_port", meta: true, parse: parseInPort},
	{name: "packet_type", meta: true, parse: parsePacketType},
}

func parseRecircID(p *keyParser) error {
	v, err := p.number("recirc_id", 32)
	if err != nil {
		return err
	}
	if p.at("/") {
		return p.err("recirc_id takes no mask")
	}
	p.k.RecircID = uint32(v)
	return p.expect(")")
}

func parseInPort(p *keyParser) error {
	no, err := p.port(p.names)
	if err != nil {
		return err
	}
	if p.at("/") {
		return p.err("in_port takes no mask")
	}
	p.k.InPort, p.m.InPort = no, 0xffff
	return p.expect(")")
}

// packetType is packet_type's two halves as fields of their own.
type packetType struct{ ns, id, nsMask, idMask uint16 }

func (t *packetType) fields() []field {
	return []field{
		{"ns", dec, &t.ns, &t.nsMask, 0},
		{"id", hex, &t.id, &t.idMask, 0},
	}
}

// Namespaces of a packet type (OpenFlow 1.5.1 section 7.2.3.11).
const nsEtherType = 1

func parsePacketType(p *keyParser) error {
	var t packetType
	if err := p.parseFields(t.fields()); err != nil {
		return err
	}
	p.k.Misc.PacketType = dp.ToBE32(uint32(t.ns)<<16 | uint32(t.id))
	p.m.Misc.PacketType = dp.ToBE32(uint32(t.nsMask)<<16 | uint32(t.idMask))
	return nil
}

// etherPacketType returns the Ethernet type that a packet type names, if it does:
// a packet that starts behind its Ethernet header.
func etherPacketType(k *dp.Key, m *dp.Mask) (dp.BE16, bool) {
	v, mask := k.Misc.PacketType, m.Misc.PacketType
	return dp.BE16(v[2:]), v.Uint()>>16 == nsEtherType && mask.Uint() == 0xffffffff
}

// number prints an attribute of one hexadecimal number.
func (p *printer) number(name string, val, mask any) {
	if m := load(mask); p.Verbose || m != 0 {
		p.attr(name, maskedHex(load(val), m, width(val)))
	}
}

func (p *printer) meta() {
	p.number("recirc_id", &p.k.RecircID, &p.m.RecircID)
	p.number("dp_hash", &p.k.Misc.DPHash, &p.m.Misc.DPHash)
	switch m := p.m.InPort; {
	case m == 0xffff:
		p.attr("in_port", p.port(p.k.InPort))
	case m != 0 || p.Verbose:
		p.attr("in_port", strconv.Itoa(int(p.k.InPort))+"/"+hexText(uint64(m)))
	}
	v, m := p.k.Misc.PacketType.Uint(), p.m.Misc.PacketType.Uint()
	t := packetType{uint16(v >> 16), uint16(v), uint16(m >> 16), uint16(m)}
	p.fields("packet_type", t.fields())
}
