package odp

import "github.com/skua/skua/internal/dp"

// ipAttrs are the fields of IPv4 and IPv6 headers.
var ipAttrs = []attr{
	fieldsAttr("ipv4", ipv4Fields, needType("eth_type(0x0800)", etherIPv4)),
	fieldsAttr("ipv6", ipv6Fields, needType("eth_type(0x86dd)", etherIPv6)),
}

func ipv4Fields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"src", ip4, &k.IPSrc, &m.IPSrc, 0},
		{"dst", ip4, &k.IPDst, &m.IPDst, 0},
		{"proto", dec, &k.IPProto, &m.IPProto, 0},
		{"tos", hex, &k.IPTOS, &m.IPTOS, 0},
		{"ttl", dec, &k.IPTTL, &m.IPTTL, 0},
		{"frag", frag, &k.IPFrag, &m.IPFrag, 0},
	}
}

func ipv6Fields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"src", ip6, &k.IP6.Src, &m.IP6.Src, 0},
		{"dst", ip6, &k.IP6.Dst, &m.IP6.Dst, 0},
		{"label", hex, &k.IP6.Label, &m.IP6.Label, 20},
		{"proto", dec, &k.IPProto, &m.IPProto, 0},
		{"tclass", hex, &k.IPTOS, &m.IPTOS, 0},
		{"hlimit", dec, &k.IPTTL, &m.IPTTL, 0},
		{"frag", frag, &k.IPFrag, &m.IPFrag, 0},
	}
}

// needType returns a check that the type behind all tags is one of types.
func needType(text string, types ...uint16) func(*dp.Key, *dp.Mask) string {
	return func(k *dp.Key, m *dp.Mask) string {
		for _, t := range types {
			if m.EthType.Uint() == 0xffff && k.EthType.Uint() == t {
				return ""
			}
		}
		return text
	}
}

// isIP reports whether the key asks for IPv4 or IPv6.
func isIP(k *dp.Key, m *dp.Mask) bool {
	t := k.EthType.Uint()
	return m.EthType.Uint() == 0xffff && (t == etherIPv4 || t == etherIPv6)
}
