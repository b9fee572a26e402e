package tnl

import (
	"encoding/binary"
	"net/netip"

	"github.com/skua/skua/internal/dp"
)

// ARPRequest returns the Ethernet frame that asks who has target (RFC 826), for
// IPv4 addresses.
func ARPRequest(mac dp.MAC, src, target netip.Addr) []byte {
	s, t := src.As4(), target.As4()
	b := make([]byte, 0, 42)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, mac[:]...)
	b = append(b, 0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1)
	b = append(b, mac[:]...)
	b = append(b, s[:]...)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, t[:]...)
}

// NDSolicitation returns the Ethernet frame that asks for the link address of
// target (RFC 4861 sections 4.3 and 7.2.2), for IPv6 addresses.
func NDSolicitation(mac dp.MAC, src, target netip.Addr) []byte {
	s, t := src.As16(), target.As16()
	group := [16]byte{0xff, 0x02, 11: 0x01, 12: 0xff, 13: t[13], 14: t[14], 15: t[15]}
	const icmpLen = 32
	b := make([]byte, 0, ethLen+ipv6Len+icmpLen)
	b = append(b, 0x33, 0x33, group[12], group[13], group[14], group[15])
	b = append(b, mac[:]...)
	b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, icmpLen, protoICMPv6, 255)
	b = append(b, s[:]...)
	b = append(b, group[:]...)
	b = append(b, ndSolicit, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, t[:]...)
	b = append(b, 1, 1) // source link-layer address, in units of eight bytes
	b = append(b, mac[:]...)

	icmp := b[ethLen+ipv6Len:]
	sum := uint32(icmpLen + protoICMPv6) // the pseudo header of RFC 8200 section 8.1
	for _, part := range [][]byte{s[:], group[:], icmp} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(icmp[2:], ^uint16(sum))
	return b
}
