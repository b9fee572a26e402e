package dptest

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// Drawn scenes reach what they are for: drops of every kind that the model decides,
// pops, pushes, hits and misses.
func TestScenesReachEverything(t *testing.T) {
	gen := rapid.Custom(GenScene)
	seen := map[string]int{}
	for i := range 1000 {
		s := gen.Example(i)
		m, err := NewSceneModel(&s)
		if err != nil {
			t.Fatal(err)
		}
		w := expect(m, &s)
		for d := range w.drops {
			seen[d]++
		}
		for k := range w.miss {
			if k.Tun.Flags&dp.TunKey != 0 {
				seen["miss in a tunnel"]++
			}
		}
		for _, outs := range w.outs {
			for _, o := range outs {
				seen["output"]++
				if len(o.Marks) > 0 {
					seen["pushed"]++
				}
			}
		}
		for i := range s.Flows {
			if e, _ := m.Get(s.Flows[i].UFID); e.Stats.Packets > 0 && e.Key.InPort == PortTnl {
				seen["inner hit"]++
			}
		}
		if len(w.ups) > 0 {
			seen["userspace"]++
		}
	}
	for _, what := range []string{
		DropEthTruncated, DropFlow, DropNoPort, DropMTU, DropVerdict, DropRecircDepth, DropTnlTruncated, DropTnlIPCsum, DropTnlUDPCsum, DropTnlNoPort,
		DropVXLANVNI, DropTnlECN, DropActionError, "output", "pushed", "inner hit", "miss in a tunnel", "userspace",
	} {
		if seen[what] == 0 {
			t.Errorf("1000 scenes never reach %q: %v", what, seen)
		}
	}
}

// Where a packet is sound gopacket reads the same fields as Parse.
func TestParseAgreesWithGopacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genSound(t, 2)
		l, ok := Parse(f, Meta{})
		if !ok {
			t.Fatalf("a sound frame of %d bytes is refused", len(f))
		}
		p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.NoCopy)
		eth, _ := p.LinkLayer().(*layers.Ethernet)
		if eth == nil || string(eth.DstMAC) != string(l.Key.EthDst[:]) || string(eth.SrcMAC) != string(l.Key.EthSrc[:]) {
			t.Fatalf("Ethernet %v, key %x %x", eth, l.Key.EthDst, l.Key.EthSrc)
		}
		if tag, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok && eth.EthernetType == layers.EthernetTypeDot1Q {
			if tag.VLANIdentifier != l.Key.VLANTCI.Uint()&0xfff || uint16(tag.Priority) != l.Key.VLANTCI.Uint()>>13 {
				t.Fatalf("tag %+v, key %x", tag, l.Key.VLANTCI)
			}
		}
		if ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok && l.Key.EthType.Uint() == ethIPv4 {
			if string(ip.SrcIP) != string(l.Key.IPSrc[:]) || string(ip.DstIP) != string(l.Key.IPDst[:]) || uint8(ip.Protocol) != l.Key.IPProto ||
				ip.TOS != l.Key.IPTOS || ip.TTL != l.Key.IPTTL || (ip.FragOffset != 0) != (l.Key.IPFrag&dp.FragLater != 0) {
				t.Fatalf("%+v, key %s", ip, keyText(&l.Key))
			}
		}
		if ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6); ok && l.L3 >= 0 {
			if string(ip.SrcIP) != string(l.Key.IP6.Src[:]) || string(ip.DstIP) != string(l.Key.IP6.Dst[:]) ||
				l.Chain && (ip.TrafficClass != l.Key.IPTOS || ip.HopLimit != l.Key.IPTTL || ip.FlowLabel != l.Key.IP6.Label.Uint()) {
				t.Fatalf("%+v, key %s", ip, keyText(&l.Key))
			}
		}
		if l.L3 < 0 || l.Key.IPFrag&dp.FragLater != 0 {
			return
		}
		if tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok && l.Key.IPProto == protoTCP {
			if uint16(tcp.SrcPort) != l.Key.TPSrc.Uint() || uint16(tcp.DstPort) != l.Key.TPDst.Uint() || tcp.SYN != (l.Key.TCPFlags[1]&2 != 0) {
				t.Fatalf("%+v, key %s", tcp, keyText(&l.Key))
			}
		}
		if udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok && l.Key.IPProto == protoUDP {
			if uint16(udp.SrcPort) != l.Key.TPSrc.Uint() || uint16(udp.DstPort) != l.Key.TPDst.Uint() {
				t.Fatalf("%+v, key %s", udp, keyText(&l.Key))
			}
		}
	})
}

// Parse and the whole pipeline take any bytes.
func FuzzReceive(f *testing.F) {
	for _, c := range Cases() {
		f.Add(c.Steps[len(c.Steps)-1].In.Frame)
	}
	s := &Scene{}
	for _, no := range []dp.PortNo{PortA, PortTnl} {
		fl := flowFrom(no, dp.TnlPop{Port: PortTnl}, dp.SetIPv4{TTLMask: 0xff}, dp.SetIPv6{HLimitMask: 0xff}, dp.SetND{TargetMask: dp.IP6{1}}, dp.PopVLAN{}, dp.Output{Port: PortB}).Flow
		fl.UFID = MakeUFID(&fl.Key, &fl.Mask)
		s.Flows = append(s.Flows, fl)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := NewSceneModel(s)
		if err != nil {
			t.Fatal(err)
		}
		r := m.Receive(PortA, frame)
		if len(r.Outputs)+len(r.Drops) == 0 {
			t.Error("neither sent nor dropped")
		}
		for _, o := range r.Outputs {
			if len(o.Frame) > len(frame) {
				t.Errorf("%d bytes in, %d out", len(frame), len(o.Frame))
			}
		}
	})
}
