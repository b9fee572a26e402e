// Package dptest holds what tests of the data plane stand on, in plain Go:
//
//   - [Model], a slow and obvious data plane that follows RULES.md of this folder
//     and says for every packet what leaves, what is dropped and why;
//   - [Fake], a dp.Datapath over the model with ring ports and ordered upcalls, so
//     that the control plane is tested without DPDK;
//   - generators of packets, masks, disjoint flows and actions for rapid;
//   - [Compare], which holds a real data plane against the model, byte for byte and
//     drop reason for drop reason;
//   - [Cases], packets in and what must come out, written down independently.
//
// Nothing here imports cgo.
package dptest
