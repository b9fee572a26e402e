package tnl

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"go.uber.org/zap/zaptest"
)

// newNS makes a network namespace of the test's own; it is gone with the test.
func newNS(t *testing.T) netns.NsHandle {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	if err := netns.Set(old); err != nil {
		t.Fatal(err)
	}
	old.Close()
	t.Cleanup(func() { ns.Close() })
	return ns
}

// in runs a command in a namespace.
func in(t *testing.T, ns netns.NsHandle, args ...string) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if e := netns.Set(old); e != nil {
		t.Fatal(e)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func script(t *testing.T, ns netns.NsHandle, lines string) {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSpace(lines), "\n") {
		in(t, ns, strings.Fields(l)...)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestKernelIsFollowed(t *testing.T) {
	ns := newNS(t)
	script(t, ns, `
		sysctl -qw net.ipv6.conf.all.disable_ipv6=0
		ip link set lo up
		ip link add br0 address 02:00:00:00:00:01 type veth peer name p0
		ip link set p0 up
		ip link add other type veth peer name p1
		ip addr add 10.9.0.1/24 dev br0
		ip addr add fd09::1/64 dev br0 nodad
		ip link set br0 up
		ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev br0 nud permanent
		ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:03 dev other nud permanent`)
	k, err := NewKernel(ns, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	r, n := NewRoutes(k, nil), NewNeighbours(nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { k.Follow(ctx, r, n, func(dev string) bool { return dev == "br0" }); close(done) }()
	defer func() {
		cancel()
		<-done
		eventually(t, "the subscriptions end", func() bool {
			buf := make([]byte, 1<<20)
			return !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "netlink.")
		})
	}()
	dst := netip.MustParseAddr("10.9.0.2")
	eventually(t, "the route to the network", func() bool { _, ok := r.Lookup(0, dst, netip.MustParseAddr("10.9.0.1")); return ok })
	eventually(t, "the neighbour", func() bool { m, ok := n.Lookup("br0", dst); return ok && m[5] == 2 })
	if _, ok := n.Lookup("other", netip.MustParseAddr("10.8.0.2")); ok {
		t.Error("the neighbour of an interface that is not wanted was taken")
	}
	if m, ok := k.MAC("br0"); !ok || FormatMAC(m) != "02:00:00:00:00:01" {
		t.Errorf("address of br0 is %v, %t", m, ok)
	}

	far := netip.MustParseAddr("10.77.1.1")
	if _, ok := r.Lookup(0, far, netip.Addr{}); ok {
		t.Error("a route that does not exist was found")
	}
	in(t, ns, "ip", "route", "add", "10.77.0.0/16", "via", "10.9.0.254")
	eventually(t, "the new route", func() bool {
		got, ok := r.Lookup(0, far, netip.Addr{})
		return ok && got.GW.String() == "10.9.0.254" && got.Src.String() == "10.9.0.1" && got.Dev == "br0"
	})
	// Of two routes to a prefix the one with the lower metric is taken.
	in(t, ns, "ip", "route", "add", "10.77.0.0/16", "via", "10.9.0.253", "metric", "50")
	in(t, ns, "ip", "route", "add", "10.78.0.0/16", "via", "10.9.0.253")
	eventually(t, "the marker route", func() bool { _, ok := r.Lookup(0, netip.MustParseAddr("10.78.0.1"), netip.Addr{}); return ok })
	if got, _ := r.Lookup(0, far, netip.Addr{}); got.GW.String() != "10.9.0.254" {
		t.Errorf("gateway is %v, want that of the lower metric", got.GW)
	}
	in(t, ns, "ip", "neigh", "replace", "10.9.0.2", "lladdr", "02:00:00:00:00:44", "dev", "br0", "nud", "permanent")
	eventually(t, "the changed neighbour", func() bool { m, ok := n.Lookup("br0", dst); return ok && m[5] == 0x44 })
	in(t, ns, "ip", "neigh", "del", "10.9.0.2", "dev", "br0")
	eventually(t, "the neighbour's end", func() bool { _, ok := n.Lookup("br0", dst); return !ok })
	in(t, ns, "ip", "link", "set", "br0", "address", "02:00:00:00:00:99")
	eventually(t, "the new address", func() bool { m, _ := k.MAC("br0"); return m[5] == 0x99 })
	in(t, ns, "ip", "link", "del", "br0")
	eventually(t, "the routes' end", func() bool { _, ok := r.Lookup(0, dst, netip.Addr{}); return !ok })
}

// TestBesideOpenVSwitch asks Open vSwitch and our tables the same and compares the
// answers to the letter.
func TestBesideOpenVSwitch(t *testing.T) {
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-appctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("Open vSwitch is not installed: %v", err)
		}
	}
	ns := newNS(t)
	ovs := startOVS(t, ns)
	script(t, ns, `
		ip addr add 10.9.0.1/24 dev br-phy
		ip addr add fd09::1/64 dev br-phy nodad
		ip link set br-phy up
		ip route add 10.8.0.0/16 via 10.9.0.254
		ip route add default via 10.9.0.5
		ip route add 6.6.6.6 via 10.9.0.5
		ip route add 2001:db8::/32 via fd09::5`)
	k, err := NewKernel(ns, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	rt, nb := NewRoutes(k, nil), NewNeighbours(nil, nil)
	d := newWatched()
	tp := NewPorts(d, nil)
	cmds := map[string]func(context.Context, []string) (string, error){}
	Tables{Ports: tp, Neighbours: nb, Routes: rt, Devices: k.Devices}.RegisterCommands(
		func(name, _ string, _, _ int, run func(context.Context, []string) (string, error)) { cmds[name] = run })
	// Open vSwitch reads routes now and then only.
	eventually(t, "Open vSwitch's routes", func() bool {
		out, _ := ovs("ovs/route/show")
		return strings.Contains(out, "2001:db8::/32") && strings.Contains(out, "6.6.6.6") && strings.Contains(out, "fd09::1")
	})
	if err := k.Sync(rt, nb, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(besideCommands), "\n") {
		args := strings.Fields(line)
		want, wantOK := ovs(args...)
		got, err := cmds[args[0]](context.Background(), args[1:])
		if err != nil {
			got += err.Error()
		}
		want, got = normalise(want), normalise(got)
		if got != want || wantOK != (err == nil) {
			t.Errorf("%s (ok %t, Open vSwitch's %t)\n--- Open vSwitch\n%s\n--- here\n%s", line, err == nil, wantOK, want, got)
		}
	}
}

// besideCommands end with the tables as they have become.
const besideCommands = `
	tnl/ports/show
	tnl/ports/show x
	tnl/neigh/show
	tnl/arp/set br-phy 10.9.0.2 aa:bb:cc:dd:ee:01
	tnl/neigh/set br-phy fd09::2 aa:bb:cc:dd:ee:02
	tnl/neigh/set br-phyxxxxxxxxxxxxxxxx 10.9.0.3 aa:bb:cc:dd:ee:03
	tnl/neigh/set br-phy zzz aa:bb:cc:dd:ee:01
	tnl/neigh/set br-phy 10.9.0.3 zz
	tnl/neigh/show
	tnl/arp/show
	tnl/neigh/aging
	tnl/neigh/aging 20
	tnl/neigh/aging
	tnl/neigh/aging 0
	tnl/neigh/aging 3601
	tnl/neigh/aging x
	ovs/route/add 1.2.3.0/24 br-phy
	ovs/route/add 1.2.4.9/24 br-phy 10.9.0.7
	ovs/route/add 1.2.5.9 br-phy 10.9.0.7 pkt_mark=7
	ovs/route/add 1.2.7.0/24 br-phy src=10.9.0.1
	ovs/route/add fc00::/64 br-phy
	ovs/route/add fc01::5/64 br-phy fd09::9
	ovs/route/add 10.9.0.0/24 br-phy 10.9.0.77
	ovs/route/add 1.2.3.0/24 br-nope
	ovs/route/add zz br-phy
	ovs/route/add 1.2.3.0/33 br-phy
	ovs/route/add 1.2.3.0/24 br-phy zz
	ovs/route/add 1.2.3.0/24 br-phy 1.1.1.1 pkt_mark=x
	ovs/route/add 3.3.3.0/24 br-phy 1.1.1.1
	ovs/route/show
	ovs/route/lookup 10.9.0.2
	ovs/route/lookup 10.8.0.2
	ovs/route/lookup 1.2.3.4
	ovs/route/lookup 1.2.5.9 pkt_mark=7
	ovs/route/lookup 10.9.0.2 pkt_mark=9
	ovs/route/lookup 1.2.5.9 zoo
	ovs/route/lookup 10.9.0.0/24
	ovs/route/lookup fd09::5
	ovs/route/lookup fc01::8
	ovs/route/lookup 2001:db8::8
	ovs/route/lookup fc77::1
	ovs/route/lookup 10.9.0.1
	ovs/route/lookup zz
	ovs/route/del 1.2.3.0/24
	ovs/route/del zz
	ovs/route/del 10.8.0.0/16
	ovs/route/del 1.2.5.9
	ovs/route/del 1.2.5.9 zoo
	ovs/route/del 1.2.5.9 pkt_mark=7
	ovs/route/show
	tnl/neigh/flush
	tnl/neigh/show`

// normalise sorts what Open vSwitch prints in the order of a hash: the rows of a
// table. The order of routes is held by TestRouteOrder.
func normalise(s string) string {
	s = strings.TrimRight(s, "\n")
	lines := strings.Split(s, "\n")
	if strings.HasPrefix(s, "Route Table:") || strings.HasPrefix(s, "IP ") {
		var rows []string
		for _, l := range lines {
			if !strings.Contains(l, "fe80::") { // of interfaces that only one of the two knows in time
				rows = append(rows, l)
			}
		}
		lines = rows
		from := 1
		if strings.HasPrefix(s, "IP ") {
			from = 2
		}
		sortStrings(lines[from:])
	}
	return strings.Join(lines, "\n")
}

func sortStrings(s []string) {
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}

// startOVS runs Open vSwitch in a namespace and folder of its own and returns a
// function that calls it through ovs-appctl.
func startOVS(t *testing.T, ns netns.NsHandle) func(args ...string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	for _, v := range []string{"OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"} {
		t.Setenv(v, dir)
	}
	db := filepath.Join(dir, "conf.db")
	sock := "unix:" + filepath.Join(dir, "db.sock")
	in(t, ns, "ovsdb-tool", "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
	in(t, ns, "ip", "link", "set", "lo", "up")
	in(t, ns, "ovsdb-server", db, "--remote=p"+sock, "--pidfile", "--detach", "--no-chdir", "--unixctl="+filepath.Join(dir, "db.ctl"), "-vconsole:off")
	t.Cleanup(func() { exec.Command("ovs-appctl", "-t", filepath.Join(dir, "db.ctl"), "exit").Run() })
	in(t, ns, "ovs-vsctl", "--db="+sock, "--no-wait", "init")
	ctl := filepath.Join(dir, "vs.ctl")
	in(t, ns, "ovs-vswitchd", sock, "--disable-system", "--pidfile", "--detach", "--no-chdir", "--unixctl="+ctl, "-vconsole:off")
	t.Cleanup(func() { exec.Command("ovs-appctl", "-t", ctl, "exit", "--cleanup").Run() })
	in(t, ns, "ovs-vsctl", "--db="+sock, "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev")
	return func(args ...string) (string, bool) {
		cmd := exec.Command("ovs-appctl", append([]string{"-t", ctl}, args...)...)
		var out strings.Builder
		cmd.Stdout = &out
		cmd.Stderr = &out
		err := cmd.Run()
		s, _, _ := strings.Cut(out.String(), "ovs-appctl: ")
		return s, err == nil
	}
}

// TestRouteOrder holds the order of ovs/route/show as Open vSwitch 3.1 gives it:
// prefix lengths by the highest preference among their routes.
func TestRouteOrder(t *testing.T) {
	rt := NewRoutes(addrMap{"br": prefixes("10.9.0.1/24", "fd09::1/64"), "lo": prefixes("127.0.0.1/8")}, nil)
	rt.SetKernel([]Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Dev: "br", GW: netip.MustParseAddr("10.9.0.5")},
		{Dst: netip.MustParsePrefix("10.9.0.0/24"), Dev: "br"},
		{Dst: netip.MustParsePrefix("fd09::/64"), Dev: "br"},
		{Dst: netip.MustParsePrefix("2001:db8::/32"), Dev: "br", GW: netip.MustParseAddr("fd09::5")},
		{Dst: netip.MustParsePrefix("127.0.0.0/8"), Dev: "lo", Local: true},
		{Dst: netip.MustParsePrefix("10.9.0.1/32"), Dev: "br", Local: true},
		{Dst: netip.MustParsePrefix("10.8.0.0/16"), Dev: "br", GW: netip.MustParseAddr("10.9.0.5")},
	})
	if err := rt.Add(netip.MustParsePrefix("1.2.4.0/24"), 3, "br", netip.MustParseAddr("10.9.0.7")); err != nil {
		t.Fatal(err)
	}
	want := `Route Table:
Cached: 10.9.0.1/32 dev br SRC 10.9.0.1 local
Cached: 127.0.0.0/8 dev lo SRC 127.0.0.1 local
User: 1.2.4.0/24 MARK 3 dev br GW 10.9.0.7 SRC 10.9.0.1
Cached: 10.9.0.0/24 dev br SRC 10.9.0.1
Cached: 10.8.0.0/16 dev br GW 10.9.0.5 SRC 10.9.0.1
Cached: 0.0.0.0/0 dev br GW 10.9.0.5 SRC 10.9.0.1
Cached: fd09::/64 dev br SRC fd09::1
Cached: 2001:db8::/32 dev br GW fd09::5 SRC fd09::1
`
	if got := rt.Show(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}
