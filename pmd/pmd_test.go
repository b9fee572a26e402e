package pmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brittle is the fake data plane with failures that a test asks for, and a check
// that no queue is ever on two lcores.
type brittle struct {
	*dptest.Fake
	t                         testing.TB
	failUp, failMAC, failRxqs bool
	ifindex                   int
	queues                    map[int][]dp.Rxq
}

var errAsked = errors.New("asked to fail")

func newBrittle(t testing.TB, lcores int) *brittle {
	return &brittle{Fake: dptest.NewFake(dptest.FakeConfig{Lcores: lcores}), t: t, queues: map[int][]dp.Rxq{}, ifindex: 10}
}

func (b *brittle) PortSetUp(no dp.PortNo, up bool) error {
	if b.failUp {
		return errAsked
	}
	return b.Fake.PortSetUp(no, up)
}

func (b *brittle) PortSetMAC(no dp.PortNo, m dp.MAC) error {
	if b.failMAC {
		return errAsked
	}
	return b.Fake.PortSetMAC(no, m)
}

func (b *brittle) PortInfo(no dp.PortNo) (dp.PortInfo, error) {
	i, err := b.Fake.PortInfo(no)
	if i.Kind == dp.PortKif {
		i.IfIndex = b.ifindex
	}
	return i, err
}

func (b *brittle) SetLcoreRxqs(id int, rxqs []dp.Rxq) error {
	if b.failRxqs {
		return errAsked
	}
	b.queues[id] = rxqs
	seen := map[dp.Rxq]int{}
	for l, list := range b.queues {
		for _, q := range list {
			if other, twice := seen[q]; twice {
				b.t.Errorf("queue %v is on lcores %d and %d", q, other, l)
			}
			seen[q] = l
		}
	}
	return b.Fake.SetLcoreRxqs(id, rxqs)
}

