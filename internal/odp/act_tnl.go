package odp

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// Sizes of the outer headers (RFC 7348 section 5).
const (
	etherLen     = 14
	ipv4Len      = 20
	ipv6Len      = 40
	udpLen       = 8
	vxlanLen     = 8
	vxlanOverIP4 = etherLen + ipv4Len + udpLen + vxlanLen
	vxlanOverIP6 = etherLen + ipv6Len + udpLen + vxlanLen
)

// outerHeader is what the text says of a VXLAN header; lengths and the IPv4
// checksum are the data plane's to fill and stay zero.
type outerHeader struct {
	size, tnlType      uint16
	ethDst, ethSrc     dp.MAC
	etherType          uint16
	src4, dst4         dp.BE32
	src6, dst6         dp.IP6
	label              uint32
	proto, tos, ttl    uint8
	fragOff            uint16
	udpSrc, udpDst     uint16
	udpCsum            uint16
	vxlanFlags, vxlVNI uint32
}

// step is one fixed word of the header's text and where the value behind it goes.
type step struct {
	lit  string
	dst  any // *uint8, *uint16, *uint32, *dp.MAC, *dp.BE32, *dp.IP6; nil: none
	bits int // of a number; 0: all that its type has
}

func (h *outerHeader) etherSteps() []step {
	return []step{
		{"header(size=", &h.size, 0}, {",type=", &h.tnlType, 0},
		{",eth(dst=", &h.ethDst, 0}, {",src=", &h.ethSrc, 0}, {",dl_type=", &h.etherType, 0},
		{"),", nil, 0},
	}
}

func (h *outerHeader) ipv4Steps() []step {
	return []step{
		{"ipv4(src=", &h.src4, 0}, {",dst=", &h.dst4, 0}, {",proto=", &h.proto, 0},
		{",tos=", &h.tos, 0}, {",ttl=", &h.ttl, 0}, {",frag=", &h.fragOff, 0}, {"),", nil, 0},
	}
}

func (h *outerHeader) ipv6Steps() []step {
	return []step{
		{"ipv6(src=", &h.src6, 0}, {",dst=", &h.dst6, 0}, {",label=", &h.label, 20},
		{",proto=", &h.proto, 0}, {",tclass=", &h.tos, 0}, {",hlimit=", &h.ttl, 0}, {"),", nil, 0},
	}
}

func (h *outerHeader) vxlanSteps() []step {
	return []step{
		{"udp(src=", &h.udpSrc, 0}, {",dst=", &h.udpDst, 0}, {",csum=", &h.udpCsum, 0},
		{"),vxlan(flags=", &h.vxlanFlags, 0}, {",vni=", &h.vxlVNI, 24}, {"))", nil, 0},
	}
}

