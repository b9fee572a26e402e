package learn

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

func TestFloodLearnUnicast(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b", "c")
	r.send("a", udp(t, mac(1), mac(2), 0, "x"))
	r.counts(map[string]int{"b": 1, "c": 1})
	r.send("b", udp(t, mac(2), mac(1), 0, "y"))
	r.counts(map[string]int{"a": 1})
	r.send("a", udp(t, mac(1), mac(2), 0, "z"))
	r.counts(map[string]int{"b": 1})
	if n := r.dp.FlowCount(); n != 2 {
		t.Errorf("%d flows, want 2: one per direction", n)
	}
	// The first packet's flood went to a flow that must have become unicast when
	// the answer was learned.
	f := r.h.Figures()
	if f.Modified != 1 {
		t.Errorf("%d flows modified, want 1 (the flood that became unicast)", f.Modified)
	}
}

func TestMegaflowComparesOnlyWhatWasLookedAt(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b")
	r.send("a", udp(t, mac(1), mac(2), 0x2f, "x"))
	fl := r.flows()
	if len(fl) != 1 {
		t.Fatalf("%d flows, want 1", len(fl))
	}
	var want dp.Mask
	want.RecircID, want.InPort = 0xffffffff, 0xffff
	want.EthSrc, want.EthDst, want.EthType, want.VLANTCI = allMAC, allMAC, all16, all16
	want.IPFrag = 3
	fl[0].Mask.Lines = 0
	if d := cmp.Diff(*want.Bytes(), *fl[0].Mask.Bytes()); d != "" {
		t.Errorf("mask (-want +got):\n%s", d)
	}
}

func TestMoveRetranslates(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b", "c")
	r.send("a", udp(t, mac(1), broadcast, 0, "here"))
	r.send("b", udp(t, mac(2), mac(1), 0, "to a"))
	r.take("a")
	r.counts(map[string]int{"b": 1, "c": 1})
	r.send("c", udp(t, mac(1), broadcast, 0, "moved"))
	r.counts(map[string]int{"a": 1, "b": 1})
	r.send("b", udp(t, mac(2), mac(1), 0, "to c"))
	r.counts(map[string]int{"c": 1})
}

