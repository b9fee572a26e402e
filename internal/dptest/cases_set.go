package dptest

import "github.com/google/gopacket/layers"

// setCases: rewrites of Ethernet, ARP, IPv4 and what is above. What must come out
// is the packet built afresh with the new fields, checksums computed in full.
func setCases() []Case {
	udp, tcp := udp4Packet(), tcp4Packet()
	data, tdata := Raw([]byte("skua test")), Raw([]byte("skua"))
	plain := IP4("10.0.0.1", "10.0.0.2", protoUDP, 0)
	eth := Eth(HostA, HostB, ethIPv4)
	ttl, tos := IP4("10.0.0.1", "10.0.0.2", protoUDP, 0), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0xb8)
	ttl.TTL = 63
	ping := func(typ, code uint8) []byte {
		return Build(eth, IP4("10.0.0.1", "10.0.0.2", protoICMP, 0), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Id: 1, Seq: 2}, tdata)
	}
	noSum := alter(udp, 40, 0, 0)
	fixIP := func(f []byte) []byte { // header checksum in full
		f = alter(f, 24, 0, 0)
		c := ^fold(sum(f[14:34], 0))
		return alter(f, 24, byte(c>>8), byte(c))
	}
	later := fixIP(alter(udp, 20, 0, 1))
	return []Case{
		one("set eth", flows(ip4Key, "set(eth(src=02:00:00:00:00:99,dst=02:00:00:00:00:98)),2"), udp,
			to(alter(udp, 0, 2, 0, 0, 0, 0, 0x98, 2, 0, 0, 0, 0, 0x99))),
		one("set eth with a mask", flows(ip4Key, "set(eth(dst=ff:00:00:00:00:77/00:00:00:00:00:ff)),2"), udp, to(alter(udp, 5, 0x77))),
		one("set ttl", flows(ip4Key, "set(ipv4(ttl=63)),2"), udp, to(Build(eth, ttl, UDP(1000, 2000), data))),
		one("set tos", flows(ip4Key, "set(ipv4(tos=0xb8)),2"), udp, to(Build(eth, tos, UDP(1000, 2000), data))),
		one("set ipv4 addresses, UDP", flows(ip4Key, "set(ipv4(src=192.0.2.1,dst=192.0.2.2)),2"), udp,
			to(Build(eth, IP4("192.0.2.1", "192.0.2.2", protoUDP, 0), UDP(1000, 2000), data))),
		one("set ipv4 addresses, TCP", flows(ip4Key, "set(ipv4(src=192.0.2.1,dst=192.0.2.2)),2"), tcp,
			to(Build(eth, IP4("192.0.2.1", "192.0.2.2", protoTCP, 0), TCP(1000, 80), tdata))),
		one("set ipv4 address with a mask", flows(ip4Key, "set(ipv4(dst=0.0.0.77/0.0.0.255)),2"), tcp,
			to(Build(eth, IP4("10.0.0.1", "10.0.0.77", protoTCP, 0), TCP(1000, 80), tdata))),
		one("set ipv4 address, UDP without a checksum", flows(ip4Key, "set(ipv4(dst=192.0.2.2)),2"), noSum,
			to(alter(Build(eth, IP4("10.0.0.1", "192.0.2.2", protoUDP, 0), UDP(1000, 2000), data), 40, 0, 0))),
		one("set ipv4 address of a later fragment", flows("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(frag=later)", "set(ipv4(dst=192.0.2.2)),2"), later,
			to(fixIP(alter(later, 30, 192, 0, 2, 2)))),
		one("set udp ports", flows(ip4Key, "set(udp(src=7,dst=8)),2"), udp, to(Build(eth, plain, UDP(7, 8), data))),
		one("set tcp ports", flows(ip4Key, "set(tcp(src=7,dst=8)),2"), tcp, to(Build(eth, IP4("10.0.0.1", "10.0.0.2", protoTCP, 0), TCP(7, 8), tdata))),
		one("set udp ports without a checksum", flows(ip4Key, "set(udp(dst=8)),2"), noSum, to(alter(noSum, 36, 0, 8))),
		one("set tcp leaves UDP alone", flows(ip4Key, "set(tcp(src=7,dst=8)),2"), udp, to(udp)),
		one("set udp behind a push_vlan", flows(ip4Key, "push_vlan(vid=5,pcp=0),set(udp(src=7,dst=8)),2"), udp, to(func() []byte {
			f := Build(eth, plain, UDP(7, 8), data)
			return join(f[:12], []byte{0x81, 0, 0, 5}, f[12:])
		}())),
		one("a UDP checksum that becomes zero is sent as ffff", flows(ip4Key, "set(udp(src=0x1234)),2"), zeroSum(1000), to(zeroSum(0x1234))),
		one("set icmp", flows(ip4Key, "set(icmp(type=13,code=1)),2"), ping(8, 0), to(ping(13, 1))),
		one("set arp", flows("recirc_id(0),in_port(1),eth_type(0x0806)", "set(arp(sip=10.0.0.9,tip=10.0.0.8,op=2,sha=02:00:00:00:00:99,tha=02:00:00:00:00:98)),2"), arpPacket(),
			to(join(arpPacket()[:20], []byte{0, 2, 2, 0, 0, 0, 0, 0x99, 10, 0, 0, 9, 2, 0, 0, 0, 0, 0x98, 10, 0, 0, 8}))),
		one("set ipv4 leaves ARP alone", flows("recirc_id(0),in_port(1),eth_type(0x0806)", "set(ipv4(src=192.0.2.1)),2"), arpPacket(), to(arpPacket())),
	}
}

