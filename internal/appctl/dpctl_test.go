package appctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
)

const (
	tcpKey = "in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.1,proto=6),tcp(src=80)"
	xKey   = "in_port(1),eth(),eth_type(0x9000)"
	ufid1  = "ufid:00000000-0000-0000-0000-000000000001"
)

// step is a command and what it answers; the texts were taken from ovs-vswitchd
// 3.1.0, but for the lines that explain more.
type step struct {
	args []string
	out  string
	err  string
	skua bool // err has a line of Skua's own behind the first
}

func (b *bench) steps(list []step) {
	b.t.Helper()
	for _, s := range list {
		out, errOut := b.run(s.args...)
		if s.skua {
			first, rest, _ := strings.Cut(errOut, "\n")
			if strings.Count(rest, "\n") != 1 {
				b.t.Errorf("%q: wants one line of explanation, got %q", s.args, rest)
			}
			errOut = first + "\n"
		}
		if diff := cmp.Diff(sorted(s.out), sorted(out)); diff != "" {
			b.t.Errorf("%q: output differs (-want +got):\n%s", s.args, diff)
		}
		if diff := cmp.Diff(s.err, errOut); diff != "" {
			b.t.Errorf("%q: error differs (-want +got):\n%s", s.args, diff)
		}
	}
}

// sorted brings the flows of a dump, which come in any order, into one.
func sorted(text string) string {
	before, flows, ok := strings.Cut(text, "flow-dump from the main thread:\n")
	if !ok || before != "" {
		return text
	}
	l := strings.SplitAfter(flows, "\n")
	slices.Sort(l)
	return strings.Join(l, "")
}

func args(text string) []string { return strings.Fields(text) }

func TestShow(t *testing.T) {
	b := newBench(t)
	b.dp.stats[1] = dp.PortStats{RxPackets: 1, RxBytes: 90, RxErrors: 2, RxDropped: 3, TxPackets: 4, TxBytes: 1536, TxErrors: 5, TxDropped: 6}
	b.dp.lcores = []dp.LcoreStats{
		{ID: 0, Housekeeping: true, CPU: -1, MaskedHits: 1, Misses: 2},
		{ID: 1, CPU: 1, EMCHits: 10, MaskedHits: 20, Misses: 3, UpcallsLost: 4},
	}
	if _, err := b.dp.PortAdd(dp.PortSpec{Kind: dp.PortEthdev, No: 9, Name: "d0", RxQueues: 2, TxQueues: 3}); err != nil {
		t.Fatal(err)
	}
	show := lines(
		"netdev@ovs-netdev:",
		"  lookups: hit:31 missed:5 lost:4",
		"  flows: 0",
		"  port 1: v0",
		"  port 2: br0 (tap)",
		"  port 3: vxlan_sys_4789 (vxlan: packet_type=ptap)",
		"  port 4: v1",
		"  port 9: d0 (dpdk: configured_rx_queues=2, configured_tx_queues=3, mtu=1500)",
	)
	b.steps([]step{
		{args: args("dpctl/dump-dps"), out: "netdev@ovs-netdev\n"},
		{args: args("dpctl/show"), out: show},
		{args: args("dpctl/show netdev@ovs-netdev"), out: show},
		{args: args("dpctl/show --names -m ovs-netdev"), out: show},
		{args: args("dpctl/show netdev@nosuch"), err: "ovs-vswitchd: opening datapath netdev@nosuch failed (No such device)\n"},
		{args: args("dpctl/show -x"), err: "Unrecognized option -x\n"},
		{args: args("dpctl/show --foo"), err: "Unrecognized option --foo\n"},
		{args: args("dpctl/show -mx"), err: "Unrecognized option -x\n"},
		{args: args("dpctl/add-if x"), err: "\"dpctl/add-if\" command requires at least 2 arguments\n"},
		{args: args("dpctl/dump-dps x"), err: "\"dpctl/dump-dps\" command takes at most 0 arguments\n"},
	})
	got := b.must("dpctl/show", "-s")
	want := lines(
		"  port 1: v0",
		"    RX packets:1 errors:2 dropped:3 overruns:? frame:?",
		"    TX packets:4 errors:5 dropped:6 aborted:? carrier:?",
		"    collisions:?",
		"    RX bytes:90  TX bytes:1536 (1.5 KiB)",
		"  port 2: br0 (tap)",
	)
	if !strings.Contains(got, want) {
		t.Errorf("show -s has no\n%s\nit is\n%s", want, got)
	}
	b.must("dpctl/list-commands")
}

