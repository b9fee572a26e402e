package appctl

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/pidfile"
)

func TestCoverage(t *testing.T) {
	b := newBench(t)
	b.dp.lcores = figures()
	b.dp.memory = &dp.MemoryStats{}
	b.c.sample()
	b.dp.lcores[2].Drops[0].Packets += 60
	b.c.sample()
	got := b.must("coverage/show")
	first, rest, _ := strings.Cut(got, "\n")
	if !strings.HasPrefix(first, "Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=") ||
		!strings.HasSuffix(first, ":") {
		t.Errorf("first line %q", first)
	}
	want := lines(
		"drop_flow_drop            12.0/sec     1.000/sec        0.0167/sec   total: 63",
		"drop_vxlan_unknown_vni     0.0/sec     0.000/sec        0.0000/sec   total: 4",
		"flow_put                   0.0/sec     0.000/sec        0.0000/sec   total: 7",
		"lcore_emc_hit              0.0/sec     0.000/sec        0.0000/sec   total: 1")
	if !strings.HasPrefix(rest, want) || !strings.HasSuffix(rest, "\n2 events never hit\n") {
		t.Errorf("got\n%swant\n%s...2 events never hit", rest, want)
	}
	b.steps([]step{
		{args: args("coverage/read-counter lcore_shortcut_pop"), out: "7\n"},
		{args: args("coverage/read-counter drop_tnl_ecn"), out: "0\n"},
		{args: args("coverage/read-counter nosuch"), err: "No such counter\n"},
		{args: args("coverage/read-counter"), err: "\"coverage/read-counter\" command requires at least 1 arguments\n"},
	})
}

func TestHistoryWraps(t *testing.T) {
	var h history
	for i := range 2*historyLen + 3 {
		h.add(map[string]uint64{"x": uint64(10 * i)}, []dp.LcoreStats{{ID: 1, BusyCycles: uint64(i), IdleCycles: uint64(3 * i)}})
	}
	if got := h.rate("x", 3600*1e9); got != 2 {
		t.Errorf("rate over an hour %v, want 2", got)
	}
	if got, ok := h.usage(&dp.LcoreStats{ID: 1}, 12); !ok || got != 25 {
		t.Errorf("usage %d, %t, want 25", got, ok)
	}
	if _, ok := h.usage(&dp.LcoreStats{ID: 7}, 12); ok {
		t.Error("usage of a lcore without samples")
	}
}

func TestRunSamplesUntilItsEnd(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.c.Run(ctx) })
	cancel()
	wg.Wait()
	if b.c.history.n == 0 {
		t.Error("no sample was taken")
	}
}

func TestMemory(t *testing.T) {
	b := newBench(t)
	b.dp.memory = &dp.MemoryStats{
		MbufsTotal: 1, MbufsInUse: 2, FlowBytes: 3, TableBytes: 4, ProgBytes: 5, CacheBytes: 6, Flows: 7, Masks: 8, Progs: 9,
	}
	want := "cache-bytes:6 flow-bytes:3 masks:8 mbufs:1 mbufs-in-use:2 ports:4 prog-bytes:5 progs:9 table-bytes:4 udpif keys:7\n"
	if got := b.must("memory/show"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVlog(t *testing.T) {
	b := newBench(t)
	head := "                 console    syslog    file\n                 -------    ------    ------\n"
	b.steps([]step{
		{args: args("vlog/list"), out: head + "bridge             OFF       INFO       INFO\ndpif_netdev        OFF       INFO       INFO\n"},
		{args: args("vlog/set bridge:file:dbg ANY:syslog:err")},
		{args: args("vlog/list"), out: head + "bridge             OFF        ERR        DBG\ndpif_netdev        OFF        ERR       INFO\n"},
		{args: args("vlog/set a b"), err: "no destination, level, or module \"a\"\n"},
		{args: args("vlog/set PATTERN:file:%m")},
		{args: args("vlog/reopen"), err: "Logging to file not configured\n"},
		{args: args("vlog/close")},
		{args: args("vlog/disable-rate-limit bridge")},
		{args: args("vlog/disable-rate-limit nosuch"), err: "unknown module\n"},
		{args: args("vlog/set")},
		{args: args("vlog/list"), out: head + "bridge             DBG        DBG        DBG\ndpif_netdev        DBG        DBG        DBG\n"},
	})
	if got := b.must("vlog/list-pattern"); !strings.Contains(got, "\nFILE     none                              %m\n") {
		t.Errorf("patterns\n%s", got)
	}
}

func TestExit(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{args: args("exit --clean"), err: "\"--clean\" is not --cleanup\n"},
		{args: args("exit --cleanup")},
	})
	if cleanup := <-b.exits; !cleanup {
		t.Error("exit --cleanup came without cleanup")
	}
	b.must("exit")
	if cleanup := <-b.exits; cleanup {
		t.Error("exit came with cleanup")
	}
}

