//go:build linux && cgo

package cgo

/*
#cgo nocallback fp_upcall_fd
#cgo noescape fp_upcall_recv
#cgo nocallback fp_upcall_recv
#cgo noescape fp_upcall_answer
#cgo nocallback fp_upcall_answer
#cgo noescape fp_packet_out
#cgo nocallback fp_packet_out
#include "fp.h"
*/
import "C"

type (
	rawUpcall    = C.struct_fp_upcall
	rawVerdict   = C.struct_fp_verdict
	rawPacketOut = C.struct_fp_packet_out
)

func rawUpcallFD(fp *rawFP) int { return int(C.fp_upcall_fd(fp)) }

func rawUpcallRecv(fp *rawFP, out []rawUpcall, buf []byte, snap uint32) int {
	return int(C.fp_upcall_recv(fp, &out[0], C.int(len(out)), (*C.uint8_t)(&buf[0]),
		C.size_t(len(buf)), C.uint32_t(snap)))
}

func rawUpcallAnswer(fp *rawFP, v []rawVerdict, actions []byte) int {
	return int(C.fp_upcall_answer(fp, &v[0], C.int(len(v)), (*C.uint8_t)(first(actions)),
		C.size_t(len(actions))))
}

func rawPacketOutN(fp *rawFP, p []rawPacketOut, buf []byte) int {
	return int(C.fp_packet_out(fp, &p[0], C.int(len(p)), (*C.uint8_t)(first(buf)),
		C.size_t(len(buf))))
}
