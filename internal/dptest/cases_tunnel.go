package dptest

import (
	"fmt"

	"github.com/google/gopacket/layers"
)

// push4Text and push6Text are tnl_push actions towards VNI 1111.
func push4Text(tos int, csum string) string {
	return fmt.Sprintf("tnl_push(tnl_port(10),header(size=50,type=4,eth(dst=02:00:00:00:01:0b,src=02:00:00:00:01:0a,dl_type=0x0800),"+
		"ipv4(src=10.9.0.1,dst=10.9.0.2,proto=17,tos=%d,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=%s),vxlan(flags=0x8000000,vni=0x457)),out_port(1))", tos, csum)
}

const push6Text = "tnl_push(tnl_port(10),header(size=70,type=4,eth(dst=02:00:00:00:01:0b,src=02:00:00:00:01:0a,dl_type=0x86dd)," +
	"ipv6(src=fd09::1,dst=fd09::2,label=0,proto=17,tclass=0x0,hlimit=64),udp(src=0,dst=4789,csum=0xffff),vxlan(flags=0x8000000,vni=0x457)),out_port(1))"

// pushed is what push4Text makes of a frame, built by gopacket.
func pushed(inner []byte, tos uint8, csum bool) func(uint16) []byte {
	return func(sport uint16) []byte {
		ip := IP4("10.9.0.1", "10.9.0.2", protoUDP, tos)
		ip.Flags = layers.IPv4DontFragment
		f := Build(Eth(OuterA, OuterB, ethIPv4), ip, UDP(sport, 4789), Raw(join(VXLANHeader(1111), inner)))
		if !csum {
			f[40], f[41] = 0, 0
		}
		return f
	}
}

func pushed6(inner []byte) func(uint16) []byte {
	return func(sport uint16) []byte { return Encap(inner, "fd09::1", "fd09::2", sport, 1111, 0, true) }
}

// pushCases: tnl_push.
func pushCases() []Case {
	udp := udp4Packet()
	tunnel := func(at int, frame func(uint16) []byte) []Sent {
		return []Sent{{Port: PortB, SportAt: at, Sport: frame}}
	}
	vlan := func(sport uint16) []byte {
		f := pushed(udp, 0, false)(sport)
		return join(f[:12], []byte{0x81, 0, 0, 9}, f[12:])
	}
	padded := join(udp, make([]byte, 17))
	return []Case{
		one("push over IPv4", flows(ip4Key, push4Text(0, "0x0")+",2"), udp, tunnel(34, pushed(udp, 0, false))),
		one("push over IPv4 with a UDP checksum", flows(ip4Key, push4Text(0, "0xffff")+",2"), udp, tunnel(34, pushed(udp, 0, true))),
		one("push over IPv4 with tos", flows(ip4Key, push4Text(0xb8, "0x0")+",2"), udp, tunnel(34, pushed(udp, 0xb8, false))),
		one("push over IPv6", flows(ip4Key, push6Text+",2"), udp, tunnel(54, pushed6(udp))),
		one("push takes padding along", flows(ip4Key, push4Text(0, "0x0")+",2"), padded, tunnel(34, pushed(padded, 0, false))),
		one("push odd length with a UDP checksum", flows(ip4Key, push4Text(0, "0xffff")+",2"), join(udp, []byte{7}), tunnel(34, pushed(join(udp, []byte{7}), 0, true))),
		one("push ARP", flows("recirc_id(0),in_port(1),eth_type(0x0806)", push4Text(0, "0x0")+",2"), arpPacket(), tunnel(34, pushed(arpPacket(), 0, false))),
		one("push a frame of 14 bytes", flows("recirc_id(0),in_port(1),eth_type(0x88cc)", push4Text(0, "0x0")+",2"), alter(udp, 12, 0x88, 0xcc)[:14],
			tunnel(34, pushed(alter(udp, 12, 0x88, 0xcc)[:14], 0, false))),
		one("rewrite, then push", flows(ip4Key, "set(eth(src=02:00:00:00:00:99)),"+push4Text(0, "0x0")+",2"), udp,
			tunnel(34, pushed(alter(udp, 6, 2, 0, 0, 0, 0, 0x99), 0, false))),
		one("push, then push_vlan tags the outer frame", flows(ip4Key, push4Text(0, "0x0")+",push_vlan(vid=9,pcp=0),2"), udp, tunnel(38, vlan)),
		one("push, then set ttl rewrites the outer header", flows(ip4Key, push4Text(0, "0x0")+",set(ipv4(ttl=9)),2"), udp, tunnel(34, func(sport uint16) []byte {
			ip := IP4("10.9.0.1", "10.9.0.2", protoUDP, 0)
			ip.Flags, ip.TTL = layers.IPv4DontFragment, 9
			return alter(Build(Eth(OuterA, OuterB, ethIPv4), ip, UDP(sport, 4789), Raw(join(VXLANHeader(1111), udp))), 40, 0, 0)
		})),
		one("flood: push in a clone, output of the bare packet", flows(ip4Key, "clone("+push4Text(0, "0x0")+",2),3"), udp,
			append(tunnel(34, pushed(udp, 0, false)), Sent{Port: PortC, Frame: udp})),
		one("push grows the frame over the MTU", flows(ip4Key, push4Text(0, "0x0")+",4"), join(udp, make([]byte, 20)), nil, DropMTU),
	}
}

