package dptest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// FlowText is a flow as ovs-appctl dpctl/add-flow takes it.
type FlowText struct{ Key, Actions string }

// Sent is a frame that must leave.
type Sent struct {
	Port  dp.PortNo
	Frame []byte
	// Where the frame is pushed: the offset of its outer UDP source port, which is
	// free from 32768 to 61000, and the whole frame for a port. Frame is nil then.
	SportAt int
	Sport   func(port uint16) []byte
}

// Step is a frame that arrives and all that comes of it.
type Step struct {
	In     In
	Sent   []Sent
	Drops  []string
	Action []dp.Userspace // upcalls of userspace actions, with the frame as it came
	Hits   map[int]uint64 // flow by index: bytes that its counter must gain, one packet each
}

// Case is a set of flows and the packets that go through it. What must come out
// is written down by hand or built by gopacket, never taken from the model.
type Case struct {
	Name  string
	Flows []FlowText
	Steps []Step
}

// Parse turns a case's flow texts into flows.
func (c *Case) Parse() ([]dp.Flow, error) {
	var out []dp.Flow
	for i, ft := range c.Flows {
		k, m, err := odp.ParseKey(ft.Key, nil)
		if err != nil {
			return nil, fmt.Errorf("case %q flow %d: %w", c.Name, i, err)
		}
		acts, err := odp.ParseActions(ft.Actions, nil)
		if err != nil {
			return nil, fmt.Errorf("case %q flow %d: %w", c.Name, i, err)
		}
		f := dp.Flow{Key: k, Mask: m, Actions: acts, UFID: MakeUFID(&k, &m)}
		if overlapsAny(out, &f) {
			return nil, fmt.Errorf("case %q: flow %d overlaps one before it", c.Name, i)
		}
		out = append(out, f)
	}
	return out, nil
}

// RunCase runs a case on a rig that SetUp prepared and reports what differs.
func RunCase(t TB, rig Rig, c *Case) {
	t.Helper()
	flows, err := c.Parse()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := rig.FlowFlush(); err != nil {
		t.Fatalf("flush before the case: %v", err)
	}
	puts := make([]dp.FlowPut, len(flows))
	for i := range puts {
		puts[i] = dp.FlowPut{Flow: flows[i], Mode: dp.PutCreate}
	}
	if err := errors.Join(rig.FlowPut(puts)...); err != nil {
		t.Fatalf("flow put: %v", err)
	}
	if len(c.Steps) > 1 && c.runTogether(t, rig) {
		return
	}
	for i := range c.Steps {
		if !runStep(t, rig, &c.Steps[i], flows) {
			t.Errorf("case %q: step %d (frame of %d bytes into port %d) failed", c.Name, i, len(c.Steps[i].In.Frame), c.Steps[i].In.Port)
		}
	}
}

// runTogether hands all frames of a case in at once, which saves most of the
// waiting, and reports whether everything came that must. Frames of different
// flows may overtake each other, so each port's are compared as a set; where that
// fails the steps one by one say which is to blame.
func (c *Case) runTogether(t TB, rig Rig) bool {
	t.Helper()
	w := &want{drops: map[string]uint64{}, ups: map[string]int{}}
	scene, exp := &Scene{}, map[dp.PortNo][]string{}
	for _, s := range c.Steps {
		scene.Frames = append(scene.Frames, s.In)
		w.total += len(s.Sent)
		for _, f := range s.Sent {
			exp[f.Port] = append(exp[f.Port], string(f.Frame))
		}
		for _, d := range s.Drops {
			w.drops[d]++
		}
		if s.Hits != nil || s.Action != nil || slices.ContainsFunc(s.Sent, func(f Sent) bool { return f.Sport != nil }) {
			return false // needs its own step
		}
	}
	before := dropCounts(rig)
	if err := inject(rig, scene); err != nil {
		t.Fatalf("inject: %v", err)
	}
	g, err := watch(rig, w, before)
	if err != nil {
		t.Fatalf("while the case ran: %v", err)
	}
	got := map[dp.PortNo][]string{}
	for no, fs := range g.outs {
		for _, f := range fs {
			got[no] = append(got[no], string(f))
		}
		slices.Sort(got[no])
	}
	for no := range exp {
		slices.Sort(exp[no])
	}
	return maps.Equal(w.drops, g.drops) && len(g.ups) == 0 && maps.EqualFunc(exp, got, slices.Equal[[]string])
}

