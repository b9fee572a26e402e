package odp

import (
	"fmt"
	"strings"
)

// scanner walks over a flow text. Its methods that fail return a *SyntaxError
// that points at the refused token.
type scanner struct {
	text  string
	pos   int
	depth int // of clones around pos
}

// delimiters separate attributes, and actions.
const delimiters = ", \t\r\n"

// stops end a value or a name.
const stops = ",()/=|+{} \t\r\n"

// errAt refuses the token that starts at offset off.
func (s *scanner) errAt(off int, format string, args ...any) error {
	off = min(off, len(s.text))
	rest := s.text[off:]
	n := strings.IndexAny(rest, delimiters+"()")
	switch {
	case n < 0:
		n = len(rest)
	case n == 0:
		n = 1
	}
	return &SyntaxError{Text: s.text, Token: rest[:n], Offset: off, Reason: fmt.Sprintf(format, args...)}
}

// err refuses the token at the current position.
func (s *scanner) err(format string, args ...any) error { return s.errAt(s.pos, format, args...) }

func (s *scanner) eof() bool { return s.pos >= len(s.text) }

// at reports whether the text goes on with lit.
func (s *scanner) at(lit string) bool { return strings.HasPrefix(s.text[s.pos:], lit) }

// take consumes lit if the text goes on with it.
func (s *scanner) take(lit string) bool {
	if !s.at(lit) {
		return false
	}
	s.pos += len(lit)
	return true
}

// expect consumes lit or fails.
func (s *scanner) expect(lit string) error {
	if !s.take(lit) {
		return s.err("expected %q", lit)
	}
	return nil
}

// until consumes and returns the text before the first character of set.
func (s *scanner) until(set string) string {
	rest := s.text[s.pos:]
	n := strings.IndexAny(rest, set)
	if n < 0 {
		n = len(rest)
	}
	s.pos += n
	return rest[:n]
}

// word consumes a name or value, which may be empty.
func (s *scanner) word() string { return s.until(stops) }

// skipDelimiters consumes commas and white space.
func (s *scanner) skipDelimiters() {
	for !s.eof() && strings.IndexByte(delimiters, s.text[s.pos]) >= 0 {
		s.pos++
	}
}

// list consumes "item,item,...)" whose opening parenthesis is already gone; a
// comma may stand before the closing one.
func (s *scanner) list(item func() error) error {
	for !s.take(")") {
		if s.eof() {
			return s.err("expected %q", ")")
		}
		if err := item(); err != nil {
			return err
		}
		if !s.take(",") && !s.at(")") {
			return s.err("expected %q or %q", ",", ")")
		}
	}
	return nil
}
