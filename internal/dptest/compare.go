package dptest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
)

// Rig is a data plane whose ring ports a test can fill and drain.
type Rig interface {
	dp.Datapath
	RingInject(port dp.PortNo, frames [][]byte) (int, error)
	RingCollect(port dp.PortNo, max int) ([][]byte, error)
	Sync() error
}

// TB is what Compare needs of testing.T and rapid.T.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A scene is over when the rig did as much as the model and two turns brought
// nothing more, or when lateTurns brought nothing: what is missing does not come.
// stallTime bounds the wait for lcores that get no CPU time.
const (
	quietTurns = 2
	lateTurns  = 60
	stallTime  = 20 * time.Second
)

// SetUp adds the ports of ScenePorts to a rig and has a lcore poll them. The rig
// stays usable for any number of comparisons.
func SetUp(rig Rig, lcore int) error {
	var rxqs []dp.Rxq
	for _, spec := range ScenePorts() {
		if _, err := rig.PortAdd(spec); err != nil {
			return fmt.Errorf("scene port %d: %w", spec.No, err)
		}
		if spec.Kind == dp.PortRing {
			rxqs = append(rxqs, dp.Rxq{Port: spec.No})
		}
	}
	for _, vni := range sceneVNIs {
		if err := rig.SetVNI(PortTnlVNI, vni, true); err != nil {
			return fmt.Errorf("scene VNI %d: %w", vni, err)
		}
	}
	return rig.SetLcoreRxqs(lcore, rxqs)
}

// want is what the model says of a whole scene.
type want struct {
	outs  map[dp.PortNo][]Output
	drops map[string]uint64
	miss  map[dp.Key]bool
	ups   map[string]int // userspace actions as text
	total int            // frames out
}

// expect runs a scene on the model. Misses are answered with a drop.
func expect(m *Model, s *Scene) *want {
	w := &want{outs: map[dp.PortNo][]Output{}, drops: map[string]uint64{}, miss: map[dp.Key]bool{}, ups: map[string]int{}}
	for _, in := range s.Frames {
		r := m.Receive(in.Port, in.Frame)
		for _, d := range r.Drops {
			w.drops[d]++
		}
		class := fmt.Sprintf("%d %x", in.Port, in.Frame)
		for _, o := range r.Outputs {
			o.Path = class + o.Path
			w.outs[o.Port] = append(w.outs[o.Port], o)
			w.total++
		}
		for _, u := range r.Ups {
			if u.Reason == dp.UpcallMiss {
				w.miss[bare(u.Key)] = true
				w.drops[DropVerdict]++
				continue
			}
			w.ups[upText(u.PID, u.Cookie, len(u.Packet.Frame), u.Packet.Frame)]++
		}
	}
	return w
}

// upSnap is how many bytes of a userspace action's packet are compared.
const upSnap = 64

func upText(pid uint32, cookie []byte, n int, packet []byte) string {
	return fmt.Sprintf("pid %d cookie %x len %d packet %x", pid, cookie, n, packet[:min(len(packet), upSnap)])
}

// bare is a key without Lines, which is not compared (K3).
func bare(k dp.Key) dp.Key {
	k.Lines = 0
	return k
}

// got is what the rig did.
type got struct {
	outs  map[dp.PortNo][][]byte
	drops map[string]uint64
	miss  map[dp.Key]bool
	ups   map[string]int
}

// Compare runs a scene on a rig that SetUp prepared and on the model, and reports
// every difference: frames per port byte for byte (tunnels' UDP source ports are
// free within A10), order within a flow, drops by name, upcalls by key, and the
// counters of each flow. It leaves the rig without flows.
func Compare(to TB, rig Rig, s *Scene) {
	to.Helper()
	t := &counting{TB: to}
	m, err := NewSceneModel(s)
	if err != nil {
		t.Fatalf("model: %v", err)
	}
	w := expect(m, s)
	if _, err := rig.FlowFlush(); err != nil {
		t.Fatalf("flush before the scene: %v", err)
	}
	puts := make([]dp.FlowPut, len(s.Flows))
	for i := range puts {
		puts[i] = dp.FlowPut{Flow: s.Flows[i], Mode: dp.PutCreate}
	}
	if err := errors.Join(rig.FlowPut(puts)...); err != nil {
		t.Fatalf("flow put: %v", err)
	}
	before := dropCounts(rig)
	if err := inject(rig, s); err != nil {
		t.Fatalf("inject: %v", err)
	}
	g, err := watch(rig, w, before)
	if err != nil {
		t.Fatalf("while the scene ran: %v", err)
	}
	diffDrops(t, w, g)
	diffOutputs(t, w, g)
	if d := cmp.Diff(keyTexts(w.miss), keyTexts(g.miss)); d != "" {
		t.Errorf("keys of misses (-model +real):\n%s", d)
	}
	if d := cmp.Diff(w.ups, g.ups); d != "" {
		t.Errorf("userspace actions (-model +real):\n%s", d)
	}
	diffFlows(t, m, rig, s)
	if t.errors > 0 {
		t.Errorf("the scene:\n%s", s)
	}
	if _, err := rig.FlowFlush(); err != nil {
		t.Fatalf("flush behind the scene: %v", err)
	}
}

