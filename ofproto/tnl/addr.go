package tnl

import (
	"net/netip"

	"github.com/skua/skua/internal/dp"
)

// IP6 returns a as keys hold addresses: IPv4 as ::ffff:a.b.c.d. The invalid
// address gives all zeros.
func IP6(a netip.Addr) dp.IP6 {
	if !a.IsValid() {
		return dp.IP6{}
	}
	return dp.IP6(a.As16())
}

// Addr returns the address that a key holds; all zeros give the invalid address.
func Addr(ip dp.IP6) netip.Addr {
	if ip == (dp.IP6{}) {
		return netip.Addr{}
	}
	return netip.AddrFrom16(ip).Unmap()
}

// Addr4 returns the address of a 32-bit field; zero gives the invalid address.
func Addr4(b dp.BE32) netip.Addr {
	if b == (dp.BE32{}) {
		return netip.Addr{}
	}
	return netip.AddrFrom4(b)
}

// ifNameMax is the longest name of a network interface (IFNAMSIZ without its
// terminating zero); Open vSwitch cuts bridge names of neighbours and routes there.
const ifNameMax = 15

func ifName(s string) string {
	if len(s) > ifNameMax {
		return s[:ifNameMax]
	}
	return s
}
