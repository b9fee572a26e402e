package appctl

import (
	"strings"
	"testing"

	"github.com/skua/skua/internal/dp"
)

func TestDumpSelections(t *testing.T) {
	b := newBench(t)
	for _, f := range []struct{ key, actions string }{
		{tcpKey, "2"}, {xKey, "2"},
		{"in_port(4),eth(src=02:00:00:00:00:01),eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x0806),arp(sip=10.0.0.7,op=1))", "1"},
		{"in_port(4),eth(),eth_type(0x86dd),ipv6(dst=fd00::2,proto=17),udp(dst=53)", "1"},
		{"tunnel(tun_id=0x457,src=10.9.0.2,dst=10.9.0.1,flags(key)),in_port(3),eth(),eth_type(0x0800),ipv4(proto=1),icmp(type=8)", "v1"},
	} {
		b.must("dpctl/add-flow", f.key, f.actions)
	}
	for _, tc := range []struct {
		args string
		want string // which flows, by their number above
	}{
		{"", "12345"}, {"-m", "12345"}, {"--names", "12345"}, {"netdev@ovs-netdev", "12345"},
		{"filter=", "12345"}, {"filter=in_port=1", "12"}, {"filter=in_port=v1", "34"}, {"filter=in_port=99,arp", ""},
		{"filter=ip", "15"}, {"filter=tcp", "1"}, {"filter=tcp,nw_src=10.0.0.1", "1"}, {"filter=tcp,nw_src=10.0.0.2", ""},
		{"filter=tcp,nw_src=10.0.0.0/8", "1"}, {"filter=ip,ip_src=10.0.0.3/255.255.255.0", "1"},
		{"filter=tcp,tcp_src=80", "1"}, {"filter=tcp,tp_src=0x50/0xff", "1"}, {"filter=tcp,tcp_src=81", ""},
		{"filter=dl_type=0x9000", "2"}, {"filter=recirc_id=0", "12345"}, {"filter=recirc_id=1", ""},
		{"filter=arp", "3"}, {"filter=arp,arp_spa=10.0.0.7,arp_op=1", "3"}, {"filter=dl_vlan=5", "3"}, {"filter=dl_vlan=5,dl_vlan_pcp=3", "3"},
		{"filter=dl_vlan=6", ""}, {"filter=dl_vlan=0xffff", "1245"}, {"filter=dl_src=02:00:00:00:00:01", "3"},
		{"filter=dl_src=02:00:00:00:00:00/ff:ff:ff:ff:ff:00", "3"}, {"filter=ipv6,ipv6_dst=fd00::/16", "4"},
		{"filter=udp6,udp_dst=53", "4"}, {"filter=icmp,icmp_type=8", "5"}, {"filter=tun_id=0x457", "5"},
		{"filter=tun_src=10.9.0.2,tun_dst=10.9.0.0/24", "5"}, {"filter=tun_id=1112", ""},
		{"type=ovs", "12345"}, {"type=tc", ""}, {"type=dpdk", ""}, {"type=offloaded", ""}, {"type=all", "12345"},
		{"type=non-offloaded", "12345"}, {"type=partially-offloaded", ""}, {"type=tc,ovs", "12345"},
		{"pmd=0", "12345"}, {"pmd=-1", "12345"}, {"pmd=7", ""}, {"ovs-netdev filter=ip type=ovs pmd=0", "15"},
	} {
		out := b.must(append([]string{"dpctl/dump-flows"}, args(tc.args)...)...)
		header := "flow-dump from the main thread:\n"
		if strings.Contains(tc.args, "pmd=") || tc.want == "" {
			header = ""
		}
		rest, ok := strings.CutPrefix(out, header)
		if !ok || strings.Contains(rest, "flow-dump") {
			t.Errorf("%q: header is wrong in\n%s", tc.args, out)
		}
		got := ""
		for i, mark := range []string{"tcp(src=80", "eth_type(0x9000)", "vlan(vid=5", "fd00::2", "tun_id=0x457"} {
			if n := strings.Count(rest, mark); n == 1 {
				got += string(rune('1' + i))
			} else if n > 1 {
				t.Errorf("%q: flow %d occurs %d times", tc.args, i+1, n)
			}
		}
		if got != tc.want {
			t.Errorf("%q: flows %q, want %q:\n%s", tc.args, got, tc.want, out)
		}
	}
}