const (
	outer4Key = "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=4789)"
	outer6Key = "recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(proto=17,frag=no),udp(dst=4789)"
)

func tunFlow(fields string) string { return "recirc_id(0),tunnel(" + fields + "),in_port(10)" }

// popCases: tnl_pop that succeeds, what the inner lookup sees, ECN.
func popCases() []Case {
	udp := udp4Packet()
	vx := Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 1111, 0, false)
	vxSum := Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 1111, 0, true)
	vx6 := Encap(udp, "fd09::2", "fd09::1", 40000, 1111, 0, true)
	tagged := join(vx[:12], []byte{0x81, 0, 0, 9}, vx[12:])
	twice := Encap(vx, "10.8.0.2", "10.8.0.1", 40001, 7, 0, false)
	gbp := alter(vx, 42, 0x88, 0x08, 0x01, 0x02)
	opts := func() []byte {
		ip := IP4("10.9.0.2", "10.9.0.1", protoUDP, 0)
		ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
		return Build(Eth(OuterA, OuterB, ethIPv4), ip, UDP(40000, 4789), Raw(join(VXLANHeader(1111), udp)))
	}()
	out := []Case{
		{Name: "pop, counters of both flows", Flows: flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457,src=10.9.0.2,dst=10.9.0.1,ttl=64,flags(-df-csum+key)"), "2"),
			Steps: []Step{{In: In{PortA, vx}, Sent: to(udp), Hits: map[int]uint64{0: uint64(len(vx)), 1: uint64(len(udp))}}}},
		one("pop over IPv6", flows(outer6Key, "tnl_pop(10)", tunFlow("tun_id=0x457,ipv6_src=fd09::2,ipv6_dst=fd09::1,flags(-df+csum+key)"), "2"), vx6, to(udp)),
		one("pop with a good UDP checksum sets csum", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457,flags(-df+csum+key)"), "2", tunFlow("tun_id=0x457,flags(-df-csum+key)"), "3"), vxSum, to(udp)),
		one("pop over IPv6 with no UDP checksum", flows(outer6Key, "tnl_pop(10)", tunFlow("tun_id=0x457,flags(-df-csum+key)"), "2"), alter(vx6, 60, 0, 0), to(udp)),
		one("pop, outer tag", flows("recirc_id(0),in_port(1),eth_type(0x8100),vlan(vid=9),encap(eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=4789))", "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"), tagged, to(udp)),
		one("pop, IPv4 options", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"), opts, to(udp)),
		one("pop, IPv6 destination option", flows(outer6Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"), ext6(vx6, protoDstOpts, 0, 0), to(udp)),
		one("pop leaves bytes behind the UDP datagram", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"), join(vx, make([]byte, 9)), to(udp)),
		one("pop keeps the inner frame's padding", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"),
			Encap(join(udp, make([]byte, 9)), "10.9.0.2", "10.9.0.1", 40000, 1111, 0, true), to(join(udp, make([]byte, 9)))),
		one("VNIs do not leak into each other", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2", tunFlow("tun_id=0x458"), "3"),
			Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 1112, 0, false), []Sent{{Port: PortC, Frame: udp}}),
		one("VNI that the port terminates", flows(outer4Key, "tnl_pop(11)", "recirc_id(0),tunnel(tun_id=0x457),in_port(11)", "2"), vx, to(udp)),
		one("GBP", flows(outer4Key, "tnl_pop(11)", "recirc_id(0),tunnel(tun_id=0x457,vxlan(gbp(id=258,flags=0x8))),in_port(11)", "2"), gbp, to(udp)),
		one("tunnel in a tunnel", flows(outer4Key, "tnl_pop(10)", "recirc_id(0),tunnel(tun_id=0x7),in_port(10),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=4789)", "tnl_pop(10)",
			tunFlow("tun_id=0x457"), "2"), twice, to(udp)),
		one("no flow for the inner packet", flows(outer4Key, "tnl_pop(10)"), vx, nil, DropVerdict),
		one("inner flow drops", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "drop"), vx, nil, DropFlow),
		one("underlay flow drops", flows(outer4Key, "drop", tunFlow("tun_id=0x457"), "2"), vx, nil, DropFlow),
		one("pop and push to another VNI", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x7"), push4Text(0, "0xffff")+",2"), Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 7, 0, true),
			[]Sent{{Port: PortB, SportAt: 34, Sport: pushed(udp, 0, true)}}),
		one("pop, and the outer frame goes on", flows(outer4Key, "tnl_pop(10),3", tunFlow("tun_id=0x457"), "2"), vx, []Sent{{Port: PortB, Frame: udp}, {Port: PortC, Frame: vx}}),
	}
	return append(out, ecnCases()...)
}

// ecnCases is the table of RFC 6040 section 4.2 as Linux applies it.
func ecnCases() []Case {
	var out []Case
	result := [4][4]int{ // [inner][outer]; -1: drop
		0: {0, 0, 0, -1},
		1: {1, 1, 1, 3},
		2: {2, 1, 2, 3},
		3: {3, 3, 3, 3},
	}
	inner4 := func(ecn uint8) []byte {
		return Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0x28|ecn), UDP(1000, 2000), Raw([]byte("ecn")))
	}
	inner6 := func(ecn uint8) []byte {
		return Build(Eth(HostA, HostB, ethIPv6), IP6("fd00::1", "fd00::2", protoUDP, 0x28|ecn), UDP(1000, 2000), Raw([]byte("ecn")))
	}
	for i := range uint8(4) {
		for o := range uint8(4) {
			now := result[i][o]
			c := func(name, key string, make func(uint8) []byte, src, dst string) {
				fl := flows(key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2")
				in := Encap(make(i), src, dst, 40000, 1111, 0x50|o, true)
				name = fmt.Sprintf("ECN inner %s %d outer %d", name, i, o)
				if now < 0 {
					out = append(out, one(name, fl, in, nil, DropTnlECN))
				} else {
					out = append(out, one(name, fl, in, to(make(uint8(now)))))
				}
			}
			c("IPv4", outer4Key, inner4, "10.9.0.2", "10.9.0.1")
			c("IPv6", outer6Key, inner6, "fd09::2", "fd09::1")
		}
	}
	arp := Encap(arpPacket(), "10.9.0.2", "10.9.0.1", 40000, 1111, 3, false)
	return append(out, one("ECN: CE around a frame that is not IP", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"), arp, to(arpPacket())))
}

// popDropCases: every reason for which tnl_pop drops.
func popDropCases() []Case {
	udp := udp4Packet()
	vx := Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 1111, 0, false)
	vxSum := Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 1111, 0, true)
	vx6 := Encap(udp, "fd09::2", "fd09::1", 40000, 1111, 0, true)
	fix := func(f []byte) []byte {
		f = alter(f, 24, 0, 0)
		c := ^fold(sum(f[14:34], 0))
		return alter(f, 24, byte(c>>8), byte(c))
	}
	pop := flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2")
	pop6 := flows(outer6Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "2")
	vni := flows(outer4Key, "tnl_pop(11)", "recirc_id(0),in_port(11)", "2")
	any4 := flows("recirc_id(0),in_port(1),eth_type(0x0800)", "tnl_pop(10)", tunFlow("tun_id=0x457"), "2")
	any6 := flows("recirc_id(0),in_port(1),eth_type(0x86dd)", "tnl_pop(10)", tunFlow("tun_id=0x457"), "2")
	short := func(n int) []byte {
		return Encap(udp[:n], "10.9.0.2", "10.9.0.1", 40000, 1111, 0, true)
	}
	frag6 := ext6(vx6, protoFragment, 0, 1)
	out := []Case{
		one("outer IPv4 checksum wrong", pop, alter(vx, 24, vx[24]^1), nil, DropTnlIPCsum),
		one("outer UDP checksum wrong", pop, alter(vxSum, 40, vxSum[40]^1), nil, DropTnlUDPCsum),
		one("outer UDP checksum wrong by the payload", pop, alter(vxSum, len(vxSum)-1, vxSum[len(vxSum)-1]^1), nil, DropTnlUDPCsum),
		one("outer UDP checksum wrong, IPv6", pop6, alter(vx6, 60, vx6[60]^1), nil, DropTnlUDPCsum),
		one("outer first fragment", any4, fix(alter(vx, 20, 0x20, 0)), nil, DropTnlFragment),
		one("outer later fragment", any4, fix(alter(vx, 20, 0, 9)), nil, DropTnlFragment),
		one("outer first fragment, IPv6", any6, frag6, nil, DropTnlFragment),
		one("outer IPv4 version 5", any4, fix(alter(vx, 14, 0x55)), nil, DropTnlTruncated),
		one("outer IPv6 version 5", any6, alter(vx6, 14, 0x50), nil, DropTnlTruncated),
		one("outer IPv4 total length lies", any4, alter(vx, 16, 0xff, 0xff), nil, DropTnlTruncated),
		one("outer IPv6 chain cut", any6, alter(ext6(vx6, protoDstOpts, 0, 0), 55, 200), nil, DropTnlTruncated),
		one("outer UDP length beyond IP", pop, alter(vx, 38, 0xff, 0xff), nil, DropTnlTruncated),
		one("outer UDP length 7", pop, alter(vx, 38, 0, 7), nil, DropTnlTruncated),
		one("outer UDP length 0", pop, alter(vx, 38, 0, 0), nil, DropTnlTruncated),
		one("outer UDP length 0, IPv6", pop6, alter(vx6, 58, 0, 0), nil, DropTnlTruncated),
		one("outer UDP length without a VXLAN header", pop, alter(vx, 38, 0, 15), nil, DropTnlTruncated),
		one("pop of TCP", any4, tcp4Packet(), nil, DropActionError),
		one("pop of ARP", flows("recirc_id(0),in_port(1),eth_type(0x0806)", "tnl_pop(10)"), arpPacket(), nil, DropActionError),
		one("pop to no port", flows(outer4Key, "tnl_pop(200)"), vx, nil, DropTnlNoPort),
		one("pop to a port that is no tunnel", flows(outer4Key, "tnl_pop(2)"), vx, nil, DropTnlNoPort),
		one("VXLAN without flag I", pop, alter(vx, 42, 0), nil, DropVXLANNoFlag),
		one("VXLAN without flag I, other bits set", pop, alter(vx, 42, 0xf7, 0xff, 0xff, 0xff), nil, DropVXLANNoFlag),
		one("unknown VNI", vni, Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 2, 0, false), nil, DropVXLANVNI),
		one("unknown VNI comes before reserved bits", vni, alter(Encap(udp, "10.9.0.2", "10.9.0.1", 40000, 2, 0, false), 49, 1), nil, DropVXLANVNI),
		one("inner frame of 13 bytes", pop, short(13), nil, DropVXLANShort),
		one("inner frame of no bytes", pop, short(0), nil, DropVXLANShort),
		one("inner frame of 14 bytes passes", pop, short(14), to(udp[:14])),
		one("IP checksum comes before UDP length", pop, alter(alter(vx, 24, vx[24]^1), 38, 0, 7), nil, DropTnlIPCsum),
		one("UDP checksum comes before flag I", pop, alter(alter(vxSum, 40, vxSum[40]^1), 42, 0), nil, DropTnlUDPCsum),
	}
	// Each reserved bit of the VXLAN header alone, with and without GBP.
	for bit := range 64 {
		at, mask := 42+bit/8, byte(0x80>>(bit%8))
		if bit == 4 || bit >= 32 && bit < 56 { // I; the VNI
			continue
		}
		f := alter(vx, at, vx[at]|mask)
		out = append(out, one(fmt.Sprintf("VXLAN bit %d reserved", bit), pop, f, nil, DropVXLANRes))
		if bit == 0 || bit >= 8 && bit < 32 {
			out = append(out, one(fmt.Sprintf("VXLAN bit %d with GBP", bit), vni, f, to(udp)))
		} else {
			out = append(out, one(fmt.Sprintf("VXLAN bit %d reserved with GBP", bit), vni, f, nil, DropVXLANRes))
		}
	}
	return out
}

