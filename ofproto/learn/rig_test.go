package learn

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/zap/zaptest"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
	"github.com/skua/skua/ofproto/tnl"
)

// rig is a handler over the fake data plane: bridges red (a, b, vx-red) and blue (c,
// vx-blue) over the underlay bridge br-phy (eth, its LOCAL port 10.9.0.1 and fd09::1).
type rig struct {
	t     testing.TB
	dp    *dptest.Fake
	h     *Handler
	tun   *tnl.Ports
	neigh *tnl.Neighbours
	rt    *tnl.Routes
	no    map[string]dp.PortNo
	skew  atomic.Int64 // added to the handler's clock, nanoseconds
}

type ifaces struct{}

var (
	localMAC  = dp.MAC{0x02, 0xee, 0, 0, 0, 1}
	remoteMAC = dp.MAC{0x02, 0xee, 0, 0, 0, 2}
	local4    = netip.MustParseAddr("10.9.0.1")
	remote4   = netip.MustParseAddr("10.9.0.2")
	local6    = netip.MustParseAddr("fd09::1")
	remote6   = netip.MustParseAddr("fd09::2")
)

func (ifaces) MAC(dev string) (dp.MAC, bool) { return localMAC, dev == "br-phy" }
func (ifaces) Addrs(dev string) []netip.Prefix {
	if dev != "br-phy" {
		return nil
	}
	return []netip.Prefix{netip.PrefixFrom(local4, 24), netip.PrefixFrom(local6, 64)}
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, dp: dptest.NewFake(dptest.FakeConfig{}), no: map[string]dp.PortNo{}}
	changed := func() { r.h.UnderlayChanged() }
	r.tun = tnl.NewPorts(r.dp, changed)
	r.neigh = tnl.NewNeighbours(r.now, changed)
	r.rt = tnl.NewRoutes(ifaces{}, changed)
	r.h = New(Deps{DP: r.dp, Ports: r.tun, Routes: r.rt, Neighbours: r.neigh, Interfaces: ifaces{},
		Log: zaptest.NewLogger(t), Now: r.now})
	var rxqs []dp.Rxq
	for _, name := range []string{"a", "b", "c", "eth", "br-phy"} {
		kind := dp.PortRing
		if name == "br-phy" {
			kind = dp.PortTap
		}
		no, err := r.dp.PortAdd(dp.PortSpec{Kind: kind, No: dp.NoPort, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		r.no[name] = no
		rxqs = append(rxqs, dp.Rxq{Port: no})
	}
	if err := r.dp.SetLcoreRxqs(0, rxqs); err != nil {
		t.Fatal(err)
	}
	r.rt.SetKernel([]tnl.Route{
		{Dst: netip.MustParsePrefix("10.9.0.0/24"), Dev: "br-phy"},
		{Dst: netip.MustParsePrefix("10.9.0.1/32"), Dev: "br-phy", Local: true},
		{Dst: netip.MustParsePrefix("fd09::/64"), Dev: "br-phy"},
		{Dst: netip.MustParsePrefix("fd09::1/128"), Dev: "br-phy", Local: true},
	})
	r.bridge("br-phy", "eth", "br-phy")
	return r
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) }

// tunnel adds a tunnel port; opts are pairs.
func (r *rig) tunnel(name string, opts ...string) {
	r.t.Helper()
	m := map[string]string{}
	for i := 0; i < len(opts); i += 2 {
		m[opts[i]] = opts[i+1]
	}
	c, err := tnl.ParseOptions(name, m)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.tun.Add(c); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) bridge(name string, ports ...string) {
	r.t.Helper()
	var list []Port
	for _, p := range ports {
		if t := r.tun.Get(p); t != nil {
			list = append(list, Port{Name: p, No: t.No, Tunnel: t})
		} else {
			list = append(list, Port{Name: p, No: r.no[p]})
		}
	}
	if err := r.h.AddBridge(name, list); err != nil {
		r.t.Fatal(err)
	}
}

