package lab

import (
	"bytes"
	"fmt"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// token is a text that stands in every probe frame of one origin and nowhere else.
func token(run, origin string, kind int) []byte {
	return fmt.Appendf(nil, "<%s:%s:%d>", run, origin, kind)
}

// Kinds of probe frames that an origin sends.
var probeKinds = []string{"ARP request", "broadcast", "unicast", "unknown unicast", "multicast"}

// etherTypeProbe is IEEE 802's local experimental type 1.
const etherTypeProbe = layers.EthernetType(0x88b5)

// probes returns one frame of each kind from src to dst, each with its token.
func probes(run, origin string, src, dst End) ([][]byte, error) {
	mac := func(s string) net.HardwareAddr { m, _ := net.ParseMAC(s); return m }
	ip := func(s string) []byte { return net.ParseIP(s).To4() }
	own, peer := mac(src.MAC), mac(dst.MAC)
	bcast := mac("ff:ff:ff:ff:ff:ff")
	eth := func(to net.HardwareAddr, t layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: own, DstMAC: to, EthernetType: t}
	}
	arp := &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: own, SourceProtAddress: ip(src.IP4),
		DstHwAddress: make([]byte, 6), DstProtAddress: ip(dst.IP4),
	}
	v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ip(src.IP4), DstIP: ip(dst.IP4)}
	udp := &layers.UDP{SrcPort: 40001, DstPort: 9} // discard
	_ = udp.SetNetworkLayerForChecksum(v4)
	stacks := [][]gopacket.SerializableLayer{
		{eth(bcast, layers.EthernetTypeARP), arp}, // the token is its padding
		{eth(bcast, etherTypeProbe)},
		{eth(peer, layers.EthernetTypeIPv4), v4, udp},
		{eth(mac("02:00:00:00:ff:01"), etherTypeProbe)},
		{eth(mac("33:33:00:00:00:99"), etherTypeProbe)},
	}
	var out [][]byte
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	for kind, layers := range stacks {
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, opts, append(layers, gopacket.Payload(token(run, origin, kind)))...); err != nil {
			return nil, fmt.Errorf("probe frame %s: %w", probeKinds[kind], err)
		}
		f := append([]byte(nil), buf.Bytes()...)
		for len(f) < 60 {
			f = append(f, 0)
		}
		out = append(out, f)
	}
	return out, nil
}

// kindsSeen says which kinds of probes of an origin stand in frames.
func kindsSeen(frames []frame, run, origin string) map[int]bool {
	seen := map[int]bool{}
	for _, f := range frames {
		for kind := range probeKinds {
			if bytes.Contains(f.Data, token(run, origin, kind)) {
				seen[kind] = true
			}
		}
	}
	return seen
}

// vxlanFrame puts an 8-byte VXLAN header with these flags, reserved bits and VNI
// (RFC 7348 section 5) in front of an inner frame: a UDP payload for port 4789.
func vxlanFrame(flags byte, reserved [3]byte, vni uint32, last byte, inner []byte) []byte {
	h := []byte{flags, reserved[0], reserved[1], reserved[2], byte(vni >> 16), byte(vni >> 8), byte(vni), last}
	return append(h, inner...)
}
