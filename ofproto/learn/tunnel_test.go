package learn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/skua/skua/internal/dp"
)

// outer is what a test looks at in a VXLAN frame.
type outer struct {
	dst, src string
	tos, ttl uint8
	df, csum bool
	vni      uint32
	inner    []byte
}

func parseOuter(t *testing.T, frame []byte) outer {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	u, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if u == nil {
		t.Fatalf("not a UDP packet: %v", p)
	}
	// By hand, as gopacket knows VXLAN by port 4789 alone.
	vx := &layers.VXLAN{}
	if err := vx.DecodeFromBytes(u.Payload, gopacket.NilDecodeFeedback); err != nil || !vx.ValidIDFlag {
		t.Fatalf("not a VXLAN frame (%v): %v", err, p)
	}
	o := outer{vni: vx.VNI, inner: vx.Payload, csum: u.Checksum != 0}
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		o.src, o.dst, o.tos, o.ttl = ip.SrcIP.String(), ip.DstIP.String(), ip.TOS, ip.TTL
		o.df = ip.Flags&layers.IPv4DontFragment != 0
	case *layers.IPv6:
		o.src, o.dst, o.tos, o.ttl = ip.SrcIP.String(), ip.DstIP.String(), ip.TrafficClass, ip.HopLimit
	}
	return o
}

func TestPush(t *testing.T) {
	r := newRig(t)
	r.overlays()
	r.neigh.Set("br-phy", remote4, remoteMAC)
	in := udp(t, mac(1), broadcast, 0xb8|3, "hello") // EF, CE
	r.send("a", in)
	out := r.take("eth")
	if len(out) != 1 {
		t.Fatalf("%d frames on the underlay, want 1", len(out))
	}
	o := parseOuter(t, out[0])
	if o.src != "10.9.0.1" || o.dst != "10.9.0.2" || o.vni != 1111 || o.ttl != 64 || !o.df || o.csum || o.tos != 2 {
		t.Errorf("outer header is %+v; want 10.9.0.1 > 10.9.0.2, VNI 1111, ttl 64, DF, no checksum, tos 2", o)
	}
	if !bytes.Equal(o.inner, in) {
		t.Error("the inner frame is not what was sent")
	}
	r.counts(map[string]int{"b": 1})
	r.send("a", udp(t, mac(1), broadcast, 1, "hello"))
	if o = parseOuter(t, r.take("eth")[0]); o.tos != 1 {
		t.Errorf("outer tos is %d, want the inner ECN bits, 1", o.tos)
	}
}

func TestPushIPv6AndOptions(t *testing.T) {
	r := newRig(t)
	r.tunnel("vx6", "remote_ip", "fd09::2", "key", "66")
	r.tunnel("vxo", "remote_ip", "10.9.0.2", "key", "67", "tos", "inherit", "ttl", "inherit", "csum", "true", "df_default", "false", "dst_port", "4790")
	r.bridge("one", "a", "vx6")
	r.bridge("two", "b", "vxo")
	r.neigh.Set("br-phy", remote6, remoteMAC)
	r.neigh.Set("br-phy", remote4, remoteMAC)
	r.send("a", udp(t, mac(1), broadcast, 1, "six"))
	o := parseOuter(t, r.take("eth")[0])
	if o.src != "fd09::1" || o.dst != "fd09::2" || o.vni != 66 || !o.csum || o.tos != 1 || o.ttl != 64 {
		t.Errorf("outer header is %+v", o)
	}
	r.send("b", udp(t, mac(2), broadcast, 0x2a, "opt"))
	o = parseOuter(t, r.take("eth")[0])
	if o.vni != 67 || !o.csum || o.tos != 0x2a || o.ttl != 9 || o.df {
		t.Errorf("outer header is %+v; want VNI 67, checksum, tos 0x2a, ttl 9, no DF", o)
	}
}

