package dptest

import "encoding/binary"

// fitIP makes the outer IP length of an untagged frame true and, with udp, the
// UDP length as well; UDP checksums become none.
func fitIP(f []byte, udp bool) []byte {
	f = append([]byte(nil), f...)
	l4 := ethLen + ip6Len
	if be16(f[12:]) == ethIPv4 {
		l4 = ethLen + ip4Len
		binary.BigEndian.PutUint16(f[16:], uint16(len(f)-ethLen))
		f[24], f[25] = 0, 0
		binary.BigEndian.PutUint16(f[24:], ^fold(sum(f[14:34], 0)))
	} else {
		binary.BigEndian.PutUint16(f[18:], uint16(len(f)-l4))
	}
	if udp && len(f) >= l4+8 {
		binary.BigEndian.PutUint16(f[l4+4:], uint16(len(f)-l4))
		f[l4+6], f[l4+7] = 0, 0
	}
	return f
}

// cutCases cut packets behind every byte: as they are (the IP header lies), with
// the IP length made true (UDP lies, TCP is short), and with both made true.
func cutCases() []Case {
	var out []Case
	for _, v := range []struct {
		name, typ, ip string
		l3            int
		src, dst      string
	}{
		{"IPv4", "0x0800", "ipv4", ip4Len, "10.9.0.2", "10.9.0.1"},
		{"IPv6", "0x86dd", "ipv6", ip6Len, "fd09::2", "fd09::1"},
	} {
		head := "recirc_id(0),in_port(1),eth_type(" + v.typ + ")," + v.ip
		inner := udp4Packet()
		vx := Encap(inner, v.src, v.dst, 40000, 1111, 0, true)
		tcp, udp := tcp4Packet(), udp4Packet()
		if v.l3 == ip6Len {
			tcp, udp = tcp6Packet(), udp6Packet()
		}
		l4 := ethLen + v.l3
		tunnel := flows(
			head+"(proto=17,frag=no),udp(dst=4789)", "tnl_pop(10)",
			head+"(proto=17,frag=no),udp(dst=0)", "3",
			head+"(proto=0)", "3",
			tunFlow("tun_id=0x457"), "2")
		plain := func(proto, port string) []FlowText {
			return flows(head+"("+proto+",frag=no),"+port, "2", head+"("+proto+",frag=no),"+port[:4]+"dst=0)", "3", head+"(proto=0)", "3")
		}
		out = append(out,
			cut("VXLAN over "+v.name+" cut", tunnel, vx, func(f []byte) ([]byte, Step) {
				if len(f) == len(vx) {
					return f, Step{Sent: to(inner)}
				}
				return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
			}),
			cut("VXLAN over "+v.name+" cut, IP length true", tunnel, vx, func(f []byte) ([]byte, Step) {
				if len(f) < l4 {
					return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
				}
				f = fitIP(f, false)
				switch {
				case len(f) < l4+udpLen:
					return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
				case len(f) < len(vx):
					return f, Step{Drops: []string{DropTnlTruncated}}
				}
				return f, Step{Sent: to(inner)}
			}),
			cut("VXLAN over "+v.name+" cut, IP and UDP length true", tunnel, vx, func(f []byte) ([]byte, Step) {
				if len(f) < l4+udpLen {
					return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
				}
				f = fitIP(f, true)
				switch payload := len(f) - l4 - udpLen; {
				case payload < 8:
					return f, Step{Drops: []string{DropTnlTruncated}}
				case payload < 8+ethLen:
					return f, Step{Drops: []string{DropVXLANShort}}
				default:
					return f, Step{Sent: to(inner[:payload-8])}
				}
			}),
			cut("UDP over "+v.name+" cut, IP length true", plain("proto=17", "udp(dst=2000)"), udp, fitted(l4, udpLen)),
			cut("TCP over "+v.name+" cut, IP length true", plain("proto=6", "tcp(dst=80)"), tcp, fitted(l4, 20)))
	}
	return out
}

// fitted expects a cut packet at port B if its L4 header is whole, else at port C.
func fitted(l4, need int) func([]byte) ([]byte, Step) {
	return func(f []byte) ([]byte, Step) {
		if len(f) < l4 {
			return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
		}
		f = fitIP(f, false)
		if len(f) < l4+need {
			return f, Step{Sent: []Sent{{Port: PortC, Frame: f}}}
		}
		return f, Step{Sent: to(f)}
	}
}

// cut is a case with a step for every length of a frame from one byte on; f makes
// the frame and what comes of it from what is left.
func cut(name string, fl []FlowText, frame []byte, f func([]byte) ([]byte, Step)) Case {
	c := Case{Name: name, Flows: fl}
	for n := 1; n <= len(frame); n++ {
		part, s := append([]byte(nil), frame[:n]...), Step{Drops: []string{DropEthTruncated}}
		if n >= ethLen {
			part, s = f(part)
		}
		s.In = In{PortA, part}
		c.Steps = append(c.Steps, s)
	}
	return c
}
