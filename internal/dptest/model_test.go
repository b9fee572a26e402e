package dptest

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRig(t TB) *Fake {
	f := NewFake(FakeConfig{})
	if err := SetUp(f, 1); err != nil {
		t.Fatalf("set up: %v", err)
	}
	return f
}

// The fake and the model agree on whatever is drawn: this holds the harness, the
// generators and the fake's queues, upcalls and counters against each other.
func TestFakeFollowsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := GenScene(t)
		Compare(t, newRig(t), &s)
	})
}

// recorder is a TB that remembers whether something was reported.
type recorder struct{ failed bool }

func (*recorder) Helper()                 {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true }

// bent is a rig that does one thing wrong.
type bent struct {
	*Fake
	frames func([][]byte) [][]byte
	stats  func(*dp.FlowEntry)
	drops  func([]dp.DropCount)
}

func (b *bent) RingCollect(no dp.PortNo, max int) ([][]byte, error) {
	fs, err := b.Fake.RingCollect(no, max)
	if b.frames != nil {
		fs = b.frames(fs)
	}
	return fs, err
}

func (b *bent) FlowGet(u dp.UFID) (dp.FlowEntry, error) {
	e, err := b.Fake.FlowGet(u)
	if b.stats != nil {
		b.stats(&e)
	}
	return e, err
}

func (b *bent) Lcores() []dp.LcoreStats {
	ls := b.Fake.Lcores()
	if b.drops != nil {
		b.drops(ls[1].Drops)
	}
	return ls
}

// Compare must see faults: a wrong bit, a lost and a swapped frame, a source port
// out of range, a wrong count.
func TestCompareSeesFaults(t *testing.T) {
	in := Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0), UDP(1000, 2000), Raw([]byte("one")))
	other := append([]byte(nil), in...)
	other[len(other)-1] ^= 1
	var f dp.Flow
	f.Key.InPort, f.Mask.InPort = PortA, 0xffff
	f.UFID = MakeUFID(&f.Key, &f.Mask)
	push := dp.TnlPush{TnlPort: PortTnl, Type: dp.TnlVXLAN, Header: PushHeader("10.9.0.1", "10.9.0.2", 7, 0, true)}
	f.Actions = dp.Actions{dp.Output{Port: PortC}, push, dp.Output{Port: PortB}}
	s := &Scene{Flows: []dp.Flow{f}, Frames: []In{{PortA, in}, {PortA, other}, {PortA, in}}}
	first := true
	cases := map[string]*bent{
		"none": {},
		"bit": {frames: func(fs [][]byte) [][]byte {
			for _, f := range fs {
				f[len(f)-1] ^= 0x80
			}
			return fs
		}},
		"lost": {frames: func(fs [][]byte) [][]byte { return fs[:max(len(fs)-1, 0)] }},
		"source port": {frames: func(fs [][]byte) [][]byte {
			for _, f := range fs {
				f[34] = 1
			}
			return fs
		}},
		"count": {stats: func(e *dp.FlowEntry) { e.Stats.Bytes++ }},
		"drop": {drops: func(d []dp.DropCount) {
			if !first {
				d[0].Packets++
			}
			first = false
		}},
	}
	for name, rig := range cases {
		rig.Fake = newRig(t)
		r := &recorder{}
		Compare(r, rig, s)
		if r.failed != (name != "none") {
			t.Errorf("%s: reported %v", name, r.failed)
		}
	}
}

// The drop names and texts are those of the C data plane.
func TestDropNames(t *testing.T) {
	src, err := os.ReadFile("../../fastpath/include/fp_drop.def")
	if err != nil {
		t.Fatal(err)
	}
	var c [][2]string
	for _, m := range regexp.MustCompile(`(?m)^FP_DROP\(\w+, "(.*)", "(.*)"\)$`).FindAllStringSubmatch(string(src), -1) {
		c = append(c, [2]string{m[1], m[2]})
	}
	var mine [][2]string
	for _, d := range dropTexts {
		mine = append(mine, [2]string{d.name, d.text})
	}
	if d := cmp.Diff(c, mine); d != "" {
		t.Errorf("drop reasons (-fp_drop.def +drops.go):\n%s", d)
	}
}
