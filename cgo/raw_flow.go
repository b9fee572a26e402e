//go:build linux && cgo

package cgo

/*
#cgo noescape fp_flow_put
#cgo nocallback fp_flow_put
#cgo noescape fp_flow_del
#cgo nocallback fp_flow_del
#cgo noescape fp_flow_stats
#cgo nocallback fp_flow_stats
#cgo nocallback fp_flow_count
#cgo noescape fp_mask_list
#cgo nocallback fp_mask_list
#include <stdlib.h>
#include "fp.h"
*/
import "C"

import "unsafe"

type (
	rawFlowPut   = C.struct_fp_flow_put
	rawFlowStats = C.struct_fp_flow_stats
	rawMaskInfo  = C.struct_fp_mask_info
)

const (
	putCreate    = C.FP_PUT_CREATE
	putModify    = C.FP_PUT_MODIFY
	putNarrow    = C.FP_PUT_NARROW
	putZeroStats = C.FP_PUT_ZERO_STATS
)

// rawAlloc returns n zeroed records of C memory on a cache line, as keys need: Go's
// allocator does not promise that. nil: out of memory. rawFree gives them back.
func rawAlloc[T any](n int) []T {
	var t T
	size := (uintptr(n)*unsafe.Sizeof(t) + 63) &^ 63
	p := C.aligned_alloc(64, C.size_t(size))
	if p == nil {
		return nil
	}
	clear(unsafe.Slice((*byte)(p), size))
	return unsafe.Slice((*T)(p), n)
}

func rawFree[T any](s []T) {
	if s != nil {
		C.free(unsafe.Pointer(&s[0]))
	}
}

// first returns a pointer to the first element, nil if there is none.
func first[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

func rawFlowPutN(fp *rawFP, flows []rawFlowPut, actions []byte, e *rawErr) int {
	return int(C.fp_flow_put(fp, &flows[0], C.int(len(flows)), (*C.uint8_t)(first(actions)),
		C.size_t(len(actions)), e))
}

func rawFlowDel(fp *rawFP, ids []rawU64, final []rawFlowStats) int {
	return int(C.fp_flow_del(fp, &ids[0], C.int(len(ids)), first(final)))
}

func rawFlowStatsN(fp *rawFP, ids []rawU64, out []rawFlowStats) int {
	return int(C.fp_flow_stats(fp, &ids[0], C.int(len(ids)), &out[0]))
}

func rawFlowCount(fp *rawFP) int { return int(C.fp_flow_count(fp)) }

func rawMaskList(fp *rawFP, out []rawMaskInfo) int {
	return int(C.fp_mask_list(fp, &out[0], C.int(len(out))))
}
