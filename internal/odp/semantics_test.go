package odp

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/skua/skua/internal/dp"
)

// What a text without vlan(...) means: no tag, no matter how many bits it names.
func TestUntagged(t *testing.T) {
	k, m := mustKey(t, "in_port(p2),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/8,frag=first)")
	var wantK dp.Key
	var wantM dp.Mask
	wantK.InPort, wantM.InPort = 2, 0xffff
	wantM.RecircID = 0xffffffff
	wantK.EthType, wantM.EthType = dp.ToBE16(0x0800), dp.ToBE16(0xffff)
	wantM.VLANTPID, wantM.VLANTCI = dp.ToBE16(0xffff), dp.ToBE16(0xffff)
	wantK.IPDst, wantM.IPDst = dp.BE32{10}, dp.BE32{0xff}
	wantK.IPFrag, wantM.IPFrag = dp.FragAny, dp.FragAny|dp.FragLater
	if k != wantK || m != wantM {
		t.Error(keyDiff(wantK, wantM, k, m))
	}
}

// Which tag of the text goes where in the key.
func TestTwoTags(t *testing.T) {
	k, m := mustKey(t, "in_port(1),eth(),eth_type(0x88a8),vlan(vid=10,pcp=3),encap(eth_type(0x8100),vlan(vid=20/0xff),encap(eth_type(0x0806),arp(op=1)))")
	for _, c := range []struct {
		what      string
		got, want dp.BE16
	}{
		{"eth_type", k.EthType, dp.ToBE16(0x0806)},
		{"outer tpid", k.VLANTPID, dp.ToBE16(0x88a8)},
		{"outer tci", k.VLANTCI, dp.ToBE16(3<<13 | dp.VLANCFI | 10)},
		{"outer tci mask", m.VLANTCI, dp.ToBE16(0xffff)},
		{"second tpid", k.Misc.CVLANTPID, dp.ToBE16(0x8100)},
		{"second tci", k.Misc.CVLANTCI, dp.ToBE16(dp.VLANCFI | 20)},
		{"second tci mask", m.Misc.CVLANTCI, dp.ToBE16(dp.VLANCFI | 0xff)},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %x, want %x", c.what, c.got, c.want)
		}
	}
	if k.IPProto != 1 || m.IPProto != 0xff || k.Lines != dp.LineMisc {
		t.Errorf("arp op %d/%#x, lines %#x", k.IPProto, m.IPProto, k.Lines)
	}
	// One tag excludes a second.
	_, m = mustKey(t, "in_port(1),eth(),eth_type(0x8100),vlan(vid=1,pcp=0),encap(eth_type(0x0800))")
	if m.Misc.CVLANTCI.Uint() != 0xffff {
		t.Errorf("mask of the second tag is %x", m.Misc.CVLANTCI)
	}
}

func TestTunnelFields(t *testing.T) {
	k, m := mustKey(t, "tunnel(tun_id=0x457,src=10.9.0.2,dst=10.9.0.0/255.255.0.0,flags(-df+csum)),in_port(4),eth(),eth_type(0x0800)")
	want := dp.KeyTun{
		Src: dp.IP6{10: 0xff, 11: 0xff, 12: 10, 13: 9, 15: 2}, Dst: dp.IP6{10: 0xff, 11: 0xff, 12: 10, 13: 9},
		TunID: dp.ToBE64(0x457), Flags: dp.TunCsum | dp.TunKey,
	}
	wantMask := dp.KeyTun{
		Src: ip6Prefix(128), Dst: ip6Prefix(112), TunID: dp.ToBE64(^uint64(0)), Flags: dp.TunDF | dp.TunCsum | dp.TunKey,
	}
	if k.Tun != want || m.Tun != wantMask || k.Lines != dp.LineTun {
		t.Errorf("got %+v mask %+v lines %#x", k.Tun, m.Tun, k.Lines)
	}
}

