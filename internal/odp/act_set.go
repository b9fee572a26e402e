package odp

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// setTarget is a set action under construction: its fields and how it ends.
type setTarget struct {
	fields []field
	action func() dp.Action
}

// setTargets are the headers that set(...) rewrites.
var setTargets = map[string]func() setTarget{
	"eth": func() setTarget {
		a := &dp.SetEth{}
		return setTarget{setEthFields(a), func() dp.Action { return *a }}
	},
	"ipv4": func() setTarget {
		a := &dp.SetIPv4{}
		return setTarget{setIPv4Fields(a), func() dp.Action { return *a }}
	},
	"ipv6": func() setTarget {
		a := &dp.SetIPv6{}
		return setTarget{setIPv6Fields(a), func() dp.Action { return *a }}
	},
	"tcp":    func() setTarget { return setPorts(protoTCP) },
	"udp":    func() setTarget { return setPorts(protoUDP) },
	"icmp":   func() setTarget { return setICMP(false) },
	"icmpv6": func() setTarget { return setICMP(true) },
	"arp": func() setTarget {
		a := &dp.SetARP{}
		return setTarget{setARPFields(a), func() dp.Action { return *a }}
	},
	"nd": func() setTarget {
		a := &dp.SetND{}
		return setTarget{setNDFields(a), func() dp.Action { return *a }}
	},
}

// setNumbers are the fields without a header, whose text is a bare number.
var setNumbers = map[string]func(v, m uint32) dp.Action{
	"skb_mark":     func(v, m uint32) dp.Action { return dp.SetMark{Value: v, Mask: m} },
	"skb_priority": func(v, m uint32) dp.Action { return dp.SetPriority{Value: v, Mask: m} },
}

// unsupportedSets are fields that Open vSwitch rewrites and dp does not.
var unsupportedSets = map[string]bool{
	"ct_mark": true, "ct_label": true, "eth_type": true, "mpls": true, "nd_ext": true, "nsh": true,
	"packet_type": true, "sctp": true, "tcp_flags": true, "tunnel": true,
}

func setPorts(proto uint8) setTarget {
	a := &dp.SetTP{Proto: proto}
	return setTarget{setTPFields(a), func() dp.Action { return *a }}
}

func setICMP(v6 bool) setTarget {
	a := &dp.SetICMP{V6: v6}
	return setTarget{setICMPFields(a), func() dp.Action { return *a }}
}

func setEthFields(a *dp.SetEth) []field {
	return []field{
		{"src", mac, &a.Src, &a.SrcMask, 0},
		{"dst", mac, &a.Dst, &a.DstMask, 0},
	}
}

func setIPv4Fields(a *dp.SetIPv4) []field {
	return []field{
		{"src", ip4, &a.Src, &a.SrcMask, 0},
		{"dst", ip4, &a.Dst, &a.DstMask, 0},
		{"tos", hex, &a.TOS, &a.TOSMask, 0},
		{"ttl", dec, &a.TTL, &a.TTLMask, 0},
	}
}

func setIPv6Fields(a *dp.SetIPv6) []field {
	return []field{
		{"src", ip6, &a.Src, &a.SrcMask, 0},
		{"dst", ip6, &a.Dst, &a.DstMask, 0},
		{"label", hex, &a.Label, &a.LabelMask, 20},
		{"tclass", hex, &a.TClass, &a.TClassMask, 0},
		{"hlimit", dec, &a.HLimit, &a.HLimitMask, 0},
	}
}

func setTPFields(a *dp.SetTP) []field {
	return []field{
		{"src", dec, &a.Src, &a.SrcMask, 0},
		{"dst", dec, &a.Dst, &a.DstMask, 0},
	}
}

func setICMPFields(a *dp.SetICMP) []field {
	return []field{
		{"type", dec, &a.Type, &a.TypeMask, 0},
		{"code", dec, &a.Code, &a.CodeMask, 0},
	}
}

func setARPFields(a *dp.SetARP) []field {
	return []field{
		{"sip", ip4, &a.SIP, &a.SIPMask, 0},
		{"tip", ip4, &a.TIP, &a.TIPMask, 0},
		{"op", dec, &a.Op, &a.OpMask, 0},
		{"sha", mac, &a.SHA, &a.SHAMask, 0},
		{"tha", mac, &a.THA, &a.THAMask, 0},
	}
}

func setNDFields(a *dp.SetND) []field {
	return []field{
		{"target", ip6, &a.Target, &a.TargetMask, 0},
		{"sll", mac, &a.SLL, &a.SLLMask, 0},
		{"tll", mac, &a.TLL, &a.TLLMask, 0},
	}
}

// parseSet consumes "(header(field=value[/mask],...))"; a set action rewrites one
// header.
func parseSet(s *scanner, _ Names) (dp.Action, error) {
	if err := s.expect("("); err != nil {
		return nil, err
	}
	start := s.pos
	name := s.word()
	var a dp.Action
	target, number := setTargets[name], setNumbers[name]
	switch {
	case unsupportedSets[name]:
		return nil, s.errAt(start, "action set(%s(...)) is not supported", name)
	case target == nil && number == nil:
		return nil, s.errAt(start, "expected a header to rewrite, such as eth(...) or ipv4(...)")
	}
	if err := s.expect("("); err != nil {
		return nil, err
	}
	if target != nil {
		t := target()
		if err := s.parseFields(t.fields); err != nil {
			return nil, err
		}
		a = t.action()
	} else {
		v, m, err := s.maskedNumber(name, 32)
		if err != nil {
			return nil, err
		}
		if err := s.expect(")"); err != nil {
			return nil, err
		}
		a = number(uint32(v), uint32(m))
	}
	return a, s.expect(")")
}

// setText prints a set action.
func setText(a dp.Action) string {
	name, fields := "", []field(nil)
	switch a := a.(type) {
	case dp.SetMark:
		return "set(skb_mark(" + maskedHex(uint64(a.Value), uint64(a.Mask), 32) + "))"
	case dp.SetPriority:
		return "set(skb_priority(" + maskedHex(uint64(a.Value), uint64(a.Mask), 32) + "))"
	case dp.SetEth:
		name, fields = "eth", setEthFields(&a)
	case dp.SetIPv4:
		name, fields = "ipv4", setIPv4Fields(&a)
	case dp.SetIPv6:
		name, fields = "ipv6", setIPv6Fields(&a)
	case dp.SetTP:
		name, fields = "tcp", setTPFields(&a)
		if a.Proto == protoUDP {
			name = "udp"
		}
	case dp.SetICMP:
		name, fields = "icmp", setICMPFields(&a)
		if a.V6 {
			name = "icmpv6"
		}
	case dp.SetARP:
		name, fields = "arp", setARPFields(&a)
	case dp.SetND:
		name, fields = "nd", setNDFields(&a)
	default:
		return fmt.Sprintf("unknown(%T)", a)
	}
	return "set(" + name + "(" + fieldsText(fields, false) + "))"
}
