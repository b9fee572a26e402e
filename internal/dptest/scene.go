package dptest

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// Ports of the standard scene.
const (
	PortA      dp.PortNo = 1
	PortB      dp.PortNo = 2
	PortC      dp.PortNo = 3
	PortSmall  dp.PortNo = 4   // MTU 100
	PortTnl    dp.PortNo = 10  // VXLAN, every VNI
	PortTnlVNI dp.PortNo = 11  // VXLAN with GBP, VNIs 1 and 1111 only
	PortNone   dp.PortNo = 200 // does not exist
)

// smallMTU is PortSmall's.
const smallMTU = 100

// sceneVNIs are those that PortTnlVNI terminates.
var sceneVNIs = []uint32{1, 1111}

// ScenePorts are the ports that every scene stands on.
func ScenePorts() []dp.PortSpec {
	ring := func(no dp.PortNo, mtu int) dp.PortSpec {
		return dp.PortSpec{Kind: dp.PortRing, No: no, Name: fmt.Sprint("ring", no), MTU: mtu}
	}
	return []dp.PortSpec{
		ring(PortA, 1500), ring(PortB, 1500), ring(PortC, 1500), ring(PortSmall, smallMTU),
		{Kind: dp.PortTunnel, No: PortTnl, Name: "vxlan_sys_4789", TnlUDPPort: 4789, TnlAnyVNI: true},
		{Kind: dp.PortTunnel, No: PortTnlVNI, Name: "vxlan_sys_4790", TnlUDPPort: 4790, TnlGBP: true},
	}
}

// In is a frame that arrives.
type In struct {
	Port  dp.PortNo
	Frame []byte
}

// Scene is what a comparison runs: flows that do not overlap, then frames.
type Scene struct {
	Flows     []dp.Flow
	Frames    []In
	PacketOut bool // the frames come by PacketOut with Classify, not by their ports
}

// NewSceneModel returns a model with the scene's ports and flows.
func NewSceneModel(s *Scene) (*Model, error) {
	m := NewModel()
	for _, spec := range ScenePorts() {
		p := m.AddPort(spec)
		if spec.No == PortTnlVNI {
			for _, v := range sceneVNIs {
				p.VNIs[v] = true
			}
		}
	}
	for i := range s.Flows {
		if err := m.Put(&dp.FlowPut{Flow: s.Flows[i], Mode: dp.PutCreate}); err != nil {
			return nil, fmt.Errorf("flow %d: %w", i, err)
		}
	}
	return m, nil
}

// GenScene draws frames and disjoint flows made from the keys that they meet,
// behind pops and recirculations too; some keys get no flow and miss.
func GenScene(t *rapid.T) Scene {
	s := Scene{PacketOut: chance(t, 15, "packet-out")}
	for range rapid.IntRange(1, 8).Draw(t, "packets") {
		in := In{Port: pick(t, []dp.PortNo{PortA, PortA, PortB}, "in"), Frame: GenFrame(t)}
		if s.PacketOut && len(in.Frame) < ethLen {
			continue
		}
		for range rapid.IntRange(1, 3).Draw(t, "copies") {
			s.Frames = append(s.Frames, in)
		}
	}
	m, err := NewSceneModel(&s)
	if err != nil {
		t.Fatalf("scene without flows: %v", err)
	}
	masks := make([]dp.Mask, rapid.IntRange(1, 6).Draw(t, "masks"))
	for i := range masks {
		masks[i] = GenMask(t)
	}
	tried := map[dp.Key]bool{}
	for _, in := range s.Frames {
		for range 2 * maxDepth { // each turn resolves the misses of one more lookup
			missed := false
			for _, up := range m.Receive(in.Port, in.Frame).Ups {
				if up.Reason != dp.UpcallMiss || tried[up.Key] {
					continue
				}
				tried[up.Key] = true
				f := dp.Flow{Mask: pick(t, masks, "which"), Actions: GenActions(t, &up.Key)}
				f.Key = up.Key.Apply(&f.Mask)
				f.UFID = MakeUFID(&f.Key, &f.Mask)
				if chance(t, 8, "leave") || overlapsAny(s.Flows, &f) {
					continue
				}
				if err := m.Put(&dp.FlowPut{Flow: f}); err != nil {
					t.Fatalf("drawn flow refused: %v", err)
				}
				s.Flows = append(s.Flows, f)
				missed = true
			}
			if !missed {
				break
			}
		}
	}
	return s
}

func overlapsAny(flows []dp.Flow, f *dp.Flow) bool {
	for i := range flows {
		if Overlap(&flows[i], f) {
			return true
		}
	}
	return false
}

// String shows a scene as flow text and frames in hex.
func (s *Scene) String() string {
	var b strings.Builder
	for i := range s.Flows {
		f := &s.Flows[i]
		fmt.Fprintf(&b, "flow %d %s actions:%s\n", i, odp.FormatKey(&f.Key, &f.Mask, odp.Format{}), odp.FormatActions(f.Actions, odp.Format{}))
	}
	for _, in := range s.Frames {
		fmt.Fprintf(&b, "port %d packet-out %v %x\n", in.Port, s.PacketOut, in.Frame)
	}
	return b.String()
}
