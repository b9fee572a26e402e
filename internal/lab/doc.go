// Package lab runs Skua between real hosts and says whether it works.
//
// The hosts are network namespaces of this machine: plain hosts behind veth pairs,
// and hosts whose only way in is the kernel's own vxlan device. Their offloads stay
// on. [Run] makes them, starts the switch between them, drives it with the stock
// ovs-appctl, sends real traffic, and judges what it sees: ping, iperf3, what
// stands on the wire (tshark), what must not cross between two VNIs, and the
// switch's own figures. Everything that a run makes carries the run's id and is
// removed at its end, also when a step fails or the run is interrupted.
//
// README.md has a picture of the topology.
package lab
