package odp

import (
	"strings"
	"testing"
)

// Each text is refused at the token that ^ stands in front of.
var badKeys = []struct{ text, reason string }{
	{"^", "in_port(...) is missing"},
	{"eth(),eth_type(0x1234)^", "in_port(...) is missing"},
	{"in_port(1),^bogus(1)", "expected a field"},
	{"in_port(^nosuch)", "expected a port number or the name"},
	{"in_port(1^/0xff)", "in_port takes no mask"},
	{"recirc_id(1^/0xff),in_port(1)", "recirc_id takes no mask"},
	{"in_port(1),^in_port(2)", "in_port is given twice"},
	{"in_port(1^", `expected ")"`},
	{"in_port(1),eth(src=^00:11:22:33:44),eth_type(0x1234)", "expected an Ethernet address"},
	{"in_port(1),eth(src=00:00:00:00:00:01^ dst=00:00:00:00:00:02)", `expected "," or ")"`},
	{"in_port(1),eth(^bogus=5)", "expected one of src=, dst="},
	{"in_port(1),eth(src^),eth_type(0x1234)", `expected "="`},
	{"in_port(1),eth_type(^0x10000)", "eth_type does not fit in 16 bits"},
	{"in_port(1),eth_type(^0x0500)", "an Ethernet type is at least 0x600"},
	{"in_port(1),eth_type(^-1)", "expected eth_type, a number of at most 16 bits"},
	{"in_port(1),eth_type(0x800),ipv4(ttl=^300)", "ttl does not fit in 8 bits"},
	{"in_port(1),eth_type(0x800),ipv4(ttl=1,^ttl=2)", "ttl is given twice"},
	{"in_port(1),eth_type(0x800),ipv4(src=^1.2.3)", "expected an IPv4 address"},
	{"in_port(1),eth_type(0x800),ipv4(src=1.2.3.4/^33)", "expected an IPv4 address"},
	{"in_port(1),eth_type(0x800),ipv4(frag=^yes)", "expected no, first or later"},
	{"in_port(1),eth_type(0x800),ipv4(ttl=1^", `expected "," or ")"`},
	{"in_port(1),eth_type(0x86dd),ipv6(src=^1.2.3.4)", "expected an IPv6 address"},
	{"in_port(1),eth_type(0x86dd),ipv6(src=^fe80::1%eth0)", "expected an IPv6 address"},
	{"in_port(1),eth_type(0x86dd),ipv6(label=^0x100000)", "label does not fit in 20 bits"},
	{"in_port(1),eth_type(0x86dd),^ipv4()", "ipv4(...) needs eth_type(0x0800)"},
	{"in_port(1),eth_type(0x800),^udp(src=1)", "udp(...) needs proto=17"},
	{"in_port(1),eth_type(0x800),ipv4(proto=17,frag=later),^udp(src=1)", "not a later fragment"},
	{"in_port(1),eth_type(0x800),ipv4(proto=58),^icmpv6(type=1)", "icmpv6(...) needs eth_type(0x86dd)"},
	{"in_port(1),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=128),^nd(target=::1)", "nd(...) needs icmpv6(type=135,code=0)"},
	{"in_port(1),eth_type(0x800),ipv4(proto=6),tcp_flags(^bogus)", "expected a TCP flag"},
	{"in_port(1),eth_type(0x800),ipv4(proto=6),tcp_flags(+syn-^syn)", "TCP flag is given twice"},
	{"in_port(1),eth_type(0x800),ipv4(proto=6),tcp_flags(^0x1000)", "no such TCP flag"},
	{"in_port(1),eth_type(0x806),arp(op=^256)", "op is at most 255"},
	{"in_port(1),^vlan(vid=1),encap(eth_type(0x800))", "vlan(...) needs eth_type(0x8100)"},
	{"in_port(1),eth_type(^0x9100),vlan(vid=1),encap(eth_type(0x800))", "vlan(...) needs eth_type(0x8100)"},
	{"in_port(1),eth_type(^0x8100)", "vlan(...) and encap(...) must follow"},
	{"in_port(1),eth_type(0x8100),^vlan(vid=1)", "vlan(...) needs encap(...)"},
	{"in_port(1),eth_type(0x8100),^encap(eth_type(0x800))", "encap(...) needs vlan(...)"},
	{"in_port(1),eth_type(0x8100),vlan(vid=^4096),encap()", "vid does not fit in 12 bits"},
	{"in_port(1),eth_type(0x8100),^vlan(cfi=0),encap()", "cfi=0 matches no tagged packet"},
	{"in_port(1),eth_type(0x8100),vlan(),encap(^in_port(2))", "in_port belongs outside of encap()"},
	{"in_port(1),eth_type(0x8100),vlan(),^ipv4(),encap(eth_type(0x800))", "inside the innermost encap(...)"},
	{"in_port(1),eth_type(0x8100),vlan(),encap(eth_type(0x88a8),vlan(),encap(^vlan(),encap()))", "more than 2 VLAN tags"},
	{"in_port(1),^packet_type(ns=1,id=0x8100)", "packet_type cannot say"},
	{"in_port(1),packet_type(ns=1,id=0x800),^eth(),eth_type(0x800)", "a packet type with an Ethernet header"},
	{"in_port(1),packet_type(ns=1,id=0x800),eth_type(^0x86dd)", "packet_type says"},
	{"in_port(1),eth_type(0x8847),mpls(^lse0=5)", "expected label="},
	{"in_port(1),eth_type(0x8847),mpls(bos=0,bos=0,bos=0,^bos=1)", "more than 3 labels"},
	{"in_port(1),ct_state(^bogus)", "expected a ct_state flag"},
	{"in_port(1),ct_label(^0x123456789012345678901234567890123)", "a number of at most 128 bits"},
	{"in_port(1),ct_tuple4(),ct_tuple6(^)", "exclude each other"},
	{"in_port(1),tunnel(src=1.2.3.4,^ipv6_src=::1)", "src is given twice"},
	{"in_port(1),tunnel(^geneve({class=1}))", "geneve(...) in tunnel(...) is not supported"},
	{"in_port(1),tunnel(flags(^bogus))", "expected a tunnel flag"},
	{"in_port(1),tunnel(vxlan(^id=5))", "expected gbp"},
	{"ufid:^0x5,in_port(1)", "expected a UUID"},
}