func options(t testing.TB, name, typ string, opts ...string) Config {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(opts); i += 2 {
		m[opts[i]] = opts[i+1]
	}
	c, err := ParseOptions(name, typ, m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseOptions(t *testing.T) {
	c := options(t, "eth0", "dpdk", "dpdk-devargs", "net_null0", "n_rxq", "4", "mtu", "9000",
		"mac", "02:00:00:00:00:01", "port_no", "7", "pmd-rxq-affinity", "0:1,3:2", "type", "dpdk")
	want := Config{Name: "eth0", Type: TypeDPDK, Devargs: "net_null0", RxQueues: 4, MTU: 9000,
		MAC: dp.MAC{2, 0, 0, 0, 0, 1}, No: 7, Affinity: map[int]int{0: 1, 3: 2}}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []struct {
		name, typ string
		k, v      string
	}{
		{"", "system", "", ""}, {"a/b", "tap", "", ""}, {"..", "tap", "", ""}, {"sixteen-letters1", "system", "", ""},
		{"x", "gre", "", ""}, {"x", "dpdk", "", ""}, {"x", "system", "dpdk-devargs", "net_null0"},
		{"x", "tap", "n_rxq", "0"}, {"x", "tap", "n_rxq", "17"}, {"x", "tap", "n_rxq", "two"}, {"x", "tap", "mtu", "1"},
		{"x", "tap", "mac", "01:00:00:00:00:01"}, {"x", "tap", "mac", "nonsense"}, {"x", "tap", "port_no", "65535"},
		{"x", "tap", "colour", "red"}, {"x", "tap", "pmd-rxq-affinity", "0"}, {"x", "tap", "pmd-rxq-affinity", "0:1,0:2"},
		{"x", "tap", "pmd-rxq-affinity", "16:1"}, {"x", "tap", "pmd-rxq-affinity", "0:-1"},
	} {
		opts := map[string]string{}
		if bad.k != "" {
			opts[bad.k] = bad.v
		}
		if _, err := ParseOptions(bad.name, bad.typ, opts); !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("%+v: error is %v, want one that wraps ErrInvalid", bad, err)
		}
	}
}

func TestAssign(t *testing.T) {
	lcores := []Lcore{{ID: 0, CPU: -1, Housekeeping: true}, {ID: 1, CPU: 2}, {ID: 2, CPU: 1}}
	q := func(no dp.PortNo, n int) dp.Rxq { return dp.Rxq{Port: no, Queue: n} }
	for _, tc := range []struct {
		name  string
		ports []PortQueues
		prev  Assignment
		want  Assignment
	}{
		{"kernel ports stay with housekeeping", []PortQueues{{No: 1, Queues: 1, Kernel: true}}, nil,
			Assignment{0: {q(1, 0)}, 1: {}, 2: {}}},
		{"round robin from the lowest cpu", []PortQueues{{No: 1, Queues: 3}}, nil,
			Assignment{0: {}, 1: {q(1, 1)}, 2: {q(1, 0), q(1, 2)}}},
		{"affinity, also of a kernel port", []PortQueues{{No: 1, Queues: 2, Affinity: map[int]int{0: 2}},
			{No: 2, Queues: 1, Kernel: true, Affinity: map[int]int{0: 1}}}, nil,
			Assignment{0: {}, 1: {q(1, 0)}, 2: {q(1, 1), q(2, 0)}}},
		{"queues stay where they are", []PortQueues{{No: 1, Queues: 1}, {No: 2, Queues: 1}},
			Assignment{1: {q(1, 0), q(2, 0)}}, Assignment{0: {}, 1: {q(1, 0), q(2, 0)}, 2: {}}},
	} {
		got, err := Assign(lcores, tc.ports, tc.prev)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
	for _, bad := range []map[int]int{{0: 7}, {1: 1}} {
		if _, err := Assign(lcores, []PortQueues{{No: 1, Queues: 1, Affinity: bad}}, nil); !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("affinity %v: error is %v", bad, err)
		}
	}
	if _, err := Assign(nil, []PortQueues{{No: 1, Queues: 1}}, nil); err == nil {
		t.Error("a queue without any lcore is no error")
	}
}

// Every queue is on exactly one lcore, no step has one on two, and moves end at
// what was asked for.
func TestAssignmentInvariant(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lcores := []Lcore{{ID: 0, CPU: -1, Housekeeping: true}}
		for i := range rapid.IntRange(0, 4).Draw(rt, "lcores") {
			lcores = append(lcores, Lcore{ID: i + 1, CPU: i})
		}
		gen := func(label string) []PortQueues {
			var out []PortQueues
			for i := range rapid.IntRange(0, 6).Draw(rt, label) {
				p := PortQueues{No: dp.PortNo(i), Queues: rapid.IntRange(1, 4).Draw(rt, "queues"), Kernel: rapid.Bool().Draw(rt, "kernel")}
				if len(lcores) > 1 && rapid.Bool().Draw(rt, "pin") {
					p.Affinity = map[int]int{rapid.IntRange(0, p.Queues-1).Draw(rt, "q"): rapid.IntRange(0, len(lcores)-2).Draw(rt, "cpu")}
				}
				out = append(out, p)
			}
			return out
		}
		before, err := Assign(lcores, gen("before"), nil)
		if err != nil {
			rt.Fatal(err)
		}
		ports := gen("after")
		after, err := Assign(lcores, ports, before)
		if err != nil {
			rt.Fatal(err)
		}
		now := Assignment{}
		for id, l := range before {
			now[id] = l
		}
		for _, s := range plan(before, after) {
			now[s.lcore] = s.rxqs
			seen := map[dp.Rxq]bool{}
			for _, l := range now {
				for _, q := range l {
					if seen[q] {
						rt.Fatalf("queue %v is on two lcores between the steps", q)
					}
					seen[q] = true
				}
			}
		}
		if d := cmp.Diff(after, now); d != "" {
			rt.Fatalf("steps do not lead to the assignment:\n%s", d)
		}
		n := 0
		for _, l := range after {
			n += len(l)
		}
		want := 0
		for _, p := range ports {
			want += p.Queues
		}
		if n != want {
			rt.Fatalf("%d queues assigned, want %d", n, want)
		}
	})
}