func TestInterfaces(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{args: args("dpctl/add-if netdev@ovs-netdev v2")},
		{args: args("dpctl/add-if ovs-netdev t1,type=tap,mtu=1400")},
		{args: args("dpctl/add-if netdev@ovs-netdev v2"), skua: true,
			err: "ovs-vswitchd: adding v2 to netdev@ovs-netdev failed (File exists)\n"},
		{args: args("dpctl/add-if netdev@ovs-netdev nosuch"), skua: true,
			err: "ovs-vswitchd: nosuch: failed to open network device (No such device)\n"},
		{args: args("dpctl/add-if netdev@ovs-netdev v3,type=foo"), skua: true,
			err: "ovs-vswitchd: v3: failed to open network device (Address family not supported by protocol)\n"},
		{args: args("dpctl/add-if netdev@nosuch v3"), skua: true,
			err: "ovs-vswitchd: opening datapath (No such device)\n"},
		{args: args("dpctl/add-if netdev@ovs-netdev v3,foo"),
			err: "ovs-vswitchd: v3,foo: \"foo\" is not key=value (Invalid argument)\n"},
		{args: args("dpctl/add-if netdev@ovs-netdev ,type=tap"),
			err: "ovs-vswitchd: ,type=tap: no name of an interface in front of the first comma (Invalid argument)\n"},
		{args: args("dpctl/add-if netdev@ovs-netdev v3,mtu=1,mtu=2"),
			err: "ovs-vswitchd: v3,mtu=1,mtu=2: mtu is given twice (Invalid argument)\n"},
		{args: args("dpctl/del-if netdev@ovs-netdev 77 v9 v2"),
			err: "ovs-vswitchd: deleting port 77 from netdev@ovs-netdev failed (No such device)\novs-vswitchd: no port named v9\n"},
		{args: args("dpctl/del-if netdev@ovs-netdev v2"), err: "ovs-vswitchd: no port named v2\n"},
		{args: args("dpctl/del-if netdev@ovs-netdev 4")},
		{args: args("dpctl/show"), out: lines("netdev@ovs-netdev:", "  lookups: hit:0 missed:0 lost:0", "  flows: 0",
			"  port 1: v0", "  port 2: br0 (tap)", "  port 3: vxlan_sys_4789 (vxlan: packet_type=ptap)", "  port 6: t1 (tap)")},
	})
}

func TestParseInterface(t *testing.T) {
	for _, tc := range []struct {
		spec string
		want map[string]string
	}{
		{"v0", map[string]string{}},
		{"vx1,type=vxlan,remote_ip=10.9.0.2,key=1111", map[string]string{"type": "vxlan", "remote_ip": "10.9.0.2", "key": "1111"}},
		{"d0,type=dpdk,dpdk-devargs=net_pcap0,rx_pcap=a.pcap,infinite_rx=1,n_rxq=2",
			map[string]string{"type": "dpdk", "dpdk-devargs": "net_pcap0,rx_pcap=a.pcap,infinite_rx=1", "n_rxq": "2"}},
		{"d0,dpdk-devargs=0000:03:00.0,representor=[0-3]", map[string]string{"dpdk-devargs": "0000:03:00.0,representor=[0-3]"}},
		{"x,a=b=c", map[string]string{"a": "b=c"}},
		{"x,a=", map[string]string{"a": ""}},
	} {
		_, got, err := parseInterface(tc.spec)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tc.spec, err, diff)
		}
	}
}

