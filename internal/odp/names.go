package odp

import (
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// Names translates between datapath port numbers and port names.
type Names interface {
	PortName(dp.PortNo) (string, bool)
	PortNumber(string) (dp.PortNo, bool)
}

// Format says how to print.
type Format struct {
	Names   Names // nil: ports are numbers
	Verbose bool  // as dump-flows -m: fields that are not matched too, as value/mask
}

// port consumes a port number or, where names are given, a port's name.
func (s *scanner) port(n Names) (dp.PortNo, error) {
	start := s.pos
	w := s.until(",()/ \t\r\n")
	return s.portOf(w, start, n)
}

// portOf translates the token w that stands at start.
func (s *scanner) portOf(w string, start int, n Names) (dp.PortNo, error) {
	if v, err := parseUint(w, 32); err == nil {
		if v >= uint64(dp.NoPort) {
			return 0, s.errAt(start, "a port number is less than %d", dp.NoPort)
		}
		return dp.PortNo(v), nil
	}
	if n != nil {
		if no, ok := n.PortNumber(w); ok {
			return no, nil
		}
	}
	return 0, s.errAt(start, "expected a port number or the name of a port that exists")
}

// port prints a port by name if it has one that reads as a name, else by number.
func (f Format) port(no dp.PortNo) string {
	if f.Names != nil {
		if name, ok := f.Names.PortName(no); ok && plainName(name) {
			return name
		}
	}
	return strconv.Itoa(int(no))
}

// plainName reports whether name cannot be taken for something else.
func plainName(name string) bool {
	if name == "" || strings.ContainsAny(name, stops) || isActionName(name) {
		return false
	}
	_, err := parseUint(name, 64)
	return err != nil
}
