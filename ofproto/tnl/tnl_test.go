package tnl

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	macA = dp.MAC{0x02, 0, 0, 0, 0, 1}
	macB = dp.MAC{0x02, 0, 0, 0, 0, 2}
)

// gopacket judges the headers: behind one, with lengths filled in, an inner frame
// must be found.
func TestHeader(t *testing.T) {
	a4, b4 := netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("10.9.0.2")
	a6, b6 := netip.MustParseAddr("fd09::1"), netip.MustParseAddr("fd09::2")
	for _, h := range []Header{
		{SrcMAC: macA, DstMAC: macB, Src: a4, Dst: b4, TTL: 64, DF: true, DstPort: 4789, VNI: 1111},
		{SrcMAC: macA, DstMAC: macB, Src: a4, Dst: b4, TTL: 7, TOS: 0xb9, Csum: true, DstPort: 4789, VNI: 1<<24 - 1},
		{SrcMAC: macA, DstMAC: macB, VLANTCI: 0x3005, Src: a4, Dst: b4, TTL: 64, DstPort: 4789},
		{SrcMAC: macA, DstMAC: macB, Src: a6, Dst: b6, TTL: 33, TOS: 0x2e, DstPort: 4789, VNI: 5},
		{SrcMAC: macA, DstMAC: macB, Src: a4, Dst: b4, TTL: 64, DstPort: 4789, VNI: 5, GBP: true, GBPID: 0x1234, GBPFlags: 0x48},
	} {
		p := gopacket.NewPacket(append(h.Build(), make([]byte, 14)...), layers.LayerTypeEthernet, gopacket.NoCopy)
		eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		if eth.SrcMAC.String() != FormatMAC(h.SrcMAC) || eth.DstMAC.String() != FormatMAC(h.DstMAC) {
			t.Errorf("%+v: addresses are %v > %v", h, eth.SrcMAC, eth.DstMAC)
		}
		if q, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok != (h.VLANTCI != 0) {
			t.Errorf("%+v: tagged %t", h, ok)
		} else if ok && (q.VLANIdentifier != 5 || q.Priority != 1 || q.DropEligible) {
			t.Errorf("%+v: tag is %+v", h, q)
		}
		switch ip := p.NetworkLayer().(type) {
		case *layers.IPv4:
			if ip.SrcIP.String() != h.Src.String() || ip.DstIP.String() != h.Dst.String() || ip.TTL != h.TTL || ip.TOS != h.TOS ||
				(ip.Flags == layers.IPv4DontFragment) != h.DF || ip.Id != 0 || ip.Contents[2] != 0 || ip.Contents[3] != 0 || ip.Checksum != 0 {
				t.Errorf("%+v: IP header is %+v", h, ip)
			}
		case *layers.IPv6:
			if ip.SrcIP.String() != h.Src.String() || ip.DstIP.String() != h.Dst.String() || ip.HopLimit != h.TTL ||
				ip.TrafficClass != h.TOS || ip.FlowLabel != 0 || ip.Length != 0 {
				t.Errorf("%+v: IP header is %+v", h, ip)
			}
		default:
			t.Fatalf("%+v: no IP header in %v", h, p)
		}
		b := h.Build()
		udp := b[len(b)-16:]
		wantSum := byte(0)
		if h.Csum || h.Dst.Is6() {
			wantSum = 0xff
		}
		if udp[0] != 0 || udp[1] != 0 || udp[4] != 0 || udp[5] != 0 || udp[6] != wantSum || udp[7] != wantSum {
			t.Errorf("%+v: UDP header is %x", h, udp[:8])
		}
		var vx layers.VXLAN
		if err := vx.DecodeFromBytes(udp[8:], gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
		if !vx.ValidIDFlag || vx.VNI != h.VNI || vx.GBPExtension != h.GBP || vx.GBPGroupPolicyID != h.GBPID ||
			udp[9] != h.GBPFlags { // gopacket looks for bit A elsewhere
			t.Errorf("%+v: VXLAN header is %+v", h, vx)
		}
	}
}

func TestRequests(t *testing.T) {
	p := gopacket.NewPacket(ARPRequest(macA, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")),
		layers.LayerTypeEthernet, gopacket.Default)
	arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || arp.Operation != layers.ARPRequest || netip.AddrFrom4([4]byte(arp.DstProtAddress)).String() != "10.0.0.2" {
		t.Errorf("ARP request is %v", p)
	}
	frame := NDSolicitation(macA, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::ab:cdef"))
	p = gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
	ip, _ := p.NetworkLayer().(*layers.IPv6)
	if !ok || ip == nil || ns.TargetAddress.String() != "fd00::ab:cdef" || ip.DstIP.String() != "ff02::1:ffab:cdef" ||
		ip.HopLimit != 255 || int(ip.Length) != 32 || p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet).DstMAC.String() != "33:33:ff:ab:cd:ef" {
		t.Fatalf("solicitation is %v", p)
	}
	icmp := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	sum := icmp.Checksum
	buf := gopacket.NewSerializeBuffer()
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, icmp, gopacket.Payload(icmp.Payload))
	if err != nil || icmp.Checksum != sum {
		t.Errorf("checksum is %#x, want %#x (%v)", sum, icmp.Checksum, err)
	}
}

func TestParseOptions(t *testing.T) {
	c, err := ParseOptions("vx", map[string]string{"type": "vxlan", "remote_ip": "10.0.0.2", "local_ip": "10.0.0.1", "key": "0x457",
		"dst_port": "4790", "exts": "gbp", "tos": "inherit", "ttl": "9", "df_default": "false", "csum": "true"})
	want := Config{Name: "vx", Remote: netip.MustParseAddr("10.0.0.2"), Local: netip.MustParseAddr("10.0.0.1"), Key: 1111,
		DstPort: 4790, GBP: true, TOSInherit: true, TTL: 9, Csum: true}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, c, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c, err = ParseOptions("vx", map[string]string{"remote_ip": "flow", "key": "flow"})
	if err != nil || !c.RemoteFlow || !c.KeyFlow || c.DstPort != 4789 || c.TTL != 64 || !c.DF {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	for _, bad := range []map[string]string{
		{}, {"remote_ip": "nowhere"}, {"remote_ip": "0.0.0.0"}, {"remote_ip": "224.0.0.1"}, {"remote_ip": "fe80::1%eth0"},
		{"remote_ip": "10.0.0.2", "key": "16777216"}, {"remote_ip": "10.0.0.2", "key": "x"}, {"remote_ip": "10.0.0.2", "dst_port": "0"},
		{"remote_ip": "10.0.0.2", "tos": "256"}, {"remote_ip": "10.0.0.2", "csum": "yes"}, {"remote_ip": "10.0.0.2", "exts": "gpe"},
		{"remote_ip": "10.0.0.2", "colour": "red"}, {"remote_ip": "10.0.0.2", "local_ip": "fd00::1"},
	} {
		if _, err := ParseOptions("vx", bad); !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("%v: error is %v, want one that wraps ErrInvalid", bad, err)
		}
	}
}

func config(t *testing.T, name string, opts ...string) Config {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(opts); i += 2 {
		m[opts[i]] = opts[i+1]
	}
	c, err := ParseOptions(name, m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// watched is the fake data plane with failures on request.
type watched struct {
	*dptest.Fake
	failVNI, failPort bool
	anyVNI            map[dp.PortNo]bool
}

var errAsked = errors.New("asked to fail")

func (w *watched) PortAdd(s dp.PortSpec) (dp.PortNo, error) {
	if w.failPort {
		return 0, errAsked
	}
	no, err := w.Fake.PortAdd(s)
	w.anyVNI[no] = s.TnlAnyVNI
	return no, err
}

func (w *watched) SetVNI(no dp.PortNo, vni uint32, on bool) error {
	if w.failVNI {
		return errAsked
	}
	if w.anyVNI[no] {
		return dp.ErrInvalid // as the data plane
	}
	return w.Fake.SetVNI(no, vni, on)
}

func newWatched() *watched {
	return &watched{Fake: dptest.NewFake(dptest.FakeConfig{}), anyVNI: map[dp.PortNo]bool{}}
}

func TestPorts(t *testing.T) {
	d := newWatched()
	changes := 0
	p := NewPorts(d, func() { changes++ })
	add := func(c Config) *Port {
		t.Helper()
		port, err := p.Add(c)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	a := add(config(t, "a", "remote_ip", "10.0.0.2", "key", "1"))
	b := add(config(t, "b", "remote_ip", "10.0.0.3", "key", "1"))
	c := add(config(t, "c", "remote_ip", "10.0.0.2", "local_ip", "10.0.0.1", "key", "1"))
	if a.No != b.No || a.DPName != "vxlan_sys_4789" || len(d.Ports()) != 1 {
		t.Errorf("ports %+v and %+v, %d datapath ports; want one that is shared", a, b, len(d.Ports()))
	}
	for _, bad := range []Config{
		config(t, "a", "remote_ip", "10.0.0.9"),                            // the name
		config(t, "x", "remote_ip", "10.0.0.2", "key", "1"),                // the configuration
		config(t, "x", "remote_ip", "10.0.0.8", "key", "9", "gbp", "true"), // not with this UDP port
	} {
		if _, err := p.Add(bad); !errors.Is(err, dp.ErrExist) && !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("%+v: error is %v", bad, err)
		}
	}
	f := add(config(t, "f", "remote_ip", "flow", "key", "flow"))
	if f.No != a.No || !d.anyVNI[f.No] {
		t.Errorf("port with key=flow is %+v; want the shared number, every VNI", f)
	}
	src, other, local := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("10.0.0.1")
	for _, tc := range []struct {
		src, dst netip.Addr
		vni      uint32
		want     string
	}{{src, local, 1, "c"}, {src, other, 1, "a"}, {netip.MustParseAddr("10.0.0.3"), local, 1, "b"}, {src, local, 2, "f"}, {other, local, 1, "f"}} {
		if got := p.Receive(a.No, tc.src, tc.dst, tc.vni); got == nil || got.Name != tc.want {
			t.Errorf("packet %+v is for %+v, want port %s", tc, got, tc.want)
		}
	}
	if p.Receive(a.No+1, src, local, 1) != nil {
		t.Error("packet of another datapath port found a tunnel")
	}
	if err := p.Del("f"); err != nil || d.anyVNI[a.No] {
		t.Errorf("without the port with key=flow every VNI is still taken (%v)", err)
	}
	if p.Receive(a.No, other, local, 2) != nil || p.Receive(a.No, src, local, 1) != c {
		t.Error("deleting one port changed others, or left it")
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := p.Del(name); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.Ports()) != 0 || len(p.Endpoints()) != 0 {
		t.Errorf("%d datapath ports left", len(d.Ports()))
	}
	if err := p.Del("a"); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
	if changes != 8 {
		t.Errorf("%d changes told, want 8", changes)
	}
}

func TestFailedTunnelLeavesNothing(t *testing.T) {
	d := newWatched()
	p := NewPorts(d, nil)
	c := config(t, "a", "remote_ip", "10.0.0.2", "key", "1")
	d.failVNI = true
	if _, err := p.Add(c); !errors.Is(err, errAsked) || len(d.Ports()) != 0 || p.Get("a") != nil {
		t.Errorf("error %v, %d datapath ports left", err, len(d.Ports()))
	}
	d.failVNI, d.failPort = false, true
	if _, err := p.Add(c); !errors.Is(err, errAsked) || len(p.List()) != 0 || len(p.Endpoints()) != 0 {
		t.Errorf("error %v, %v left", err, p.List())
	}
	d.failPort = false
	if _, err := p.Add(c); err != nil {
		t.Errorf("after failures: %v", err)
	}
}

type addrMap map[string][]netip.Prefix

func (m addrMap) Addrs(dev string) []netip.Prefix { return m[dev] }

func prefixes(s ...string) (out []netip.Prefix) {
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func TestRoutes(t *testing.T) {
	changes := 0
	rt := NewRoutes(addrMap{"br0": prefixes("10.9.0.1/24", "10.9.1.1/16", "fd09::1/64"), "lo": prefixes("127.0.0.1/8")}, func() { changes++ })
	rt.SetKernel([]Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Dev: "br0", GW: netip.MustParseAddr("10.9.0.254")},
		{Dst: netip.MustParsePrefix("10.9.0.0/24"), Dev: "br0"},
		{Dst: netip.MustParsePrefix("10.9.0.1/32"), Dev: "br0", Local: true},
		{Dst: netip.MustParsePrefix("10.7.0.0/16"), Dev: "br0", GW: netip.MustParseAddr("10.9.0.254"), Src: netip.MustParseAddr("10.9.1.1")},
		{Dst: netip.MustParsePrefix("5.5.0.0/16"), Dev: "lo", Local: true}, // no address there
		{Dst: netip.MustParsePrefix("fd09::/64"), Dev: "br0"},
	})
	lookup := func(dst string) string {
		r, ok := rt.Lookup(0, netip.MustParseAddr(dst), netip.Addr{})
		if !ok {
			return "none"
		}
		s := r.Dev + " " + r.Src.String()
		if r.GW.IsValid() {
			s += " via " + r.GW.String()
		}
		return s
	}
	for dst, want := range map[string]string{
		"10.9.0.2": "br0 10.9.0.1", "10.9.0.1": "br0 10.9.0.1", "10.7.1.1": "br0 10.9.1.1 via 10.9.0.254", "8.8.8.8": "br0 10.9.0.1 via 10.9.0.254",
		"5.5.5.5": "br0 10.9.0.1 via 10.9.0.254", "fd09::7": "br0 fd09::1", "fd08::7": "none", "::ffff:8": "none",
	} {
		if got := lookup(dst); got != want {
			t.Errorf("route to %s is %q, want %q", dst, got, want)
		}
	}
	if err := rt.Add(netip.MustParsePrefix("10.9.0.9/24"), 0, "br0", netip.MustParseAddr("10.9.0.77")); err != nil {
		t.Fatal(err)
	}
	if got := lookup("10.9.0.2"); got != "br0 10.9.0.1 via 10.9.0.77" {
		t.Errorf("a user's route does not win: %q", got)
	}
	if _, ok := rt.Lookup(0, netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("9.9.9.9")); ok {
		t.Error("a source that is not ours found a route")
	}
	if r, ok := rt.Lookup(0, netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.9.0.1")); !ok || r.Src.String() != "10.9.0.1" {
		t.Errorf("route from our own address is %+v, %t", r, ok)
	}
	if err := rt.Add(netip.MustParsePrefix("1.0.0.0/8"), 0, "nodev", netip.Addr{}); !errors.Is(err, ErrNoSource) {
		t.Errorf("route by an unknown interface: %v", err)
	}
	if rt.Del(netip.MustParsePrefix("10.7.0.0/16"), 0) || !rt.Del(netip.MustParsePrefix("10.9.0.0/24"), 0) {
		t.Error("a kernel's route was deleted, or a user's was not")
	}
	if got := lookup("10.9.0.2"); got != "br0 10.9.0.1" {
		t.Errorf("after the delete: %q", got)
	}
	if changes != 3 {
		t.Errorf("%d changes told, want 3", changes)
	}
}

// The table finds what a walk over all routes finds.
func TestRoutesAgainstWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tab := NewRoutes(addrMap{"d": prefixes("0.0.0.0/0", "::/0")}, nil)
		v4 := rapid.Custom(func(t *rapid.T) netip.Addr {
			return netip.AddrFrom4([4]byte{10, rapid.ByteRange(0, 3).Draw(t, "b"), 0, rapid.ByteRange(0, 3).Draw(t, "d")})
		})
		var all []Route
		for range rapid.IntRange(0, 12).Draw(rt, "n") {
			r := Route{Dst: netip.PrefixFrom(v4.Draw(rt, "dst"), rapid.SampledFrom([]int{0, 8, 15, 16, 30, 31, 32}).Draw(rt, "len")).Masked(), Dev: "d"}
			if rapid.Bool().Draw(rt, "user") {
				if err := tab.Add(r.Dst, 0, "d", netip.Addr{}); err != nil {
					rt.Fatal(err)
				}
				r.User = true
			} else {
				r.Local = rapid.Bool().Draw(rt, "local")
			}
			all = append(all, r)
		}
		var kernel []Route
		for _, r := range all {
			if !r.User {
				kernel = append(kernel, r)
			}
		}
		tab.SetKernel(kernel)
		dst := v4.Draw(rt, "to")
		best := -1
		for i := range all {
			if all[i].Dst.Contains(dst) && (best < 0 || all[i].priority() > all[best].priority()) {
				best = i
			}
		}
		got, ok := tab.Lookup(0, dst, netip.Addr{})
		if ok != (best >= 0) || ok && got.priority() != all[best].priority() {
			rt.Fatalf("lookup of %v gives %+v, %t; a walk finds %d of %+v", dst, got, ok, best, all)
		}
	})
}