// steps consumes fixed words and the values between them.
func (s *scanner) steps(steps []step) (err error) {
	for _, st := range steps {
		if err = s.expect(st.lit); err != nil {
			return err
		}
		switch d := st.dst.(type) {
		case nil:
		case *dp.MAC:
			*d, err = s.macAddr()
		case *dp.BE32:
			*d, err = s.ip4Addr()
		case *dp.IP6:
			*d, err = s.ip6Addr()
		default:
			bits := st.bits
			if bits == 0 {
				bits = width(d)
			}
			var v uint64
			what := strings.TrimSuffix(st.lit[strings.LastIndexAny(st.lit, ",(")+1:], "=")
			if v, err = s.number(what, bits); err == nil {
				store(d, v)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseTnlPush consumes "(tnl_port(P),header(...),out_port(P))" behind tnl_push.
func parseTnlPush(s *scanner, n Names) (dp.Action, error) {
	a := dp.TnlPush{}
	var err error
	if err = s.expect("(tnl_port("); err != nil {
		return nil, err
	}
	if a.TnlPort, err = s.port(n); err != nil {
		return nil, err
	}
	if err = s.expect("),"); err != nil {
		return nil, err
	}
	var h outerHeader
	if err = h.parse(s); err != nil {
		return nil, err
	}
	a.Type, a.Header = dp.TnlType(h.tnlType), h.bytes()
	if err = s.expect(",out_port("); err != nil {
		return nil, err
	}
	if a.OutPort, err = s.port(n); err != nil {
		return nil, err
	}
	return a, s.expect("))")
}

// parse consumes "header(...)".
func (h *outerHeader) parse(s *scanner) error {
	start := s.pos
	if err := s.steps(h.etherSteps()); err != nil {
		return err
	}
	ip, size := h.ipv4Steps(), vxlanOverIP4
	switch h.etherType {
	case etherIPv4:
	case etherIPv6:
		ip, size = h.ipv6Steps(), vxlanOverIP6
	default:
		return s.errAt(start, "dl_type=%#04x in header(...) is not supported, only 0x0800 and 0x86dd", h.etherType)
	}
	if h.tnlType != uint16(dp.TnlVXLAN) {
		return s.errAt(start, "tunnel type %d is not supported, only %d (vxlan)", h.tnlType, dp.TnlVXLAN)
	}
	if err := s.steps(ip); err != nil {
		return err
	}
	if err := s.steps(h.vxlanSteps()); err != nil {
		return err
	}
	if int(h.size) != size {
		return s.errAt(start, "size=%d, but these headers have %d bytes", h.size, size)
	}
	if h.proto != protoUDP {
		return s.errAt(start, "proto=%d, but vxlan(...) runs over %d (UDP)", h.proto, protoUDP)
	}
	return nil
}

// bytes lays the header out as it goes on the wire.
func (h *outerHeader) bytes() []byte {
	be := binary.BigEndian
	b := append(append(make([]byte, 0, vxlanOverIP6), h.ethDst[:]...), h.ethSrc[:]...)
	b = be.AppendUint16(b, h.etherType)
	if h.etherType == etherIPv6 {
		b = be.AppendUint32(b, 6<<28|uint32(h.tos)<<20|h.label)
		b = append(b, 0, 0, h.proto, h.ttl)
		b = append(append(b, h.src6[:]...), h.dst6[:]...)
	} else {
		b = append(b, 4<<4|ipv4Len/4, h.tos, 0, 0, 0, 0)
		b = be.AppendUint16(b, h.fragOff)
		b = append(b, h.ttl, h.proto, 0, 0)
		b = append(append(b, h.src4[:]...), h.dst4[:]...)
	}
	b = be.AppendUint16(be.AppendUint16(b, h.udpSrc), h.udpDst)
	b = be.AppendUint16(append(b, 0, 0), h.udpCsum)
	return be.AppendUint32(be.AppendUint32(b, h.vxlanFlags), h.vxlVNI<<8)
}

// readOuterHeader takes a header apart; ok is false if it is not Ethernet, IPv4
// without options or IPv6, UDP and VXLAN of exactly that length.
func readOuterHeader(b []byte) (h outerHeader, ok bool) {
	be := binary.BigEndian
	if len(b) != vxlanOverIP4 && len(b) != vxlanOverIP6 {
		return h, false
	}
	h.size = uint16(len(b))
	h.ethDst, h.ethSrc, h.etherType = dp.MAC(b), dp.MAC(b[6:]), be.Uint16(b[12:])
	ip := b[etherLen:]
	switch {
	case h.etherType == etherIPv4 && len(b) == vxlanOverIP4 && ip[0] == 4<<4|ipv4Len/4:
		h.tos, h.fragOff, h.ttl, h.proto = ip[1], be.Uint16(ip[6:]), ip[8], ip[9]
		h.src4, h.dst4 = dp.BE32(ip[12:]), dp.BE32(ip[16:])
	case h.etherType == etherIPv6 && len(b) == vxlanOverIP6 && ip[0]>>4 == 6:
		word := be.Uint32(ip)
		h.tos, h.label, h.proto, h.ttl = uint8(word>>20), word&0xfffff, ip[6], ip[7]
		h.src6, h.dst6 = dp.IP6(ip[8:]), dp.IP6(ip[24:])
	default:
		return h, false
	}
	udp := b[len(b)-udpLen-vxlanLen:]
	h.udpSrc, h.udpDst, h.udpCsum = be.Uint16(udp), be.Uint16(udp[2:]), be.Uint16(udp[6:])
	h.vxlanFlags, h.vxlVNI = be.Uint32(udp[8:]), be.Uint32(udp[12:])>>8
	return h, true
}

func (h *outerHeader) text() string {
	var ip string
	if h.etherType == etherIPv6 {
		ip = fmt.Sprintf("ipv6(src=%s,dst=%s,label=%d,proto=%d,tclass=0x%x,hlimit=%d)",
			ip6Text(h.src6), ip6Text(h.dst6), h.label, h.proto, h.tos, h.ttl)
	} else {
		ip = fmt.Sprintf("ipv4(src=%s,dst=%s,proto=%d,tos=%s,ttl=%d,frag=0x%x)",
			ip4Text(h.src4), ip4Text(h.dst4), h.proto, hexText(uint64(h.tos)), h.ttl, h.fragOff)
	}
	return fmt.Sprintf("eth(dst=%s,src=%s,dl_type=0x%04x),%s,udp(src=%d,dst=%d,csum=0x%x),vxlan(flags=0x%x,vni=0x%x)",
		macText(h.ethDst), macText(h.ethSrc), h.etherType, ip, h.udpSrc, h.udpDst, h.udpCsum, h.vxlanFlags, h.vxlVNI)
}

// tnlPush prints a header that is not VXLAN as raw(hex), which is not read back.
func (f Format) tnlPush(a dp.TnlPush) string {
	body := fmt.Sprintf("raw(%x)", a.Header)
	if h, ok := readOuterHeader(a.Header); ok && a.Type == dp.TnlVXLAN {
		body = h.text()
	}
	return fmt.Sprintf("tnl_push(tnl_port(%s),header(size=%d,type=%d,%s),out_port(%s))",
		f.port(a.TnlPort), len(a.Header), a.Type, body, f.port(a.OutPort))
}

func parseTnlPop(s *scanner, n Names) (dp.Action, error) {
	if err := s.expect("("); err != nil {
		return nil, err
	}
	no, err := s.port(n)
	if err != nil {
		return nil, err
	}
	return dp.TnlPop{Port: no}, s.expect(")")
}
