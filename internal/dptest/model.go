package dptest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Port is a port of the model.
type Port struct {
	dp.PortInfo
	Spec dp.PortSpec
	VNIs map[uint32]bool // terminated VNIs of a tunnel port
}

// flow is a megaflow of the model with its counters.
type flow struct {
	entry dp.FlowEntry
	id    string // short name for paths
}

// table is the flows of one mask.
type table struct {
	mask  dp.Mask
	flows map[dp.Key]*flow
}

// Model is the reference data plane: RULES.md as plainly as Go can say it. It
// has no queues, no clock and no threads; a caller that shares it locks it.
type Model struct {
	Now func() time.Time // stamps FlowStats.Used; nil: stays zero

	ports  map[dp.PortNo]*Port
	tables []*table
	byUFID map[dp.UFID]*flow
	serial int
}

// NewModel returns a model without ports and flows.
func NewModel() *Model {
	return &Model{ports: map[dp.PortNo]*Port{}, byUFID: map[dp.UFID]*flow{}}
}

// AddPort adds a port under spec.No, or changes it. MTU 0 is no limit.
func (m *Model) AddPort(spec dp.PortSpec) *Port {
	p := &Port{Spec: spec, VNIs: map[uint32]bool{}}
	p.Kind, p.No, p.Name, p.MTU = spec.Kind, spec.No, spec.Name, spec.MTU
	p.TnlUDPPort = spec.TnlUDPPort
	m.ports[spec.No] = p
	return p
}

// DelPort removes a port.
func (m *Model) DelPort(no dp.PortNo) { delete(m.ports, no) }

// MakeUFID names a flow by a digest of its key and mask.
func MakeUFID(k *dp.Key, mask *dp.Mask) dp.UFID {
	mm := *mask
	mm.Lines = 0
	masked := k.Apply(&mm)
	masked.Lines = 0
	h := sha256.Sum256(append(masked.Bytes()[:], mm.Bytes()[:]...))
	return dp.UFID(h[:16])
}

// Put puts a flow; bits of the key outside of the mask are not looked at. Actions
// that CheckActions refuses change nothing.
func (m *Model) Put(fp *dp.FlowPut) error {
	if err := CheckActions(fp.Actions); err != nil {
		return err
	}
	mask := fp.Mask
	mask.Lines = 0
	key := fp.Key.Apply(&mask)
	ufid := fp.UFID
	if ufid == (dp.UFID{}) {
		ufid = MakeUFID(&key, &mask)
	}
	t := m.table(mask)
	old := t.flows[key]
	switch named := m.byUFID[ufid]; {
	case named != nil && named != old:
		return fmt.Errorf("flow put: another flow has UFID %x: %w", ufid, dp.ErrExist)
	case old != nil && fp.Mode == dp.PutCreate:
		return fmt.Errorf("flow put: %w", dp.ErrExist)
	case old == nil && fp.Mode == dp.PutModify:
		return fmt.Errorf("flow put: %w", dp.ErrNotFound)
	}
	if old == nil {
		m.serial++
		old = &flow{id: fmt.Sprint("f", m.serial)}
		old.entry.Key, old.entry.Mask, old.entry.UFID = key, mask, ufid
		t.flows[key] = old
		m.byUFID[ufid] = old
	}
	old.entry.Actions = fp.Actions
	if fp.ZeroStats {
		old.entry.Stats = dp.FlowStats{}
	}
	return nil
}

// Get returns a flow.
func (m *Model) Get(u dp.UFID) (dp.FlowEntry, bool) {
	f := m.byUFID[u]
	if f == nil {
		return dp.FlowEntry{}, false
	}
	return f.entry, true
}

// Del removes a flow and returns what it last was.
func (m *Model) Del(u dp.UFID) (dp.FlowEntry, bool) {
	f := m.byUFID[u]
	if f == nil {
		return dp.FlowEntry{}, false
	}
	delete(m.byUFID, u)
	for i, t := range m.tables {
		if t.mask == f.entry.Mask {
			delete(t.flows, f.entry.Key)
			if len(t.flows) == 0 {
				m.tables = append(m.tables[:i], m.tables[i+1:]...)
			}
			break
		}
	}
	return f.entry, true
}

