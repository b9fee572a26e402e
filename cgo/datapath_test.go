//go:build linux && cgo

package cgo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skua/skua/internal/dp"
)

func TestForwardCountsExactly(t *testing.T) {
	p := rings(t, 2)
	flow := portFlow(p[0], 0, dp.Output{Port: p[1]})
	u := mustPut(t, flow)
	before := time.Now()
	in := frames(t, 1000, 100)
	inject(t, p[0], in)
	expectFrames(t, collect(t, p[1], len(in)), in)
	if err := path.Sync(); err != nil {
		t.Fatal(err)
	}
	bytes := uint64(0)
	for _, f := range in {
		bytes += uint64(len(f))
	}
	e, err := path.FlowGet(u)
	if err != nil {
		t.Fatal(err)
	}
	if e.Stats.Packets != 100 || e.Stats.Bytes != bytes {
		t.Errorf("flow counts %+v, expected 100 packets, %d bytes", e.Stats, bytes)
	}
	if e.Stats.Used.Before(before.Add(-time.Second)) || e.Stats.Used.After(time.Now()) {
		t.Errorf("used at %v, the packets came after %v", e.Stats.Used, before)
	}
	rx, err := path.PortStats(p[0])
	if err != nil || rx.RxPackets != 100 || rx.RxBytes != bytes {
		t.Errorf("port counts %+v, error %v", rx, err)
	}
	tx, err := path.PortStats(p[1])
	if err != nil || tx.TxPackets != 100 || tx.TxBytes != bytes {
		t.Errorf("port counts %+v, error %v", tx, err)
	}
	final, errs := path.FlowDel([]dp.UFID{u})
	if errs[0] != nil || final[0].Packets != 100 || final[0].Bytes != bytes {
		t.Errorf("last counts %+v, error %v", final[0], errs[0])
	}
	if _, err := path.FlowGet(u); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("removed flow: error %v", err)
	}
}

func TestUpcallRoundTripKeepsOrder(t *testing.T) {
	p := rings(t, 2)
	in := frames(t, 2000, 10)
	inject(t, p[0], in)
	got := waitUpcall(t)
	if got.Reason != dp.UpcallMiss || got.InPort != p[0] || got.Key.InPort != p[0] ||
		got.Key.EthType.Uint() != 0x0800 || got.Key.TPSrc.Uint() != 2000 || got.Len != len(in[0]) {
		t.Fatalf("upcall %+v", got)
	}
	if string(got.Packet) != string(in[0]) {
		t.Fatalf("upcall has packet %x, expected %x", got.Packet, in[0])
	}
	mustPut(t, portFlow(p[0], 2000, dp.Output{Port: p[1]}))
	if err := path.UpcallAnswer([]dp.Verdict{{Token: got.Token, Kind: dp.VerdictReinject}})[0]; err != nil {
		t.Fatal(err)
	}
	expectFrames(t, collect(t, p[1], len(in)), in)
}

func TestUpcallExecuteAndDrop(t *testing.T) {
	p := rings(t, 2)
	in := frames(t, 2100, 3)
	inject(t, p[0], in)
	u := waitUpcall(t)
	v := []dp.Verdict{{Token: u.Token, Kind: dp.VerdictExecute, Actions: dp.Actions{dp.Output{Port: p[1]}}}}
	if err := path.UpcallAnswer(v)[0]; err != nil {
		t.Fatal(err)
	}
	expectFrames(t, collect(t, p[1], len(in)), in)

	before := drops(t, "upcall_drop")
	inject(t, p[0], frames(t, 2200, 1))
	u = waitUpcall(t)
	if err := path.UpcallAnswer([]dp.Verdict{{Token: u.Token, Kind: dp.VerdictDrop}})[0]; err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return drops(t, "upcall_drop") == before+1 })
}

func TestUserspaceCookie(t *testing.T) {
	p := rings(t, 2)
	cookie := []byte("a cookie of 23 bytes...")
	mustPut(t, portFlow(p[0], 0, dp.Userspace{PID: 77, Cookie: cookie}, dp.Output{Port: p[1]}))
	in := frames(t, 3000, 1)
	inject(t, p[0], in)
	u := waitUpcall(t)
	if u.Reason != dp.UpcallAction || u.PID != 77 || string(u.Cookie) != string(cookie) || string(u.Packet) != string(in[0]) {
		t.Errorf("upcall %+v", u)
	}
	expectFrames(t, collect(t, p[1], 1), in)
}

