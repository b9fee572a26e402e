// Package dp is the vocabulary between the data plane and everything above it:
// keys, masks, actions, flows, ports, statistics and upcalls, and the interface
// [Datapath] that cgo implements on DPDK and dptest implements in plain Go.
//
// It holds no behaviour beyond access to its own values and imports nothing of
// the project.
package dp