func TestPopAndNoLeak(t *testing.T) {
	r := newRig(t)
	r.overlays()
	r.neigh.Set("br-phy", remote4, remoteMAC)
	red := udp(t, mac(7), broadcast, 0, "red")
	r.send("eth", vxlan4(t, 1111, red))
	r.take("eth")
	if f := r.take("a"); len(f) != 1 || !bytes.Equal(f[0], red) {
		t.Fatalf("a got %d frames", len(f))
	}
	if len(r.take("c")) != 0 {
		t.Fatal("a packet of VNI 1111 reached the bridge of VNI 2222")
	}
	r.take("b")
	r.send("eth", vxlan4(t, 2222, udp(t, mac(8), broadcast, 0, "blue")))
	r.counts(map[string]int{"c": 1})
	r.send("eth", vxlan4(t, 3333, udp(t, mac(9), broadcast, 0, "nobody's")))
	r.counts(nil)
	// The answer finds the way back into its tunnel, and only there.
	r.send("a", udp(t, mac(1), mac(7), 0, "back"))
	if f := r.take("eth"); len(f) != 1 || parseOuter(t, f[0]).vni != 1111 {
		t.Fatalf("%d frames on the underlay, want one of VNI 1111", len(f))
	}
	r.counts(nil)
	r.send("c", udp(t, mac(3), mac(7), 0, "unknown here"))
	if f := r.take("eth"); len(f) != 1 || parseOuter(t, f[0]).vni != 2222 {
		t.Fatalf("%d frames on the underlay, want one of VNI 2222", len(f))
	}
}

// The megaflow that ends tunnels does nothing else, so that the data plane can end
// them in one pass, and what is not VXLAN goes to the host.
func TestTerminationFlow(t *testing.T) {
	r := newRig(t)
	r.overlays()
	r.send("eth", vxlan4(t, 1111, udp(t, mac(7), broadcast, 0, "x")))
	found := false
	for _, f := range r.flows() {
		if f.Key.InPort != r.no["eth"] {
			continue
		}
		found = true
		if len(f.Actions) != 1 {
			t.Fatalf("actions are %v, want tnl_pop alone", f.Actions)
		}
		if _, ok := f.Actions[0].(dp.TnlPop); !ok {
			t.Fatalf("actions are %v, want tnl_pop alone", f.Actions)
		}
		if f.Mask.TPSrc != (dp.BE16{}) || f.Mask.IPSrc != (dp.BE32{}) || f.Mask.IPTOS != 0 {
			t.Error("the flow compares the sender's port or address, or the TOS")
		}
	}
	if !found {
		t.Fatal("no flow for the underlay port")
	}
	r.take("a")
	r.take("b")
	r.send("eth", udp(t, remoteMAC, localMAC, 0, "for the host"))
	r.counts(map[string]int{"br-phy": 1})
}