func TestFlows(t *testing.T) {
	b := newBench(t)
	never := "packets:0, bytes:0, used:never"
	b.steps([]step{
		{args: []string{"dpctl/add-flow", tcpKey, "2"}},
		{args: []string{"dpctl/add-flow", tcpKey, "3"}, err: "ovs-vswitchd: updating flow table (File exists)\n"},
		{args: []string{"dpctl/add-flow", "-s", "netdev@ovs-netdev", xKey, "2"}, out: never + "\n"},
		{args: []string{"dpctl/add-flow", ufid1 + ",in_port(v0),eth(),eth_type(0x9005)", "drop"}},
		{args: []string{"dpctl/add-flow", "--may-create", xKey, "4"}},
		{args: []string{"dpctl/mod-flow", "-s", "--clear", "--may-create", "ovs-netdev", xKey, "2"}, out: never + "\n"},
		{args: []string{"dpctl/mod-flow", "in_port(1),eth(),eth_type(0x9099)", "2"},
			err: "ovs-vswitchd: updating flow table (No such file or directory)\n"},
		{args: []string{"dpctl/add-flow", "nosuch", xKey, "2"}, skua: true,
			err: "ovs-vswitchd: datapath not found (Invalid argument)\n"},
		{args: []string{"dpctl/add-flow", xKey}, err: "\"dpctl/add-flow\" command requires at least 2 arguments\n"},
		{args: []string{"dpctl/add-flow", xKey, "1", "2", "3"}, err: "\"dpctl/add-flow\" command takes at most 3 arguments\n"},
		{args: []string{"dpctl/get-flow", ufid1},
			out: "recirc_id(0),in_port(1),eth(),eth_type(0x9005), " + never + ", actions:drop\n"},
		{args: []string{"dpctl/get-flow", "--names", "ovs-netdev", ufid1},
			out: "recirc_id(0),in_port(v0),eth(),eth_type(0x9005), " + never + ", actions:drop\n"},
		{args: []string{"dpctl/get-flow", ufid1[:len(ufid1)-1] + "9"}, err: "ovs-vswitchd: getting flow (No such file or directory)\n"},
		{args: []string{"dpctl/get-flow", "in_port(1)"}, skua: true, err: "ovs-vswitchd: parsing flow ufid (Invalid argument)\n"},
		{args: []string{"dpctl/get-flow", "ufid:000"}, skua: true, err: "ovs-vswitchd: parsing flow ufid (Invalid argument)\n"},
		{args: []string{"dpctl/dump-flows"}, out: lines(
			"flow-dump from the main thread:",
			"recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.1,proto=6),tcp(src=80), "+never+", actions:2",
			"recirc_id(0),in_port(1),eth(),eth_type(0x9000), "+never+", actions:2",
			"recirc_id(0),in_port(1),eth(),eth_type(0x9005), "+never+", actions:drop")},
		{args: []string{"dpctl/del-flow", "-s", xKey}, out: never + "\n"},
		{args: []string{"dpctl/del-flow", xKey},
			err: "ovs-vswitchd: deleting flow (No such file or directory)\nPerhaps you need to specify a UFID?\n"},
		{args: []string{"dpctl/del-flow", ufid1}},
		{args: []string{"dpctl/del-flow", ufid1},
			err: "ovs-vswitchd: deleting flow (No such file or directory)\nPerhaps you need to specify a UFID?\n"},
		{args: []string{"dpctl/del-flow", "in_port(x)"}, skua: true,
			err: "ovs-vswitchd: syntax error at in_port(x) (Invalid argument)\n"},
		{args: []string{"dpctl/del-flows", "nosuch"}, skua: true, err: "ovs-vswitchd: datapath not found (Invalid argument)\n"},
		{args: []string{"dpctl/del-flows", "netdev@ovs-netdev"}},
		{args: []string{"dpctl/dump-flows"}},
	})
}

// Malformed texts: the error names the token and where it stands, nothing changes.
func TestMalformedFlows(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct{ key, actions, first, token string }{
		{"in_port(nosuch),eth_type(0x86dd)", "4", "parsing flow key (syntax error at in_port(nosuch),eth_type(0x86dd)) (Invalid argument)", `"nosuch" (offset 8)`},
		{"in_port(1),eth_typ(0x86dd)", "4", "parsing flow key (syntax error at eth_typ(0x86dd)) (Invalid argument)", "offset 11"},
		{ufid1 + ",in_port(1),eth(src=zz)", "4", "parsing flow key (syntax error at eth(src=zz)) (Invalid argument)", fmt.Sprintf("offset %d", len(ufid1)+len(",in_port(1),eth(src="))},
		{"in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(src=x))", "2",
			"parsing flow key (syntax error at encap(eth_type(0x0800),ipv4(src=x))) (Invalid argument)", `"x" (offset `},
		{xKey, "vxx1", "parsing actions (Invalid argument)", `"vxx1" (offset 0)`},
		{xKey, "2,push_vlan(foo=1)", "parsing actions (Invalid argument)", "offset"},
	} {
		out, errOut := b.run("dpctl/add-flow", tc.key, tc.actions)
		l := strings.Split(errOut, "\n")
		if out != "" || len(l) != 3 || !strings.HasPrefix(l[0], "ovs-vswitchd: "+tc.first) || !strings.Contains(l[1], tc.token) {
			t.Errorf("%s %s: got %q and %q", tc.key, tc.actions, out, errOut)
		}
	}
	if n := b.dp.FlowCount(); n != 0 {
		t.Errorf("%d flows after malformed texts", n)
	}
}

func TestDatapathErrors(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		err  error
		text string
	}{
		{dp.ErrFull, "File too large"}, {dp.ErrNotSupported, "Operation not supported"},
		{dp.ErrInvalid, "Invalid argument"}, {errors.New("strange"), "Input/output error"},
	} {
		b.dp.flowErr = fmt.Errorf("flow put: told so: %w", tc.err)
		_, errOut := b.run("dpctl/add-flow", xKey, "2")
		want := "ovs-vswitchd: updating flow table (" + tc.text + ")\novs-vswitchd: " + b.dp.flowErr.Error() + "\n"
		if errOut != want {
			t.Errorf("got %q, want %q", errOut, want)
		}
	}
}
