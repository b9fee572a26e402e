//go:build linux && cgo

package cgo

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// exact compares flows in all their bytes.
var exact = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b dp.Key) bool { return *a.Bytes() == *b.Bytes() }),
	cmp.Comparer(func(a, b dp.Mask) bool { return *a.Bytes() == *b.Bytes() }),
}

// normal is a flow as the datapath shows it.
func normal(f dp.Flow) dp.Flow {
	f.Key.SetLines()
	(*dp.Key)(&f.Mask).SetLines()
	return f
}

func TestFlowModes(t *testing.T) {
	p := rings(t, 2)
	f := portFlow(p[0], 500, dp.Output{Port: p[1]})
	if err := put(t, f, dp.PutModify); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("modify of nothing: %v", err)
	}
	u := mustPut(t, f)
	if err := put(t, f, dp.PutCreate); !errors.Is(err, dp.ErrExist) {
		t.Errorf("second create: %v", err)
	}
	f.Actions = nil
	if err := put(t, f, dp.PutModify); err != nil {
		t.Error(err)
	}
	f.UFID = u
	e, err := path.FlowGet(u)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(normal(f), e.Flow, exact); d != "" {
		t.Errorf("flow (-put +got):\n%s", d)
	}
	if n := path.FlowCount(); n != 1 {
		t.Errorf("%d flows", n)
	}
	before := drops(t, "flow_drop")
	inject(t, p[0], frames(t, 500, 5))
	eventually(t, func() bool { return drops(t, "flow_drop") == before+5 })
}

func TestFlowNames(t *testing.T) {
	p := rings(t, 1)
	mine, other := dp.UFID{1, 2, 3}, dp.UFID{9}
	f := portFlow(p[0], 600, dp.Drop{})
	f.UFID = mine
	if err := put(t, f, dp.PutCreate); err != nil {
		t.Fatal(err)
	}
	if _, err := path.FlowGet(mine); err != nil {
		t.Error(err)
	}
	g := f
	g.UFID = other
	if err := put(t, g, dp.PutAny); !errors.Is(err, dp.ErrExist) {
		t.Errorf("second name of a flow: %v", err)
	}
	g = portFlow(p[0], 601)
	g.UFID = mine
	if err := put(t, g, dp.PutCreate); !errors.Is(err, dp.ErrExist) {
		t.Errorf("name of another flow: %v", err)
	}
	// The same within one call: the first wins, the second leaves nothing.
	a, b := portFlow(p[0], 602), portFlow(p[0], 603)
	a.UFID, b.UFID = other, other
	errs := path.FlowPut([]dp.FlowPut{{Flow: a}, {Flow: b}})
	if errs[0] != nil || !errors.Is(errs[1], dp.ErrExist) {
		t.Errorf("errors %v", errs)
	}
	if n := path.FlowCount(); n != 2 {
		t.Errorf("%d flows, expected 2", n)
	}
	_, dels := path.FlowDel([]dp.UFID{mine, mine, other, {7}})
	if dels[0] != nil || !errors.Is(dels[1], dp.ErrNotFound) || dels[2] != nil || !errors.Is(dels[3], dp.ErrNotFound) {
		t.Errorf("removal: %v", dels)
	}
	if n := path.FlowCount(); n != 0 {
		t.Errorf("%d flows left", n)
	}
	if len(path.flows.canon) != 0 || len(path.flows.names) != 0 {
		t.Errorf("%d names and %d aliases left", len(path.flows.names), len(path.flows.canon))
	}
}

func TestBadFlowChangesNothing(t *testing.T) {
	p := rings(t, 1)
	bits := portFlow(p[0], 0)
	bits.Key.IPTTL = 3 // not in the mask
	tests := map[string]dp.Flow{
		"bits outside of the mask": bits,
		"output to port 5000":      portFlow(p[0], 0, dp.Output{Port: 5000}),
		"no header":                portFlow(p[0], 0, dp.TnlPush{Type: dp.TnlVXLAN}),
		"header of rubbish":        portFlow(p[0], 0, dp.TnlPush{Type: dp.TnlVXLAN, Header: make([]byte, 50)}),
		"long header":              portFlow(p[0], 0, dp.TnlPush{Type: dp.TnlVXLAN, Header: make([]byte, 129)}),
		"long cookie":              portFlow(p[0], 0, dp.Userspace{Cookie: make([]byte, 65)}),
		"ports of SCTP":            portFlow(p[0], 0, dp.SetTP{Proto: 132}),
		"nil action":               portFlow(p[0], 0, nil),
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			if err := put(t, f, dp.PutAny); !errors.Is(err, dp.ErrInvalid) {
				t.Errorf("error %v, expected invalid", err)
			}
			if n := path.FlowCount(); n != 0 {
				t.Errorf("%d flows", n)
			}
		})
	}
}

