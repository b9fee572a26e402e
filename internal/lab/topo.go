package lab

import (
	"fmt"
	"strings"
)

// Names of the run's hosts; each is a network namespace of its own.
const (
	hostA1 = "a1" // plain host of segments red and six
	hostA2 = "a2" // plain host of segment blue, with a1's very addresses
	hostSW = "sw" // the switch
	hostB  = "b"  // VTEP: reached by the kernel's vxlan devices only
	hostB2 = "b2" // a tenant of b: its vxlan device is b's, moved in here
)

var hosts = []string{hostA1, hostA2, hostSW, hostB, hostB2}

// Names in the switch's namespace.
const (
	portWire  = "wire"   // underlay veth, peer of b's eth0
	portLocal = "br-phy" // the underlay bridge's own interface: holds the tunnel's local address
)

// Underlay addresses (RFC 5737, RFC 3849).
const (
	local4, remote4 = "192.0.2.1", "192.0.2.2"
	local6, remote6 = "2001:db8:9::1", "2001:db8:9::2"
	vxlanPort       = 4789
)

// Segment is one overlay network between a plain host A and a host B behind a
// kernel vxlan device.
type Segment struct {
	Name string
	VNI  uint32
	IPv6 bool // underlay
	A, B End
	Port string // the switch's port to A
	Tnl  string // the switch's tunnel port
	MTU  int    // of both ends: 1500 less the outer headers
}

// End is one end of a segment.
type End struct {
	Host string // of hosts
	Dev  string
	MAC  string
	IP4  string
	IP6  string
}

// Segments returns the lab's segments. Red and blue have the same addresses, Ethernet
// and IP, at both ends, so that anything that crosses would be taken for one's own;
// six has red's VNI over the other underlay.
func Segments() []Segment {
	const macA, macB = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
	end := func(host, dev, mac, ip4, ip6 string) End { return End{host, dev, mac, ip4, ip6} }
	return []Segment{
		{
			Name: "red", VNI: 1111, Port: "a1", Tnl: "vx-red", MTU: 1450,
			A: end(hostA1, "eth0", macA, "10.1.0.1", "fd00:1::1"),
			B: end(hostB, "vxlan0", macB, "10.1.0.2", "fd00:1::2"),
		},
		{
			Name: "blue", VNI: 2222, Port: "a2", Tnl: "vx-blue", MTU: 1450,
			A: end(hostA2, "eth0", macA, "10.1.0.1", "fd00:1::1"),
			B: end(hostB2, "vxlan0", macB, "10.1.0.2", "fd00:1::2"),
		},
		{
			Name: "six", VNI: 1111, IPv6: true, Port: "a1x", Tnl: "vx-six", MTU: 1430,
			A: end(hostA1, "eth1", "02:00:00:00:0a:06", "10.6.0.1", "fd00:6::1"),
			B: end(hostB, "vxlan6", "02:00:00:00:0b:06", "10.6.0.2", "fd00:6::2"),
		},
	}
}

// Picture is the topology as people draw it.
const Picture = `
  host a1                     switch sw                                    host b (VTEP)
 +----------------+          +-----------------------------------+        +-------------------------+
 | eth0  10.1.0.1 |---veth---| a1    br-red    vx-red  --+       |        |      +-- vxlan0 id 1111 |
 |                |          |                           |       |        |      |   10.1.0.2       |
 | eth1  10.6.0.1 |---veth---| a1x   br-six    vx-six  --+       |        |      +-- vxlan6 id 1111 |
 +----------------+          |                           |  wire |--veth--| eth0 |   10.6.0.2       |
                             |                         br-phy    |        |      |                  |
  host a2                    |                           |       |        |      |  +- host b2 -----------+
 +----------------+          |                           |       |        |      +--| vxlan0 id 2222      |
 | eth0  10.1.0.1 |---veth---| a2    br-blue   vx-blue --+       |        |         | 10.1.0.2            |
 +----------------+          |    192.0.2.1, 2001:db8:9::1       |        |         +---------------------+
                             +-----------------------------------+        | 192.0.2.2               |
                                                                          | 2001:db8:9::2           |
                                                                          +-------------------------+

  red   a1/eth0 <-> b/vxlan0    VNI 1111 over IPv4    red and blue have the same Ethernet
  blue  a2/eth0 <-> b2/vxlan0   VNI 2222 over IPv4    and IP addresses at both ends
  six   a1/eth1 <-> b/vxlan6    VNI 1111 over IPv6
`

// topology makes and names one run's hosts.
type topology struct{ id string }

// ns is the network namespace of a host.
func (t topology) ns(host string) string { return nsPrefix + t.id + "-" + host }

// nsPrefix starts the name of every namespace and folder of every run.
const nsPrefix = "skua-lab-"

// in returns args to run in a host.
func (t topology) in(host string, args ...string) []string {
	return append([]string{"ip", "netns", "exec", t.ns(host)}, args...)
}

// expand replaces @host by the name of its namespace.
func (t topology) expand(cmds ...string) []string {
	var rep []string
	for _, h := range []string{hostA1, hostA2, hostSW, hostB2, hostB} { // b2 before b
		rep = append(rep, "@"+h, t.ns(h))
	}
	r := strings.NewReplacer(rep...)
	out := make([]string, len(cmds))
	for i, c := range cmds {
		out[i] = r.Replace(c)
	}
	return out
}

// makeHosts returns the commands that make the namespaces.
func (t topology) makeHosts() []string {
	var out []string
	for _, h := range hosts {
		out = append(out, "ip netns add @"+h, "ip -n @"+h+" link set lo up")
	}
	return t.expand(out...)
}

// makeLinks returns the commands that make the hosts' links and the kernel's vxlan
// devices, and give them addresses. Offloads stay as the kernel sets them.
func (t topology) makeLinks() []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	add("ip -n @b link add eth0 type veth peer name %s netns @sw", portWire)
	add("ip -n @sw link set %s up", portWire)
	add("ip -n @b addr add %s/24 dev eth0", remote4)
	add("ip -n @b addr add %s/64 dev eth0 nodad", remote6)
	add("ip -n @b link set eth0 up")
	for _, s := range Segments() {
		add("ip -n @%s link add %s address %s mtu %d type veth peer name %s netns @sw",
			s.A.Host, s.A.Dev, s.A.MAC, s.MTU, s.Port)
		add("ip -n @sw link set %s up", s.Port)
		local, remote := remote4, local4
		if s.IPv6 {
			local, remote = remote6, local6
		}
		// A vxlan device keeps its socket in the namespace where it was made, so
		// b2 has no other way in than this.
		made := s.B.Dev
		if s.B.Host != hostB {
			made = s.Name
		}
		add("ip -n @b link add %s address %s type vxlan id %d dstport %d remote %s local %s dev eth0",
			made, s.B.MAC, s.VNI, vxlanPort, remote, local)
		if s.B.Host != hostB {
			add("ip -n @b link set %s netns @%s name %s", made, s.B.Host, s.B.Dev)
		}
		for _, e := range []End{s.A, s.B} {
			add("ip -n @%s addr add %s/24 dev %s", e.Host, e.IP4, e.Dev)
			add("ip -n @%s addr add %s/64 dev %s nodad", e.Host, e.IP6, e.Dev)
			add("ip -n @%s link set %s up", e.Host, e.Dev)
		}
	}
	return t.expand(out...)
}
