// Package tnl holds what a switch must know to send into tunnels and to end them:
// tunnel ports by their configuration, the neighbours and routes of the underlay,
// and the outer headers that the data plane copies in front of packets.
//
// Threads: every table has its own lock and is safe for use by several
// goroutines. A table that changes in a way that can change a forwarding decision
// calls the function that it was given at creation, outside of its lock.
//
// Texts of the commands (tnl/*, ovs/route/*) are those of Open vSwitch 3.1.
package tnl
