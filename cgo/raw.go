//go:build linux && cgo

package cgo

/*
#cgo pkg-config: libdpdk
#cgo CFLAGS: -I${SRCDIR}/../fastpath/include
#cgo LDFLAGS: -L${SRCDIR}/../build/lib -lfastpath

// Nothing in C calls Go or keeps a pointer that it was given, so arguments need not
// escape to the heap and a call needs no preparation for being called back.
#cgo noescape fp_log_open
#cgo nocallback fp_log_open
#cgo nocallback fp_log_level
#cgo noescape fp_eal_init
#cgo nocallback fp_eal_init
#cgo nocallback fp_eal_cleanup
#cgo nocallback fp_tsc
#cgo noescape fp_open
#cgo nocallback fp_open
#cgo nocallback fp_close
#cgo nocallback fp_set_shortcut
#cgo nocallback fp_sync
#cgo noescape fp_memory
#cgo nocallback fp_memory

#include <stdlib.h>
#include "fp.h"

// The library's hash, as scripts/build hands it over. It makes go build this package
// again when the library has changed.
#define FP_STR2(x) #x
#define FP_STR(x) FP_STR2(x)
#ifndef FP_BUILD
#define FP_BUILD
#endif
static const char *fp_build(void) { return FP_STR(FP_BUILD); }
*/
import "C"

import "unsafe"

type (
	rawFP     = C.struct_fp
	rawErr    = C.struct_fp_err
	rawConfig = C.struct_fp_config
	rawMemory = C.struct_fp_memory
)

func rawBuild() string       { return C.GoString(C.fp_build()) }
func rawDPDKVersion() string { return C.GoString(C.fp_dpdk_version()) }
func rawTSCHz() uint64       { return uint64(C.fp_tsc_hz()) }
func rawTSC() uint64         { return uint64(C.fp_tsc()) }
func rawEALSockets() int     { return int(C.fp_eal_sockets()) }

func rawLogOpen(fd int, e *rawErr) int { return int(C.fp_log_open(C.int(fd), e)) }

func rawLogLevel(pattern string, level uint32) int {
	p := C.CString(pattern)
	defer C.free(unsafe.Pointer(p))
	return int(C.fp_log_level(p, C.uint32_t(level)))
}

// rawEALInit keeps argv allocated: DPDK holds on to it.
func rawEALInit(args []string, e *rawErr) int {
	argv := unsafe.Slice((**C.char)(C.calloc(C.size_t(len(args)+1), C.size_t(unsafe.Sizeof(uintptr(0))))), len(args)+1)
	for i, a := range args {
		argv[i] = C.CString(a)
	}
	return int(C.fp_eal_init(C.int(len(args)), &argv[0], e))
}

func rawEALCleanup() int { return int(C.fp_eal_cleanup()) }

func rawOpen(cfg *rawConfig, out **rawFP, e *rawErr) int { return int(C.fp_open(cfg, out, e)) }
func rawClose(fp *rawFP) int                             { return int(C.fp_close(fp)) }
func rawISA(fp *rawFP) string                            { return C.GoString(C.fp_isa(fp)) }
func rawSetShortcut(fp *rawFP, on C.int) int             { return int(C.fp_set_shortcut(fp, on)) }
func rawSync(fp *rawFP) int                              { return int(C.fp_sync(fp)) }
func rawMemoryOf(fp *rawFP, out *rawMemory) int          { return int(C.fp_memory(fp, out)) }

func rawDropName(i int) (string, bool) {
	p := C.fp_drop_name(C.int(i))
	if p == nil {
		return "", false
	}
	return C.GoString(p), true
}

func rawDropText(i int) string { return C.GoString(C.fp_drop_text(C.int(i))) }

// errText returns what C wrote.
func errText(e *rawErr) string { return C.GoString(&e.text[0]) }

// setCString copies s with its terminator; false: it does not fit.
func setCString(dst []C.char, s string) bool {
	if len(s) >= len(dst) {
		return false
	}
	for i := range len(s) {
		dst[i] = C.char(s[i])
	}
	dst[len(s)] = 0
	return true
}

func goString(src []C.char) string {
	b := make([]byte, 0, len(src))
	for _, c := range src {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
