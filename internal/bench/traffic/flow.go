// Package traffic makes the packets of the benchmark: flows with distinct
// 5-tuples, the frames that carry them, plain or inside VXLAN, and the pcap files
// that every switch under test replays.
package traffic

import (
	"fmt"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/skua/skua/internal/dp"
)

// FrameSize is the length in bytes of a frame before it is encapsulated, without
// the frame check sequence.
const FrameSize = 64

// VXLANPort is the UDP port of VXLAN (RFC 7348 section 8, IANA).
const VXLANPort = 4789

// Overhead is what VXLAN over IPv4 adds to a frame in bytes: Ethernet 14, IPv4 20,
// UDP 8, VXLAN 8.
const Overhead = 50

// firstVNI is the VNI of flow 0; flows take the VNIs behind it in turn.
const firstVNI = 1111

// MaxFlows is the number of distinct flows that there are.
const MaxFlows = 1 << 22

// Addresses of the underlay, the same for every subject.
var (
	LocalIP   = dp.BE32{10, 9, 0, 1}
	RemoteIP  = dp.BE32{10, 9, 0, 2}
	LocalMAC  = dp.MAC{0x02, 0x5c, 0, 0, 0, 1}
	RemoteMAC = dp.MAC{0x02, 0x5c, 0, 0, 0, 2}
)

// innerSrcMAC is the source of every inner frame.
var innerSrcMAC = dp.MAC{0x02, 0x5a, 0, 0, 0, 1}

// Plan says which flows a run's traffic has.
type Plan struct {
	Proto uint8 // 6 or 17
	VNIs  int   // number of VNIs that flows share, at least 1
}

// Flow is one flow: a 5-tuple and where it lives.
type Flow struct {
	Proto        uint8
	EthSrc       dp.MAC
	EthDst       dp.MAC // one per VNI
	Src, Dst     dp.BE32
	SPort, DPort uint16
	VNI          uint32
	OuterSPort   uint16 // UDP source port of the flow's VXLAN packets
}

// Flow returns flow i, 0 <= i < MaxFlows. No two have the same source address.
func (p Plan) Flow(i int) Flow {
	vni := i % p.VNIs
	h := uint32(i) * 2654435761 // spreads neighbouring flows (Knuth's multiplicative hash)
	return Flow{
		Proto:      p.Proto,
		EthSrc:     innerSrcMAC,
		EthDst:     VNIMAC(vni),
		Src:        dp.ToBE32(0x0a400000 + uint32(i)), // 10.64.0.0/10
		Dst:        dp.ToBE32(0x0a200000 + h>>16),     // 10.32.0.0/16
		SPort:      uint16(1024 + h>>8%60000),
		DPort:      uint16(1024 + h%50000),
		VNI:        VNI(vni),
		OuterSPort: uint16(32768 + h>>4%28232), // RFC 7348 section 5: the dynamic range
	}
}

// VNI returns the VNI with index i.
func VNI(i int) uint32 { return firstVNI + uint32(i) }

// VNIMAC returns the inner destination address of flows in the VNI with index i.
func VNIMAC(i int) dp.MAC {
	return dp.MAC{0x02, 0x5b, 0, byte(i >> 16), byte(i >> 8), byte(i)}
}

// Frame returns the flow's frame, FrameSize bytes, with all checksums right.
func (f Flow) Frame() ([]byte, error) {
	eth := &layers.Ethernet{
		SrcMAC: f.EthSrc[:], DstMAC: f.EthDst[:], EthernetType: layers.EthernetTypeIPv4,
	}
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocol(f.Proto), Flags: layers.IPv4DontFragment,
		SrcIP: net.IP(f.Src[:]), DstIP: net.IP(f.Dst[:]),
	}
	var l4 gopacket.SerializableLayer
	room := FrameSize - 14 - 20
	switch f.Proto {
	case 6:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(f.SPort), DstPort: layers.TCPPort(f.DPort), ACK: true, Window: 1024}
		_ = tcp.SetNetworkLayerForChecksum(ip) // never fails for IPv4
		l4, room = tcp, room-20
	case 17:
		udp := &layers.UDP{SrcPort: layers.UDPPort(f.SPort), DstPort: layers.UDPPort(f.DPort)}
		_ = udp.SetNetworkLayerForChecksum(ip)
		l4, room = udp, room-8
	default:
		return nil, fmt.Errorf("flow of IP protocol %d: the traffic has 6 (TCP) and 17 (UDP)", f.Proto)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, eth, ip, l4, gopacket.Payload(make([]byte, room))); err != nil {
		return nil, fmt.Errorf("frame of flow %v: %w", f, err)
	}
	return buf.Bytes(), nil
}

// Encapsulated returns the flow's frame inside VXLAN, as the remote endpoint sends
// it to the local one: FrameSize + Overhead bytes, outer UDP checksum zero.
func (f Flow) Encapsulated() ([]byte, error) {
	inner, err := f.Frame()
	if err != nil {
		return nil, err
	}
	outer, err := outerHeader(RemoteMAC, LocalMAC, RemoteIP, LocalIP, f.OuterSPort, f.VNI, inner)
	if err != nil {
		return nil, fmt.Errorf("VXLAN packet of flow %v: %w", f, err)
	}
	return outer, nil
}

// PushHeader returns the prebuilt outer header of packets to the remote endpoint,
// Ethernet to VXLAN, with lengths, UDP source port and UDP checksum zero, as
// [dp.TnlPush] takes it. IPv4's checksum is that of the header with these zeros.
func PushHeader(vni uint32) ([]byte, error) {
	b, err := outerHeader(LocalMAC, RemoteMAC, LocalIP, RemoteIP, 0, vni, nil)
	if err != nil {
		return nil, fmt.Errorf("outer header for VNI %d: %w", vni, err)
	}
	b = b[:Overhead]             // without what fills a frame up to Ethernet's least length
	copy(b[16:18], []byte{0, 0}) // total length
	copy(b[24:26], []byte{0, 0}) // IPv4 checksum, over the length too
	copy(b[38:40], []byte{0, 0}) // UDP length
	return b, nil
}

func outerHeader(srcMAC, dstMAC dp.MAC, src, dst dp.BE32, sport uint16, vni uint32, inner []byte) ([]byte, error) {
	eth := &layers.Ethernet{SrcMAC: srcMAC[:], DstMAC: dstMAC[:], EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP,
		SrcIP: net.IP(src[:]), DstIP: net.IP(dst[:]),
	}
	udp := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: VXLANPort}
	_ = udp.SetNetworkLayerForChecksum(ip)
	vx := &layers.VXLAN{ValidIDFlag: true, VNI: vni}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, eth, ip, udp, vx, gopacket.Payload(inner)); err != nil {
		return nil, err
	}
	b := buf.Bytes()
	copy(b[40:42], []byte{0, 0}) // RFC 7348 section 5: the outer UDP checksum should be zero
	return b, nil
}
