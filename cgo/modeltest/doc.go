// Package modeltest holds the data plane on DPDK against the reference model of
// internal/dptest: every build of the packet loop that the machine can run, with
// single-pass tunnel termination on and off. It has tests only. They stand apart
// from package cgo's because they open one datapath after another, and those share
// one that stays open.
package modeltest
