package dptest

import "testing"

// The table holds the model, through the fake, against bytes that were written
// down without it.
func TestCases(t *testing.T) {
	rig := newRig(t)
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { RunCase(t, rig, &c) })
	}
}

// The table names every drop that a packet alone can bring about.
func TestCasesCoverDrops(t *testing.T) {
	seen := map[string]bool{}
	n := 0
	for _, c := range Cases() {
		n++
		for _, s := range c.Steps {
			for _, d := range s.Drops {
				seen[d] = true
			}
		}
	}
	if n < 60 {
		t.Errorf("%d cases, expected at least 60", n)
	}
	for _, name := range []string{
		DropEthTruncated, DropFlow, DropNoPort, DropMTU, DropVerdict, DropRecircDepth, DropTnlTruncated, DropTnlIPCsum, DropTnlUDPCsum,
		DropTnlFragment, DropTnlNoPort, DropVXLANNoFlag, DropVXLANRes, DropVXLANVNI, DropVXLANShort, DropTnlECN, DropActionError,
	} {
		if !seen[name] {
			t.Errorf("no case drops as %s", name)
		}
	}
}

// A case whose steps run together still sees a frame and a drop that are wrong.
func TestTogetherSeesFaults(t *testing.T) {
	for _, c := range cutCases() {
		for i := range c.Steps {
			s := &c.Steps[i]
			if len(s.In.Frame)%7 != 3 {
				continue
			}
			old := *s
			if len(s.Drops) > 0 {
				s.Drops = []string{DropTnlECN}
			} else {
				s.Sent = []Sent{{Port: s.Sent[0].Port, Frame: alter(s.Sent[0].Frame, 0, 0x77)}}
			}
			r := &recorder{}
			RunCase(r, newRig(t), &c)
			if !r.failed {
				t.Errorf("case %q: step %d is wrong and passes", c.Name, i)
			}
			*s = old
			break
		}
	}
}
