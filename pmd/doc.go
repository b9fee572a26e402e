// Package pmd manages the ports of a datapath and spreads their receive queues
// over lcores.
//
// The desired state is a value, a [Config] per port. A [Manager] compares it with
// the ports that the datapath has and does what is missing; adding one port and
// changing many go the same way. Kernel interfaces that disappear leave the
// datapath and come back under their number when they reappear.
//
// Threads: a Manager is safe for use by several goroutines; it serialises all
// changes with one lock, which it holds while it calls the datapath.
package pmd