// zeroSum is a packet whose right UDP checksum with source port 0x1234 is zero,
// which stands as ffff (RFC 768). Its last two bytes make it so.
func zeroSum(sport uint16) []byte {
	build := func(port uint16, fill []byte) []byte {
		return Build(Eth(HostA, HostB, ethIPv4), IP4("10.0.0.1", "10.0.0.2", protoUDP, 0), UDP(port, 2000), Raw(fill))
	}
	// With fill zero the checksum is c; adding c to the data makes it zero.
	c := be16(build(0x1234, []byte{0, 0})[40:])
	f := build(sport, []byte{byte(c >> 8), byte(c)})
	if sport == 0x1234 {
		f[40], f[41] = 0xff, 0xff
	}
	return f
}

// set6Cases: the same for IPv6.
func set6Cases() []Case {
	eth := Eth(HostA, HostB, ethIPv6)
	data, tdata := Raw([]byte("skua test")), Raw([]byte("skua"))
	fields := IP6("fd00::1", "fd00::2", protoUDP, 0x2e)
	fields.FlowLabel, fields.HopLimit = 0x12345, 9
	echo := func(src string, typ uint8) []byte {
		return Build(eth, IP6(src, "fd00::2", protoICMPv6, 0), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}, Raw([]byte{0, 1, 0, 2}), data)
	}
	nd := func(target string, lla byte) []byte {
		body := join([]byte{0, 0, 0, 0}, IP6(target, "::", 0, 0).SrcIP, []byte{1, 1, 2, 0, 0, 0, 0, lla})
		return Build(eth, IP6("fd00::1", "ff02::1", protoICMPv6, 0), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(135, 0)}, Raw(body))
	}
	udp, tcp := udp6Packet(), tcp6Packet()
	moved := Build(eth, IP6("fd00::8", "fd00::9", protoUDP, 0), UDP(1000, 2000), data)
	routed := ext6(udp, protoRouting, 0, 1)
	routedOut := alter(routed, 38, IP6("fd00::9", "::", 0, 0).SrcIP...)
	return []Case{
		one("set ipv6 label, class, hop limit", flows(ip6Key, "set(ipv6(label=0x12345,tclass=0x2e,hlimit=9)),2"), udp, to(Build(eth, fields, UDP(1000, 2000), data))),
		one("set ipv6 addresses, UDP", flows(ip6Key, "set(ipv6(src=fd00::8,dst=fd00::9)),2"), udp, to(moved)),
		one("set ipv6 addresses, TCP", flows(ip6Key, "set(ipv6(src=fd00::8,dst=fd00::9)),2"), tcp,
			to(Build(eth, IP6("fd00::8", "fd00::9", protoTCP, 0), TCP(1000, 80), tdata))),
		one("set ipv6 address, ICMPv6", flows(ip6Key, "set(ipv6(src=fd00::8)),2"), echo("fd00::1", 128), to(echo("fd00::8", 128))),
		one("set ipv6 address behind a destination option", flows(ip6Key, "set(ipv6(src=fd00::8,dst=fd00::9)),2"), ext6(udp, protoDstOpts, 0, 0), to(ext6(moved, protoDstOpts, 0, 0))),
		one("set ipv6 destination with segments left", flows(ip6Key, "set(ipv6(dst=fd00::9)),2"), routed, to(routedOut)),
		one("set udp ports over IPv6", flows(ip6Key, "set(udp(src=7,dst=8)),2"), udp, to(Build(eth, IP6("fd00::1", "fd00::2", protoUDP, 0), UDP(7, 8), data))),
		one("set icmpv6", flows(ip6Key, "set(icmpv6(type=129,code=0)),2"), echo("fd00::1", 128), to(echo("fd00::1", 129))),
		one("set nd", flows("recirc_id(0),in_port(1),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=135,code=0),nd(target=fd00::2)",
			"set(nd(target=fd00::9,sll=02:00:00:00:00:99)),2"), nd("fd00::2", 0xa), to(nd("fd00::9", 0x99))),
	}
}
