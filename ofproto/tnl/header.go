package tnl

import (
	"encoding/binary"
	"net/netip"

	"github.com/skua/skua/internal/dp"
)

// Lengths of the parts of an outer header in bytes.
const (
	ethLen   = 14
	vlanLen  = 4
	ipv4Len  = 20
	ipv6Len  = 40
	udpLen   = 8
	vxlanLen = 8
)

const (
	ethTypeVLAN = 0x8100
	ethTypeIPv4 = 0x0800
	ethTypeIPv6 = 0x86dd
	protoUDP    = 17

	ipv4DF = 0x4000

	// First word of a VXLAN header: flag I (RFC 7348 section 5), flag G of the
	// group policy extension and its bits D and A (draft-smith-vxlan-group-policy).
	vxlanFlagVNI = 0x08000000
	vxlanFlagGBP = 0x80000000
)

// Header is what an outer header is made of.
type Header struct {
	SrcMAC, DstMAC dp.MAC
	VLANTCI        uint16 // 0: no tag; the CFI bit is not sent
	Src, Dst       netip.Addr
	TOS, TTL       uint8
	DF             bool // IPv4 only
	Csum           bool // ask for a UDP checksum; IPv6 always asks (RFC 6935 exempts nobody here)
	DstPort        uint16
	VNI            uint32 // 24 bits
	GBP            bool   // send the group policy fields
	GBPID          uint16
	GBPFlags       uint8 // bits D (0x40) and A (0x08)
}

// Build returns the outer header from Ethernet to VXLAN for [dp.TnlPush]. Lengths,
// checksums and the UDP source port are zero: the data plane fills them. The UDP
// checksum is 0xffff where one is asked for.
func (h *Header) Build() []byte {
	b := make([]byte, 0, ethLen+vlanLen+ipv6Len+udpLen+vxlanLen)
	be := binary.BigEndian
	b = append(b, h.DstMAC[:]...)
	b = append(b, h.SrcMAC[:]...)
	if h.VLANTCI != 0 {
		b = be.AppendUint16(b, ethTypeVLAN)
		b = be.AppendUint16(b, h.VLANTCI&^dp.VLANCFI)
	}
	csum := h.Csum
	if h.Dst.Is4() {
		b = h.appendIPv4(b)
	} else {
		b = h.appendIPv6(b)
		csum = true
	}
	b = be.AppendUint16(b, 0)
	b = be.AppendUint16(b, h.DstPort)
	b = be.AppendUint16(b, 0)
	if csum {
		b = be.AppendUint16(b, 0xffff)
	} else {
		b = be.AppendUint16(b, 0)
	}
	word := uint32(vxlanFlagVNI)
	if h.GBP {
		word |= vxlanFlagGBP | uint32(h.GBPFlags)<<16 | uint32(h.GBPID)
	}
	b = be.AppendUint32(b, word)
	return be.AppendUint32(b, h.VNI<<8)
}

func (h *Header) appendIPv4(b []byte) []byte {
	be := binary.BigEndian
	src, dst := h.Src.As4(), h.Dst.As4()
	b = be.AppendUint16(b, ethTypeIPv4)
	b = append(b, 0x45, h.TOS, 0, 0, 0, 0)
	frag := uint16(0)
	if h.DF {
		frag = ipv4DF
	}
	b = be.AppendUint16(b, frag)
	b = append(b, h.TTL, protoUDP, 0, 0)
	b = append(b, src[:]...)
	return append(b, dst[:]...)
}

func (h *Header) appendIPv6(b []byte) []byte {
	be := binary.BigEndian
	src, dst := h.Src.As16(), h.Dst.As16()
	b = be.AppendUint16(b, ethTypeIPv6)
	b = be.AppendUint32(b, 6<<28|uint32(h.TOS)<<20)
	b = append(b, 0, 0, protoUDP, h.TTL)
	b = append(b, src[:]...)
	return append(b, dst[:]...)
}

// Bits of an IP header's ECN field (RFC 3168 section 5).
const (
	ecnMask = 3
	ecnECT0 = 2
	ecnCE   = 3
)

// OuterECN returns the ECN bits that the outer header gets for an inner packet's
// TOS byte. Open vSwitch sends ECT(0) for an inner CE (the full-functionality
// option of RFC 3168 section 9.1.1) and the inner bits else.
func OuterECN(inner uint8) uint8 {
	if inner&ecnMask == ecnCE {
		return ecnECT0
	}
	return inner & ecnMask
}