// overlays makes the two overlay bridges over IPv4.
func (r *rig) overlays() {
	r.tunnel("vx-red", "remote_ip", "10.9.0.2", "local_ip", "10.9.0.1", "key", "1111")
	r.tunnel("vx-blue", "remote_ip", "10.9.0.2", "local_ip", "10.9.0.1", "key", "2222")
	r.bridge("red", "a", "b", "vx-red")
	r.bridge("blue", "c", "vx-blue")
}

// work answers what has come up and does what waits, without the goroutines of Run.
func (r *rig) work() {
	r.t.Helper()
	for range 100 {
		got := false
		err := r.dp.UpcallRecv(time.Millisecond, func(u []dp.Upcall) {
			got = true
			r.h.Handle(u)
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.h.release()
		for r.h.RevalidateSome() {
			got = true
		}
		if !got {
			return
		}
	}
	r.t.Fatal("upcalls do not end")
}

// send puts frames into a port and lets the handler work.
func (r *rig) send(port string, frames ...[]byte) {
	r.t.Helper()
	n, err := r.dp.RingInject(r.no[port], frames)
	if err != nil || n != len(frames) {
		r.t.Fatalf("inject into %s: %d of %d, %v", port, n, len(frames), err)
	}
	r.work()
}

// take returns what has left by a port.
func (r *rig) take(port string) [][]byte {
	r.t.Helper()
	f, err := r.dp.RingCollect(r.no[port], 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// counts asserts how many frames have left by each port, and takes them.
func (r *rig) counts(want map[string]int) {
	r.t.Helper()
	for name := range r.no {
		if got := len(r.take(name)); got != want[name] {
			r.t.Errorf("port %s: %d frames left, want %d", name, got, want[name])
		}
	}
}

func (r *rig) flows() (out []dp.FlowEntry) {
	err := r.dp.FlowDump(func(e *dp.FlowEntry) bool { out = append(out, *e); return true })
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func hw(m dp.MAC) net.HardwareAddr { return net.HardwareAddr(m[:]) }

func mac(n byte) dp.MAC { return dp.MAC{0x02, 0, 0, 0, 0, n} }

var broadcast = dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func serialize(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// udp makes an IPv4 UDP frame with a TOS byte.
func udp(t testing.TB, src, dst dp.MAC, tos uint8, payload string) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 9, TOS: tos, Protocol: layers.IPProtocolUDP,
		SrcIP: net.IP{192, 0, 2, src[5]}, DstIP: net.IP{192, 0, 2, dst[5]}}
	l4 := &layers.UDP{SrcPort: 1000, DstPort: 2000}
	if err := l4.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return serialize(t, &layers.Ethernet{SrcMAC: hw(src), DstMAC: hw(dst), EthernetType: layers.EthernetTypeIPv4},
		ip, l4, gopacket.Payload(payload))
}

// vxlan4 makes a VXLAN frame from the remote host around inner.
func vxlan4(t testing.TB, vni uint32, inner []byte) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: remote4.AsSlice(), DstIP: local4.AsSlice()}
	l4 := &layers.UDP{SrcPort: 40000, DstPort: 4789}
	if err := l4.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return serialize(t, &layers.Ethernet{SrcMAC: hw(remoteMAC), DstMAC: hw(localMAC), EthernetType: layers.EthernetTypeIPv4},
		ip, l4, &layers.VXLAN{ValidIDFlag: true, VNI: vni}, gopacket.Payload(inner))
}

// arpReply makes the remote's answer to a request for its address.
func arpReply(t testing.TB) []byte {
	return serialize(t, &layers.Ethernet{SrcMAC: hw(remoteMAC), DstMAC: hw(localMAC), EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: layers.ARPReply, SourceHwAddress: hw(remoteMAC), SourceProtAddress: remote4.AsSlice(),
			DstHwAddress: hw(localMAC), DstProtAddress: local4.AsSlice()})
}
