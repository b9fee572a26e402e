// Package cgo is the binding to the data plane in fastpath/: the one package of the
// project that imports "C".
//
// The files named raw*.go call the C functions one to one and are unexported. All
// else is the safe layer: [StartEAL] starts DPDK, [Open] makes the [Datapath], which
// implements dp.Datapath. No C type, no unsafe.Pointer and no *C.char appears in an
// exported signature.
//
// One mutex serialises what changes ports, lcores and tables, because the C side
// knows one writer; what C marks "any thread" runs beside other readers. Batches
// cross as flat buffers without Go pointers. Packets are copied out of C within the
// receiving call.
package cgo