func TestUnresolvedIsHeldInOrder(t *testing.T) {
	r := newRig(t)
	r.tunnel("vx", "remote_ip", "10.9.0.2", "key", "5")
	r.bridge("br", "a", "vx")
	var sent [][]byte
	for i := range 3 {
		f := udp(t, mac(1), mac(2), 0, fmt.Sprint("packet ", i))
		sent = append(sent, f)
		r.send("a", f)
	}
	req := r.take("eth")
	if len(req) != 1 {
		t.Fatalf("%d frames on the underlay, want one request", len(req))
	}
	arp, ok := gopacket.NewPacket(req[0], layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || arp.Operation != layers.ARPRequest || !bytes.Equal(arp.DstProtAddress, remote4.AsSlice()) ||
		!bytes.Equal(arp.SourceProtAddress, local4.AsSlice()) || !bytes.Equal(arp.SourceHwAddress, localMAC[:]) {
		t.Fatalf("the request is %+v", arp)
	}
	if n := r.dp.FlowCount(); n != 0 {
		t.Errorf("%d flows while the neighbour is not known, want 0", n)
	}
	r.send("eth", arpReply(t))
	out := r.take("eth")
	if len(out) != 3 {
		t.Fatalf("%d frames after the answer, want 3", len(out))
	}
	for i := range out {
		if o := parseOuter(t, out[i]); !bytes.Equal(o.inner, sent[i]) {
			t.Errorf("frame %d is not the one that was sent as number %d", i, i)
		}
	}
	if len(r.take("br-phy")) != 1 {
		t.Error("the answer did not reach the host, too")
	}
	if len(r.h.waiting) != 0 || r.h.nHeld != 0 {
		t.Errorf("%d neighbours and %d packets still wait", len(r.h.waiting), r.h.nHeld)
	}
}

func TestUnresolvedEnds(t *testing.T) {
	r := newRig(t)
	r.tunnel("vx", "remote_ip", "10.9.0.2", "key", "5")
	r.bridge("br", "a", "vx")
	r.send("a", udp(t, mac(1), mac(2), 0, "lost"))
	r.skew.Store(int64(HoldTime + time.Millisecond))
	r.work()
	if f := r.h.Figures(); f.HeldDropped != 1 || f.Held != 1 {
		t.Errorf("figures are %+v, want one held and dropped", f)
	}
	if n := r.dp.FlowCount(); n != 1 {
		t.Fatalf("%d flows, want one that drops", n)
	}
	r.take("eth")
	// While the flow is used, the neighbour is asked for again.
	r.send("a", udp(t, mac(1), mac(2), 0, "dropped"))
	r.skew.Add(int64(AskEvery))
	r.h.Sweep()
	r.work()
	if n := len(r.take("eth")); n != 1 {
		t.Errorf("%d requests after a second, want 1", n)
	}
	r.send("eth", arpReply(t))
	r.send("a", udp(t, mac(1), mac(2), 0, "sent"))
	if f := r.take("eth"); len(f) != 1 || parseOuter(t, f[0]).vni != 5 {
		t.Errorf("%d frames after the answer, want one of VNI 5", len(f))
	}
}

func TestHeldIsBounded(t *testing.T) {
	r := newRig(t)
	r.tunnel("vx", "remote_ip", "10.9.0.2", "key", "5")
	r.bridge("br", "a", "vx")
	for i := range 2 * MaxHeldPerNeighbour {
		r.send("a", udp(t, mac(byte(i)), mac(200), 0, "x"))
	}
	if r.h.nHeld != MaxHeldPerNeighbour {
		t.Errorf("%d misses held, want %d", r.h.nHeld, MaxHeldPerNeighbour)
	}
	if n := len(r.take("eth")); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// A neighbour that changes its address, and one that moves to another port of the
// underlay, are followed by the flows that are there.
func TestNeighbourChanges(t *testing.T) {
	r := newRig(t)
	r.overlays()
	r.neigh.Set("br-phy", remote4, dp.MAC{2, 9, 9, 9, 9, 9})
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.take("eth")
	r.neigh.Set("br-phy", remote4, remoteMAC)
	r.work()
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	f := r.take("eth")
	if len(f) != 1 || !bytes.Equal(f[0][:6], remoteMAC[:]) {
		t.Fatalf("%d frames on the underlay, want one to the new address", len(f))
	}
	if r.h.Figures().Modified == 0 {
		t.Error("no flow was modified")
	}
	// The route goes away: so does the tunnel; the other ports stay.
	r.rt.SetKernel(nil)
	r.work()
	r.take("b")
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.counts(map[string]int{"b": 1})
}

// A neighbour in use is asked for before it ages, and its answer, which may pass by
// a flow that is there already, keeps it.
func TestNeighbourInUseIsKept(t *testing.T) {
	r := newRig(t)
	r.overlays()
	if err := r.neigh.SetAging(askBefore + 5*time.Second); err != nil {
		t.Fatal(err)
	}
	r.send("eth", arpReply(t))
	r.take("br-phy")
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.take("eth")
	r.h.Sweep()
	if n := len(r.take("eth")); n != 0 {
		t.Fatalf("%d requests while the neighbour is fresh, want 0", n)
	}
	r.skew.Store(int64(6 * time.Second))
	r.h.Sweep()
	if n := len(r.take("eth")); n != 1 {
		t.Fatalf("%d requests before the neighbour ages, want 1", n)
	}
	r.send("eth", arpReply(t))
	r.h.Sweep()
	if left, ok := r.neigh.Left("br-phy", remote4); !ok || left < askBefore {
		t.Errorf("the neighbour has %v left, want it fresh", left)
	}
}

func TestTunnelToTunnel(t *testing.T) {
	r := newRig(t)
	r.tunnel("v1", "remote_ip", "10.9.0.2", "key", "1")
	r.tunnel("v2", "remote_ip", "10.9.0.3", "key", "2")
	r.tunnel("self", "remote_ip", "10.9.0.1", "key", "3")
	r.bridge("br", "a", "v1", "v2", "self")
	r.neigh.Set("br-phy", remote4, remoteMAC)
	r.neigh.Set("br-phy", remote4.Next(), mac(33))
	r.send("eth", vxlan4(t, 1, udp(t, mac(7), broadcast, 0, "x")))
	r.take("br-phy")
	out := r.take("eth")
	if len(out) != 1 || parseOuter(t, out[0]).vni != 2 {
		t.Fatalf("%d frames on the underlay; want one, of VNI 2: never back, never to ourselves", len(out))
	}
	r.counts(map[string]int{"a": 1})
}

func TestFlowKeyedTunnel(t *testing.T) {
	r := newRig(t)
	r.tunnel("in", "remote_ip", "10.9.0.2", "key", "7")
	r.tunnel("out", "remote_ip", "10.9.0.3", "key", "flow", "dst_port", "4790")
	r.bridge("br", "in", "out")
	r.neigh.Set("br-phy", remote4.Next(), mac(33))
	r.send("eth", vxlan4(t, 7, udp(t, mac(7), broadcast, 0, "x")))
	out := r.take("eth")
	if len(out) != 1 || parseOuter(t, out[0]).vni != 7 {
		t.Fatalf("%d frames on the underlay, want one with the packet's own VNI 7", len(out))
	}
}

// BenchmarkNewFlows is the cost of an upcall from the batch that is received to the
// flow, without the data plane's part. 50,000 a second are 20 µs each.
func BenchmarkNewFlows(b *testing.B) {
	r := newRig(b)
	d := &nullDP{Datapath: r.dp}
	r.h.DP = d
	r.overlays()
	r.neigh.Set("br-phy", remote4, remoteMAC)
	r.send("a", udp(b, mac(1), broadcast, 0, "x"))
	ups := make([]dp.Upcall, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		for i := range ups {
			u := &ups[i]
			u.Reason = dp.UpcallMiss
			u.Key.InPort = r.no["a"]
			u.Key.EthType = dp.ToBE16(0x0800)
			u.Key.IPTOS = 0
			u.Key.EthSrc = mac(1)
			u.Key.EthDst = mac(9) // unknown: flooded, also into the tunnel
			binary.BigEndian.PutUint32(u.Key.EthSrc[2:], uint32(n%4096))
			binary.BigEndian.PutUint32(u.Key.EthDst[2:], uint32(n))
			n++
		}
		r.h.Handle(ups)
		if len(r.h.flows) > 100000 {
			b.StopTimer()
			for _, f := range r.h.flows {
				r.h.untrack(f)
			}
			r.h.queue = nil
			b.StartTimer()
		}
	}
}

// nullDP takes flows and answers and does nothing with them.
type nullDP struct {
	dp.Datapath
	errs []error
	id   uint64
}

func (d *nullDP) FlowPut(p []dp.FlowPut) []error      { return d.none(len(p)) }
func (d *nullDP) UpcallAnswer(v []dp.Verdict) []error { return d.none(len(v)) }
func (d *nullDP) MakeUFID(*dp.Key, *dp.Mask) (u dp.UFID) {
	d.id++
	binary.LittleEndian.PutUint64(u[:], d.id)
	return u
}

func (d *nullDP) none(n int) []error {
	if len(d.errs) < n {
		d.errs = make([]error, n)
	}
	return d.errs[:n]
}
