package odp

import (
	"strings"

	"github.com/skua/skua/internal/dp"
)

// attr is one attribute of a key, "name(...)".
type attr struct {
	name string
	// parse consumes the body, whose opening parenthesis is gone, with the
	// closing one.
	parse func(*keyParser) error
	// need says what the rest of the key lacks for the attribute to make sense,
	// "" if nothing. It runs when the whole text is read; nil: always fine.
	need func(*dp.Key, *dp.Mask) string
	meta bool // belongs to the packet, not to its headers: not within encap()
}

// attrs are all attributes of a key; init fills it, as encap() holds others.
var attrs = map[string]*attr{}

func init() {
	for _, family := range [][]attr{metaAttrs, ctAttrs, tunnelAttrs, etherAttrs, vlanAttrs,
		ipAttrs, transportAttrs, arpAttrs, ndAttrs, mplsAttrs} {
		for i := range family {
			attrs[family[i].name] = &family[i]
		}
	}
}

// keyParser gathers a key; nothing of it is handed out before all is checked.
type keyParser struct {
	*scanner
	names  Names
	k      dp.Key
	m      dp.Mask
	levels [maxTags + 1]level
	depth  int // of encap()
	seen   []seenAttr
}

type seenAttr struct {
	*attr
	offset, depth int
}

// ParseKey reads a flow's key and mask. A field without a mask is matched
// exactly, one that is not named is not matched, with these exceptions, which are
// Open vSwitch's: in_port must be named; recirc_id is 0 unless named; a header
// stack without vlan(...) matches packets without a (further) tag. Port names need
// n. A "ufid:" in front is checked and passed over; [SplitUFID] returns it.
// The key has no bit outside of the mask. Errors are *SyntaxError.
func ParseKey(text string, n Names) (dp.Key, dp.Mask, error) {
	p := &keyParser{scanner: &scanner{text: text}, names: n}
	p.m.RecircID = 0xffffffff
	if _, _, err := p.skipUFID(); err != nil {
		return dp.Key{}, dp.Mask{}, err
	}
	for p.skipDelimiters(); !p.eof(); p.skipDelimiters() {
		if err := p.attr(); err != nil {
			return dp.Key{}, dp.Mask{}, err
		}
	}
	if err := p.finish(); err != nil {
		return dp.Key{}, dp.Mask{}, err
	}
	p.k.SetLines()
	return p.k, p.m, nil
}

// attr consumes one attribute.
func (p *keyParser) attr() error {
	start := p.pos
	name := p.word()
	a := attrs[name]
	if a == nil {
		return p.errAt(start, "expected a field, such as in_port(1) or eth_type(0x0800)")
	}
	if a.meta && p.depth > 0 {
		return p.errAt(start, "%s belongs outside of encap()", name)
	}
	for _, s := range p.seen {
		if s.attr == a && (s.depth == p.depth || a.meta) {
			return p.errAt(start, "%s is given twice", name)
		}
	}
	if err := p.expect("("); err != nil {
		return err
	}
	p.seen = append(p.seen, seenAttr{a, start, p.depth})
	return a.parse(p)
}

// attrOffset returns where the attribute that is being parsed starts.
func (p *keyParser) attrOffset() int { return p.seen[len(p.seen)-1].offset }

// finish checks what only the whole key shows.
func (p *keyParser) finish() error {
	if p.m.InPort == 0 {
		return p.err("in_port(...) is missing")
	}
	inner, err := p.finishLevels()
	if err != nil {
		return err
	}
	for _, s := range p.seen {
		if s.need == nil {
			continue
		}
		if reason := s.need(&p.k, &p.m); reason != "" {
			return p.errAt(s.offset, "%s(...) needs %s", s.name, reason)
		}
		if !s.meta && !linkAttr(s.name) && s.depth != inner {
			return p.errAt(s.offset, "%s belongs inside the innermost encap(...)", s.name)
		}
	}
	return nil
}

// numberAttr is an attribute whose body is a bare "value[/mask]".
func numberAttr(name string, form form, val func(*dp.Key) any, bits int) attr {
	return attr{name: name, meta: true, parse: func(p *keyParser) error {
		mk := (*dp.Key)(&p.m)
		f := field{name, form, val(&p.k), val(mk), bits}
		if err := f.parse(p.scanner); err != nil {
			return err
		}
		return p.expect(")")
	}}
}

// fieldsAttr is an attribute whose body is a list of fields.
func fieldsAttr(name string, fields func(*dp.Key, *dp.Mask) []field,
	need func(*dp.Key, *dp.Mask) string) attr {
	return attr{name: name, need: need, parse: func(p *keyParser) error {
		return p.parseFields(fields(&p.k, &p.m))
	}}
}

// printer puts attributes together.
type printer struct {
	strings.Builder
	Format
	k *dp.Key
	m *dp.Mask
}

// attr prints "name(body)".
func (p *printer) attr(name, body string) {
	if n := p.Len(); n > 0 && p.String()[n-1] != '(' {
		p.WriteByte(',')
	}
	p.WriteString(name + "(" + body + ")")
}

// fields prints an attribute that has a bit in its mask; any where verbose.
func (p *printer) fields(name string, fields []field) {
	if p.Verbose || !allWild(fields) {
		p.attr(name, fieldsText(fields, p.Verbose))
	}
}

// FormatKey prints a flow's key and mask as dpctl/dump-flows does. Key bits
// outside of the mask are not looked at. [ParseKey] reads the text back to the
// same key and mask if they could have come from it.
func FormatKey(k *dp.Key, m *dp.Mask, f Format) string {
	masked := k.Apply(m)
	p := &printer{Format: f, k: &masked, m: m}
	p.number("skb_priority", &p.k.Misc.SkbPriority, &m.Misc.SkbPriority)
	p.tunnel()
	p.number("skb_mark", &p.k.PktMark, &m.PktMark)
	p.ct()
	p.meta()
	p.ethernet()
	p.tags()
	return p.String()
}

// network prints what stands behind the Ethernet type.
func (p *printer) network() {
	if p.m.EthType.Uint() != 0xffff {
		return
	}
	switch p.k.EthType.Uint() {
	case etherIPv4:
		p.fields("ipv4", ipv4Fields(p.k, p.m))
		p.transport()
	case etherIPv6:
		p.fields("ipv6", ipv6Fields(p.k, p.m))
		p.transport()
	case etherARP, etherRARP:
		p.fields("arp", arpFields(p.k, p.m))
	case etherMPLS, etherMPLSMulti:
		p.mpls()
	}
}
