package appctl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// filterFields are the fields of filter= by their names in ovs-fields(7).
var filterFields = map[string]func(p *filterParser, value string) error{
	"in_port":   (*filterParser).inPort,
	"recirc_id": func(p *filterParser, v string) error { return p.u32(v, &p.f.key.RecircID, &p.f.mask.RecircID) },
	"pkt_mark":  func(p *filterParser, v string) error { return p.u32(v, &p.f.key.PktMark, &p.f.mask.PktMark) },
	"dl_src":    func(p *filterParser, v string) error { return mac(v, &p.f.key.EthSrc, &p.f.mask.EthSrc) },
	"dl_dst":    func(p *filterParser, v string) error { return mac(v, &p.f.key.EthDst, &p.f.mask.EthDst) },
	"dl_type":   func(p *filterParser, v string) error { return p.be16(v, &p.f.key.EthType, &p.f.mask.EthType) },
	"vlan_tci":  func(p *filterParser, v string) error { return p.be16(v, &p.f.key.VLANTCI, &p.f.mask.VLANTCI) },
	"dl_vlan":   (*filterParser).vlan,
	"dl_vlan_pcp": func(p *filterParser, v string) error {
		return p.tciBits(v, 7, 13)
	},
	"nw_src":   func(p *filterParser, v string) error { return p.ip4(p.isEth(0x0800), v, ipSrc) },
	"nw_dst":   func(p *filterParser, v string) error { return p.ip4(p.isEth(0x0800), v, ipDst) },
	"arp_spa":  func(p *filterParser, v string) error { return p.ip4(p.isEth(0x0806, 0x8035), v, ipSrc) },
	"arp_tpa":  func(p *filterParser, v string) error { return p.ip4(p.isEth(0x0806, 0x8035), v, ipDst) },
	"arp_op":   func(p *filterParser, v string) error { return p.u8(p.isEth(0x0806, 0x8035), v, 0, ipProto) },
	"ipv6_src": func(p *filterParser, v string) error { return p.ip6(p.isEth(0x86dd), v, ip6Src) },
	"ipv6_dst": func(p *filterParser, v string) error { return p.ip6(p.isEth(0x86dd), v, ip6Dst) },
	"nw_proto": func(p *filterParser, v string) error { return p.u8(p.isIP(), v, 0, ipProto) },
	"nw_tos":   func(p *filterParser, v string) error { return p.u8(p.isIP(), v, 3, ipTOS) },
	"nw_ttl":   func(p *filterParser, v string) error { return p.u8(p.isIP(), v, 0, ipTTL) },
	"tp_src":   func(p *filterParser, v string) error { return p.port(p.isProto(6, 17, 132), v, tpSrc) },
	"tp_dst":   func(p *filterParser, v string) error { return p.port(p.isProto(6, 17, 132), v, tpDst) },
	"tcp_src":  func(p *filterParser, v string) error { return p.port(p.isProto(6), v, tpSrc) },
	"tcp_dst":  func(p *filterParser, v string) error { return p.port(p.isProto(6), v, tpDst) },
	"udp_src":  func(p *filterParser, v string) error { return p.port(p.isProto(17), v, tpSrc) },
	"udp_dst":  func(p *filterParser, v string) error { return p.port(p.isProto(17), v, tpDst) },
	"sctp_src": func(p *filterParser, v string) error { return p.port(p.isProto(132), v, tpSrc) },
	"sctp_dst": func(p *filterParser, v string) error { return p.port(p.isProto(132), v, tpDst) },
	"icmp_type": func(p *filterParser, v string) error {
		return p.port(p.isProto(1, 58), v, tpSrc)
	},
	"icmp_code": func(p *filterParser, v string) error {
		return p.port(p.isProto(1, 58), v, tpDst)
	},
	"tun_id":       (*filterParser).tunID,
	"tun_src":      func(p *filterParser, v string) error { return p.tun4(v, tunSrc) },
	"tun_dst":      func(p *filterParser, v string) error { return p.tun4(v, tunDst) },
	"tun_ipv6_src": func(p *filterParser, v string) error { return p.ip6(true, v, tunSrc) },
	"tun_ipv6_dst": func(p *filterParser, v string) error { return p.ip6(true, v, tunDst) },
}