// counting counts what was reported.
type counting struct {
	TB
	errors int
}

func (c *counting) Errorf(format string, args ...any) {
	c.TB.Helper()
	c.errors++
	c.TB.Errorf(format, args...)
}

// inject hands a scene's frames in, in order, in runs of one port.
func inject(rig Rig, s *Scene) error {
	frames := s.Frames
	if s.PacketOut {
		var outs []dp.PacketOut
		for _, in := range frames {
			outs = append(outs, dp.PacketOut{InPort: in.Port, Packet: in.Frame, Classify: true})
		}
		return errors.Join(rig.PacketOut(outs)...)
	}
	for len(frames) > 0 {
		n := 1
		for n < len(frames) && frames[n].Port == frames[0].Port {
			n++
		}
		run := make([][]byte, n)
		for i := range run {
			run[i] = frames[i].Frame
		}
		took, err := rig.RingInject(frames[0].Port, run)
		if err != nil {
			return err
		}
		if took == 0 {
			return fmt.Errorf("port %d takes no frames", frames[0].Port)
		}
		frames = frames[took:]
	}
	return nil
}

// dropCounts sums the drops of all lcores by name.
func dropCounts(rig Rig) map[string]uint64 {
	out := map[string]uint64{}
	for _, l := range rig.Lcores() {
		for _, d := range l.Drops {
			out[d.Name] += d.Packets
		}
	}
	return out
}

// watch collects what the rig does until it did as much as the model, or time is up.
func watch(rig Rig, w *want, before map[string]uint64) (*got, error) {
	g := &got{outs: map[dp.PortNo][][]byte{}, miss: map[dp.Key]bool{}, ups: map[string]int{}}
	wantDrops, wantUps, seen := sumOf(w.drops), 0, uint64(0)
	for _, n := range w.ups {
		wantUps += n
	}
	deadline := time.Now().Add(stallTime)
	for quiet := 0; ; {
		if err := rig.Sync(); err != nil { // on a loaded machine a lcore may wait for its CPU
			if time.Now().After(deadline) {
				return g, err
			}
			continue
		}
		news, err := turn(rig, g)
		if err != nil {
			return g, err
		}
		g.drops = map[string]uint64{}
		for name, n := range dropCounts(rig) {
			if n != before[name] {
				g.drops[name] = n - before[name]
			}
		}
		n := uint64(countOuts(g.outs)+countUps(g.ups)) + sumOf(g.drops)
		if quiet++; news > 0 || n != seen {
			quiet, seen = 0, n
		}
		done := countOuts(g.outs) >= w.total && sumOf(g.drops) >= wantDrops && countUps(g.ups) >= wantUps
		if done && quiet >= quietTurns || quiet >= lateTurns {
			return g, nil
		}
	}
}

// turn takes the frames and upcalls that are there and returns how many they are;
// misses are answered with a drop.
func turn(rig Rig, g *got) (n int, err error) {
	for _, spec := range ScenePorts() {
		if spec.Kind != dp.PortRing {
			continue
		}
		fs, err := rig.RingCollect(spec.No, 4096)
		if err != nil {
			return n, err
		}
		n += len(fs)
		g.outs[spec.No] = append(g.outs[spec.No], fs...)
	}
	var verdicts []dp.Verdict
	err = rig.UpcallRecv(time.Millisecond, func(batch []dp.Upcall) {
		for i := range batch {
			u := &batch[i]
			n++
			if u.Reason == dp.UpcallMiss {
				g.miss[bare(u.Key)] = true
				verdicts = append(verdicts, dp.Verdict{Token: u.Token, Kind: dp.VerdictDrop})
				continue
			}
			g.ups[upText(u.PID, u.Cookie, u.Len, u.Packet)]++
		}
	})
	if err != nil || len(verdicts) == 0 {
		return n, err
	}
	return n, errors.Join(rig.UpcallAnswer(verdicts)...)
}

