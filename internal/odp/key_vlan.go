package odp

import (
	"strings"

	"github.com/skua/skua/internal/dp"
)

// maxTags is how many VLAN tags a key holds.
const maxTags = 2

// vlanAttrs nest: eth_type(tag's type),vlan(...),encap(what is behind the tag).
var vlanAttrs = []attr{
	{name: "vlan", parse: parseVLAN},
	{name: "encap", parse: parseEncap},
}

// level is what a text says at one depth of encap().
type level struct {
	hasType, hasTag, hasEncap          bool
	typeOffset, tagOffset, encapOffset int
	ethType, typeMask                  uint16
	tci, tciMask                       uint16
}

// linkAttr names the attributes that may stand around an encap().
func linkAttr(name string) bool {
	return name == "eth_type" || name == "vlan" || name == "encap"
}

// vlanTag is a TCI's three parts as fields of their own (IEEE 802.1Q section 9.6),
// with the tag's presence in place of the CFI bit.
type vlanTag struct {
	vid, vidMask         uint16
	pcp, pcpMask         uint8
	present, presentMask uint8
}

func (t *vlanTag) fields() []field {
	return []field{
		{"vid", decHexMask, &t.vid, &t.vidMask, 12},
		{"pcp", decHexMask, &t.pcp, &t.pcpMask, 3},
		{"cfi", dec, &t.present, &t.presentMask, 1},
	}
}

func tagOf(tci, mask uint16) *vlanTag {
	return &vlanTag{
		vid: tci & 0xfff, vidMask: mask & 0xfff,
		pcp: uint8(tci >> 13), pcpMask: uint8(mask >> 13),
		present: uint8(tci >> 12 & 1), presentMask: uint8(mask >> 12 & 1),
	}
}

func (t *vlanTag) tci() (v, m uint16) {
	v = uint16(t.pcp)<<13 | uint16(t.present)<<12 | t.vid
	m = uint16(t.pcpMask)<<13 | uint16(t.presentMask)<<12 | t.vidMask
	return v, m
}

func parseVLAN(p *keyParser) error {
	l := &p.levels[p.depth]
	l.hasTag, l.tagOffset = true, p.attrOffset()
	if p.depth == maxTags {
		return p.errAt(l.tagOffset, "more than %d VLAN tags are not supported", maxTags)
	}
	t := tagOf(dp.VLANCFI, dp.VLANCFI)
	if err := p.parseFields(t.fields()); err != nil {
		return err
	}
	if t.presentMask == 1 && t.present == 0 {
		return p.errAt(l.tagOffset, "cfi=0 matches no tagged packet; leave vlan(...) and encap(...) out for untagged ones")
	}
	l.tci, l.tciMask = t.tci()
	return nil
}

func parseEncap(p *keyParser) error {
	l := &p.levels[p.depth]
	l.hasEncap, l.encapOffset = true, p.attrOffset()
	if p.depth == maxTags {
		return p.errAt(l.encapOffset, "more than %d VLAN tags are not supported", maxTags)
	}
	p.depth++
	for p.skipDelimiters(); !p.take(")"); p.skipDelimiters() {
		if p.eof() {
			return p.err("expected %q", ")")
		}
		if err := p.attr(); err != nil {
			return err
		}
	}
	p.depth--
	return nil
}

// tagSlots returns where a key keeps tag i.
func tagSlots(k *dp.Key, i int) (tpid, tci *dp.BE16) {
	if i == 0 {
		return &k.VLANTPID, &k.VLANTCI
	}
	return &k.Misc.CVLANTPID, &k.Misc.CVLANTCI
}

// finishLevels moves tags and types to the key and returns the innermost depth.
func (p *keyParser) finishLevels() (int, error) {
	i := 0
	for ; p.levels[i].hasTag || p.levels[i].hasEncap; i++ {
		if err := p.checkTag(i); err != nil {
			return 0, err
		}
		l := &p.levels[i]
		tpid, tci := tagSlots(&p.k, i)
		tpidMask, tciMask := tagSlots((*dp.Key)(&p.m), i)
		*tpid, *tpidMask = dp.ToBE16(l.ethType), dp.ToBE16(l.typeMask)
		*tci, *tciMask = dp.ToBE16(l.tci), dp.ToBE16(l.tciMask)
	}
	if i < maxTags { // there is no further tag
		tpidMask, tciMask := tagSlots((*dp.Key)(&p.m), i)
		*tpidMask, *tciMask = dp.ToBE16(0xffff), dp.ToBE16(0xffff)
	}
	return i, p.finishType(i)
}

