package dptest

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/skua/skua/internal/dp"
)

// Build puts layers together with gopacket, lengths and checksums filled in, and
// without gopacket's padding of short Ethernet frames. It panics if the layers do
// not fit together: tests name them in the source.
func Build(ls ...gopacket.SerializableLayer) []byte {
	var front []byte
	if eth, ok := ls[0].(*layers.Ethernet); ok {
		front = append(append(front, eth.DstMAC...), eth.SrcMAC...)
		front = binary.BigEndian.AppendUint16(front, uint16(eth.EthernetType))
		ls = ls[1:]
	}
	var ip gopacket.NetworkLayer
	for _, l := range ls {
		switch l := l.(type) {
		case *layers.IPv4:
			ip = l
		case *layers.IPv6:
			ip = l
		case *layers.TCP:
			must(l.SetNetworkLayerForChecksum(ip))
		case *layers.UDP:
			must(l.SetNetworkLayerForChecksum(ip))
		case *layers.ICMPv6:
			must(l.SetNetworkLayerForChecksum(ip))
		}
	}
	buf := gopacket.NewSerializeBuffer()
	must(gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...))
	return append(front, buf.Bytes()...)
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("dptest: layers that do not fit together: %v", err))
	}
}

// Eth is an Ethernet header.
func Eth(src, dst dp.MAC, typ uint16) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: src[:], DstMAC: dst[:], EthernetType: layers.EthernetType(typ)}
}

// IP4 is an IPv4 header with TTL 64.
func IP4(src, dst string, proto uint8, tos uint8) *layers.IPv4 {
	return &layers.IPv4{
		Version: 4, IHL: 5, TTL: 64, TOS: tos, Protocol: layers.IPProtocol(proto),
		SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4(),
	}
}

// IP6 is an IPv6 header with hop limit 64.
func IP6(src, dst string, next uint8, class uint8) *layers.IPv6 {
	return &layers.IPv6{
		Version: 6, HopLimit: 64, TrafficClass: class, NextHeader: layers.IPProtocol(next),
		SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst),
	}
}

// UDP is a UDP header.
func UDP(src, dst uint16) *layers.UDP {
	return &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
}

// TCP is a TCP header with ACK set.
func TCP(src, dst uint16) *layers.TCP {
	return &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), ACK: true, Seq: 1, Window: 1000}
}

// Raw is a payload.
func Raw(b []byte) gopacket.Payload { return gopacket.Payload(b) }

// VXLANHeader is a VXLAN header with flag I and a VNI (RFC 7348 section 5).
func VXLANHeader(vni uint32) []byte {
	h := make([]byte, 8)
	h[0] = 8
	binary.BigEndian.PutUint32(h[4:], vni<<8)
	return h
}

// Encap puts an outer header around an inner frame; v6 by the addresses. Without
// csum the UDP checksum is 0.
func Encap(inner []byte, src, dst string, sport uint16, vni uint32, tos uint8, csum bool) []byte {
	payload := Raw(append(VXLANHeader(vni), inner...))
	udp := UDP(sport, 4789)
	var f []byte
	if net.ParseIP(src).To4() == nil {
		f = Build(Eth(OuterA, OuterB, ethIPv6), IP6(src, dst, protoUDP, tos), udp, payload)
	} else {
		f = Build(Eth(OuterA, OuterB, ethIPv4), IP4(src, dst, protoUDP, tos), udp, payload)
	}
	if !csum {
		at := len(f) - len(payload) - 2
		f[at], f[at+1] = 0, 0
	}
	return f
}

// PushHeader is an outer header for dp.TnlPush, lengths, source port and sums zero.
func PushHeader(src, dst string, vni uint32, tos uint8, csum bool) []byte {
	f := Encap(nil, src, dst, 0, vni, tos, false)
	l3, l4, v6, err := pushLayout(f)
	must(err)
	if v6 {
		f[l3+4], f[l3+5] = 0, 0
	} else {
		f[l3+2], f[l3+3], f[l3+10], f[l3+11] = 0, 0, 0, 0
	}
	binary.BigEndian.PutUint32(f[l4+4:], 0)
	if csum {
		f[l4+6], f[l4+7] = 0xff, 0xff
	}
	return f
}

// Ethernet addresses of the tests.
var (
	HostA  = dp.MAC{2, 0, 0, 0, 0, 0xa}
	HostB  = dp.MAC{2, 0, 0, 0, 0, 0xb}
	OuterA = dp.MAC{2, 0, 0, 0, 1, 0xa}
	OuterB = dp.MAC{2, 0, 0, 0, 1, 0xb}
)
