package odp

import "github.com/skua/skua/internal/dp"

// ICMPv6 types of neighbour discovery (RFC 4861 sections 4.3 and 4.4).
const (
	ndSolicit   = 135
	ndAdvertise = 136
)

// ndAttrs are the fields of neighbour discovery.
var ndAttrs = []attr{
	fieldsAttr("nd", ndFields, needND),
	fieldsAttr("nd_ext", ndExtFields, needND),
}

func ndFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"target", ip6, &k.IP6.NDTarget, &m.IP6.NDTarget, 0},
		{"sll", mac, &k.IP6.NDSLL, &m.IP6.NDSLL, 0},
		{"tll", mac, &k.IP6.NDTLL, &m.IP6.NDTLL, 0},
	}
}

func ndExtFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"nd_reserved", hex, &k.Misc.NDReserved, &m.Misc.NDReserved, 0},
		{"nd_options_type", dec, &k.Misc.NDOptType, &m.Misc.NDOptType, 0},
	}
}

// isND reports whether the flow asks for neighbour discovery and nothing else.
func isND(k *dp.Key, m *dp.Mask) bool {
	t := k.TPSrc.Uint()
	return m.TPSrc.Uint()&0xff == 0xff && m.TPDst.Uint()&0xff == 0xff &&
		(t == ndSolicit || t == ndAdvertise) && k.TPDst.Uint() == 0
}

func needND(k *dp.Key, m *dp.Mask) string {
	if reason := needProto(protoICMPv6, isType(etherIPv6))(k, m); reason != "" {
		return reason
	}
	if !isND(k, m) {
		return "icmpv6(type=135,code=0) or icmpv6(type=136,code=0)"
	}
	return ""
}

func (p *printer) nd() {
	if !isND(p.k, p.m) {
		return
	}
	p.fields("nd", ndFields(p.k, p.m))
	if fields := ndExtFields(p.k, p.m); !allWild(fields) {
		p.attr("nd_ext", fieldsText(fields, p.Verbose))
	}
}