// recircCases: recirculation, its bound, what is carried along.
func recircCases() []Case {
	udp := udp4Packet()
	id := func(n int, rest string) string { return fmt.Sprintf("recirc_id(%d),in_port(1)%s", n, rest) }
	chain := func(n int) []FlowText { // n recirculations, then output
		var out []FlowText
		for i := range n {
			out = append(out, FlowText{id(i, ",eth_type(0x0800)"), fmt.Sprintf("recirc(%d)", i+1)})
		}
		return append(out, FlowText{id(n, ",eth_type(0x0800)"), "2"})
	}
	nest := func(n int) []byte { // n VXLAN headers
		f := udp
		for range n {
			f = Encap(f, "10.9.0.2", "10.9.0.1", 40000, 1111, 0, false)
		}
		return f
	}
	pops := flows(outer4Key, "tnl_pop(10)", "recirc_id(0),tunnel(tun_id=0x457),in_port(10),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=4789)", "tnl_pop(10)",
		"recirc_id(0),tunnel(tun_id=0x457),in_port(10),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=2000)", "2")
	return []Case{
		one("recirc", chain(1), udp, to(udp)),
		one("six recirculations", chain(6), udp, to(udp)),
		one("seven recirculations", chain(7), udp, nil, DropRecircDepth),
		one("recirculation loop", flows(id(0, ",eth_type(0x0800)"), "recirc(1)", id(1, ",eth_type(0x0800)"), "recirc(1)"), udp, nil, DropRecircDepth),
		one("six tunnels", pops, nest(6), to(udp)),
		one("seven tunnels", pops, nest(7), nil, DropRecircDepth),
		one("recirc sees what was set", flows(id(0, ",eth_type(0x0800)"), "set(ipv4(dst=192.0.2.2)),recirc(1)", id(1, ",eth_type(0x0800),ipv4(dst=192.0.2.2)"), "2"), udp,
			to(Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "192.0.2.2", protoUDP, 0), UDP(1000, 2000), Raw([]byte("skua test"))))),
		one("recirc sees the mark", flows("recirc_id(0),in_port(1),eth_type(0x0800)", "set(skb_mark(0x5)),recirc(1)",
			"recirc_id(1),skb_mark(0x5),in_port(1),eth_type(0x0800)", "2", "recirc_id(1),skb_mark(0),in_port(1),eth_type(0x0800)", "3"), udp, to(udp)),
		one("recirc keeps the tunnel", flows(outer4Key, "tnl_pop(10)", tunFlow("tun_id=0x457"), "recirc(1)", "recirc_id(1),tunnel(tun_id=0x457),in_port(10)", "2"), nest(1), to(udp)),
		one("pop clears the recirculation id", flows("recirc_id(0),in_port(1),eth_type(0x0800)", "recirc(1)", "recirc_id(1),in_port(1),eth_type(0x0800)", "tnl_pop(10)", tunFlow("tun_id=0x457"), "2"),
			nest(1), to(udp)),
		one("actions behind a recirc go on with the packet", flows(id(0, ",eth_type(0x0800)"), "recirc(1),3", id(1, ",eth_type(0x0800)"), "set(eth(src=02:00:00:00:00:99)),2"), udp,
			[]Sent{{Port: PortB, Frame: alter(udp, 6, 2, 0, 0, 0, 0, 0x99)}, {Port: PortC, Frame: udp}}),
		{Name: "recirc behind a push", Flows: flows("recirc_id(0),in_port(2),eth_type(0x0800)", push4Text(0, "0x0")+",recirc(1)",
			"recirc_id(1),in_port(1),eth_type(0x0800),ipv4(dst=10.9.0.2,proto=17),udp(dst=4789)", "3"),
			Steps: []Step{{In: In{PortB, udp}, Sent: []Sent{{Port: PortC, SportAt: 34, Sport: pushed(udp, 0, false)}}}}},
		one("miss behind a recirc", flows(id(0, ",eth_type(0x0800)"), "recirc(1)"), udp, nil, DropVerdict),
	}
}