func runStep(t TB, rig Rig, s *Step, flows []dp.Flow) bool {
	t.Helper()
	w := &want{drops: map[string]uint64{}, ups: map[string]int{}, total: len(s.Sent)}
	for _, d := range s.Drops {
		w.drops[d]++
	}
	for _, a := range s.Action {
		w.ups[upText(a.PID, a.Cookie, len(s.In.Frame), s.In.Frame)]++
	}
	bytesBefore := flowBytes(t, rig, flows)
	before := dropCounts(rig)
	if err := inject(rig, &Scene{Frames: []In{s.In}}); err != nil {
		t.Fatalf("inject: %v", err)
	}
	g, err := watch(rig, w, before)
	if err != nil {
		t.Fatalf("while the step ran: %v", err)
	}
	ok := true
	if d := cmp.Diff(w.drops, g.drops); d != "" {
		t.Errorf("drops (-want +got):\n%s", d)
		ok = false
	}
	if d := cmp.Diff(w.ups, g.ups); d != "" {
		t.Errorf("userspace actions (-want +got):\n%s", d)
		ok = false
	}
	for i, n := range flowBytes(t, rig, flows) {
		if got := n - bytesBefore[i]; s.Hits != nil && got != s.Hits[i] {
			t.Errorf("flow %d counts %d bytes, expected %d", i, got, s.Hits[i])
			ok = false
		}
	}
	return sameFrames(t, s.Sent, g.outs) && ok
}

func flowBytes(t TB, rig Rig, flows []dp.Flow) []uint64 {
	t.Helper()
	out := make([]uint64, len(flows))
	for i := range flows {
		e, err := rig.FlowGet(flows[i].UFID)
		if err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
		out[i] = e.Stats.Bytes
	}
	return out
}

// sameFrames compares the frames of each port in order.
func sameFrames(t TB, sent []Sent, outs map[dp.PortNo][][]byte) bool {
	t.Helper()
	ok := true
	left := map[dp.PortNo][][]byte{}
	for no, fs := range outs {
		left[no] = fs
	}
	for i, s := range sent {
		fs := left[s.Port]
		if len(fs) == 0 {
			t.Errorf("frame %d did not leave by port %d", i, s.Port)
			ok = false
			continue
		}
		got, exp := fs[0], s.Frame
		left[s.Port] = fs[1:]
		if s.Sport != nil {
			port := uint16(0)
			if len(got) >= s.SportAt+2 {
				port = be16(got[s.SportAt:])
			}
			if port < sportMin || port > sportMax {
				t.Errorf("frame %d: UDP source port %d is outside of %d to %d", i, port, sportMin, sportMax)
				ok = false
			}
			exp = s.Sport(port)
		}
		if !bytes.Equal(got, exp) {
			t.Errorf("port %d: sent\n%sexpected\n%s", s.Port, hex.Dump(got), hex.Dump(exp))
			ok = false
		}
	}
	for no, fs := range left {
		for _, f := range fs {
			t.Errorf("port %d: nobody expected\n%s", no, hex.Dump(f))
			ok = false
		}
	}
	return ok
}

// Cases returns the whole table.
func Cases() []Case {
	var out []Case
	for _, family := range [][]Case{switchCases(), setCases(), set6Cases(), pushCases(), popCases(), popDropCases(), recircCases(), cutCases()} {
		out = append(out, family...)
	}
	return out
}

// one is a case with one packet into port A.
func one(name string, flows []FlowText, in []byte, sent []Sent, drops ...string) Case {
	return Case{Name: name, Flows: flows, Steps: []Step{{In: In{PortA, in}, Sent: sent, Drops: drops}}}
}

// flows pairs keys and actions up.
func flows(texts ...string) (out []FlowText) {
	for i := 0; i+1 < len(texts); i += 2 {
		out = append(out, FlowText{texts[i], texts[i+1]})
	}
	return out
}

// to is a frame that leaves by port B.
func to(frame []byte) []Sent { return []Sent{{Port: PortB, Frame: frame}} }

// alter returns a copy of f with bytes replaced.
func alter(f []byte, at int, b ...byte) []byte {
	out := append([]byte(nil), f...)
	copy(out[at:], b)
	return out
}

// join puts byte slices together.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
