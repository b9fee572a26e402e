package odp

import (
	stdhex "encoding/hex"
	"strings"

	"github.com/skua/skua/internal/dp"
)

const ufidPrefix = "ufid:"

// ParseUFID reads a unique flow id, "ufid:" and a UUID (RFC 9562 section 4) or the
// UUID alone. Errors are *SyntaxError.
func ParseUFID(text string) (dp.UFID, error) {
	s := &scanner{text: text}
	s.take(ufidPrefix)
	id, err := s.uuid()
	if err != nil {
		return dp.UFID{}, err
	}
	if !s.eof() {
		return dp.UFID{}, s.err("expected the end of the flow id")
	}
	return id, nil
}

// FormatUFID prints a unique flow id as dpctl/dump-flows -m does, "ufid:" and a
// UUID.
func FormatUFID(id dp.UFID) string {
	h := stdhex.EncodeToString(id[:])
	return ufidPrefix + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// SplitUFID takes a leading "ufid:UUID" off the text of a flow, as dpctl's
// commands accept it in front of a key. ok is false where there is none; the
// whole text is the key then. Errors are *SyntaxError.
func SplitUFID(text string) (id dp.UFID, key string, ok bool, err error) {
	s := &scanner{text: text}
	if id, ok, err = s.skipUFID(); err != nil {
		return dp.UFID{}, "", false, err
	}
	return id, s.text[s.pos:], ok, nil
}

// skipUFID consumes a leading flow id and the delimiters around it.
func (s *scanner) skipUFID() (id dp.UFID, ok bool, err error) {
	s.skipDelimiters()
	if !s.take(ufidPrefix) {
		return id, false, nil
	}
	if id, err = s.uuid(); err != nil {
		return id, false, err
	}
	s.skipDelimiters()
	return id, true, nil
}

func (s *scanner) uuid() (id dp.UFID, err error) {
	start := s.pos
	w := s.word()
	if len(w) != 36 || w[8] != '-' || w[13] != '-' || w[18] != '-' || w[23] != '-' {
		return id, s.errAt(start, "expected a UUID")
	}
	b, err := stdhex.DecodeString(strings.ReplaceAll(w, "-", ""))
	if err != nil || len(b) != len(id) {
		return id, s.errAt(start, "expected a UUID")
	}
	return dp.UFID(b), nil
}
