package odp

import (
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// form says how a field stands in the text.
type form uint8

const (
	dec        form = iota // decimal, mask hexadecimal
	decHexMask             // decimal, mask hexadecimal with zero as "0x0"
	hex                    // hexadecimal, zero as "0"
	hexTunID               // hexadecimal, zero as "0x0"
	arpOp                  // decimal; the text has 16 bits, the key the lower eight
	mac                    // *dp.MAC
	ip4                    // *dp.BE32
	ip6                    // *dp.IP6
	mapped4                // IPv4 in the text, ::ffff:a.b.c.d in a *dp.IP6
	frag                   // no, first, later
)

// field is one "name=value[/mask]" of an attribute or a set action, bound to the
// value and the mask that it stands for. Numbers are *uint8 ... *dp.BE64.
type field struct {
	name      string
	form      form
	val, mask any
	bits      int // of a number; 0: all that its type has
}

func (f *field) numBits() int {
	if f.bits != 0 {
		return f.bits
	}
	return width(f.val)
}

// parse consumes the field's value and mask and stores them.
func (f *field) parse(s *scanner) (err error) {
	switch f.form {
	case mac:
		v, m := f.val.(*dp.MAC), f.mask.(*dp.MAC)
		*v, *m, err = s.mac()
	case ip4:
		v, m := f.val.(*dp.BE32), f.mask.(*dp.BE32)
		*v, *m, err = s.ip4()
	case ip6:
		v, m := f.val.(*dp.IP6), f.mask.(*dp.IP6)
		*v, *m, err = s.ip6()
	case mapped4:
		var v, m dp.BE32
		if v, m, err = s.ip4(); err == nil {
			*f.val.(*dp.IP6), *f.mask.(*dp.IP6) = mapped(v, m)
		}
	case frag:
		err = parseFrag(s, f.val.(*uint8), f.mask.(*uint8))
	default:
		err = f.parseNumber(s)
	}
	return err
}

func (f *field) parseNumber(s *scanner) error {
	bits, start := f.numBits(), s.pos
	if f.form == arpOp {
		bits = 16
	}
	v, m, err := s.maskedNumber(f.name, bits)
	if err != nil {
		return err
	}
	if limit := ones(f.numBits()); v > limit {
		return s.errAt(start, "%s is at most %d", f.name, limit)
	}
	store(f.val, v)
	store(f.mask, m&ones(f.numBits()))
	return nil
}

// wild reports whether the mask has no bit.
func (f *field) wild() bool {
	switch m := f.mask.(type) {
	case *dp.MAC:
		return *m == dp.MAC{}
	case *dp.IP6:
		return *m == dp.IP6{}
	default:
		return load(m) == 0
	}
}

// text prints value and, where it is not exact, mask.
func (f *field) text() string {
	switch f.form {
	case mac:
		v, m := *f.val.(*dp.MAC), *f.mask.(*dp.MAC)
		return withMask(macText(v), macText(m), m == dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	case ip4:
		v, m := *f.val.(*dp.BE32), *f.mask.(*dp.BE32)
		return withMask(ip4Text(v), ip4Text(m), m.Uint() == 0xffffffff)
	case ip6:
		v, m := *f.val.(*dp.IP6), *f.mask.(*dp.IP6)
		return withMask(ip6Text(v), ip6Text(m), m == allOnes)
	case mapped4:
		v, m := *f.val.(*dp.IP6), *f.mask.(*dp.IP6)
		return withMask(ip4Text(dp.BE32(v[12:])), ip4Text(dp.BE32(m[12:])), m == allOnes)
	case frag:
		return fragText(*f.val.(*uint8), *f.mask.(*uint8))
	}
	v, m := load(f.val), load(f.mask)
	value, mask := strconv.FormatUint(v, 10), hexText(m)
	switch f.form {
	case decHexMask:
		mask = "0x" + strconv.FormatUint(m, 16)
	case hex:
		value = hexText(v)
	case hexTunID:
		value = "0x" + strconv.FormatUint(v, 16)
	}
	return withMask(value, mask, m == ones(f.numBits()))
}

func withMask(value, mask string, exact bool) string {
	if exact {
		return value
	}
	return value + "/" + mask
}

// parseFields consumes "name=value[/mask],...)"; each field may stand once.
func (s *scanner) parseFields(fields []field) error {
	var seen uint64
	return s.list(func() error {
		start := s.pos
		name := s.word()
		for i := range fields {
			if fields[i].name != name {
				continue
			}
			if seen&(1<<i) != 0 {
				return s.errAt(start, "%s is given twice", name)
			}
			seen |= 1 << i
			if err := s.expect("="); err != nil {
				return err
			}
			return fields[i].parse(s)
		}
		return s.errAt(start, "expected one of %s", fieldNames(fields))
	})
}

func fieldNames(fields []field) string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name + "="
	}
	return strings.Join(names, ", ")
}

// fieldsText prints the fields that have a bit in their mask; all of them where
// verbose.
func fieldsText(fields []field, verbose bool) string {
	var b strings.Builder
	for i := range fields {
		f := &fields[i]
		wild := f.wild()
		// A fragment match has no text of its own for "any".
		if wild && (!verbose || f.form == frag) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.name)
		b.WriteByte('=')
		b.WriteString(f.text())
	}
	return b.String()
}

// allWild reports whether no field has a bit in its mask.
func allWild(fields []field) bool {
	for i := range fields {
		if !fields[i].wild() {
			return false
		}
	}
	return true
}
