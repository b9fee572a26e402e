package odp

import (
	"fmt"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// mplsAttrs is the label stack (RFC 3032 section 2.1), top first.
var mplsAttrs = []attr{
	{name: "mpls", need: needType("eth_type(0x8847)", etherMPLS, etherMPLSMulti), parse: parseMPLS},
}

// lseField is one field of a label stack entry.
type lseField struct {
	name        string
	bits, shift int
	always0x    bool // the mask has 0x in front
}

var lseFields = []lseField{
	{"label", 20, 12, true},
	{"tc", 3, 9, false},
	{"ttl", 8, 0, true},
	{"bos", 1, 8, false},
}

// parseMPLS consumes the entries' fields; a field that does not come behind the
// one before it starts the next entry.
func parseMPLS(p *keyParser) error {
	entry, last := 0, -1
	return p.list(func() error {
		start := p.pos
		name := p.word()
		i := 0
		for i < len(lseFields) && lseFields[i].name != name {
			i++
		}
		if i == len(lseFields) {
			return p.errAt(start, "expected label=, tc=, ttl= or bos=")
		}
		if i <= last {
			entry++
		}
		last = i
		if entry == len(p.k.Misc.MPLS) {
			return p.errAt(start, "more than %d labels are not supported", len(p.k.Misc.MPLS))
		}
		if err := p.expect("="); err != nil {
			return err
		}
		f := &lseFields[i]
		v, m, err := p.maskedNumber(name, f.bits)
		if err != nil {
			return err
		}
		lse, mask := &p.k.Misc.MPLS[entry], &p.m.Misc.MPLS[entry]
		*lse = dp.ToBE32(lse.Uint() | uint32(v)<<f.shift)
		*mask = dp.ToBE32(mask.Uint() | uint32(m)<<f.shift)
		return nil
	})
}

// mpls prints the entries up to the last one that is matched; all with masks as
// soon as one bit of them is not matched.
func (p *printer) mpls() {
	n, exact := 0, true
	for i, m := range p.m.Misc.MPLS {
		if m != (dp.BE32{}) {
			n = i + 1
		}
	}
	if n == 0 {
		if !p.Verbose {
			return
		}
		n = 1
	}
	for _, m := range p.m.Misc.MPLS[:n] {
		exact = exact && m.Uint() == 0xffffffff
	}
	var parts []string
	for i := range n {
		v, m := p.k.Misc.MPLS[i].Uint(), p.m.Misc.MPLS[i].Uint()
		for _, f := range lseFields {
			parts = append(parts, f.text(v, m, exact))
		}
	}
	p.attr("mpls", strings.Join(parts, ","))
}

func (f *lseField) text(lse, mask uint32, exact bool) string {
	field := uint32(ones(f.bits))
	v, m := lse>>f.shift&field, mask>>f.shift&field
	switch {
	case exact:
		return fmt.Sprintf("%s=%d", f.name, v)
	case f.always0x:
		return fmt.Sprintf("%s=%d/0x%x", f.name, v, m)
	}
	return fmt.Sprintf("%s=%d/%x", f.name, v, m)
}