func init() {
	for alias, name := range map[string]string{
		"eth_src": "dl_src", "eth_dst": "dl_dst", "eth_type": "dl_type", "vlan_vid": "dl_vlan", "vlan_pcp": "dl_vlan_pcp",
		"ip_src": "nw_src", "ip_dst": "nw_dst", "ip_proto": "nw_proto", "tunnel_id": "tun_id",
		"icmpv6_type": "icmp_type", "icmpv6_code": "icmp_code",
	} {
		filterFields[alias] = filterFields[name]
	}
}

// Places in a key that a value and its mask go to.
func ipSrc(k *dp.Key) *dp.BE32 { return &k.IPSrc }
func ipDst(k *dp.Key) *dp.BE32 { return &k.IPDst }
func ipProto(k *dp.Key) *uint8 { return &k.IPProto }
func ipTOS(k *dp.Key) *uint8   { return &k.IPTOS }
func ipTTL(k *dp.Key) *uint8   { return &k.IPTTL }
func tpSrc(k *dp.Key) *dp.BE16 { return &k.TPSrc }
func tpDst(k *dp.Key) *dp.BE16 { return &k.TPDst }
func ip6Src(k *dp.Key) *dp.IP6 { return &k.IP6.Src }
func ip6Dst(k *dp.Key) *dp.IP6 { return &k.IP6.Dst }
func tunSrc(k *dp.Key) *dp.IP6 { return &k.Tun.Src }
func tunDst(k *dp.Key) *dp.IP6 { return &k.Tun.Dst }

// number reads value or value/mask of so many bits, decimal or with 0x.
func (p *filterParser) number(text string, bits int) (value, mask uint64, err error) {
	v, m, masked := strings.Cut(text, "/")
	if value, err = p.bits(v, bits); err != nil {
		return 0, 0, err
	}
	mask = 1<<(bits-1)<<1 - 1
	if masked {
		if mask, err = p.bits(m, bits); err != nil {
			return 0, 0, err
		}
	}
	if value&^mask != 0 {
		return 0, 0, errors.New("value has 1-bits corresponding to 0-bits in the mask")
	}
	return value, mask, nil
}

func (p *filterParser) bits(text string, bits int) (uint64, error) {
	v, err := strconv.ParseUint(text, 0, bits)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("value too large for %d-byte field %s", bits/8, p.field)
	case err != nil:
		return 0, fmt.Errorf("bad syntax for %s value", p.field)
	}
	return v, nil
}

func (p *filterParser) inPort(text string) error {
	v, err := strconv.ParseUint(text, 0, 16)
	no := dp.PortNo(v)
	if err != nil {
		var ok bool
		if no, ok = p.names.PortNumber(text); !ok {
			return errors.New("invalid or unknown port for in_port")
		}
	}
	p.f.key.InPort, p.f.mask.InPort = no, 0xffff
	return nil
}

func (p *filterParser) u32(text string, key, mask *uint32) error {
	v, m, err := p.number(text, 32)
	if err == nil {
		*key, *mask = uint32(v), uint32(m)
	}
	return err
}

func (p *filterParser) u8(allowed bool, text string, low uint8, at func(*dp.Key) *uint8) error {
	if !allowed {
		return errPrerequisite
	}
	v, m, err := p.number(text, 8)
	if err == nil && v&uint64(low) != 0 {
		err = errors.New("the two low bits must be zero")
	}
	if err == nil {
		*at(&p.f.key), *at(&p.f.mask) = uint8(v), uint8(m)&^low
	}
	return err
}

func (p *filterParser) be16(text string, key, mask *dp.BE16) error {
	v, m, err := p.number(text, 16)
	if err == nil {
		*key, *mask = dp.ToBE16(uint16(v)), dp.ToBE16(uint16(m))
	}
	return err
}

func (p *filterParser) port(allowed bool, text string, at func(*dp.Key) *dp.BE16) error {
	if !allowed {
		return errPrerequisite
	}
	return p.be16(text, at(&p.f.key), at(&p.f.mask))
}

