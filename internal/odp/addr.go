package odp

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// v4Prefix stands in front of an IPv4 address in an IP6.
var v4Prefix = [12]byte{10: 0xff, 11: 0xff}

// allOnes is the mask of a whole IPv6 address.
var allOnes = ip6Prefix(128)

// ip6Prefix returns a mask with its first n bits set.
func ip6Prefix(n int) (m dp.IP6) {
	for i := range m {
		switch left := n - 8*i; {
		case left >= 8:
			m[i] = 0xff
		case left > 0:
			m[i] = 0xff << (8 - left)
		}
	}
	return m
}

// mapped returns v4 and its mask as dp keeps them in an IP6: the mask covers the
// prefix as soon as it covers any bit of the address.
func mapped(v4, mask dp.BE32) (ip, m dp.IP6) {
	if mask == (dp.BE32{}) {
		return ip, m
	}
	copy(ip[:], v4Prefix[:])
	copy(ip[12:], v4[:])
	copy(m[:], allOnes[:12])
	copy(m[12:], mask[:])
	return ip, m
}

// unmapped reports whether ip/m matches an IPv4 address, and which.
func unmapped(ip, m dp.IP6) (v4, mask dp.BE32, ok bool) {
	ok = [12]byte(ip[:12]) == v4Prefix && [12]byte(m[:12]) == [12]byte(allOnes[:12]) && [4]byte(m[12:]) != [4]byte{}
	return dp.BE32(ip[12:]), dp.BE32(m[12:]), ok
}

func (s *scanner) ip4Addr() (dp.BE32, error) {
	start := s.pos
	a, err := netip.ParseAddr(s.word())
	if err != nil || !a.Is4() {
		return dp.BE32{}, s.errAt(start, "expected an IPv4 address")
	}
	return dp.BE32(a.As4()), nil
}

// ip4 consumes an IPv4 address, alone (exact), or with a mask after "/" written
// as an address or as a prefix length.
func (s *scanner) ip4() (v, m dp.BE32, err error) {
	if v, err = s.ip4Addr(); err != nil {
		return v, m, err
	}
	m = dp.ToBE32(0xffffffff)
	if s.take("/") {
		if n, ok := s.prefixLen(32); ok {
			m = dp.ToBE32(uint32(ones(32) << (32 - n)))
		} else if m, err = s.ip4Addr(); err != nil {
			return v, m, err
		}
	}
	for i := range v {
		v[i] &= m[i]
	}
	return v, m, nil
}

func (s *scanner) ip6Addr() (dp.IP6, error) {
	start := s.pos
	a, err := netip.ParseAddr(s.word())
	if err != nil || !a.Is6() || a.Zone() != "" {
		return dp.IP6{}, s.errAt(start, "expected an IPv6 address")
	}
	return dp.IP6(a.As16()), nil
}

// ip6 is as ip4, for IPv6.
func (s *scanner) ip6() (v, m dp.IP6, err error) {
	if v, err = s.ip6Addr(); err != nil {
		return v, m, err
	}
	m = allOnes
	if s.take("/") {
		if n, ok := s.prefixLen(128); ok {
			m = ip6Prefix(n)
		} else if m, err = s.ip6Addr(); err != nil {
			return v, m, err
		}
	}
	for i := range v {
		v[i] &= m[i]
	}
	return v, m, nil
}

// prefixLen consumes a decimal prefix length of at most limit if one stands next.
func (s *scanner) prefixLen(limit int) (int, bool) {
	start := s.pos
	w := s.word()
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || n > limit || strconv.Itoa(n) != w {
		s.pos = start
		return 0, false
	}
	return n, true
}

func (s *scanner) macAddr() (a dp.MAC, err error) {
	start := s.pos
	parts := strings.Split(s.word(), ":")
	if len(parts) != len(a) {
		return a, s.errAt(start, "expected an Ethernet address")
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(part) > 2 {
			return dp.MAC{}, s.errAt(start, "expected an Ethernet address")
		}
		a[i] = byte(v)
	}
	return a, nil
}

// mac consumes an Ethernet address, alone (exact) or with a mask after "/".
func (s *scanner) mac() (v, m dp.MAC, err error) {
	if v, err = s.macAddr(); err != nil {
		return v, m, err
	}
	m = dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if s.take("/") {
		if m, err = s.macAddr(); err != nil {
			return v, m, err
		}
	}
	for i := range v {
		v[i] &= m[i]
	}
	return v, m, nil
}

func ip4Text(a dp.BE32) string { return netip.AddrFrom4(a).String() }

// ip6Text prints an address as the C library's inet_ntop does: as RFC 5952, but
// an address with exactly 96 leading zero bits ends in an IPv4 address.
func ip6Text(a dp.IP6) string {
	if [12]byte(a[:12]) == [12]byte{} && (a[12] != 0 || a[13] != 0) {
		return "::" + ip4Text(dp.BE32(a[12:]))
	}
	return netip.AddrFrom16(a).String()
}

func macText(a dp.MAC) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 17)
	for i, v := range a {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[v>>4], digits[v&15])
	}
	return string(b)
}