func sumOf(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}

func countOuts(m map[dp.PortNo][][]byte) (n int) {
	for _, v := range m {
		n += len(v)
	}
	return n
}

func countUps(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func diffDrops(t TB, w *want, g *got) {
	t.Helper()
	if d := cmp.Diff(w.drops, g.drops); d != "" {
		t.Errorf("drops by name (-model +real):\n%s", d)
	}
}

// diffOutputs pairs every real frame with the first expected one that it can be.
func diffOutputs(t TB, w *want, g *got) {
	t.Helper()
	sports := map[string]uint16{}
	for no, real := range g.outs {
		exp := w.outs[no]
		used := make([]bool, len(exp))
		last := map[string]int{}
		for n, f := range real {
			at := -1
			for i := range exp {
				if used[i] {
					continue
				}
				if mine, ok := exp[i].Adopt(f); ok && bytes.Equal(mine, f) {
					at = i
					break
				}
			}
			if at < 0 {
				t.Errorf("port %d: frame %d is not what the model sends:\n%s%s", no, n, hex.Dump(f), nearest(exp, used, f))
				continue
			}
			used[at] = true
			if prev, ok := last[exp[at].Path]; ok && prev > at {
				t.Errorf("port %d: frame %d overtook one of its flow:\n%s", no, n, hex.Dump(f))
			}
			last[exp[at].Path] = at
			for _, k := range exp[at].Marks {
				port := be16(f[k.UDP:])
				if old, ok := sports[k.Tuple]; ok && old != port {
					t.Errorf("port %d: UDP source ports %d and %d for one inner flow (%s)", no, old, port, k.Tuple)
				}
				sports[k.Tuple] = port
			}
		}
		for i := range exp {
			if !used[i] {
				t.Errorf("port %d: the model sends a frame that did not come (%s):\n%s", no, exp[i].Path, hex.Dump(exp[i].Frame))
			}
		}
	}
}

// nearest shows the expected frame that shares the most bytes with f.
func nearest(exp []Output, used []bool, f []byte) string {
	best, score := -1, -1
	for i := range exp {
		if used[i] {
			continue
		}
		n := 0
		for j := range min(len(f), len(exp[i].Frame)) {
			if f[j] == exp[i].Frame[j] {
				n++
			}
		}
		if len(f) == len(exp[i].Frame) {
			n += len(f)
		}
		if n > score {
			best, score = i, n
		}
	}
	if best < 0 {
		return "no frame of the model is left\n"
	}
	mine, _ := exp[best].Adopt(f)
	return "nearest frame of the model:\n" + hex.Dump(mine)
}

// diffFlows compares the counters of every flow.
func diffFlows(t TB, m *Model, rig Rig, s *Scene) {
	t.Helper()
	for i := range s.Flows {
		f := &s.Flows[i]
		mine, _ := m.Get(f.UFID)
		real, err := rig.FlowGet(f.UFID)
		if err != nil {
			t.Errorf("flow %d: %v", i, err)
			continue
		}
		if real.Stats.Used.IsZero() != (real.Stats.Packets == 0) {
			t.Errorf("flow %d: %d packets but used %v", i, real.Stats.Packets, real.Stats.Used)
		}
		mine.Stats.Used, real.Stats.Used = time.Time{}, time.Time{}
		if mine.Stats != real.Stats {
			t.Errorf("flow %d (%s): the model counts %+v, real %+v", i, keyText(&f.Key), mine.Stats, real.Stats)
		}
	}
}

// keyText shows a key's bytes by lines, leaving zero lines out.
func keyText(k *dp.Key) string {
	out := ""
	b := k.Bytes()
	for i := range len(b) / 64 {
		line := b[64*i : 64*(i+1)]
		if !bytes.Equal(line, make([]byte, 64)) {
			out += fmt.Sprintf("%d:%x ", i, line)
		}
	}
	return out
}

func keyTexts(keys map[dp.Key]bool) []string {
	out := []string{}
	for k := range keys {
		out = append(out, keyText(&k))
	}
	sort.Strings(out)
	return out
}
