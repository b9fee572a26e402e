package bridge

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
)

// newSwitch returns a switch over the fake data plane in a network namespace of
// the test's own, with its commands.
func newSwitch(t *testing.T) (*Switch, *dptest.Fake, netns.NsHandle, func(args ...string) (string, error)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	runtime.LockOSThread()
	old, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skipf("no network namespace can be made here: %v", err)
	}
	if err := netns.Set(old); err != nil {
		t.Fatal(err)
	}
	old.Close()
	runtime.UnlockOSThread()
	t.Cleanup(func() { ns.Close() })

	d := dptest.NewFake(dptest.FakeConfig{})
	log := zaptest.NewLogger(t)
	sw, err := New(d, ns, func(m string) *zap.Logger { return log.Named(m) })
	if err != nil {
		t.Fatal(err)
	}
	cmds := map[string]func(context.Context, []string) (string, error){}
	sw.RegisterCommands(func(name, _ string, _, _ int, run func(context.Context, []string) (string, error)) {
		if cmds[name] != nil {
			t.Errorf("command %s is registered twice", name)
		}
		cmds[name] = run
	})
	call := func(args ...string) (string, error) {
		if cmds[args[0]] == nil {
			t.Fatalf("no command %s", args[0])
		}
		return cmds[args[0]](context.Background(), args[1:])
	}
	return sw, d, ns, call
}

// run runs the switch until the test ends.
func run(t *testing.T, sw *Switch) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { sw.Run(ctx); close(done) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := sw.Close(); err != nil {
			t.Error(err)
		}
	})
}

// script runs commands in a namespace.
func script(t *testing.T, ns netns.NsHandle, lines string) {
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
	defer func() {
		if err := netns.Set(old); err != nil {
			t.Error(err)
		}
	}()
	for _, l := range strings.Split(strings.TrimSpace(lines), "\n") {
		args := strings.Fields(l)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", l, err, out)
		}
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

func frames(t *testing.T, d *dptest.Fake, name string) [][]byte {
	t.Helper()
	p, err := d.PortByName(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.RingCollect(p.No, 100)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inject(t *testing.T, d *dptest.Fake, name string, frame []byte) {
	t.Helper()
	p, err := d.PortByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.RingInject(p.No, [][]byte{frame}); err != nil {
		t.Fatal(err)
	}
}

// broadcast is an Ethernet frame of a type of its own to everyone.
func broadcast(src byte) []byte {
	f := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, src, 0x88, 0xb5}, make([]byte, 46)...)
	return f
}

// The way that people configure it: ports, the underlay's bridge, a tunnel. The
// kernel of the namespace has the address, the route and the neighbour.
func TestTunnelThroughKernelTables(t *testing.T) {
	sw, d, ns, call := newSwitch(t)
	script(t, ns, `
		ip link set lo up
		ip link add br-phy address 02:00:00:00:00:01 type veth peer name p0
		ip link add eth1 type veth peer name p1
		ip link add v0 type veth peer name p2`)
	run(t, sw)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// The fake data plane makes no tap; a veth of the namespace stands for LOCAL.
	must(sw.AddIf("br-phy", map[string]string{"type": "internal"}))
	must(sw.AddIf("eth1", nil))
	must(sw.AddIf("v0", map[string]string{"type": "system"}))
	must(sw.AddBridge("br-phy", []string{"eth1", "br-phy"}))
	must(sw.AddIf("vx1", map[string]string{"type": "vxlan", "remote_ip": "10.9.0.2", "local_ip": "10.9.0.1", "key": "1111"}))
	must(sw.AddBridge("br-int", []string{"v0", "vx1"}))
	inject(t, d, "v0", broadcast(5)) // no route yet
	script(t, ns, `
		ip addr add 10.9.0.1/24 dev br-phy
		ip link set br-phy up
		ip link set p0 up
		ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev br-phy nud permanent`)
	eventually(t, "a frame in the tunnel", func() bool {
		inject(t, d, "v0", broadcast(5))
		f := frames(t, d, "eth1")
		return len(f) > 0 && f[0][5] == 2 && f[0][11] == 1 && len(f[0]) == 50+60 && f[0][46] == 0 && f[0][47] == 0x04 && f[0][48] == 0x57
	})
	if out, err := call("tnl/ports/show"); err != nil || !strings.Contains(out, "vxlan_sys_4789 (") || !strings.Contains(out, "ref_cnt=1") {
		t.Errorf("tnl/ports/show: %q, %v", out, err)
	}
	if out, err := call("fdb/show", "br-int"); err != nil || !strings.Contains(out, "    1     0  02:00:00:00:00:05    0\n") {
		t.Errorf("fdb/show: %q, %v", out, err)
	}
	if out, err := call("learn/show"); err != nil || !strings.Contains(out, "vx1 2/") || !strings.Contains(out, "remote_ip=10.9.0.2, key=1111") {
		t.Errorf("learn/show: %q, %v", out, err)
	}
	// The address moves away from the bridge: the tunnel is closed, and comes back.
	script(t, ns, "ip addr del 10.9.0.1/24 dev br-phy")
	eventually(t, "no frame in the tunnel", func() bool {
		inject(t, d, "v0", broadcast(5))
		return len(frames(t, d, "eth1")) == 0
	})
	must(sw.DelIf("vx1"))
	if _, err := d.PortByName("vxlan_sys_4789"); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("the tunnel's datapath port is left: %v", err)
	}
	if out, err := call("learn/show", "br-int"); err != nil || strings.Contains(out, "vx1") {
		t.Errorf("the deleted port is still in its bridge: %q, %v", out, err)
	}
}