// A flow of the old place that is no longer used must not win the address back,
// and one that is used must.
func TestSweepKeepsUsedSenders(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b", "c")
	r.send("a", udp(t, mac(1), broadcast, 0, "1"), udp(t, mac(1), broadcast, 0, "2"))
	r.send("c", udp(t, mac(1), broadcast, 0, "3"))
	r.h.Sweep()
	fdb := func() string {
		s, err := r.h.ShowFDB("br")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := fdb(); !strings.Contains(s, "    3     0  02:00:00:00:00:01    0\n") {
		t.Errorf("the address is not on port 3:\n%s", s)
	}
	time.Sleep(2 * time.Millisecond)
	r.send("a", udp(t, mac(1), broadcast, 0, "4"))
	r.h.Sweep()
	r.work()
	if s := fdb(); !strings.Contains(s, "    1     0  02:00:00:00:00:01    0\n") {
		t.Errorf("the address is not back on port 1:\n%s", s)
	}
}

func TestVLANsAreSeparate(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b", "c")
	tag := func(f []byte, vid byte) []byte {
		return append(append(append([]byte{}, f[:12]...), 0x81, 0, 0, vid), f[12:]...)
	}
	r.send("a", tag(udp(t, mac(1), broadcast, 0, "x"), 7))
	r.counts(map[string]int{"b": 1, "c": 1})
	r.send("b", tag(udp(t, mac(2), mac(1), 0, "x"), 8)) // unknown in VLAN 8
	r.counts(map[string]int{"a": 1, "c": 1})
	r.send("b", tag(udp(t, mac(2), mac(1), 0, "x"), 7))
	r.counts(map[string]int{"a": 1})
}

func TestNeverForwarded(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b")
	r.send("a", udp(t, mac(1), dp.MAC{1, 0x80, 0xc2, 0, 0, 0x0e}, 0, "lldp"))
	r.counts(nil)
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.take("b")
	r.send("a", udp(t, mac(3), mac(1), 0, "to its own port"))
	r.counts(nil)
	r.send("c", udp(t, mac(9), mac(1), 0, "of no bridge"))
	r.counts(nil)
}

func TestPortsComeAndGo(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b")
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.counts(map[string]int{"b": 1})
	r.send("c", udp(t, mac(3), broadcast, 0, "of no bridge yet"))
	r.counts(nil)
	r.bridge("br", "c")
	r.work()
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.counts(map[string]int{"b": 1, "c": 1})
	r.send("c", udp(t, mac(3), broadcast, 0, "now"))
	r.counts(map[string]int{"a": 1, "b": 1})
	if err := r.h.DelPort("b"); err != nil {
		t.Fatal(err)
	}
	r.work()
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.counts(map[string]int{"c": 1})
	if err := r.h.DelBridge("br"); err != nil {
		t.Fatal(err)
	}
	r.work()
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.counts(nil)
}

func TestBadBridgesChangeNothing(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a")
	for _, ports := range [][]Port{
		{{Name: "b", No: r.no["b"]}, {Name: "a", No: r.no["a"]}}, // a is taken
		{{Name: "b", No: r.no["b"]}, {Name: "b", No: r.no["b"]}},
	} {
		if err := r.h.AddBridge("other", ports); err == nil {
			t.Errorf("bridge of %v was taken", ports)
		}
		if _, in := r.h.Bridge("b"); in {
			t.Errorf("b is in a bridge after a failure")
		}
	}
	if r.h.DelBridge("nope") == nil || r.h.DelPort("nope") == nil || r.h.AddBridge("", nil) == nil {
		t.Error("deleting what is not there, or a bridge without name, is no error")
	}
}

func TestIdleFlowsAge(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b")
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	r.send("b", udp(t, mac(2), broadcast, 0, "x"))
	r.h.Sweep()
	r.skew.Store(int64(9 * time.Second))
	r.h.Sweep()
	if n := r.dp.FlowCount(); n != 2 {
		t.Fatalf("%d flows after 9 s, want 2", n)
	}
	r.skew.Store(int64(11 * time.Second))
	r.h.Sweep()
	if n := r.dp.FlowCount(); n != 0 {
		t.Fatalf("%d flows after 11 s, want 0", n)
	}
	if len(r.h.flows) != 0 {
		t.Errorf("%d flows are still remembered", len(r.h.flows))
	}
	r.skew.Store(int64(MACAging + time.Second))
	r.h.Sweep()
	if s, _ := r.h.ShowFDB("br"); strings.Count(s, "\n") != 1 {
		t.Errorf("addresses have not aged:\n%s", s)
	}
}

// Flows that somebody else puts are left alone; flows that somebody else deletes
// are forgotten.
func TestForeignFlows(t *testing.T) {
	r := newRig(t)
	r.bridge("br", "a", "b")
	var f dp.FlowPut
	f.Mask.InPort, f.Key.InPort = 0xffff, r.no["c"]
	f.Actions = dp.Actions{dp.Output{Port: r.no["a"]}}
	if err := r.dp.FlowPut([]dp.FlowPut{f})[0]; err != nil {
		t.Fatal(err)
	}
	r.send("a", udp(t, mac(1), broadcast, 0, "x"))
	for _, e := range r.flows() {
		if e.Key.InPort == r.no["a"] {
			r.dp.FlowDel([]dp.UFID{e.UFID})
		}
	}
	r.h.Sweep()
	r.h.Sweep()
	if len(r.h.flows) != 0 {
		t.Errorf("%d flows remembered, want 0", len(r.h.flows))
	}
	r.skew.Store(int64(time.Minute))
	r.h.Sweep()
	if n := r.dp.FlowCount(); n != 1 {
		t.Errorf("%d flows, want the foreign one", n)
	}
}

func TestMACTableIsBounded(t *testing.T) {
	changes := 0
	tab := newMACTable(func(macKey) { changes++ })
	p := &port{}
	now := time.Now()
	for i := range MaxEntries + 10 {
		m := dp.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}
		tab.learn(macKey{0, m}, p, now.Add(time.Duration(i)))
	}
	if len(tab.entries) != MaxEntries {
		t.Errorf("%d entries, want %d", len(tab.entries), MaxEntries)
	}
	if tab.lookup(macKey{0, dp.MAC{2, 0, 0, 0, 0, 9}}) != nil || tab.lookup(macKey{0, dp.MAC{2, 0, 0, 0, 0, 10}}) == nil {
		t.Error("not the oldest entries made room")
	}
	if want := MaxEntries + 20; changes != want {
		t.Errorf("%d changes told, want %d", changes, want)
	}
}

// Whatever is sent, a frame never leaves by the port that it came in by, nor by a
// port of another bridge, and a frame to an address that was seen last on a port of
// the bridge leaves by that port alone. (Hosts do not move here: a move is only
// noticed with a packet that misses or with the next sweep.)
func TestForwardingInvariant(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		r.bridge("one", "a", "b")
		r.bridge("two", "c")
		where := map[string]string{} // address -> port, per bridge
		of := map[string]string{"a": "one", "b": "one", "c": "two"}
		for i := range rapid.IntRange(1, 30).Draw(rt, "frames") {
			in := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "in")
			src := rapid.Byte().Draw(rt, "src")%3 + (in[0]-'a')*3
			dst := rapid.Byte().Draw(rt, "dst") % 9
			where[fmt.Sprint(of[in], src)] = in
			r.send(in, udp(t, mac(src), mac(dst), 0, fmt.Sprint(i)))
			to := where[fmt.Sprint(of[in], dst)]
			for _, p := range []string{"a", "b", "c"} {
				want := 0
				if p != in && of[p] == of[in] && (to == "" || to == p) {
					want = 1
				}
				if n := len(r.take(p)); n != want {
					rt.Fatalf("frame %d from %s to %d: %d left by %s, want %d", i, in, dst, n, p, want)
				}
			}
		}
	})
}

func TestRunEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newRig(t)
	r.bridge("br", "a", "b")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.h.Run(ctx); close(done) }()
	if _, err := r.dp.RingInject(r.no["a"], [][]byte{udp(t, mac(1), broadcast, 0, "x")}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(r.take("b")) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the frame did not arrive")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}
