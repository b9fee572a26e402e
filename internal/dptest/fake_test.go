package dptest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
)

// flowFrom matches all of a port.
func flowFrom(no dp.PortNo, acts ...dp.Action) dp.FlowPut {
	var f dp.FlowPut
	f.Key.InPort, f.Mask.InPort = no, 0xffff
	f.Actions = acts
	return f
}

func putAll(t *testing.T, f *Fake, puts ...dp.FlowPut) {
	t.Helper()
	if err := errors.Join(f.FlowPut(puts)...); err != nil {
		t.Fatal(err)
	}
}

func recvAll(t *testing.T, f *Fake) (out []dp.Upcall) {
	t.Helper()
	if err := f.UpcallRecv(time.Second, func(us []dp.Upcall) { out = append(out, us...) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func injected(t *testing.T, f *Fake, no dp.PortNo, frames ...[]byte) {
	t.Helper()
	if n, err := f.RingInject(no, frames); n != len(frames) || err != nil {
		t.Fatalf("inject: %d, %v", n, err)
	}
}

// numbered returns frames of one flow that differ in their last byte.
func numbered(n int) (out [][]byte) {
	for i := range n {
		f := udp4Packet()
		out = append(out, alter(f, len(f)-1, byte(i)))
	}
	return out
}

// A miss comes up once; what follows it is held and goes on in order.
func TestFakeHoldsInOrder(t *testing.T) {
	f := newRig(t)
	in := numbered(5)
	injected(t, f, PortA, in...)
	ups := recvAll(t, f)
	if len(ups) != 1 || ups[0].Reason != dp.UpcallMiss {
		t.Fatalf("upcalls: %+v", ups)
	}
	if d := cmp.Diff(in[0], ups[0].Packet); d != "" {
		t.Errorf("packet (-in +upcall):\n%s", d)
	}
	putAll(t, f, flowFrom(PortA, dp.Output{Port: PortB}))
	if err := f.UpcallAnswer([]dp.Verdict{{Token: ups[0].Token, Kind: dp.VerdictReinject}})[0]; err != nil {
		t.Fatal(err)
	}
	out, err := f.RingCollect(PortB, 100)
	if d := cmp.Diff(in, out); d != "" || err != nil {
		t.Errorf("%v (-in +out):\n%s", err, d)
	}
	if err := f.UpcallAnswer([]dp.Verdict{{Token: ups[0].Token, Kind: dp.VerdictDrop}})[0]; !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("second answer: %v", err)
	}
}

// Verdicts, limits and timeouts drop by name.
func TestFakeUpcallDrops(t *testing.T) {
	drops := func(f *Fake) map[string]uint64 {
		out := map[string]uint64{}
		for name, n := range dropCounts(f) {
			if n > 0 {
				out[name] = n
			}
		}
		return out
	}
	for _, c := range []struct {
		name string
		cfg  FakeConfig
		run  func(*testing.T, *Fake)
		want map[string]uint64
	}{
		{"drop", FakeConfig{}, func(t *testing.T, f *Fake) {
			injected(t, f, PortA, numbered(3)...)
			f.UpcallAnswer([]dp.Verdict{{Token: recvAll(t, f)[0].Token, Kind: dp.VerdictDrop}})
		}, map[string]uint64{"upcall_drop": 3}},
		{"loop", FakeConfig{}, func(t *testing.T, f *Fake) {
			injected(t, f, PortA, numbered(3)...)
			f.UpcallAnswer([]dp.Verdict{{Token: recvAll(t, f)[0].Token, Kind: dp.VerdictReinject}})
		}, map[string]uint64{"upcall_loop": 3}},
		{"execute", FakeConfig{}, func(t *testing.T, f *Fake) {
			injected(t, f, PortA, numbered(2)...)
			f.UpcallAnswer([]dp.Verdict{{Token: recvAll(t, f)[0].Token, Kind: dp.VerdictExecute, Actions: dp.Actions{dp.Output{Port: PortNone}}}})
		}, map[string]uint64{"output_no_port": 2}},
		{"queue", FakeConfig{HoldPerFlow: 2}, func(t *testing.T, f *Fake) { injected(t, f, PortA, numbered(5)...) }, map[string]uint64{"upcall_queue_full": 3}},
		{"port limit", FakeConfig{UpcallLimit: 1}, func(t *testing.T, f *Fake) {
			injected(t, f, PortA, udp4Packet(), tcp4Packet())
			injected(t, f, PortB, udp4Packet())
		}, map[string]uint64{"upcall_port_limit": 1}},
		{"ring", FakeConfig{UpcallRing: 1}, func(t *testing.T, f *Fake) { injected(t, f, PortA, udp4Packet(), tcp4Packet()) }, map[string]uint64{"upcall_lost": 1}},
		{"timeout", FakeConfig{UpcallTimeout: time.Millisecond}, func(t *testing.T, f *Fake) {
			injected(t, f, PortA, numbered(2)...)
			time.Sleep(5 * time.Millisecond)
			recvAll(t, f)
		}, map[string]uint64{"upcall_timeout": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFake(c.cfg)
			if err := SetUp(f, 1); err != nil {
				t.Fatal(err)
			}
			c.run(t, f)
			if d := cmp.Diff(c.want, drops(f)); d != "" {
				t.Errorf("drops (-want +got):\n%s", d)
			}
		})
	}
}

// Modes of a put, and what a flow's name is.
func TestFakeFlowPut(t *testing.T) {
	f := newRig(t)
	put := func(mode dp.PutMode, fp dp.FlowPut) error {
		fp.Mode = mode
		return f.FlowPut([]dp.FlowPut{fp})[0]
	}
	fl := flowFrom(PortA, dp.Output{Port: PortB})
	if err := put(dp.PutModify, fl); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("modify of no flow: %v", err)
	}
	if err := put(dp.PutCreate, fl); err != nil {
		t.Errorf("create: %v", err)
	}
	if err := put(dp.PutCreate, fl); !errors.Is(err, dp.ErrExist) {
		t.Errorf("second create: %v", err)
	}
	injected(t, f, PortA, udp4Packet())
	if err := put(dp.PutModify, flowFrom(PortA)); err != nil {
		t.Errorf("modify: %v", err)
	}
	e, err := f.FlowGet(f.MakeUFID(&fl.Key, &fl.Mask))
	if err != nil || len(e.Actions) != 0 || e.Stats.Packets != 1 {
		t.Errorf("after modify: %+v, %v", e, err)
	}
	bad := flowFrom(PortB, dp.TnlPush{Type: dp.TnlVXLAN, Header: make([]byte, 50)})
	if err := put(dp.PutAny, bad); !errors.Is(err, dp.ErrInvalid) || f.FlowCount() != 1 {
		t.Errorf("bad header: %v, %d flows", err, f.FlowCount())
	}
	stats, errs := f.FlowDel([]dp.UFID{e.UFID, {1}})
	if errs[0] != nil || stats[0].Packets != 1 || !errors.Is(errs[1], dp.ErrNotFound) || f.FlowCount() != 0 {
		t.Errorf("del: %+v %v", stats, errs)
	}
}

// Ports come and go by number and name; a port is polled once a lcore has it.
func TestFakePorts(t *testing.T) {
	f := NewFake(FakeConfig{})
	no, err := f.PortAdd(dp.PortSpec{Kind: dp.PortKif, No: dp.NoPort, Name: "veth0"})
	if err != nil || no != 1 {
		t.Fatalf("add: %d, %v", no, err)
	}
	if _, err := f.PortAdd(dp.PortSpec{Kind: dp.PortTap, No: dp.NoPort, Name: "veth0"}); !errors.Is(err, dp.ErrExist) {
		t.Errorf("second of a name: %v", err)
	}
	injected(t, f, no, udp4Packet())
	if s, _ := f.PortStats(no); s.RxPackets != 0 {
		t.Errorf("%d packets were read from a port that nobody polls", s.RxPackets)
	}
	if err := f.SetLcoreRxqs(1, []dp.Rxq{{Port: no}}); err != nil {
		t.Fatal(err)
	}
	if s, _ := f.PortStats(no); s.RxPackets != 1 || s.Upcalls != 1 {
		t.Errorf("stats %+v", s)
	}
	if err := f.SetLcoreRxqs(0, []dp.Rxq{{Port: no}}); !errors.Is(err, dp.ErrExist) {
		t.Errorf("queue of two lcores: %v", err)
	}
	if err := f.PortDel(no); err != nil || len(f.LcoreRxqs(1)) != 0 {
		t.Errorf("del: %v, queues %v", err, f.LcoreRxqs(1))
	}
	if err := f.PortDel(no); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("second del: %v", err)
	}
}

// All methods run beside each other (for the race detector) and no frame is lost.
func TestFakeTogether(t *testing.T) {
	f := newRig(t)
	putAll(t, f, flowFrom(PortA, dp.Output{Port: PortB}))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 100 {
				if _, err := f.RingInject(PortA, numbered(2)); err != nil {
					t.Error(err)
				}
				_ = f.FlowPut([]dp.FlowPut{flowFrom(dp.PortNo(100+n), dp.Output{Port: PortC})})
				_, _, _, _ = f.Ports(), f.Lcores(), f.Masks(), f.Memory()
				_ = f.FlowDump(func(*dp.FlowEntry) bool { return true })
				if _, err := f.PortAdd(dp.PortSpec{Kind: dp.PortRing, No: dp.NoPort, Name: fmt.Sprint(i, "-", n)}); err != nil {
					t.Error(err)
				}
				_ = f.UpcallRecv(0, func([]dp.Upcall) {})
			}
		})
	}
	wg.Wait()
	out, err := f.RingCollect(PortB, 10000)
	if len(out) != 800 || err != nil {
		t.Errorf("%d frames of 800, %v", len(out), err)
	}
}