func TestFlowDumpInCallback(t *testing.T) {
	p := rings(t, 1)
	const n = 1000
	before := path.Memory().Progs // those of answers are given back at the next one
	puts := make([]dp.FlowPut, n)
	for i := range puts {
		puts[i].Flow = portFlow(p[0], uint16(i+1), dp.Output{Port: p[0]})
	}
	for i, err := range path.FlowPut(puts) {
		if err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
	seen := map[uint16]bool{}
	err := path.FlowDump(func(e *dp.FlowEntry) bool {
		seen[e.Key.TPSrc.Uint()] = true
		_, errs := path.FlowDel([]dp.UFID{e.UFID}) // as a revalidator does
		if errs[0] != nil {
			t.Error(errs[0])
		}
		return true
	})
	if err != nil || len(seen) != n || path.FlowCount() != 0 {
		t.Errorf("%d of %d flows seen, %d left, error %v", len(seen), n, path.FlowCount(), err)
	}
	if m := path.Memory(); m.Flows != 0 || m.Progs > before {
		t.Errorf("memory after all flows are gone: %+v", m)
	}
}

func TestFlowTableFull(t *testing.T) {
	p := rings(t, 1)
	limit := path.Info().MaxFlows
	puts := make([]dp.FlowPut, limit+10)
	for i := range puts {
		f := portFlow(p[0], 1)
		f.Key.IPSrc, f.Mask.IPSrc = dp.ToBE32(uint32(i)), dp.BE32{255, 255, 255, 255}
		puts[i].Flow = f
	}
	full := 0
	for _, err := range path.FlowPut(puts) {
		if err != nil && !errors.Is(err, dp.ErrFull) {
			t.Fatal(err)
		}
		if err != nil {
			full++
		}
	}
	if full < 10 || path.FlowCount() != limit+10-full {
		t.Errorf("%d refused, %d flows, limit %d", full, path.FlowCount(), limit)
	}
	if n, err := path.FlowFlush(); err != nil || n != limit+10-full {
		t.Errorf("flushed %d, error %v", n, err)
	}
}

// TestNarrowShowsWhatIsInstalled fills the masks; a flow that then comes narrow is
// shown with the mask that the data plane took.
func TestNarrowShowsWhatIsInstalled(t *testing.T) {
	p := rings(t, 1)
	full := false
	for i := 1; i < 512 && !full; i++ {
		f := portFlow(p[0], 0)
		f.Mask.PktMark, f.Key.PktMark = uint32(i), uint32(i)
		full = put(t, f, dp.PutCreate) != nil
	}
	if !full {
		t.Fatal("the masks have no limit")
	}
	var f dp.Flow
	f.Key.InPort, f.Key.EthType, f.Key.TPSrc = p[0], dp.ToBE16(0x0800), dp.ToBE16(4321)
	f.Mask.InPort, f.Mask.TPSrc, f.Mask.RecircID = 0xffff, dp.BE16{0xff, 0xff}, 0xffffffff
	errs := path.FlowPut([]dp.FlowPut{{Flow: f, Mode: dp.PutCreate, Narrow: true}})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	n := 0
	err := path.FlowDump(func(e *dp.FlowEntry) bool {
		if e.Key.TPSrc.Uint() != 4321 {
			return true
		}
		n++
		got, err := path.FlowGet(path.MakeUFID(&e.Key, &e.Mask))
		if err != nil {
			t.Errorf("the flow's name is not that of its key and mask: %v", err)
		}
		wide := dp.Key(f.Mask)
		if have := wide.Apply(&got.Mask); *have.Bytes() != *(func() *[dp.KeySize]byte { k := dp.Key(f.Mask); k.SetLines(); return k.Bytes() }()) {
			t.Errorf("the installed mask compares less than asked for")
		}
		if got.Mask == f.Mask {
			t.Errorf("the mask is shown as it was asked for, not as it is installed")
		}
		return true
	})
	if err != nil || n != 1 {
		t.Errorf("%d flows found, error %v", n, err)
	}
}

// TestFlowTableModel drives the records against a plain map.
func TestFlowTableModel(t *testing.T) {
	type entry struct {
		id   uint64
		flow dp.Flow
	}
	rapid.Check(t, func(t *rapid.T) {
		tab := newFlowTable()
		model := map[dp.UFID]entry{}
		id := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				f := genFlow(t)
				var p pair
				p.normalise(&f.Key, &f.Mask)
				h := tab.hash.ufid(&p)
				if f.UFID == (dp.UFID{}) {
					f.UFID = h
				}
				if tab.checkName(f.UFID, h) != nil || tab.find(h) != 0 {
					return
				}
				flat, err := appendActions(nil, f.Actions)
				if err != nil {
					t.Fatal(err)
				}
				id++
				tab.insert(f.UFID, h, id, &p, tab.acts.get(flat, f.Actions))
				model[f.UFID] = entry{id, normal(f)}
			},
			"remove": func(t *rapid.T) {
				for u := range model {
					tab.remove(tab.names[u])
					delete(model, u)
					return
				}
			},
			"": func(t *rapid.T) {
				if len(tab.names) != len(model) {
					t.Fatalf("%d names, expected %d", len(tab.names), len(model))
				}
				for u, want := range model {
					r := tab.recs.at(tab.names[u])
					var got dp.Flow
					tab.flow(r, &got)
					if r.id != want.id || !cmp.Equal(want.flow, got, exact) {
						t.Fatalf("flow %x (-want +got):\n%s", u, cmp.Diff(want.flow, got, exact))
					}
				}
				if len(model) == 0 && len(tab.masks.index)+len(tab.acts.index)+len(tab.canon) != 0 {
					t.Fatalf("%d masks, %d actions, %d aliases without a flow", len(tab.masks.index), len(tab.acts.index), len(tab.canon))
				}
			},
		})
	})
}