func TestPacketOut(t *testing.T) {
	p := rings(t, 2)
	mustPut(t, portFlow(p[0], 0, dp.Output{Port: p[1]}))
	in := frames(t, 4000, 2)
	errs := path.PacketOut([]dp.PacketOut{
		{InPort: dp.NoPort, Packet: in[0], Actions: dp.Actions{dp.Output{Port: p[1]}}},
		{InPort: p[0], Packet: in[1], Classify: true},
		{InPort: p[0], Packet: nil},
		{InPort: p[0], Packet: in[0], Actions: dp.Actions{dp.TnlPush{}}},
	})
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	for _, err := range errs[2:] {
		if !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("error %v, expected invalid", err)
		}
	}
	expectFrames(t, collect(t, p[1], 2), in)
}

func TestPortAddFailureLeavesNothing(t *testing.T) {
	before := path.Ports()
	spec := dp.PortSpec{Kind: dp.PortEthdev, No: dp.NoPort, Name: "p0", Devargs: "net_pcap_cgo,rx_pcap=/nonexistent/in.pcap,tx_pcap=/nonexistent/out.pcap"}
	_, err := path.PortAdd(spec)
	if err == nil {
		t.Fatal("a port without its file was added")
	}
	for _, want := range []string{`add port "p0"`, "net_pcap_cgo"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
	if after := path.Ports(); len(after) != len(before) {
		t.Errorf("ports %v, before %v", after, before)
	}
	// The device's name is free again.
	spec.Devargs = "net_null_cgo"
	no, err := path.PortAdd(spec)
	if err != nil {
		t.Fatal(err)
	}
	in, err := path.PortByName("p0")
	if err != nil || in.No != no || in.Kind != dp.PortEthdev || in.Driver != "net_null" {
		t.Errorf("port %+v, error %v", in, err)
	}
	if err := path.PortDel(no); err != nil {
		t.Error(err)
	}
	if err := path.PortDel(no); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("second removal: error %v", err)
	}
}

func TestPortSpecRanges(t *testing.T) {
	ok := dp.PortSpec{Kind: dp.PortRing, No: dp.NoPort, Name: "x"}
	tests := map[string]func(*dp.PortSpec){
		"kind":     func(s *dp.PortSpec) { s.Kind = 99 },
		"number":   func(s *dp.PortSpec) { s.No = maxPorts },
		"no name":  func(s *dp.PortSpec) { s.Name = "" },
		"name":     func(s *dp.PortSpec) { s.Name = strings.Repeat("n", 64) },
		"devargs":  func(s *dp.PortSpec) { s.Devargs = strings.Repeat("n", 256) },
		"rxq":      func(s *dp.PortSpec) { s.RxQueues = maxQueues + 1 },
		"negative": func(s *dp.PortSpec) { s.TxDesc = -1 },
		"mtu":      func(s *dp.PortSpec) { s.MTU = 1 << 17 },
		"limit":    func(s *dp.PortSpec) { s.UpcallLimit = -1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := ok
			change(&s)
			if _, err := path.PortAdd(s); !errors.Is(err, dp.ErrInvalid) {
				t.Errorf("error %v, expected invalid", err)
			}
		})
	}
}

func TestUnknownPortAndLcore(t *testing.T) {
	if _, err := path.PortInfo(1000); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("info: %v", err)
	}
	if _, err := path.PortStats(1000); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("statistics: %v", err)
	}
	if err := path.LcoreStop(99); !errors.Is(err, dp.ErrNotFound) {
		t.Errorf("stop: %v", err)
	}
	if err := path.SetLcoreRxqs(lcore(t), []dp.Rxq{{Port: 1000}}); err == nil {
		t.Error("a lcore polls a port that does not exist")
	}
	if err := path.SetVNI(1, 1<<24, true); !errors.Is(err, dp.ErrInvalid) {
		t.Errorf("VNI: %v", err)
	}
}

func TestUpcallRecvWaits(t *testing.T) {
	from := time.Now()
	if err := path.UpcallRecv(50*time.Millisecond, func([]dp.Upcall) { t.Error("an upcall came from nowhere") }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(from); took < 50*time.Millisecond {
		t.Errorf("returned after %v", took)
	}
}

func waitUpcall(t testing.TB) dp.Upcall {
	t.Helper()
	var got []dp.Upcall
	for end := time.Now().Add(10 * time.Second); len(got) == 0 && time.Now().Before(end); {
		if err := path.UpcallRecv(time.Second, func(u []dp.Upcall) { got = append(got, u...) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 1 {
		t.Fatalf("%d upcalls, expected 1; drops: %v", len(got), dropped())
	}
	return got[0]
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not come about; drops: %v", dropped())
		}
	}
}

func drops(t testing.TB, name string) (n uint64) {
	t.Helper()
	for _, l := range path.Lcores() {
		for _, d := range l.Drops {
			if d.Name == name {
				n += d.Packets
			}
		}
	}
	return n
}
