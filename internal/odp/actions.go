package odp

import (
	"strings"

	"github.com/skua/skua/internal/dp"
)

// actionParser consumes an action's text behind its name.
type actionParser func(*scanner, Names) (dp.Action, error)

// actionParsers are the actions that have a name.
var actionParsers map[string]actionParser

// init fills the table, because a clone's parser comes back to it.
func init() {
	actionParsers = map[string]actionParser{
		"userspace": parseUserspace,
		"push_vlan": parsePushVLAN,
		"pop_vlan":  func(*scanner, Names) (dp.Action, error) { return dp.PopVLAN{}, nil },
		"set":       parseSet,
		"tnl_push":  parseTnlPush,
		"tnl_pop":   parseTnlPop,
		"recirc":    parseRecirc,
		"clone":     parseClone,
		"drop":      func(*scanner, Names) (dp.Action, error) { return dp.Drop{}, nil },
	}
}

// unsupportedActions are actions of Open vSwitch that dp has no type for.
var unsupportedActions = map[string]bool{
	"add_mpls": true, "check_pkt_len": true, "ct": true, "ct_clear": true,
	"dec_ttl": true, "hash": true, "lb_output": true, "meter": true, "pop_eth": true,
	"pop_mpls": true, "pop_nsh": true, "psample": true, "push_eth": true, "push_mpls": true,
	"push_nsh": true, "sample": true, "trunc": true,
}

func isActionName(name string) bool { return actionParsers[name] != nil || unsupportedActions[name] }

// ParseActions reads a list of actions; port names need n. An empty text and
// "drop" alone give an empty list, which drops. Errors are *SyntaxError; an action
// that dp cannot hold is one too, and names the action.
func ParseActions(text string, n Names) (dp.Actions, error) {
	s := &scanner{text: text}
	return s.actions(n, "")
}

// actions consumes a list up to the character end, which stays, or to the end of the
// text if end is "".
func (s *scanner) actions(n Names, end string) (dp.Actions, error) {
	var list dp.Actions
	for s.skipDelimiters(); !s.eof() && (end == "" || !s.at(end)); s.skipDelimiters() {
		start := s.pos
		if len(list) > 0 && isDrop(list[len(list)-1]) {
			return nil, s.err("nothing follows drop")
		}
		a, err := s.action(n)
		if err != nil {
			return nil, err
		}
		if !s.eof() && strings.IndexByte(delimiters+end, s.text[s.pos]) < 0 {
			return nil, s.errAt(start, "expected %q behind the action", ",")
		}
		list = append(list, a)
	}
	if len(list) == 1 && isDrop(list[0]) {
		return nil, nil
	}
	return list, nil
}

func isDrop(a dp.Action) bool { _, ok := a.(dp.Drop); return ok }

// action consumes one action.
func (s *scanner) action(n Names) (dp.Action, error) {
	start := s.pos
	name := s.until(",()/ \t\r\n")
	if parse := actionParsers[name]; parse != nil {
		return parse(s, n)
	}
	if unsupportedActions[name] {
		return nil, s.errAt(start, "action %s is not supported", name)
	}
	if s.at("(") {
		return nil, s.errAt(start, "no such action")
	}
	no, err := s.portOf(name, start, n)
	if err != nil {
		return nil, s.errAt(start, "expected an action, a port number or the name of a port that exists")
	}
	return dp.Output{Port: no}, nil
}

func parseRecirc(s *scanner, _ Names) (dp.Action, error) {
	if err := s.expect("("); err != nil {
		return nil, err
	}
	id, err := s.number("the recirculation id", 32)
	if err != nil {
		return nil, err
	}
	return dp.Recirc{ID: uint32(id)}, s.expect(")")
}

// FormatActions prints a list of actions as dpctl/dump-flows does; an empty list
// is "drop". [ParseActions] reads the text back to the same list if it could have
// come from it.
func FormatActions(list dp.Actions, f Format) string {
	if len(list) == 0 {
		return "drop"
	}
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = f.action(a)
	}
	return strings.Join(parts, ",")
}

func (f Format) action(a dp.Action) string {
	switch a := a.(type) {
	case dp.Output:
		return f.port(a.Port)
	case dp.PushVLAN:
		return pushVLANText(a)
	case dp.PopVLAN:
		return "pop_vlan"
	case dp.TnlPush:
		return f.tnlPush(a)
	case dp.TnlPop:
		return "tnl_pop(" + f.port(a.Port) + ")"
	case dp.Recirc:
		return "recirc(" + hexText(uint64(a.ID)) + ")"
	case dp.Userspace:
		return userspaceText(a)
	case dp.Clone:
		return f.clone(a)
	case dp.Drop:
		return "drop"
	default:
		return setText(a)
	}
}
