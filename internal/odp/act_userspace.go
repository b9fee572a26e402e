package odp

import (
	stdhex "encoding/hex"
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// maxCookie is the longest user data that the data plane carries.
const maxCookie = 64

// unsupportedUserspace are the forms of userspace(...) whose meaning only Open
// vSwitch's own upcall handlers know.
var unsupportedUserspace = map[string]bool{
	"slow_path": true, "controller": true, "sFlow": true, "flow_sample": true, "ipfix": true,
	"actions": true, "tunnel_out_port": true,
}

// parseUserspace consumes "(pid=N[,userdata(HEX)])".
func parseUserspace(s *scanner, _ Names) (dp.Action, error) {
	if err := s.expect("(pid="); err != nil {
		return nil, err
	}
	pid, err := s.number("pid", 32)
	if err != nil {
		return nil, err
	}
	a := dp.Userspace{PID: uint32(pid)}
	if !s.take(",") {
		return a, s.expect(")")
	}
	start := s.pos
	if name := s.word(); unsupportedUserspace[name] {
		return nil, s.errAt(start, "%s in userspace(...) is not supported; use userdata(hex)", name)
	} else if name != "userdata" {
		return nil, s.errAt(start, "expected userdata(hex)")
	}
	if err := s.expect("("); err != nil {
		return nil, err
	}
	start = s.pos
	w := s.word()
	b, err := stdhex.DecodeString(w)
	switch {
	case err != nil:
		return nil, s.errAt(start, "expected bytes as pairs of hexadecimal digits")
	case len(b) > maxCookie:
		return nil, s.errAt(start, "user data has at most %d bytes, not %d", maxCookie, len(b))
	case len(b) > 0:
		a.Cookie = b
	}
	if err := s.expect(")"); err != nil {
		return nil, err
	}
	if s.at(",") {
		s.pos++
		return nil, s.err("nothing follows userdata(...) that is supported")
	}
	return a, s.expect(")")
}

func userspaceText(a dp.Userspace) string {
	if len(a.Cookie) == 0 {
		return fmt.Sprintf("userspace(pid=%d)", a.PID)
	}
	return fmt.Sprintf("userspace(pid=%d,userdata(%x))", a.PID, a.Cookie)
}
