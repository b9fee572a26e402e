package odp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

var errNumber = errors.New("not a number")

// parseUint reads a number as C does: 0x for hexadecimal, a leading 0 for octal,
// else decimal; no sign and no separators.
func parseUint(text string, bits int) (uint64, error) {
	base, digits := 10, text
	switch {
	case strings.HasPrefix(text, "0x"), strings.HasPrefix(text, "0X"):
		base, digits = 16, text[2:]
	case len(text) > 1 && text[0] == '0':
		base, digits = 8, text[1:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("does not fit in %d bits", bits)
	case err != nil:
		return 0, errNumber
	case v > ones(bits):
		return 0, fmt.Errorf("does not fit in %d bits", bits)
	}
	return v, nil
}

// number consumes a number of at most bits bits.
func (s *scanner) number(what string, bits int) (uint64, error) {
	start := s.pos
	w := s.word()
	v, err := parseUint(w, bits)
	if errors.Is(err, errNumber) {
		return 0, s.errAt(start, "expected %s, a number of at most %d bits", what, bits)
	} else if err != nil {
		return 0, s.errAt(start, "%s %v", what, err)
	}
	return v, nil
}

// maskedNumber consumes "value" (exact) or "value/mask" and returns the value
// without the bits that the mask does not have.
func (s *scanner) maskedNumber(what string, bits int) (v, m uint64, err error) {
	if v, err = s.number(what, bits); err != nil {
		return 0, 0, err
	}
	m = ones(bits)
	if s.take("/") {
		if m, err = s.number(what+"'s mask", bits); err != nil {
			return 0, 0, err
		}
	}
	return v & m, m, nil
}

// ones returns a number whose lowest bits bits are set.
func ones(bits int) uint64 { return ^uint64(0) >> (64 - bits) }

// width returns the bits of the number behind p, a pointer to a field of a key or
// an action.
func width(p any) int {
	switch p.(type) {
	case *uint8:
		return 8
	case *uint16, *dp.PortNo, *dp.BE16:
		return 16
	case *uint32, *dp.BE32:
		return 32
	default: // *dp.BE64
		return 64
	}
}

// load returns the number behind p.
func load(p any) uint64 {
	switch p := p.(type) {
	case *uint8:
		return uint64(*p)
	case *uint16:
		return uint64(*p)
	case *uint32:
		return uint64(*p)
	case *dp.PortNo:
		return uint64(*p)
	case *dp.BE16:
		return uint64(p.Uint())
	case *dp.BE32:
		return uint64(p.Uint())
	case *dp.BE64:
		return p.Uint()
	}
	return 0
}

// store puts v, which fits, behind p.
func store(p any, v uint64) {
	switch p := p.(type) {
	case *uint8:
		*p = uint8(v)
	case *uint16:
		*p = uint16(v)
	case *uint32:
		*p = uint32(v)
	case *dp.PortNo:
		*p = dp.PortNo(v)
	case *dp.BE16:
		*p = dp.ToBE16(uint16(v))
	case *dp.BE32:
		*p = dp.ToBE32(uint32(v))
	case *dp.BE64:
		*p = dp.ToBE64(v)
	}
}

// hexText prints v in hexadecimal with 0x in front, and 0 as "0".
func hexText(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// maskedHex prints "value" where the mask has all of its bits, else "value/mask".
func maskedHex(v, m uint64, bits int) string {
	if m == ones(bits) {
		return hexText(v)
	}
	return hexText(v) + "/" + hexText(m)
}