func TestNeighbours(t *testing.T) {
	now := time.Unix(1000, 0)
	changes := 0
	n := NewNeighbours(func() time.Time { return now }, func() { changes++ })
	ip := netip.MustParseAddr("10.0.0.1")
	n.Set("a-bridge-with-a-long-name", ip, macA)
	n.Set("a-bridge-with-a-long-name", ip, macA)
	if m, ok := n.Lookup("a-bridge-with-a-long-name", ip); !ok || m != macA || changes != 1 {
		t.Errorf("neighbour is %v, %t after %d changes", m, ok, changes)
	}
	if !strings.Contains(n.Show(), "10.0.0.1                                      02:00:00:00:00:01   a-bridge-with-a\n") {
		t.Errorf("the table is\n%s", n.Show())
	}
	n.SetKernel("k", ip, macB)
	now = now.Add(DefaultNeighAging)
	if _, ok := n.Lookup("a-bridge-with-a-long-name", ip); ok {
		t.Error("an old neighbour is found")
	}
	n.Sweep()
	if _, ok := n.Lookup("k", ip); !ok || changes != 3 {
		t.Errorf("the kernel's neighbour is gone, or %d changes are not 3", changes)
	}
	n.DelKernel("k", ip)
	if _, ok := n.Lookup("k", ip); ok {
		t.Error("a neighbour that the kernel lost is found")
	}
	n.Set("b", ip, macA)
	n.DelKernel("b", ip)
	if _, ok := n.Lookup("b", ip); !ok {
		t.Error("the kernel deleted a neighbour that it did not give")
	}
	n.Flush()
	if _, ok := n.Lookup("b", ip); ok {
		t.Error("a flushed neighbour is found")
	}
	for _, d := range []time.Duration{0, MaxNeighAging + 1} {
		if err := n.SetAging(d); !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("ageing of %v: %v", d, err)
		}
	}
	for i := range MaxNeighbours + 5 {
		n.Set("x", netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), macA)
	}
	if len(n.table) != MaxNeighbours {
		t.Errorf("%d neighbours, want %d", len(n.table), MaxNeighbours)
	}
}