// checkTag checks the tag that the text has at level i.
func (p *keyParser) checkTag(i int) error {
	l := &p.levels[i]
	switch {
	case !l.hasTag:
		return p.errAt(l.encapOffset, "encap(...) needs vlan(...) in front")
	case !l.hasType:
		return p.errAt(l.tagOffset, "vlan(...) needs eth_type(0x8100) or eth_type(0x88a8) in front")
	case l.typeMask == 0xffff && !isTagType(l.ethType):
		return p.errAt(l.typeOffset, "vlan(...) needs eth_type(0x8100) or eth_type(0x88a8)")
	case l.tciMask == 0 && l.typeMask != 0xffff:
		return p.errAt(l.tagOffset, "vlan(...) matches neither a tag nor a tag's type")
	case !l.hasEncap:
		return p.errAt(l.tagOffset, "vlan(...) needs encap(...) behind it for what the tag is on")
	}
	return nil
}

func isTagType(v uint16) bool { return v == etherVLAN || v == etherSVLAN }

// finishType sets the type behind all tags, which stands at level i.
func (p *keyParser) finishType(i int) error {
	l := &p.levels[i]
	if i < maxTags && l.typeMask == 0xffff && isTagType(l.ethType) {
		return p.errAt(l.typeOffset, "vlan(...) and encap(...) must follow a tag's type")
	}
	implied, ok := etherPacketType(&p.k, &p.m)
	switch {
	case ok && (implied.Uint() < etherMin || isTagType(implied.Uint())):
		return p.errAt(p.packetTypeOffset(), "packet_type cannot say Ethernet type %#04x", implied.Uint())
	case ok && i > 0:
		return p.errAt(p.levels[0].tagOffset, "vlan(...) needs a packet type with an Ethernet header, ns=0")
	case ok && l.hasType && implied.Uint()&l.typeMask != l.ethType:
		return p.errAt(l.typeOffset, "packet_type says Ethernet type %#04x", implied.Uint())
	case ok:
		p.k.EthType, p.m.EthType = implied, dp.ToBE16(0xffff)
	case l.hasType:
		p.k.EthType, p.m.EthType = dp.ToBE16(l.ethType), dp.ToBE16(l.typeMask)
	}
	return nil
}

// packetTypeOffset returns where packet_type(...) stands.
func (p *keyParser) packetTypeOffset() int {
	for _, s := range p.seen {
		if s.name == "packet_type" {
			return s.offset
		}
	}
	return p.pos
}

// tags prints the VLAN tags, the Ethernet type and what is behind it.
func (p *printer) tags() { p.level(0) }

func (p *printer) level(i int) {
	if i < maxTags && p.hasTag(i) {
		tpid, tci := tagSlots(p.k, i)
		tpidMask, tciMask := tagSlots((*dp.Key)(p.m), i)
		p.attr("eth_type", ethTypeText(tpid.Uint(), tpidMask.Uint()))
		p.attr("vlan", vlanText(tci.Uint(), tciMask.Uint(), p.Verbose))
		p.WriteString(",encap(")
		p.level(i + 1)
		p.WriteByte(')')
		return
	}
	if m := p.m.EthType.Uint(); p.Verbose || m != 0 {
		p.attr("eth_type", ethTypeText(p.k.EthType.Uint(), m))
	}
	p.network()
}

// hasTag reports whether the flow asks something of tag i: not if it asks for
// packets without it, nor if it does not look.
func (p *printer) hasTag(i int) bool {
	tpid, tci := tagSlots(p.k, i)
	_, tciMask := tagSlots((*dp.Key)(p.m), i)
	if tciMask.Uint()&dp.VLANCFI != 0 {
		return tci.Uint()&dp.VLANCFI != 0
	}
	return tciMask.Uint() != 0 || tpid.Uint() != 0
}

// vlanText prints a TCI; the tag's presence only if it is not matched.
func vlanText(tci, mask uint16, verbose bool) string {
	t := tagOf(tci, mask)
	text := fieldsText(t.fields()[:2], verbose)
	if t.presentMask == 0 { // looks at the bits of a tag but not for one
		text = strings.TrimPrefix(text+",cfi=0/0", ",")
	}
	return text
}