// A flow made by hand need not look at in_port, tags or the tunnel's family.
func TestFormatHandMade(t *testing.T) {
	var k dp.Key
	var m dp.Mask
	if got := FormatKey(&k, &m, Format{}); got != "eth()" {
		t.Errorf("empty mask: %q", got)
	}
	k.InPort, m.InPort = 3, 0x00ff
	k.EthDst, m.EthDst = dp.MAC{0, 0, 0, 0, 0, 1}, dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if got, want := FormatKey(&k, &m, Format{Names: names}), "in_port(3/0xff),eth(dst=00:00:00:00:00:01)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Bits outside of the mask are not shown.
	k.EthType = dp.ToBE16(0x0800)
	if got, want := FormatKey(&k, &m, Format{}), "in_port(3/0xff),eth(dst=00:00:00:00:00:01)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	a := dp.Actions{dp.TnlPush{TnlPort: 4, OutPort: 1, Type: 5, Header: []byte{1, 2}}}
	if got, want := FormatActions(a, Format{}), "tnl_push(tnl_port(4),header(size=2,type=5,raw(0102)),out_port(1))"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Port names that read as something else are printed as numbers.
func TestOddNames(t *testing.T) {
	odd := testNames{1: "7", 2: "drop", 3: "a,b", 4: "", 5: "ct", 6: "0x1f", 7: "br-int", 8: "4g"}
	for no, want := range map[dp.PortNo]string{1: "1", 2: "2", 3: "3", 4: "4", 5: "5", 6: "6", 7: "br-int", 8: "4g", 9: "9"} {
		text := FormatActions(dp.Actions{dp.Output{Port: no}}, Format{Names: odd})
		if text != want {
			t.Errorf("port %d: got %q, want %q", no, text, want)
		}
		a, err := ParseActions(text, odd)
		if diff := cmp.Diff(dp.Actions{dp.Output{Port: no}}, a); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	if _, err := ParseActions("br-int", nil); err == nil {
		t.Error("a name is taken without names")
	}
}

// gopacket is the judge of the bytes that tnl_push's text stands for.
func TestTnlPushHeader(t *testing.T) {
	for _, c := range []struct {
		text   string
		layers []gopacket.SerializableLayer
	}{
		{"tnl_push(tnl_port(4),header(size=50,type=4,eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800)," +
			"ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0x3,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0)," +
			"vxlan(flags=0x8000000,vni=0x1c7)),out_port(1))",
			[]gopacket.SerializableLayer{
				&layers.Ethernet{DstMAC: []byte{0xf8, 0xbc, 0x12, 0x44, 0x34, 0xb6}, SrcMAC: []byte{0xf8, 0xbc, 0x12, 0x46, 0x58, 0xe0}, EthernetType: layers.EthernetTypeIPv4},
				&layers.IPv4{Version: 4, IHL: 5, TOS: 3, TTL: 64, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolUDP, SrcIP: []byte{1, 1, 2, 88}, DstIP: []byte{1, 1, 2, 92}},
				&layers.UDP{DstPort: 4789},
				&layers.VXLAN{ValidIDFlag: true, VNI: 0x1c7},
			}},
		{"tnl_push(tnl_port(vxlan_sys_4789),header(size=70,type=4,eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x86dd)," +
			"ipv6(src=2001:cafe::88,dst=2001:cafe::92,label=1234,proto=17,tclass=0x12,hlimit=63),udp(src=0,dst=4790,csum=0xffff)," +
			"vxlan(flags=0x8000000,vni=0xffffff)),out_port(p1))",
			[]gopacket.SerializableLayer{
				&layers.Ethernet{DstMAC: []byte{0xf8, 0xbc, 0x12, 0x44, 0x34, 0xb6}, SrcMAC: []byte{0xf8, 0xbc, 0x12, 0x46, 0x58, 0xe0}, EthernetType: layers.EthernetTypeIPv6},
				&layers.IPv6{Version: 6, TrafficClass: 0x12, FlowLabel: 1234, HopLimit: 63, NextHeader: layers.IPProtocolUDP,
					SrcIP: []byte{0x20, 1, 0xca, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88}, DstIP: []byte{0x20, 1, 0xca, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x92}},
				&layers.UDP{DstPort: 4790, Checksum: 0xffff},
				&layers.VXLAN{ValidIDFlag: true, VNI: 0xffffff},
			}},
	} {
		a, err := ParseActions(c.text, names)
		if err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{}, c.layers...); err != nil {
			t.Fatal(err)
		}
		push := a[0].(dp.TnlPush)
		want := buf.Bytes()[:len(push.Header)] // without Ethernet's padding
		if !bytes.Equal(push.Header, want) {
			t.Errorf("got\n%x\nwant\n%x", push.Header, want)
		}
		if push.TnlPort != 4 || push.OutPort != 1 || push.Type != dp.TnlVXLAN {
			t.Errorf("got %+v", push)
		}
	}
}

// The lines are what Open vSwitch printed for the same flow, without its
// dp-extra-info.
func TestFormatFlow(t *testing.T) {
	e := &dp.FlowEntry{}
	e.Key, e.Mask = mustKey(t, "in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no)")
	e.Actions = dp.Actions{dp.Output{Port: 2}}
	now := time.Unix(1000, 0)
	check := func(f Format, want string) {
		t.Helper()
		compareText(t, "flow", FormatFlow(e, f, now), want)
	}
	check(Format{}, "recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), packets:0, bytes:0, used:never, actions:2")
	e.Stats = dp.FlowStats{Packets: 2, Bytes: 108, Used: now.Add(-206 * time.Millisecond), TCPFlags: 0x002}
	check(Format{}, "recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), packets:2, bytes:108, used:0.206s, flags:S, actions:2")
	e.Stats = dp.FlowStats{Packets: 11, Bytes: 786, Used: now.Add(-12 * time.Second), TCPFlags: 0xfff}
	check(Format{Names: names}, "recirc_id(0),in_port(p1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), packets:11, bytes:786, used:12.000s, flags:SFPRU.ECN[200][400][800], actions:p2")
	e.UFID = dp.UFID{0xcd, 0x49, 0x82, 0xbd, 0x1f, 0x85, 0x47, 0xe9, 0xab, 0x6d, 0x6b, 0x11, 0x35, 0x2e, 0x2c, 0xb3}
	e.Actions, e.Stats.Used = nil, now.Add(time.Hour) // a clock may go back
	check(Format{Names: names, Verbose: true}, "ufid:cd4982bd-1f85-47e9-ab6d-6b11352e2cb3, skb_priority(0/0),skb_mark(0/0),ct_state(0/0),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),recirc_id(0),dp_hash(0/0),in_port(p1),packet_type(ns=0,id=0),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=0/0,tos=0/0,ttl=0/0,frag=no), packets:11, bytes:786, used:0.000s, flags:SFPRU.ECN[200][400][800], dp:ovs, actions:drop")
}
