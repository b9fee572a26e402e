package dptest

import (
	"encoding/binary"
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// maxDepth is the depth of the last lookup that a packet may reach (A9).
const maxDepth = 6

// run executes a list on p, which it may change (section A). Everything that
// leaves p behind for later actions gets a copy.
func (m *Model) run(p *Packet, acts dp.Actions, r *Result) {
	if !decides(acts) {
		r.drop(DropFlow)
		return
	}
	m.list(p, acts, r)
}

func (m *Model) list(p *Packet, acts dp.Actions, r *Result) {
	for i, a := range acts {
		switch a := a.(type) {
		case dp.Output:
			m.output(p, a.Port, r)
		case dp.PushVLAN:
			p.insert(12, []byte{byte(a.TPID >> 8), byte(a.TPID), byte(a.TCI>>8) &^ 0x10, byte(a.TCI)})
		case dp.PopVLAN:
			if t := be16(p.Frame[12:]); (t == ethVLAN || t == ethQinQ) && len(p.Frame) >= ethLen+vlanLen {
				p.remove(12, vlanLen)
			}
		case dp.SetMark:
			p.Meta.Mark = p.Meta.Mark&^a.Mask | a.Value&a.Mask
		case dp.SetPriority:
			p.Meta.Priority = p.Meta.Priority&^a.Mask | a.Value&a.Mask
		case dp.TnlPush:
			if !p.push(&a) {
				r.drop(DropPushTooLong)
				return
			}
		case dp.TnlPop:
			m.pop(p.clone(), a.Port, r)
		case dp.Recirc:
			m.recirc(p.clone(), a.ID, r)
		case dp.Userspace:
			l, _ := Parse(p.Frame, p.Meta)
			r.Ups = append(r.Ups, Up{Reason: dp.UpcallAction, Key: l.Key, PID: a.PID, Cookie: a.Cookie, Packet: p.clone()})
		case dp.Clone:
			m.list(p.clone(), a.Actions, r)
		case dp.Drop:
			r.drop(DropFlow)
			return
		default:
			p.set(a)
		}
		p.path += fmt.Sprintf(",%d", i)
	}
}

// decides reports whether a list does anything with a packet but change it (A3).
func decides(acts dp.Actions) bool {
	for _, a := range acts {
		switch a := a.(type) {
		case dp.Output, dp.TnlPop, dp.Recirc, dp.Userspace, dp.Drop:
			return true
		case dp.Clone:
			if decides(a.Actions) {
				return true
			}
		}
	}
	return false
}

// output sends a copy of p to a port (A2).
func (m *Model) output(p *Packet, no dp.PortNo, r *Result) {
	port, ok := m.ports[no]
	switch {
	case !ok || port.Kind == dp.PortTunnel:
		r.drop(DropNoPort)
	case port.MTU > 0 && len(p.Frame) > port.MTU+ethLen+vlanLen:
		r.drop(DropMTU)
	default:
		c := p.clone()
		r.Outputs = append(r.Outputs, Output{Port: no, Frame: c.Frame, Marks: c.marks, Path: p.path})
	}
}

// recirc looks p up again (A9).
func (m *Model) recirc(p *Packet, id uint32, r *Result) {
	if p.Depth++; p.Depth > maxDepth {
		r.drop(DropRecircDepth)
		return
	}
	p.Meta.RecircID = id
	m.Classify(p, r)
}

// insert puts b into the frame at a byte.
func (p *Packet) insert(at int, b []byte) {
	f := append([]byte(nil), p.Frame[:at]...)
	f = append(f, b...)
	p.Frame = append(f, p.Frame[at:]...)
	for i := range p.marks {
		p.marks[i].UDP += len(b)
	}
}

// remove takes n bytes out of the frame; free source ports among or in front of
// them are forgotten.
func (p *Packet) remove(at, n int) {
	p.Frame = append(append([]byte(nil), p.Frame[:at]...), p.Frame[at+n:]...)
	var keep []Mark
	for _, k := range p.marks {
		if k.UDP >= at+n {
			k.UDP -= n
			keep = append(keep, k)
		}
	}
	p.marks = keep
}

// Range of the UDP source ports of tunnels, as Open vSwitch's default.
const sportMin, sportMax = 32768, 61000

// push puts the outer header in front of the frame and fills it in (A10). It
// reports false if the packet became too long.
func (p *Packet) push(a *dp.TnlPush) bool {
	l3, l4, v6, err := pushLayout(a.Header)
	if err != nil { // refused by CheckActions when the flow was put
		return false
	}
	tuple := p.tuple + " " + Tuple(p.Frame)
	for _, k := range p.marks { // equal ports of the model's own choice prove nothing
		tuple += " in " + k.Tuple
	}
	inner := len(p.Frame)
	p.insert(0, a.Header)
	f := p.Frame
	ipLen, udpLength := len(a.Header)-l3+inner, len(a.Header)-l4+inner
	if !v6 && ipLen > 65535 || udpLength > 65535 {
		return false
	}
	if v6 {
		binary.BigEndian.PutUint16(f[l3+4:], uint16(udpLength))
	} else {
		binary.BigEndian.PutUint16(f[l3+2:], uint16(ipLen))
		binary.BigEndian.PutUint16(f[l3+10:], 0)
		binary.BigEndian.PutUint16(f[l3+10:], ^fold(sum(f[l3:l4], 0)))
	}
	binary.BigEndian.PutUint16(f[l4:], sport(tuple))
	binary.BigEndian.PutUint16(f[l4+4:], uint16(udpLength))
	fixUDP(f, l4, v6)
	p.marks = append(p.marks, Mark{l4, v6, tuple})
	p.Meta.Mark, p.Meta.Priority, p.Meta.Tun, p.Meta.InPort = 0, 0, dp.KeyTun{}, a.OutPort
	return true
}

// pushLayout checks an outer header and says where its IP and UDP headers stand.
func pushLayout(h []byte) (l3, l4 int, v6 bool, err error) {
	bad := fmt.Errorf("tnl_push: header of %d bytes is not Ethernet[/VLAN]/IPv4|IPv6/UDP/VXLAN: %w", len(h), dp.ErrInvalid)
	if len(h) < ethLen+ip4Len+udpLen+8 || len(h) > 128 {
		return 0, 0, false, bad
	}
	l3 = ethLen
	typ := be16(h[12:])
	if typ == ethVLAN || typ == ethQinQ {
		typ, l3 = be16(h[16:]), ethLen+vlanLen
	}
	switch typ {
	case ethIPv4:
		l4 = l3 + ip4Len
		if len(h) != l4+16 || h[l3] != 0x45 || h[l3+9] != protoUDP {
			return 0, 0, false, bad
		}
	case ethIPv6:
		l4, v6 = l3+ip6Len, true
		if len(h) != l4+16 || h[l3]>>4 != 6 || h[l3+6] != protoUDP {
			return 0, 0, false, bad
		}
	default:
		return 0, 0, false, bad
	}
	return l3, l4, v6, nil
}

// Tuple is what the UDP source port of a pushed frame may depend on (A10).
func Tuple(frame []byte) string {
	l, _ := Parse(frame, Meta{})
	k := &l.Key
	if l.L3 < 0 {
		return fmt.Sprintf("%x %x %x", k.EthDst, k.EthSrc, k.EthType)
	}
	return fmt.Sprintf("%x %x %x %x %d %x %x", k.IPSrc, k.IPDst, k.IP6.Src, k.IP6.Dst, k.IPProto, k.TPSrc, k.TPDst)
}

// sport is the model's own choice of a source port: any function of the tuple.
func sport(tuple string) uint16 {
	h := uint32(2166136261)
	for _, c := range []byte(tuple) {
		h = (h ^ uint32(c)) * 16777619
	}
	return uint16(sportMin + h%(sportMax-sportMin+1))
}
