package odp

import (
	"fmt"
	"strconv"
	"strings"
)

// flagSet names the bits of a flags field, lowest first.
type flagSet struct {
	what  string
	names []string // bits without a name are written "[hex]"
	bits  int
}

var (
	tcpFlagSet = flagSet{"TCP flag", []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"}, 12}
	ctFlagSet  = flagSet{"ct_state flag", []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}, 8}
	tunFlagSet = flagSet{"tunnel flag", []string{"oam", "df", "csum", "key"}, 4}
)

// parse consumes the body of a flags attribute up to its closing parenthesis:
// "+a-b" (only these are matched), "a|b" or a number (all are matched, exact is
// true), or "number/mask".
func (fs *flagSet) parse(s *scanner) (v, m uint64, exact bool, err error) {
	if s.at("+") || s.at("-") {
		v, m, err = fs.parseSigned(s)
		return v, m, false, err
	}
	start := s.pos
	if n, err := parseUint(s.word(), 64); err == nil && !s.at("|") {
		if n > ones(fs.bits) {
			return 0, 0, false, s.errAt(start, "no such %s", fs.what)
		}
		if !s.take("/") {
			return n, ones(fs.bits), true, nil
		}
		if m, err = s.number("the mask", fs.bits); err != nil {
			return 0, 0, false, err
		}
		return n & m, m, false, nil
	}
	s.pos = start
	for {
		bit, err := fs.flag(s)
		if err != nil {
			return 0, 0, false, err
		}
		v |= bit
		if !s.take("|") {
			return v, ones(fs.bits), true, nil
		}
	}
}

func (fs *flagSet) parseSigned(s *scanner) (v, m uint64, err error) {
	for s.at("+") || s.at("-") {
		on := s.take("+")
		if !on {
			s.pos++
		}
		start := s.pos
		bit, err := fs.flag(s)
		if err != nil {
			return 0, 0, err
		}
		if m&bit != 0 {
			return 0, 0, s.errAt(start, "%s is given twice", fs.what)
		}
		m |= bit
		if on {
			v |= bit
		}
	}
	return v, m, nil
}

// flag consumes one flag: a name, "[hex]" or a number.
func (fs *flagSet) flag(s *scanner) (uint64, error) {
	start := s.pos
	w := s.until(stops + "-") // a name ends where the next sign stands
	for i, name := range fs.names {
		if name == w {
			return 1 << i, nil
		}
	}
	var v uint64
	var err error
	if in, ok := strings.CutPrefix(w, "["); ok && strings.HasSuffix(in, "]") {
		v, err = strconv.ParseUint(strings.TrimSuffix(in, "]"), 16, 64)
	} else {
		v, err = parseUint(w, 64)
	}
	if err != nil || v == 0 || v > ones(fs.bits) {
		return 0, s.errAt(start, "expected a %s: %s", fs.what, strings.Join(fs.names, ", "))
	}
	return v, nil
}

func (fs *flagSet) name(i int) string {
	if i < len(fs.names) {
		return fs.names[i]
	}
	return fmt.Sprintf("[%x]", 1<<i)
}

// exactText prints the set flags of v as "a|b", none as "0".
func (fs *flagSet) exactText(v uint64) string {
	var names []string
	for i := range fs.bits {
		if v&(1<<i) != 0 {
			names = append(names, fs.name(i))
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}

// maskedText prints the flags that m has as "+a-b", "0/0" without any.
func (fs *flagSet) maskedText(v, m uint64) string {
	var b strings.Builder
	for i := range fs.bits {
		switch bit := uint64(1) << i; {
		case m&bit == 0:
		case v&bit != 0:
			b.WriteString("+" + fs.name(i))
		default:
			b.WriteString("-" + fs.name(i))
		}
	}
	if b.Len() == 0 {
		return "0/0"
	}
	return b.String()
}
