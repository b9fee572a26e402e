// Package learn is the small upcall handler: a learning switch per bridge that
// answers the data plane's misses with megaflows. It stands in until OpenFlow tables
// decide; what it does is what Open vSwitch's NORMAL action does on trunk ports.
//
// The way of an upcall: find the port (a tunnel packet belongs to the tunnel port
// of its addresses and VNI), learn the sender, end a tunnel or look the receiver up,
// put the flow, answer with Reinject. A flow compares only what the decision looked at.
//
// Threads: Run starts one goroutine that receives upcalls, one that re-translates
// flows after changes, and one that sweeps. They share one lock, which is held over
// the call that puts a flow, so that no change is missed between the decision and
// the flow. The sweep reads counters without the lock.
//
// A packet to a tunnel whose next hop is not resolved is held in the data plane for
// at most HoldTime while the neighbour is asked for (Open vSwitch drops it); the number of packets
// held is bounded by MaxHeld, and per neighbour by MaxHeldPerNeighbour.
package learn