func TestInterfaceVanishesAndReturns(t *testing.T) {
	sw, d, ns, _ := newSwitch(t)
	script(t, ns, "ip link add v0 type veth peer name p0\nip link add v1 type veth peer name p1")
	run(t, sw)
	for _, name := range []string{"v0", "v1"} {
		if err := sw.AddIf(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sw.AddBridge("br", []string{"v0", "v1"}); err != nil {
		t.Fatal(err)
	}
	before, _ := sw.PMD.Get("v1")
	script(t, ns, "ip link del v1")
	eventually(t, "the port's end", func() bool { _, err := d.PortByName("v1"); return err != nil })
	inject(t, d, "v0", broadcast(5)) // to nobody
	script(t, ns, "ip link add v1 type veth peer name p1")
	eventually(t, "the port's return", func() bool { _, err := d.PortByName("v1"); return err == nil })
	after, _ := sw.PMD.Get("v1")
	if after.No != before.No {
		t.Errorf("the port came back as number %d, it was %d", after.No, before.No)
	}
	eventually(t, "a frame by the port that came back", func() bool {
		inject(t, d, "v0", broadcast(5))
		return len(frames(t, d, "v1")) > 0
	})
}

func TestBadCommandsChangeNothing(t *testing.T) {
	sw, d, _, call := newSwitch(t)
	defer sw.Close()
	if err := sw.AddIf("v0", nil); err != nil { // the fake has every interface
		t.Fatal(err)
	}
	for _, bad := range []struct {
		name string
		opts map[string]string
		want error
	}{
		{"v0", nil, dp.ErrExist},
		{"v0", map[string]string{"type": "vxlan", "remote_ip": "10.0.0.1"}, dp.ErrExist},
		{"x", map[string]string{"type": "gre"}, dp.ErrInvalid},
		{"x", map[string]string{"type": "vxlan"}, dp.ErrInvalid},
		{"x", map[string]string{"type": "vxlan", "remote_ip": "nowhere"}, dp.ErrInvalid},
		{"x", map[string]string{"n_rxq": "many"}, dp.ErrInvalid},
		{"", nil, dp.ErrInvalid},
	} {
		if err := sw.AddIf(bad.name, bad.opts); !errors.Is(err, bad.want) {
			t.Errorf("add %q %v: %v, want %v", bad.name, bad.opts, err, bad.want)
		}
	}
	if err := sw.DelIf("x"); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("delete: %v", err)
	}
	if n := len(d.Ports()); n != 1 {
		t.Errorf("%d ports, want 1", n)
	}
	for _, args := range [][]string{
		{"learn/bridge-add", "br", "nope"}, {"learn/bridge-del", "br"}, {"learn/bridge-del", "br", "v0"}, {"learn/show", "br"},
		{"fdb/show", "br"}, {"fdb/flush", "br"}, {"pmd/affinity", "nope", "0:1"}, {"pmd/affinity", "v0", "0:99"}, {"pmd/affinity", "v0", "zero"},
	} {
		if out, err := call(args...); err == nil {
			t.Errorf("%v: %q, want an error", args, out)
		}
	}
	if out, err := call("learn/bridge-add", "br", "v0"); err != nil || out != "" {
		t.Errorf("learn/bridge-add: %q, %v", out, err)
	}
	if _, err := call("pmd/affinity", "v0", "0:0"); err != nil {
		t.Errorf("pmd/affinity: %v", err)
	}
	if out, err := call("fdb/flush"); err != nil || out != "table successfully flushed" {
		t.Errorf("fdb/flush: %q, %v", out, err)
	}
	if err := sw.DelIf("v0"); err != nil {
		t.Error(err)
	}
	if out, _ := call("learn/show", "br"); strings.Contains(out, "v0") {
		t.Errorf("deleted port is still in its bridge: %s", out)
	}
	if _, err := call("learn/bridge-del", "br"); err != nil {
		t.Errorf("learn/bridge-del: %v", err)
	}
}
