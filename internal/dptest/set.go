package dptest

import "github.com/skua/skua/internal/dp"

// mix returns old with the bits of mask taken from value.
func mix(old, value, mask []byte) {
	for i := range old {
		old[i] = old[i]&^mask[i] | value[i]&mask[i]
	}
}

// field is one checksum field of a frame that an edit has to keep right.
type field struct {
	at  int
	udp bool
}

// edit lets f change the bytes from at on (n of them, whole words) and patches
// the checksums.
func (p *Packet) edit(at, n int, f func(b []byte), sums ...field) {
	old := append([]byte(nil), p.Frame[at:at+n]...)
	f(p.Frame[at : at+n])
	for _, s := range sums {
		patch(p.Frame[s.at:s.at+2], old, p.Frame[at:at+n], s.udp)
	}
}

// l4sum returns the checksum fields that cover the IP addresses (A5), at most one.
func (l *Layers) l4sum(f []byte) []field {
	if l.L4 < 0 || !l.L4Read {
		return nil
	}
	switch l.Key.IPProto {
	case protoTCP:
		return []field{{at: l.L4 + 16}}
	case protoUDP:
		if be16(f[l.L4+6:]) != 0 {
			return []field{{at: l.L4 + 6, udp: true}}
		}
	case protoICMPv6:
		if l.V6 {
			return []field{{at: l.L4 + 2}}
		}
	}
	return nil
}

// set runs a set action on the packet as it stands (A5).
func (p *Packet) set(a dp.Action) {
	l, _ := Parse(p.Frame, p.Meta)
	f := p.Frame
	switch a := a.(type) {
	case dp.SetEth:
		mix(f[0:6], a.Dst[:], a.DstMask[:])
		mix(f[6:12], a.Src[:], a.SrcMask[:])
	case dp.SetARP:
		if l.ARP >= 0 {
			b := f[l.ARP:]
			mix(b[6:8], a.Op[:], a.OpMask[:])
			mix(b[8:14], a.SHA[:], a.SHAMask[:])
			mix(b[14:18], a.SIP[:], a.SIPMask[:])
			mix(b[18:24], a.THA[:], a.THAMask[:])
			mix(b[24:28], a.TIP[:], a.TIPMask[:])
		}
	case dp.SetIPv4:
		if l.L3 >= 0 && !l.V6 {
			p.setIPv4(&l, &a)
		}
	case dp.SetIPv6:
		if l.L3 >= 0 && l.V6 {
			p.setIPv6(&l, &a)
		}
	case dp.SetTP:
		if l.L4Read && l.Key.IPProto == a.Proto && (a.Proto == protoTCP || a.Proto == protoUDP) {
			sums := []field{{at: l.L4 + 16}}
			if a.Proto == protoUDP {
				sums = nil
				if be16(f[l.L4+6:]) != 0 {
					sums = []field{{at: l.L4 + 6, udp: true}}
				}
			}
			p.edit(l.L4, 4, func(b []byte) {
				mix(b[0:2], a.Src[:], a.SrcMask[:])
				mix(b[2:4], a.Dst[:], a.DstMask[:])
			}, sums...)
		}
	case dp.SetICMP:
		proto := uint8(protoICMP)
		if a.V6 {
			proto = protoICMPv6
		}
		if l.L4Read && l.Key.IPProto == proto {
			p.edit(l.L4, 2, func(b []byte) {
				mix(b, []byte{a.Type, a.Code}, []byte{a.TypeMask, a.CodeMask})
			}, field{at: l.L4 + 2})
		}
	case dp.SetND:
		if l.ND {
			p.setND(&l, &a)
		}
	}
}

func (p *Packet) setIPv4(l *Layers, a *dp.SetIPv4) {
	ip := field{at: l.L3 + 10}
	p.edit(l.L3, 2, func(b []byte) { mix(b[1:2], []byte{a.TOS}, []byte{a.TOSMask}) }, ip)
	p.edit(l.L3+8, 2, func(b []byte) { mix(b[0:1], []byte{a.TTL}, []byte{a.TTLMask}) }, ip)
	p.edit(l.L3+12, 8, func(b []byte) {
		mix(b[0:4], a.Src[:], a.SrcMask[:])
		mix(b[4:8], a.Dst[:], a.DstMask[:])
	}, append(l.l4sum(p.Frame), ip)...)
}

func (p *Packet) setIPv6(l *Layers, a *dp.SetIPv6) {
	b := p.Frame[l.L3:]
	// First word: version, 8 bits of class, 20 bits of label.
	value := dp.ToBE32(uint32(a.TClass)<<20 | a.Label.Uint()&0xfffff)
	mask := dp.ToBE32(uint32(a.TClassMask)<<20 | a.LabelMask.Uint()&0xfffff)
	mix(b[0:4], value[:], mask[:])
	mix(b[7:8], []byte{a.HLimit}, []byte{a.HLimitMask})
	sums := l.l4sum(p.Frame)
	p.edit(l.L3+8, 16, func(b []byte) { mix(b, a.Src[:], a.SrcMask[:]) }, sums...)
	if l.Routing {
		sums = nil
	}
	p.edit(l.L3+24, 16, func(b []byte) { mix(b, a.Dst[:], a.DstMask[:]) }, sums...)
}

func (p *Packet) setND(l *Layers, a *dp.SetND) {
	icmp := field{at: l.L4 + 2}
	p.edit(l.L4+8, 16, func(b []byte) { mix(b, a.Target[:], a.TargetMask[:]) }, icmp)
	msg := p.Frame[l.L4:l.End]
	at := 24
	for len(msg)-at >= 8 {
		n := int(msg[at+1]) * 8
		if n == 0 || n > len(msg)-at {
			return
		}
		value, mask := a.SLL, a.SLLMask
		if msg[at] == 2 {
			value, mask = a.TLL, a.TLLMask
		}
		if n == 8 && (msg[at] == 1 || msg[at] == 2) {
			p.edit(l.L4+at+2, 6, func(b []byte) { mix(b, value[:], mask[:]) }, icmp)
		}
		at += n
	}
}
