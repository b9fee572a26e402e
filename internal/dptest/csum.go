package dptest

import "encoding/binary"

// sum adds the 16-bit words of b to s; an odd last byte counts as a high byte
// (RFC 1071).
func sum(b []byte, s uint32) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be16(b))
		s = s&0xffff + s>>16
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// pseudo is the sum of the pseudo header of the IP header b for a payload of n
// bytes of a protocol (RFC 768, RFC 8200 section 8.1).
func pseudo(b []byte, v6 bool, proto uint8, n int) uint32 {
	s := uint32(proto) + uint32(n)>>16 + uint32(n)&0xffff
	if v6 {
		return sum(b[8:40], s)
	}
	return sum(b[12:20], s)
}

// patch changes the checksum in field for data whose bytes were old and are now
// (A6). udp says that zero is written as 0xffff.
func patch(field, old, now []byte, udp bool) {
	changed := false
	s := uint32(^be16(field))
	for i := 0; i < len(old); i += 2 {
		if a, b := be16(old[i:]), be16(now[i:]); a != b {
			s += uint32(^a) + uint32(b)
			changed = true
		}
	}
	if !changed {
		return
	}
	hc := ^fold(s)
	if udp && hc == 0 {
		hc = 0xffff
	}
	binary.BigEndian.PutUint16(field, hc)
}
