// Package bridge holds what makes a switch of the parts: [Switch] owns a
// datapath's ports, tunnels, the underlay's tables and the upcall handler, and
// answers the commands that configure them. The reconciliation of database rows
// joins it here when the database comes.
//
// Threads: a Switch is safe for use by several goroutines; changes of the
// configuration are serialised by one lock.
package bridge