// The real tool finds the daemon by its pidfile, as people run it.
func TestRealAppctl(t *testing.T) {
	b := newBench(t)
	pf, err := pidfile.Create(pidfile.Path(filepath.Dir(b.s.Path()), "ovs-vswitchd"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pf.Remove() }()
	const returned = "ovs-appctl: ovs-vswitchd: server returned an error\n"
	for _, tc := range []struct {
		args        []string
		out, errOut string
		code        int
	}{
		{args("version"), "ovs-vswitchd (Skua) 3.1.0\n", "", 0},
		{args("version x"), "", "\"version\" command takes at most 0 arguments\n" + returned, 2},
		{args("nosuch"), "", "\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n" + returned, 2},
		{args("dpctl/add-if netdev@ovs-netdev v7,type=tap"), "", "", 0},
		{[]string{"dpctl/add-flow", tcpKey, "v7"}, "", "", 0},
		{args("dpctl/dump-flows --names filter=tcp"), "flow-dump from the main thread:\n" +
			"recirc_id(0),in_port(v0),eth(),eth_type(0x0800),ipv4(src=10.0.0.1,proto=6),tcp(src=80), packets:0, bytes:0, used:never, actions:v7\n", "", 0},
		{args("dpctl/dump-flows nosuch"), "", "ovs-vswitchd: datapath not found (Invalid argument)\n" +
			"ovs-vswitchd: \"nosuch\" is no datapath; the only one is netdev@ovs-netdev\n" + returned, 2},
		{args("coverage/read-counter nosuch"), "", "No such counter\n" + returned, 2},
		{args("exit --cleanup"), "", "", 0},
	} {
		out, errOut, code := b.appctl(tc.args...)
		if out != tc.out || errOut != tc.errOut || code != tc.code {
			t.Errorf("%q: got %q, %q, code %d, want %q, %q, code %d", tc.args, out, errOut, code, tc.out, tc.errOut, tc.code)
		}
	}
	list, _, code := b.appctl("list-commands")
	for _, name := range b.s.Commands() {
		if !strings.Contains(list, "\n  "+name+" ") {
			t.Errorf("%s is not in list-commands", name)
		}
	}
	if code != 0 {
		t.Errorf("list-commands: code %d", code)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if out, errOut, code := b.appctl("dpctl/show"); code != 0 || !strings.HasPrefix(out, "netdev@ovs-netdev:\n") {
				t.Errorf("dpctl/show beside others: %q, %q, code %d", out, errOut, code)
			}
		})
	}
	wg.Wait()
}

// Where commands have a counterpart in Open vSwitch, its usage text is ours, so that
// list-commands reads the same.
func TestUsagesAreOpenVSwitchs(t *testing.T) {
	b := newBench(t)
	list := b.must("list-commands")
	want := []string{
		"  coverage/read-counter   COUNTER\n", "  coverage/show           \n",
		"  dpctl/add-flow          [dp] flow actions\n", "  dpctl/add-if            dp iface...\n",
		"  dpctl/del-flow          [dp] flow\n", "  dpctl/del-if            dp iface...\n", "  dpctl/dump-dps          \n",
		"  dpctl/dump-flows        [-m] [--names] [dp] [filter=..] [type=..] [pmd=..]\n",
		"  dpctl/get-flow          [dp] ufid\n", "  dpctl/mod-flow          [dp] flow actions\n",
		"  dpctl/show              [-s] [dp...]\n", "  dpif-netdev/pmd-rxq-rebalance [dp]\n",
		"  dpif-netdev/pmd-rxq-show [-pmd core] [-secs secs] [dp]\n", "  dpif-netdev/pmd-stats-clear [-pmd core] [dp]\n",
		"  dpif-netdev/pmd-stats-show [-pmd core] [dp]\n", "  exit                    [--cleanup]\n", "  list-commands           \n",
		"  memory/show             \n", "  version                 \n", "  vlog/close              \n",
		"  vlog/disable-rate-limit [module]...\n", "  vlog/list               \n", "  vlog/list-pattern       \n",
		"  vlog/reopen             \n", "  vlog/set                {spec | PATTERN:destination:pattern}\n",
	}
	for _, line := range want {
		if !strings.Contains(list, line) {
			t.Errorf("list-commands has no line %q", line)
		}
	}
	if diff := cmp.Diff("The available commands are:", strings.SplitN(list, "\n", 2)[0]); diff != "" {
		t.Error(diff)
	}
}
