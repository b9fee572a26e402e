package tnl

import (
	"net/netip"

	"github.com/skua/skua/internal/dp"
)

const (
	ethTypeARP = 0x0806

	protoICMPv6 = 58
	ndSolicit   = 135
	ndAdvert    = 136
)

// Snoop returns the neighbour that an ARP packet or a neighbour advertisement
// announces. As Open vSwitch, it takes the sender of an ARP request or reply, and
// the target of an advertisement; a multicast or zero link address is nobody's.
func Snoop(k *dp.Key) (netip.Addr, dp.MAC, bool) {
	var ip netip.Addr
	var mac dp.MAC
	switch k.EthType.Uint() {
	case ethTypeARP:
		if k.IPProto != 1 && k.IPProto != 2 {
			return ip, mac, false
		}
		ip, mac = Addr4(k.IPSrc), k.Misc.ARPSHA
	case ethTypeIPv6:
		if k.IPProto != protoICMPv6 || k.TPSrc.Uint() != ndAdvert || k.TPDst.Uint() != 0 ||
			k.IPFrag&dp.FragLater != 0 {
			return ip, mac, false
		}
		ip, mac = Addr(k.IP6.NDTarget), k.IP6.NDTLL
	}
	if !ip.IsValid() || ip.IsMulticast() || mac == (dp.MAC{}) || mac[0]&1 != 0 {
		return ip, mac, false
	}
	return ip, mac, true
}

// SnoopMask adds to m what [Snoop] looks at in k, so that a flow does not cover
// announcements of other neighbours.
func SnoopMask(k *dp.Key, m *dp.Mask) {
	all := dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	switch k.EthType.Uint() {
	case ethTypeARP:
		m.IPProto = 0xff
		if k.IPProto == 1 || k.IPProto == 2 {
			m.IPSrc = dp.BE32{0xff, 0xff, 0xff, 0xff}
			m.IPDst = dp.BE32{0xff, 0xff, 0xff, 0xff}
			m.Misc.ARPSHA = all
			m.Lines |= dp.LineMisc
		}
	case ethTypeIPv6:
		m.IPProto = 0xff
		if k.IPProto != protoICMPv6 {
			return
		}
		m.TPSrc = dp.BE16{0, 0xff} // the type, of eight bits
		m.TPDst = dp.BE16{0, 0xff}
		if k.TPSrc.Uint() == ndAdvert {
			for i := range m.IP6.NDTarget {
				m.IP6.NDTarget[i] = 0xff
			}
			m.IP6.NDTLL = all
			m.Lines |= dp.LineIP6
		}
	}
}