var badActions = []struct{ text, reason string }{
	{"^nosuch", "expected an action, a port number"},
	{"1,^bogus(5)", "no such action"},
	{"drop,^1", "nothing follows drop"},
	{"1,^ct(commit),2", "action ct is not supported"},
	{"clone^", `expected "("`},
	{"clone(1^", `expected ")"`},
	{"clone(1,^nosuch)", "expected an action, a port number"},
	{"clone(drop,^1)", "nothing follows drop"},
	{"^clone(1)2", `expected ","`},
	{"^1)", `expected ","`},
	{"clone(clone(clone(clone(clone^(1)))))", "nested more than 4 deep"},
	{"^check_pkt_len(size=200,gt(1),le(2))", "action check_pkt_len is not supported"},
	{"set(^tunnel(tun_id=1))", "action set(tunnel(...)) is not supported"},
	{"set(^bogus(1))", "expected a header to rewrite"},
	{"set(eth(src=00:00:00:00:00:01)^,eth(dst=00:00:00:00:00:02))", `expected ")"`},
	{"set(ipv4(^proto=6))", "expected one of src=, dst=, tos=, ttl="},
	{"^set(eth())5", `expected ","`},
	{"push_vlan^(vid=5)", "push_vlan(...) needs pcp="},
	{"push_vlan^(vid=5,pcp=1,cfi=0)", "cfi=0 is not supported"},
	{"push_vlan^(vid=5/1,pcp=1)", "takes no masks"},
	{"push_vlan(vid=5,pcp=^8)", "pcp does not fit in 3 bits"},
	{"userspace^", `expected "(pid="`},
	{"userspace(pid=1,^slow_path(cfm))", "slow_path in userspace(...) is not supported"},
	{"userspace(pid=1,userdata(^123))", "expected bytes"},
	{"userspace(pid=1,userdata(^" + strings.Repeat("00", 65) + "))", "at most 64 bytes, not 65"},
	{"tnl_pop(^nosuch)", "expected a port number or the name"},
	{"recirc(^)", "expected the recirculation id"},
	{"tnl_push(tnl_port(4),^header(size=42,type=3,eth(dst=0:0:0:0:0:1,src=0:0:0:0:0:2,dl_type=0x0800),ipv4(", "tunnel type 3 is not supported"},
	{"tnl_push(tnl_port(4),^header(size=51,type=4,eth(dst=0:0:0:0:0:1,src=0:0:0:0:0:2,dl_type=0x0800)," +
		"ipv4(src=1.1.1.1,dst=2.2.2.2,proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0)," +
		"vxlan(flags=0x8000000,vni=0x1)),out_port(1))", "these headers have 50 bytes"},
}

// checkBad fails unless parse refuses the text where ^ stands and for the reason.
func checkBad(t *testing.T, marked, reason string, parse func(string) error) {
	t.Helper()
	offset := strings.Index(marked, "^")
	text := strings.Replace(marked, "^", "", 1)
	err := parse(text)
	if err == nil {
		t.Errorf("%q is accepted", text)
		return
	}
	se := checkSyntaxError(t, text, err)
	if se.Offset != offset || !strings.Contains(se.Reason, reason) {
		t.Errorf("%q: %v; want %q at offset %d", text, err, reason, offset)
	}
	if !strings.Contains(err.Error(), se.Reason) || se.Token != "" && !strings.Contains(err.Error(), se.Token) {
		t.Errorf("%q: %q does not name token and reason", text, err)
	}
}

func TestBadKeys(t *testing.T) {
	for _, c := range badKeys {
		checkBad(t, c.text, c.reason, func(text string) error {
			_, _, err := ParseKey(text, names)
			return err
		})
	}
}

func TestBadActions(t *testing.T) {
	for _, c := range badActions {
		checkBad(t, c.text, c.reason, func(text string) error {
			_, err := ParseActions(text, names)
			return err
		})
	}
}

func TestBadUFIDs(t *testing.T) {
	for _, text := range []string{
		"^", "^5", "ufid:^12345678-1234-5678-1234-56781234567", "^12345678-1234-5678-1234-5678123456zz",
		"^12345678123456781234567812345678", "12345678-1234-5678-1234-567812345678^ ", "^1234567-81234-5678-1234-567812345678",
	} {
		checkBad(t, text, "", func(text string) error {
			_, err := ParseUFID(text)
			return err
		})
	}
}
