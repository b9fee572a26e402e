//go:build linux && cgo

package cgo

/*
#cgo noescape fp_lcore_start
#cgo nocallback fp_lcore_start
#cgo nocallback fp_lcore_stop
#cgo noescape fp_lcore_set_rxqs
#cgo nocallback fp_lcore_set_rxqs
#cgo noescape fp_lcore_stats
#cgo nocallback fp_lcore_stats
#cgo noescape fp_lcore_list
#cgo nocallback fp_lcore_list
#include "fp.h"
*/
import "C"

type (
	rawRxq        = C.struct_fp_rxq
	rawLcoreStats = C.struct_fp_lcore_stats
)

const maxLcores = C.FP_MAX_LCORES

func rawLcoreStart(fp *rawFP, cpu int, housekeeping bool, id *rawU16, e *rawErr) int {
	var flags C.uint32_t
	if housekeeping {
		flags = C.FP_LCORE_HOUSEKEEPING
	}
	return int(C.fp_lcore_start(fp, C.int(cpu), flags, id, e))
}

func rawLcoreStop(fp *rawFP, id rawU16) int { return int(C.fp_lcore_stop(fp, id)) }

func rawLcoreSetRxqs(fp *rawFP, id rawU16, rxqs []rawRxq, e *rawErr) int {
	var first *rawRxq
	if len(rxqs) > 0 {
		first = &rxqs[0]
	}
	return int(C.fp_lcore_set_rxqs(fp, id, first, C.int(len(rxqs)), e))
}

func rawLcoreStatsOf(fp *rawFP, id rawU16, out *rawLcoreStats) int {
	return int(C.fp_lcore_stats(fp, id, out))
}

func rawLcoreList(fp *rawFP, out *[maxLcores]rawU16) int {
	return int(C.fp_lcore_list(fp, &out[0], maxLcores))
}