func TestDumpErrors(t *testing.T) {
	b := newBench(t)
	const fp = "ovs-vswitchd: Failed to parse filter ("
	b.steps([]step{
		{args: args("dpctl/dump-flows nosuch"), skua: true, err: "ovs-vswitchd: datapath not found (Invalid argument)\n"},
		{args: args("dpctl/dump-flows foo=bar"), skua: true, err: "ovs-vswitchd: datapath not found (Invalid argument)\n"},
		{args: args("dpctl/dump-flows ovs-netdev foo=bar"), err: "ovs-vswitchd: \"foo=bar\" is not filter=.., type=.. or pmd=.. (Invalid argument)\n"},
		{args: args("dpctl/dump-flows type=ovs type=ovs"), err: "ovs-vswitchd: type= is given twice (Invalid argument)\n"},
		{args: args("dpctl/dump-flows type=nosuch"), err: "ovs-vswitchd: Failed to parse type (nosuch) (Invalid argument)\n"},
		{args: args("dpctl/dump-flows type=dpdk,nosuch"), err: "ovs-vswitchd: Failed to parse type (nosuch) (Invalid argument)\n"},
		{args: args("dpctl/dump-flows pmd=x"), err: "ovs-vswitchd: Failed to parse pmd (x) (Invalid argument)\n"},
		{args: args("dpctl/dump-flows filter=nosuch=1"), err: fp + "nosuch=1: unknown field nosuch)\n"},
		{args: args("dpctl/dump-flows filter=in_port=7,tcp_dst=3"), err: fp + "in_port=7,tcp_dst=3: prerequisites not met for setting tcp_dst)\n"},
		{args: args("dpctl/dump-flows filter=nw_src=1"), err: fp + "nw_src=1: prerequisites not met for setting nw_src)\n"},
		{args: args("dpctl/dump-flows filter=nw_src"), err: fp + "nw_src: prerequisites not met for setting nw_src)\n"},
		{args: args("dpctl/dump-flows filter=in_port=xyz"), err: fp + "in_port=xyz: bad value for in_port (xyz: invalid or unknown port for in_port))\n"},
		{args: args("dpctl/dump-flows filter=tcp,nw_src=1.2.3"), err: fp + "tcp,nw_src=1.2.3: bad value for nw_src (1.2.3: invalid IP address))\n"},
		{args: args("dpctl/dump-flows filter=ip,nw_src="), err: fp + "ip,nw_src=: bad value for nw_src (: invalid IP address))\n"},
		{args: args("dpctl/dump-flows filter=dl_src=xx"), err: fp + "dl_src=xx: bad value for dl_src (xx: invalid Ethernet address))\n"},
		{args: args("dpctl/dump-flows filter=tcp,tcp_src=99999"), err: fp + "tcp,tcp_src=99999: bad value for tcp_src (99999: value too large for 2-byte field tcp_src))\n"},
		{args: args("dpctl/dump-flows filter=tcp,tcp_src=x"), err: fp + "tcp,tcp_src=x: bad value for tcp_src (x: bad syntax for tcp_src value))\n"},
	})
}

// FuzzFilter: no text of a filter breaks the parser, and a filter has no bit outside of its mask.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"in_port=1,ip,nw_src=10.0.0.0/8", "tcp6,ipv6_src=fd00::1,tcp_dst=80/0xff", "arp,arp_op=1", "dl_vlan=5,dl_vlan_pcp=7",
		"tun_id=1/1,tun_src=1.2.3.4", "dl_src=02:00:00:00:00:01/ff:00:00:00:00:00", "nw_tos=3", "a=b", ",,=", "icmp,icmp_type=300",
	} {
		f.Add(seed)
	}
	names := &portNames{byName: map[string]dp.PortNo{"v0": 1}}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text, names)
		if (got == nil) == (err == nil) {
			t.Fatalf("filter %v beside error %v", got, err)
		}
		if err != nil {
			return
		}
		m := dp.Mask(got.mask)
		if masked := got.key.Apply(&m); masked != got.key {
			t.Errorf("%q: key has bits outside of the mask", text)
		}
		if !got.matches(&got.key) {
			t.Errorf("%q: filter does not match its own key", text)
		}
	})
}
