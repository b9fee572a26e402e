package odp

import "github.com/skua/skua/internal/dp"

// arpAttrs are the fields of ARP and RARP packets (RFC 826, RFC 903).
var arpAttrs = []attr{
	fieldsAttr("arp", arpFields, needType("eth_type(0x0806)", etherARP, etherRARP)),
}

// arpFields: a key keeps the addresses where those of IPv4 are.
func arpFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"sip", ip4, &k.IPSrc, &m.IPSrc, 0},
		{"tip", ip4, &k.IPDst, &m.IPDst, 0},
		{"op", arpOp, &k.IPProto, &m.IPProto, 0},
		{"sha", mac, &k.Misc.ARPSHA, &m.Misc.ARPSHA, 0},
		{"tha", mac, &k.Misc.ARPTHA, &m.Misc.ARPTHA, 0},
	}
}
