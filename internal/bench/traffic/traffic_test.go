package traffic

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// decoded returns what gopacket makes of a frame; it fails on anything that
// gopacket could not decode to the end.
func decoded(t interface{ Fatalf(string, ...any) }, frame []byte) gopacket.Packet {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("frame % x does not decode: %v", frame, e.Error())
	}
	return p
}

// sum16 is the folded ones' complement sum of RFC 1071.
func sum16(b []byte, initial uint32) uint16 {
	s := initial
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// checkIPv4 checks the header checksum and the TCP or UDP checksum of an IPv4 packet.
func checkIPv4(t interface{ Errorf(string, ...any) }, ip []byte) {
	if got := sum16(ip[:20], 0); got != 0xffff {
		t.Errorf("IPv4 header % x sums to %#x", ip[:20], got)
	}
	l4 := ip[20:]
	pseudo := uint32(sum16(ip[12:20], uint32(ip[9])+uint32(len(l4))))
	if got := sum16(l4, pseudo); got != 0xffff {
		t.Errorf("layer 4 % x sums to %#x", l4, got)
	}
}

func TestFrameIsWhatItsFlowSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := Plan{Proto: rapid.SampledFrom([]uint8{6, 17}).Draw(t, "proto"), VNIs: rapid.IntRange(1, 1000).Draw(t, "vnis")}
		f := plan.Flow(rapid.IntRange(0, MaxFlows-1).Draw(t, "flow"))
		frame, err := f.Frame()
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) != FrameSize {
			t.Fatalf("frame of %d bytes, not %d", len(frame), FrameSize)
		}
		checkIPv4(t, frame[14:])
		p := decoded(t, frame)
		eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if dp.MAC(eth.SrcMAC) != f.EthSrc || dp.MAC(eth.DstMAC) != f.EthDst {
			t.Errorf("addresses %v > %v, flow %v", eth.SrcMAC, eth.DstMAC, f)
		}
		if dp.BE32(ip.SrcIP.To4()) != f.Src || dp.BE32(ip.DstIP.To4()) != f.Dst || uint8(ip.Protocol) != f.Proto {
			t.Errorf("%v > %v protocol %v, flow %v", ip.SrcIP, ip.DstIP, ip.Protocol, f)
		}
		ports := ip.Payload
		if s, d := binary.BigEndian.Uint16(ports), binary.BigEndian.Uint16(ports[2:]); s != f.SPort || d != f.DPort {
			t.Errorf("ports %d > %d, flow %v", s, d, f)
		}
	})
}

func TestEncapsulatedHoldsTheFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := Plan{Proto: 17, VNIs: rapid.IntRange(1, 1000).Draw(t, "vnis")}
		f := plan.Flow(rapid.IntRange(0, MaxFlows-1).Draw(t, "flow"))
		inner, err := f.Frame()
		if err != nil {
			t.Fatal(err)
		}
		frame, err := f.Encapsulated()
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) != FrameSize+Overhead || !bytes.Equal(frame[Overhead:], inner) {
			t.Fatalf("% x does not end with the frame % x", frame, inner)
		}
		p := decoded(t, frame)
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		vx := p.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
		if sum16(frame[14:34], 0) != 0xffff {
			t.Errorf("outer IPv4 header % x has a wrong checksum", frame[14:34])
		}
		if dp.BE32(ip.SrcIP.To4()) != RemoteIP || dp.BE32(ip.DstIP.To4()) != LocalIP || int(ip.Length) != len(frame)-14 {
			t.Errorf("outer IPv4 %v > %v length %d", ip.SrcIP, ip.DstIP, ip.Length)
		}
		if udp.DstPort != VXLANPort || udp.SrcPort != layers.UDPPort(f.OuterSPort) || udp.Checksum != 0 || int(udp.Length) != len(frame)-34 {
			t.Errorf("outer UDP %d > %d checksum %#x length %d", udp.SrcPort, udp.DstPort, udp.Checksum, udp.Length)
		}
		if f.OuterSPort < 32768 || f.OuterSPort > 61000 {
			t.Errorf("outer source port %d is not in 32768..61000", f.OuterSPort)
		}
		if !vx.ValidIDFlag || vx.VNI != f.VNI {
			t.Errorf("VXLAN %+v, VNI %d", vx, f.VNI)
		}
	})
}

func TestFlowsAreDistinct(t *testing.T) {
	type tuple struct {
		src, dst     dp.BE32
		sport, dport uint16
	}
	const n = 200_000
	seen := make(map[tuple]int, n)
	plan := Plan{Proto: 17, VNIs: 7}
	for i := range n {
		f := plan.Flow(i)
		k := tuple{f.Src, f.Dst, f.SPort, f.DPort}
		if j, ok := seen[k]; ok {
			t.Fatalf("flows %d and %d are the same: %v", i, j, f)
		}
		seen[k] = i
		if want := VNI(i % 7); f.VNI != want || f.EthDst != VNIMAC(i%7) {
			t.Fatalf("flow %d has VNI %d and address %v", i, f.VNI, f.EthDst)
		}
	}
}

func TestPushHeaderLeavesWhatThePathFills(t *testing.T) {
	h, err := PushHeader(1111)
	if err != nil {
		t.Fatal(err)
	}
	if len(h) != Overhead {
		t.Fatalf("header of %d bytes, not %d", len(h), Overhead)
	}
	for _, f := range []struct {
		name     string
		from, to int
	}{
		{"IPv4 length", 16, 18}, {"IPv4 checksum", 24, 26}, {"UDP source port", 34, 36}, {"UDP length and checksum", 38, 42},
	} {
		if !bytes.Equal(h[f.from:f.to], make([]byte, f.to-f.from)) {
			t.Errorf("%s is % x, not zero", f.name, h[f.from:f.to])
		}
	}
	if dp.MAC(h[0:6]) != RemoteMAC || dp.MAC(h[6:12]) != LocalMAC || dp.BE32(h[26:30]) != LocalIP || dp.BE32(h[30:34]) != RemoteIP {
		t.Errorf("header % x is not from the local to the remote endpoint", h)
	}
	if got := binary.BigEndian.Uint32(h[46:50]) >> 8; got != 1111 {
		t.Errorf("VNI %d, not 1111", got)
	}
}

func TestPcapHoldsEachFlowOnce(t *testing.T) {
	const n = 1000
	plan := Plan{Proto: 17, VNIs: 1}
	path := filepath.Join(t.TempDir(), "t.pcap")
	if err := plan.WritePcap(path, n, false); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcapgo.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[dp.BE32]bool{}
	var first dp.BE32
	for i := 0; ; i++ {
		b, _, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		src := dp.BE32(b[26:30])
		if i == 0 {
			first = src
		}
		seen[src] = true
	}
	if len(seen) != n {
		t.Errorf("%d distinct flows in the file, not %d", len(seen), n)
	}
	if first == plan.Flow(0).Src {
		t.Errorf("the file begins with flow 0: it was to be shuffled")
	}
}

func TestUnknownProtocolIsRefused(t *testing.T) {
	if _, err := (Plan{Proto: 1, VNIs: 1}).Flow(0).Frame(); err == nil {
		t.Error("a flow of IP protocol 1 has a frame")
	}
}