func TestSnoop(t *testing.T) {
	key := func(f func(*dp.Key)) *dp.Key {
		k := &dp.Key{}
		k.EthType, k.IPProto, k.IPSrc = dp.ToBE16(0x0806), 2, dp.BE32{10, 0, 0, 9}
		k.Misc.ARPSHA = macA
		f(k)
		return k
	}
	nd := func(f func(*dp.Key)) *dp.Key {
		k := &dp.Key{}
		k.EthType, k.IPProto, k.TPSrc = dp.ToBE16(0x86dd), 58, dp.ToBE16(136)
		k.IP6.NDTarget, k.IP6.NDTLL = IP6(netip.MustParseAddr("fd00::9")), macB
		f(k)
		return k
	}
	for _, tc := range []struct {
		name string
		k    *dp.Key
		want string
	}{
		{"reply", key(func(*dp.Key) {}), "10.0.0.9"},
		{"request", key(func(k *dp.Key) { k.IPProto = 1 }), "10.0.0.9"},
		{"other opcode", key(func(k *dp.Key) { k.IPProto = 3 }), ""},
		{"probe without address", key(func(k *dp.Key) { k.IPSrc = dp.BE32{} }), ""},
		{"multicast address", key(func(k *dp.Key) { k.Misc.ARPSHA[0] = 1 }), ""},
		{"no address", key(func(k *dp.Key) { k.Misc.ARPSHA = dp.MAC{} }), ""},
		{"advertisement", nd(func(*dp.Key) {}), "fd00::9"},
		{"solicitation", nd(func(k *dp.Key) { k.TPSrc = dp.ToBE16(135) }), ""},
		{"advertisement with a code", nd(func(k *dp.Key) { k.TPDst = dp.ToBE16(1) }), ""},
		{"without link address", nd(func(k *dp.Key) { k.IP6.NDTLL = dp.MAC{} }), ""},
		{"IPv4", key(func(k *dp.Key) { k.EthType = dp.ToBE16(0x0800) }), ""},
	} {
		ip, mac, ok := Snoop(tc.k)
		if ok != (tc.want != "") || ok && ip.String() != tc.want {
			t.Errorf("%s: %v %v %t, want %q", tc.name, ip, mac, ok, tc.want)
		}
		// What was looked at decides: a key with all else cleared gives the same.
		var m dp.Mask
		SnoopMask(tc.k, &m)
		m.EthType, m.IPFrag = dp.BE16{0xff, 0xff}, 3
		cut := tc.k.Apply(&m)
		if ip2, mac2, ok2 := Snoop(&cut); ip2 != ip || mac2 != mac || ok2 != ok {
			t.Errorf("%s: the mask leaves %v %v %t of %v %v %t", tc.name, ip2, mac2, ok2, ip, mac, ok)
		}
	}
}