func (m *Model) table(mask dp.Mask) *table {
	for _, t := range m.tables {
		if t.mask == mask {
			return t
		}
	}
	t := &table{mask: mask, flows: map[dp.Key]*flow{}}
	m.tables = append(m.tables, t)
	return t
}

// lookup finds the flow of a whole key, nil for none.
func (m *Model) lookup(k *dp.Key) *flow {
	for _, t := range m.tables {
		if f := t.flows[k.Apply(&t.mask)]; f != nil {
			return f
		}
	}
	return nil
}

// Receive is a frame that arrives at a port.
func (m *Model) Receive(port dp.PortNo, frame []byte) *Result {
	r := &Result{}
	p := &Packet{Frame: append([]byte(nil), frame...), Meta: Meta{InPort: port}}
	m.Classify(p, r)
	return r
}

// Classify looks a packet up and runs what it finds; a miss becomes an Up that
// holds the packet.
func (m *Model) Classify(p *Packet, r *Result) {
	l, ok := Parse(p.Frame, p.Meta)
	if !ok {
		r.drop(DropEthTruncated)
		return
	}
	p.tuple = Tuple(p.Frame)
	f := m.lookup(&l.Key)
	if f == nil {
		if p.asked != nil && *p.asked == l.Key {
			r.drop(DropUpcallLoop)
			return
		}
		p.path += "/miss"
		r.Ups = append(r.Ups, Up{Reason: dp.UpcallMiss, Key: l.Key, Packet: p})
		return
	}
	f.entry.Stats.Packets++
	f.entry.Stats.Bytes += uint64(len(p.Frame))
	if m.Now != nil {
		f.entry.Stats.Used = m.Now()
	}
	f.entry.Stats.TCPFlags |= l.Key.TCPFlags.Uint()
	p.path += "/" + f.id
	m.run(p, f.entry.Actions, r)
}

// Execute runs actions on a packet without a lookup: packet-out and verdicts.
func (m *Model) Execute(p *Packet, acts dp.Actions, r *Result) {
	if len(p.Frame) < ethLen {
		r.drop(DropEthTruncated)
		return
	}
	m.run(p, acts, r)
}

// Limits of action lists, as the data plane has them.
const (
	maxPort, maxNesting, maxCookie = 1024, 4, 64
)

// CheckActions refuses lists that the data plane refuses.
func CheckActions(acts dp.Actions) error { return checkActions(acts, 0) }

func checkActions(acts dp.Actions, depth int) error {
	for i, a := range acts {
		var err error
		switch a := a.(type) {
		case nil:
			err = fmt.Errorf("is nil: %w", dp.ErrInvalid)
		case dp.Output:
			err = checkPort(a.Port)
		case dp.TnlPop:
			err = checkPort(a.Port)
		case dp.SetTP:
			if a.Proto != protoTCP && a.Proto != protoUDP {
				err = fmt.Errorf("ports of protocol %d, only TCP (6) and UDP (17) can be set: %w", a.Proto, dp.ErrInvalid)
			}
		case dp.Userspace:
			if len(a.Cookie) > maxCookie {
				err = fmt.Errorf("cookie of %d bytes, at most %d are possible: %w", len(a.Cookie), maxCookie, dp.ErrInvalid)
			}
		case dp.TnlPush:
			if a.Type != dp.TnlVXLAN {
				err = fmt.Errorf("tunnel type %d, only VXLAN (4) is known: %w", a.Type, dp.ErrInvalid)
			} else {
				_, _, _, err = pushLayout(a.Header)
			}
		case dp.Clone:
			if depth == maxNesting {
				err = fmt.Errorf("clones nested deeper than %d: %w", maxNesting, dp.ErrInvalid)
			} else {
				err = checkActions(a.Actions, depth+1)
			}
		}
		if err != nil {
			return fmt.Errorf("action %d: %w", i, err)
		}
	}
	return nil
}

func checkPort(no dp.PortNo) error {
	if no >= maxPort {
		return fmt.Errorf("port %d, at most %d is possible: %w", no, maxPort-1, dp.ErrInvalid)
	}
	return nil
}
