//go:build linux && cgo

package cgo

/*
#cgo noescape fp_port_add
#cgo nocallback fp_port_add
#cgo noescape fp_port_del
#cgo nocallback fp_port_del
#cgo noescape fp_port_info
#cgo nocallback fp_port_info
#cgo noescape fp_port_list
#cgo nocallback fp_port_list
#cgo noescape fp_port_set_mtu
#cgo nocallback fp_port_set_mtu
#cgo noescape fp_port_set_mac
#cgo nocallback fp_port_set_mac
#cgo noescape fp_port_set_up
#cgo nocallback fp_port_set_up
#cgo nocallback fp_port_set_upcall_limit
#cgo noescape fp_port_stats
#cgo nocallback fp_port_stats
#cgo nocallback fp_tnl_vni
#cgo noescape fp_ring_inject
#cgo nocallback fp_ring_inject
#cgo noescape fp_ring_collect
#cgo nocallback fp_ring_collect
#include "fp.h"
*/
import "C"

type (
	rawPortSpec  = C.struct_fp_port_spec
	rawPortInfo  = C.struct_fp_port_info
	rawPortStats = C.struct_fp_port_stats
	rawU8        = C.uint8_t
	rawU16       = C.uint16_t
	rawU32       = C.uint32_t
	rawU64       = C.uint64_t
	rawInt       = C.int
)

const (
	maxPorts  = C.FP_MAX_PORTS
	maxQueues = C.FP_MAX_QUEUES
)

func rawPortAdd(fp *rawFP, spec *rawPortSpec, no *rawU16, e *rawErr) int {
	return int(C.fp_port_add(fp, spec, no, e))
}

func rawPortDel(fp *rawFP, no rawU16, e *rawErr) int { return int(C.fp_port_del(fp, no, e)) }

func rawPortInfoOf(fp *rawFP, no rawU16, out *rawPortInfo) int {
	return int(C.fp_port_info(fp, no, out))
}

func rawPortList(fp *rawFP, out []rawU16) int {
	return int(C.fp_port_list(fp, &out[0], C.int(len(out))))
}

func rawPortSetMTU(fp *rawFP, no rawU16, mtu rawU32, e *rawErr) int {
	return int(C.fp_port_set_mtu(fp, no, mtu, e))
}

func rawPortSetMAC(fp *rawFP, no rawU16, mac *[6]rawU8, e *rawErr) int {
	return int(C.fp_port_set_mac(fp, no, &mac[0], e))
}

func rawPortSetUp(fp *rawFP, no rawU16, up C.int, e *rawErr) int {
	return int(C.fp_port_set_up(fp, no, up, e))
}

func rawPortSetUpcallLimit(fp *rawFP, no rawU16, limit rawU32) int {
	return int(C.fp_port_set_upcall_limit(fp, no, limit))
}

func rawPortStatsOf(fp *rawFP, no rawU16, out *rawPortStats) int {
	return int(C.fp_port_stats(fp, no, out))
}

func rawTnlVNI(fp *rawFP, port rawU16, vni rawU32, on C.int) int {
	return int(C.fp_tnl_vni(fp, port, vni, on))
}

func rawRingInject(fp *rawFP, port rawU16, buf *byte, lens *uint32, n int) int {
	return int(C.fp_ring_inject(fp, port, (*C.uint8_t)(buf), (*C.uint32_t)(lens), C.int(n)))
}

func rawRingCollect(fp *rawFP, port rawU16, buf []byte, lens []uint32) int {
	return int(C.fp_ring_collect(fp, port, (*C.uint8_t)(&buf[0]), C.size_t(len(buf)),
		(*C.uint32_t)(&lens[0]), C.int(len(lens))))
}