// vlan is dl_vlan=VID; 0xffff asks for packets without a tag.
func (p *filterParser) vlan(text string) error {
	if v, err := strconv.ParseUint(text, 0, 16); err == nil && v == 0xffff {
		p.f.key.VLANTCI, p.f.mask.VLANTCI = dp.BE16{}, dp.ToBE16(0xffff)
		return nil
	}
	return p.tciBits(text, 0xfff, 0)
}

// tciBits adds bits of a TCI to the match and the bit that says that there is a tag.
func (p *filterParser) tciBits(text string, most uint64, shift int) error {
	v, err := strconv.ParseUint(text, 0, 16)
	if err != nil || v > most {
		return errors.New("not a number up to " + strconv.FormatUint(most, 10))
	}
	key, mask := p.f.key.VLANTCI.Uint(), p.f.mask.VLANTCI.Uint()
	p.f.key.VLANTCI = dp.ToBE16(key | uint16(v<<shift) | dp.VLANCFI)
	p.f.mask.VLANTCI = dp.ToBE16(mask | uint16(most<<shift) | dp.VLANCFI)
	return nil
}

func mac(text string, key, mask *dp.MAC) error {
	v, m, masked := strings.Cut(text, "/")
	addr, err := net.ParseMAC(v)
	if err != nil || len(addr) != len(key) {
		return errors.New("invalid Ethernet address")
	}
	bits := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if masked {
		if bits, err = net.ParseMAC(m); err != nil || len(bits) != len(key) {
			return errors.New("invalid Ethernet mask")
		}
	}
	for i := range key {
		key[i], mask[i] = addr[i]&bits[i], bits[i]
	}
	return nil
}

// address reads ADDR, ADDR/PREFIX or ADDR/MASK of one family.
func address(text string, v6 bool) (value, mask []byte, err error) {
	v, m, masked := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(v)
	if err != nil || addr.Is4() == v6 || addr.Zone() != "" {
		return nil, nil, errors.New("invalid IP address")
	}
	value = addr.AsSlice()
	bits := net.CIDRMask(8*len(value), 8*len(value))
	if masked {
		if n, numErr := strconv.Atoi(m); numErr == nil {
			bits = net.CIDRMask(n, 8*len(value))
		} else if a, addrErr := netip.ParseAddr(m); addrErr == nil && a.Is4() != v6 {
			bits = a.AsSlice()
		} else {
			bits = nil
		}
		if bits == nil {
			return nil, nil, errors.New("invalid network mask")
		}
	}
	for i := range value {
		value[i] &= bits[i]
	}
	return value, bits, nil
}

func (p *filterParser) ip4(allowed bool, text string, at func(*dp.Key) *dp.BE32) error {
	if !allowed {
		return errPrerequisite
	}
	v, m, err := address(text, false)
	if err == nil {
		*at(&p.f.key), *at(&p.f.mask) = dp.BE32(v), dp.BE32(m)
	}
	return err
}

func (p *filterParser) ip6(allowed bool, text string, at func(*dp.Key) *dp.IP6) error {
	if !allowed {
		return errPrerequisite
	}
	v, m, err := address(text, true)
	if err == nil {
		*at(&p.f.key), *at(&p.f.mask) = dp.IP6(v), dp.IP6(m)
	}
	return err
}

// tun4 is a tunnel's IPv4 address, which a key holds as ::ffff:a.b.c.d.
func (p *filterParser) tun4(text string, at func(*dp.Key) *dp.IP6) error {
	v, m, err := address(text, false)
	if err == nil {
		key, mask := at(&p.f.key), at(&p.f.mask)
		*key = dp.IP6(netip.AddrFrom4([4]byte(v)).As16())
		for i := range mask {
			mask[i] = 0xff
		}
		copy(mask[12:], m)
	}
	return err
}

func (p *filterParser) tunID(text string) error {
	v, m, err := p.number(text, 64)
	if err == nil {
		p.f.key.Tun.TunID, p.f.mask.Tun.TunID = be64(v), be64(m)
	}
	return err
}

func be64(v uint64) (b dp.BE64) {
	for i := range b {
		b[i] = byte(v >> (56 - 8*i))
	}
	return b
}