func TestAddDel(t *testing.T) {
	d := newBrittle(t, 2)
	m := New(d, zap.NewNop(), Events{})
	if _, err := m.Add(options(t, "v0", "")); err != nil {
		t.Fatal(err)
	}
	p, err := m.Add(options(t, "e0", "dpdk", "dpdk-devargs", "net_null0", "n_rxq", "2"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.queues[0]); n != 1 {
		t.Errorf("%d queues on the housekeeping lcore, want that of the kernel interface", n)
	}
	if len(d.queues[1]) != 1 || len(d.queues[2]) != 1 {
		t.Errorf("queues of the dpdk port are %v and %v, want one on each lcore", d.queues[1], d.queues[2])
	}
	if _, err := m.Add(options(t, "v0", "")); !errors.Is(err, dp.ErrExist) {
		t.Errorf("second port of a name: %v", err)
	}
	if err := m.SetAffinity("e0", map[int]int{0: 1, 1: 1}); err != nil {
		t.Fatal(err)
	}
	if len(d.queues[2]) != 2 {
		t.Errorf("queues after the affinity: %v", d.queues)
	}
	if !m.Isolated(2) || m.Isolated(1) || m.Isolated(0) {
		t.Error("lcore 2 alone is isolated")
	}
	if err := m.SetAffinity("e0", map[int]int{0: 99}); !errors.Is(err, dp.ErrInvalid) {
		t.Errorf("affinity to a cpu without lcore: %v", err)
	}
	if len(d.queues[2]) != 2 {
		t.Errorf("a refused affinity changed the queues: %v", d.queues)
	}
	if err := m.SetAffinity("e0", nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Rebalance(); err != nil {
		t.Fatal(err)
	}
	if len(d.queues[1]) != 1 || len(d.queues[2]) != 1 {
		t.Errorf("queues after the rebalance: %v", d.queues)
	}
	if _, err := m.Stats("e0"); err != nil {
		t.Error(err)
	}
	if err := m.Del("e0"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.PortInfo(p.No); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("the port is still in the datapath: %v", err)
	}
	if err := m.Del("e0"); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
	if err := m.Close(); err != nil || len(d.Ports()) != 0 {
		t.Errorf("close: %v, %d ports left", err, len(d.Ports()))
	}
}

func TestFailedAddLeavesNothing(t *testing.T) {
	for i, fail := range []func(*brittle){
		func(b *brittle) { b.failUp = true },
		func(b *brittle) { b.failMAC = true },
		func(b *brittle) { b.failRxqs = true },
	} {
		d := newBrittle(t, 1)
		m := New(d, zap.NewNop(), Events{})
		fail(d)
		if _, err := m.Add(options(t, "t0", "tap", "mac", "02:00:00:00:00:09")); !errors.Is(err, errAsked) {
			t.Errorf("%d: error is %v", i, err)
		}
		if n := len(d.Ports()); n != 0 || len(m.List()) != 0 {
			t.Errorf("%d: %d ports left in the datapath, %d in the manager", i, n, len(m.List()))
		}
	}
	d := newBrittle(t, 1)
	m := New(d, zap.NewNop(), Events{})
	if _, err := m.Add(options(t, "t0", "tap", "pmd-rxq-affinity", "0:55")); !errors.Is(err, dp.ErrInvalid) {
		t.Errorf("affinity to a cpu without lcore: %v", err)
	}
	if n := len(d.Ports()); n != 0 || len(m.List()) != 0 {
		t.Errorf("%d ports left in the datapath, %d in the manager", n, len(m.List()))
	}
}

func TestApply(t *testing.T) {
	d := newBrittle(t, 1)
	m := New(d, zap.NewNop(), Events{})
	a, b, c := options(t, "a", "tap"), options(t, "b", "tap"), options(t, "c", "tap")
	if err := m.Apply([]Config{a, b}); err != nil {
		t.Fatal(err)
	}
	first, _ := m.Get("a")
	a.MTU = 2000
	b.RxQueues = 2 // must be opened anew
	bad := options(t, "bad", "tap", "pmd-rxq-affinity", "0:77")
	if err := m.Apply([]Config{a, b, bad, c}); !errors.Is(err, dp.ErrInvalid) {
		t.Errorf("error is %v, want that of port bad", err)
	}
	var names []string
	for _, p := range m.List() {
		names = append(names, p.Name)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, names); d != "" {
		t.Errorf("a bad port held up the others (-want +got):\n%s", d)
	}
	again, _ := m.Get("a")
	info, err := d.PortInfo(again.No)
	if err != nil || info.MTU != 2000 || again.No != first.No {
		t.Errorf("port a is %+v, %v; want MTU 2000 under its number", info, err)
	}
	before := fmt.Sprint(m.List())
	if err := m.Apply([]Config{a, b, c}); err != nil || fmt.Sprint(m.List()) != before {
		t.Errorf("applying what is there: %v, %v", err, m.List())
	}
	if err := m.Apply(nil); err != nil || len(d.Ports()) != 0 {
		t.Errorf("applying nothing: %v, %d ports left", err, len(d.Ports()))
	}
}

func TestInterfaceComesAndGoes(t *testing.T) {
	d := newBrittle(t, 1)
	var events []string
	m := New(d, zap.NewNop(), Events{
		Lost:     func(p Port) { events = append(events, fmt.Sprint("lost ", p.Name, p.No)) },
		Returned: func(p Port) { events = append(events, fmt.Sprint("returned ", p.Name, p.No)) },
	})
	if _, err := m.Add(options(t, "first", "tap")); err != nil {
		t.Fatal(err)
	}
	p, err := m.Add(options(t, "v0", "", "pmd-rxq-affinity", "0:0"))
	if err != nil {
		t.Fatal(err)
	}
	m.LinkGone("v0", 99) // another interface that had the name
	m.LinkGone("first", 10)
	m.LinkThere("v0", 10)
	if len(events) != 0 {
		t.Fatalf("events are %v, want none", events)
	}
	m.LinkGone("v0", 10)
	if len(d.Ports()) != 1 || len(d.queues[1]) != 0 {
		t.Errorf("%d ports, queues %v; want the port and its queue gone", len(d.Ports()), d.queues)
	}
	if _, err := m.Stats("v0"); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("statistics of a port that is away: %v", err)
	}
	d.ifindex = 11
	m.LinkThere("v0", 11)
	back, ok := m.Get("v0")
	if !ok || !back.Present || back.No != p.No || back.IfIndex != 11 || len(d.queues[1]) != 1 {
		t.Errorf("port is %+v, queues %v; want it back under number %d", back, d.queues, p.No)
	}
	d.ifindex = 12
	m.LinkThere("v0", 12) // replaced without a word of its end
	want := []string{"lost v0" + fmt.Sprint(p.No), "returned v0" + fmt.Sprint(p.No), "returned v0" + fmt.Sprint(p.No)}
	if d := cmp.Diff(want, events); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	m.LinkGone("v0", 12)
	if err := m.Del("v0"); err != nil {
		t.Errorf("delete while it is away: %v", err)
	}
}

func TestQuietARP(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "v0", "arp_ignore")
	if err := os.Mkdir(filepath.Join(dir, "v0"), 0o755); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	for before, during := range map[string]string{"0": "1", "2": "2"} {
		if err := os.WriteFile(path, []byte(before+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		restore, err := quietARP(dir, "v0")
		if err != nil || read() != during {
			t.Errorf("arp_ignore %s became %s, want %s (%v)", before, read(), during, err)
		}
		if err := restore(); err != nil || read() != before {
			t.Errorf("arp_ignore is %s in the end, want %s (%v)", read(), before, err)
		}
	}
	if restore, err := quietARP(dir, "nosuch"); err != nil || restore() != nil {
		t.Errorf("interface without IPv4: %v", err)
	}
}

func TestPortsAreQuiet(t *testing.T) {
	d := newBrittle(t, 1)
	m := New(d, zap.NewNop(), Events{})
	quiet := map[string]int{}
	m.Quiet = func(name string) (func() error, error) {
		quiet[name]++
		return func() error { quiet[name]--; return nil }, nil
	}
	for _, c := range []Config{options(t, "v0", ""), options(t, "t0", "tap")} {
		if _, err := m.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(map[string]int{"v0": 1}, quiet); d != "" {
		t.Errorf("quiet interfaces (-want +got):\n%s", d)
	}
	m.LinkGone("v0", 10)
	d.ifindex = 11
	m.LinkThere("v0", 11)
	if quiet["v0"] != 1 {
		t.Errorf("after its return v0 is quiet %d times", quiet["v0"])
	}
	if err := m.Close(); err != nil || quiet["v0"] != 0 {
		t.Errorf("after the end v0 is quiet %d times (%v)", quiet["v0"], err)
	}
}
