package dptest

import (
	"encoding/binary"

	"github.com/skua/skua/internal/dp"
)

// Mark names a UDP source port in a frame that the data plane is free to choose (A10).
type Mark struct {
	UDP   int    // offset of the UDP header
	V6    bool   // the IP header in front of it is IPv6
	Tuple string // what the port may depend on: equal tuples must get equal ports
}

// Output is a frame that leaves by a port.
type Output struct {
	Port  dp.PortNo
	Frame []byte
	Marks []Mark // innermost first
	Path  string // the lookups that led here: frames of one path and key keep their order
}

// Adopt returns the frame with the free source ports taken from real, a frame of
// another implementation, and the checksums above them computed again. It fails
// if a port is outside of 32768 to 61000.
func (o *Output) Adopt(real []byte) ([]byte, bool) {
	f := append([]byte(nil), o.Frame...)
	if len(real) != len(f) {
		return f, false
	}
	for _, m := range o.Marks {
		port := real[m.UDP : m.UDP+2]
		if n := be16(port); n < sportMin || n > sportMax {
			return f, false
		}
		copy(f[m.UDP:], port)
		fixUDP(f, m.UDP, m.V6)
	}
	return f, true
}

// fixUDP computes the checksum of the UDP header at udp again where it is not
// zero; the IP header, without options, stands directly in front of it (A10).
func fixUDP(f []byte, udp int, v6 bool) {
	if be16(f[udp+6:]) == 0 {
		return
	}
	l3 := udp - ip4Len
	if v6 {
		l3 = udp - ip6Len
	}
	n := int(be16(f[udp+4:]))
	binary.BigEndian.PutUint16(f[udp+6:], 0)
	c := ^fold(sum(f[udp:udp+n], pseudo(f[l3:], v6, protoUDP, n)))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(f[udp+6:], c)
}

// Packet is a frame on its way: its bytes and what it carries beside them.
type Packet struct {
	Frame []byte
	Meta  Meta
	Depth int
	marks []Mark
	path  string
	tuple string  // of the last lookup
	asked *dp.Key // the miss whose answer brought the packet back
}

func (p *Packet) clone() *Packet {
	c := *p
	c.Frame = append([]byte(nil), p.Frame...)
	c.marks = append([]Mark(nil), p.marks...)
	return &c
}

// Up is an upcall: a miss, which holds its packet, or a userspace action.
type Up struct {
	Reason dp.UpcallReason
	Key    dp.Key
	PID    uint32
	Cookie []byte
	Packet *Packet
}

// Result is all that comes of a packet, in order of each kind.
type Result struct {
	Outputs []Output
	Ups     []Up
	Drops   []string // names of fp_drop.def
}

func (r *Result) drop(name string) { r.Drops = append(r.Drops, name) }

// Names of the drops that the model can decide, as in fastpath/include/fp_drop.def.
const (
	DropEthTruncated = "eth_truncated"
	DropFlow         = "flow_drop"
	DropNoPort       = "output_no_port"
	DropMTU          = "output_mtu"
	DropVerdict      = "upcall_drop"
	DropUpcallLost   = "upcall_lost"
	DropUpcallLimit  = "upcall_port_limit"
	DropUpcallLoop   = "upcall_loop"
	DropRecircDepth  = "recirc_depth"
	DropTnlTruncated = "tnl_truncated"
	DropTnlIPCsum    = "tnl_ip_csum"
	DropTnlUDPCsum   = "tnl_udp_csum"
	DropTnlFragment  = "tnl_fragment"
	DropTnlNoPort    = "tnl_no_port"
	DropVXLANNoFlag  = "vxlan_no_vni_flag"
	DropVXLANRes     = "vxlan_reserved"
	DropVXLANVNI     = "vxlan_unknown_vni"
	DropVXLANShort   = "vxlan_inner_short"
	DropTnlECN       = "tnl_ecn"
	DropPushTooLong  = "push_too_long"
	DropActionError  = "action_error"
)
