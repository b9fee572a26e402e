package dptest

import (
	"github.com/skua/skua/internal/dp"
)

// Packets of the tables: the plain ones, which other cases change.
func udp4Packet() []byte {
	return Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0), UDP(1000, 2000), Raw([]byte("skua test")))
}

func tcp4Packet() []byte {
	return Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoTCP, 0), TCP(1000, 80), Raw([]byte("skua")))
}

func udp6Packet() []byte {
	return Build(Eth(HostA, HostB, ethIPv6), IP6("fd00::1", "fd00::2", protoUDP, 0), UDP(1000, 2000), Raw([]byte("skua test")))
}

func tcp6Packet() []byte {
	return Build(Eth(HostA, HostB, ethIPv6), IP6("fd00::1", "fd00::2", protoTCP, 0), TCP(1000, 80), Raw([]byte("skua")))
}

func arpPacket() []byte {
	return join(HostB[:], HostA[:], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, HostA[:], []byte{10, 0, 0, 1}, make([]byte, 6), []byte{10, 0, 0, 2})
}

const ip4Key = "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(frag=no)"
const ip6Key = "recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(frag=no)"

// switchCases: output, drop, VLAN, what the key says.
func switchCases() []Case {
	udp, tcp := udp4Packet(), tcp4Packet()
	tag := func(f []byte, b ...byte) []byte { return join(f[:12], b, f[12:]) }
	tagged := tag(udp, 0x81, 0, 0, 5)
	qinq := tag(tagged, 0x88, 0xa8, 0x30, 7)
	frag := alter(udp, 20, 0, 1) // offset 8 bytes
	first := alter(udp, 20, 0x20, 0)
	long := Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0), UDP(1000, 2000), Raw(make([]byte, 118-42)))
	padded := join(udp, []byte{1, 2, 3, 4, 5})
	snap := join(HostB[:], HostA[:], []byte{0, byte(8 + len(udp) - 14), 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, udp[14:])
	llc := join(HostB[:], HostA[:], []byte{0, 4, 0x42, 0x42, 3, 9})
	return []Case{
		one("output", flows(ip4Key, "2"), udp, to(udp)),
		one("output keeps padding", flows(ip4Key, "2"), padded, to(padded)),
		one("output twice, also back where it came from", flows(ip4Key, "2,1,2"), udp,
			[]Sent{{Port: PortB, Frame: udp}, {Port: PortA, Frame: udp}, {Port: PortB, Frame: udp}}),
		one("explicit drop", flows(ip4Key, "drop"), udp, nil, DropFlow),
		one("a list that only sets drops", flows(ip4Key, "set(eth(src=02:00:00:00:00:99))"), udp, nil, DropFlow),
		one("output to no port", flows(ip4Key, "200"), udp, nil, DropNoPort),
		one("output to a tunnel port", flows(ip4Key, "10"), udp, nil, DropNoPort),
		one("output to no port does not end the list", flows(ip4Key, "200,2"), udp, to(udp), DropNoPort),
		one("frame as long as the MTU and a tag allow", flows(ip4Key, "4"), long, []Sent{{Port: PortSmall, Frame: long}}),
		one("frame longer than the MTU allows", flows(ip4Key, "4"), join(long, []byte{0}), nil, DropMTU),
		one("MTU of one port leaves others alone", flows(ip4Key, "4,2"), join(long, []byte{0}), to(join(long, []byte{0})), DropMTU),
		one("no flow", flows(ip6Key, "2"), udp, nil, DropVerdict),
		one("miss on another port", flows("recirc_id(0),in_port(2),eth_type(0x0800),ipv4(frag=no)", "2"), udp, nil, DropVerdict),
		one("clone changes only its copy", flows(ip4Key, "clone(set(eth(src=02:00:00:00:00:99)),3),2"), udp,
			[]Sent{{Port: PortC, Frame: alter(udp, 6, 2, 0, 0, 0, 0, 0x99)}, {Port: PortB, Frame: udp}}),
		one("a clone that does nothing is a drop like any other", flows(ip4Key, "clone(set(eth(src=02:00:00:00:00:99)))"), udp, nil, DropFlow),
		one("drop in a clone drops the copy", flows(ip4Key, "clone(push_vlan(vid=5,pcp=0),drop),2"), udp, to(udp), DropFlow),

		one("push_vlan", flows(ip4Key, "push_vlan(vid=5,pcp=3),2"), udp, to(tag(udp, 0x81, 0, 0x60, 5))),
		one("push_vlan, 802.1ad in front", flows(ip4Key, "push_vlan(vid=5,pcp=0),push_vlan(tpid=0x88a8,vid=7,pcp=1),2"), udp,
			to(tag(tag(udp, 0x81, 0, 0, 5), 0x88, 0xa8, 0x20, 7))),
		one("pop_vlan", flows("recirc_id(0),in_port(1),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(frag=no))", "pop_vlan,2"), tagged, to(udp)),
		one("pop_vlan without a tag does nothing", flows(ip4Key, "pop_vlan,2"), udp, to(udp)),
		one("two tags", flows("recirc_id(0),in_port(1),eth_type(0x88a8),vlan(vid=7,pcp=1),encap(eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(frag=no)))",
			"pop_vlan,2"), qinq, to(tagged)),
		one("a tagged packet is not an untagged one", flows(ip4Key, "3", "recirc_id(0),in_port(1),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=2000))", "2"),
			tagged, to(tagged)),

		one("UDP port", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=2000)", "2",
			"recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=2001)", "3"), udp, to(udp)),
		one("TCP flags", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(ack)", "2",
			"recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(syn)", "3"), tcp, to(tcp)),
		one("address prefix", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.0/255.255.255.0,frag=no)", "2",
			"recirc_id(0),in_port(1),eth_type(0x0800),ipv4(dst=10.1.0.0/255.255.0.0,frag=no)", "3"), udp, to(udp)),
		one("ARP", flows("recirc_id(0),in_port(1),eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=02:00:00:00:00:0a,tha=00:00:00:00:00:00)", "2"), arpPacket(), to(arpPacket())),
		one("SNAP is what it carries", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(src=10.0.0.1,proto=17,frag=no),udp(dst=2000)", "2"), snap, to(snap)),
		one("802.2 without SNAP", flows("recirc_id(0),in_port(1),eth(src=02:00:00:00:00:0a),eth_type(0/0xffff)", "2", ip4Key, "3"), llc, to(llc)),
		one("first fragment has ports", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=first),udp(dst=2000)", "2"), first, to(first)),
		one("later fragment has none", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=later)", "2", "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(frag=no)", "3"), frag, to(frag)),
		one("IPv6 UDP port", flows("recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(dst=fd00::2,proto=17,frag=no),udp(dst=2000)", "2"), udp6Packet(), to(udp6Packet())),
		one("IPv6 behind a destination option", flows("recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(proto=17,frag=no),udp(dst=2000)", "2"), ext6(udp6Packet(), protoDstOpts, 0, 0), to(ext6(udp6Packet(), protoDstOpts, 0, 0))),
		one("IPv6 chain that is cut keeps the addresses", flows("recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(dst=fd00::2,proto=0)", "2", "recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(proto=17)", "3"),
			alter(ext6(udp6Packet(), protoDstOpts, 0, 0), 55, 200), to(alter(ext6(udp6Packet(), protoDstOpts, 0, 0), 55, 200))),
		one("IPv4 header that lies is switched by Ethernet", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(src=0.0.0.0,dst=0.0.0.0,proto=0)", "2"), alter(udp, 16, 0xff, 0xff), to(alter(udp, 16, 0xff, 0xff))),
		{Name: "userspace and output", Flows: flows(ip4Key, "userspace(pid=7,userdata(0102)),2"), Steps: []Step{{
			In: In{PortA, udp}, Sent: to(udp), Action: []dp.Userspace{{PID: 7, Cookie: []byte{1, 2}}}, Hits: map[int]uint64{0: uint64(len(udp))},
		}}},
	}
}

// ext6 puts one extension header of 8 bytes behind the IPv6 header of a frame.
func ext6(f []byte, kind, b2, b3 byte) []byte {
	out := join(f[:54], []byte{f[20], 0, b2, b3, 0, 0, 0, 0}, f[54:])
	out[20] = kind
	n := be16(f[18:]) + 8
	out[18], out[19] = byte(n>>8), byte(n)
	return out
}