// genFlow makes flows that share masks and actions, as flows do.
func genFlow(t *rapid.T) (f dp.Flow) {
	shape := rapid.IntRange(0, 3).Draw(t, "mask")
	f.Mask.InPort = 0xffff
	f.Key.InPort = dp.PortNo(rapid.IntRange(0, 3).Draw(t, "port"))
	if shape&1 != 0 {
		f.Mask.Tun.TunID = dp.BE64{5: 255, 6: 255, 7: 255}
		f.Key.Tun.TunID = dp.ToBE64(rapid.Uint64Range(0, 3).Draw(t, "vni"))
	}
	if shape&2 != 0 {
		f.Mask.IP6.Src[15], f.Mask.CT.Zone = 255, 0xffff
		f.Key.IP6.Src[15] = rapid.ByteRange(0, 2).Draw(t, "src")
	}
	if rapid.Bool().Draw(t, "named") {
		f.UFID = dp.UFID{1, rapid.ByteRange(0, 9).Draw(t, "name")}
	}
	if rapid.Bool().Draw(t, "output") {
		f.Actions = dp.Actions{dp.Output{Port: 3}, dp.TnlPush{Header: []byte{1, 2}, Type: dp.TnlVXLAN}}
	}
	return f
}

func TestFlowPutAllocatesNothingPerFlow(t *testing.T) {
	p := rings(t, 1)
	puts := benchPuts(p[0], 2000, 0)
	path.FlowPut(puts) // the table's and the map's growth is not counted
	per := testing.AllocsPerRun(5, func() { path.FlowPut(puts) }) / float64(len(puts))
	if per > 0.01 {
		t.Errorf("%.3f allocations per flow", per)
	}
}

func TestUpcallRecvAllocatesNothing(t *testing.T) {
	p := rings(t, 1)
	mustPut(t, portFlow(p[0], 0, dp.Userspace{PID: 1}))
	in := frames(t, 77, 1)
	buf := [][]byte{in[0]}
	got := 0
	take := func(u []dp.Upcall) { got += len(u) }
	run := func() {
		inject(t, p[0], buf)
		for want := got + 1; got < want; {
			if err := path.UpcallRecv(time.Second, take); err != nil {
				t.Fatal(err)
			}
		}
	}
	injecting := testing.AllocsPerRun(50, func() { inject(t, p[0], buf) })
	for got < 51 {
		if err := path.UpcallRecv(time.Second, take); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(50, run); n > injecting {
		t.Errorf("%.1f allocations per upcall", n-injecting)
	}
}

// benchPuts are n flows of one mask and one action list.
func benchPuts(in dp.PortNo, n, from int) []dp.FlowPut {
	actions := dp.Actions{dp.Output{Port: in}}
	puts := make([]dp.FlowPut, n)
	for i := range puts {
		f := portFlow(in, 9)
		f.Key.IPSrc, f.Mask.IPSrc = dp.ToBE32(uint32(from+i)), dp.BE32{255, 255, 255, 255}
		f.Actions = actions
		puts[i].Flow = f
	}
	return puts
}

// BenchmarkFlowPut installs new flows in batches; the table is emptied off the clock.
// flows/cpu-s is what one core does, also on a machine that is busy otherwise.
func BenchmarkFlowPut(b *testing.B) {
	p := rings(b, 1)
	for _, size := range []int{64, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			const cycle = 100_000 / 512 * 512
			puts := benchPuts(p[0], cycle, 0)
			b.ReportAllocs()
			runtime.LockOSThread() // what this thread uses is what a put costs
			defer runtime.UnlockOSThread()
			var cpu time.Duration
			b.ResetTimer()
			for done := 0; done < b.N; {
				n := min(cycle, b.N-done)
				from := threadCPU(b)
				for at := 0; at < n; at += size {
					if err := path.FlowPut(puts[at:min(at+size, n)])[0]; err != nil {
						b.Fatal(err)
					}
				}
				cpu += threadCPU(b) - from
				done += n
				b.StopTimer()
				if _, err := path.FlowFlush(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flows/s")
			b.ReportMetric(float64(b.N)/cpu.Seconds(), "flows/cpu-s")
		})
	}
}

// threadCPU is the processor time that this thread has used.
func threadCPU(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
