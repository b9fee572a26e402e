// Package bench measures Skua beside its peers: the same packets, devices, core
// and order for Skua, for testpmd's io forward and for Open vSwitch on DPDK.
//
// It holds the vocabulary (cases, subjects, samples), the order of a run, and the
// arithmetic of its results. Subjects live in peers, the process that drives Skua's
// data plane in worker, tables and plots in report, packets in traffic.
package bench
