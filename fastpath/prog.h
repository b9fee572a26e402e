// Compiled actions.
//
// A program is immutable and shared: flows with the same actions hold the same
// program, found by its bytes. The writer compiles and counts references; lcores
// read programs they reached through a flow, so a program is freed only after a
// grace period. `fused` names the forms that the packet loop runs without
// interpreting; everything else is a list of operations.
#ifndef FP_PROG_H
#define FP_PROG_H

#include <stdbool.h>
#include <stdint.h>

#include "fp.h"

enum fp_fused {
	FP_FUSED_NONE = 0,    // interpret ops
	FP_FUSED_OUTPUT,      // output:port
	FP_FUSED_PUSH_OUTPUT, // tnl_push, output:port
	FP_FUSED_ETH_OUTPUT,  // whole Ethernet addresses rewritten, output:port
	FP_FUSED_POP,         // tnl_pop alone: what single-pass termination may shorten
	FP_FUSED_DROP,
};

// Outer header, ready to copy, and a plan of what patching it needs.
struct fp_push_plan {
	uint64_t bytes;     // bit a byte of the header, as far as 64
	uint16_t len;       // bytes of header
	uint16_t l3, l4;    // offsets of the outer IP and UDP headers
	uint16_t ip_sum;    // IPv4: sum of the header without the total length, folded
	uint16_t max_inner; // longest inner frame that keeps the lengths in 16 bits
	bool v6;
	bool udp_csum;     // fill the UDP checksum
	uint32_t out_port; // what the action says
};

struct fp_push {
	uint8_t header[FP_TNL_HDR_MAX] __attribute__((aligned(64)));
	struct fp_push_plan plan;
};

struct fp_op {
	uint16_t type;    // enum fp_act_type
	bool last;        // no op behind it: it may consume the packet
	uint32_t value;   // port, recirculation id ...
	const void *data; // the action's record, a struct fp_push or a nested struct fp_prog
};

struct fp_prog {
	// First line: what the packet loop reads.
	uint8_t fused; // enum fp_fused
	bool effect;   // some action hands a packet on, or drops: the end is no drop
	uint16_t out_port;
	uint32_t n_ops;
	const struct fp_push *push; // FUSED_PUSH_OUTPUT
	const struct fp_op *ops;
	uint8_t eth[12]; // FUSED_ETH_OUTPUT: the addresses
	// The writer's.
	uint32_t refs;
	uint64_t hash;
	struct fp_prog *next;   // chain of the intern table
	const uint8_t *bytes;   // the actions it was made of
	uint32_t n_bytes, size; // size: bytes of this allocation
};

struct fp_prog_table;

struct fp_prog_table *fp_prog_table_new(void);
void fp_prog_table_free(struct fp_prog_table *t);
uint64_t fp_prog_table_bytes(const struct fp_prog_table *t);
uint64_t fp_prog_table_count(const struct fp_prog_table *t);

// Checks n bytes of actions and finds or makes their program, with one reference
// for the caller. On failure -errno and the cause in err.
int fp_prog_get(struct fp_prog_table *t, const uint8_t *actions, size_t n, struct fp_prog **out,
		struct fp_err *err);
// Gives a reference back. Returns the program if it was the last one and must be
// freed by fp_prog_free after a grace period, else NULL.
struct fp_prog *fp_prog_put(struct fp_prog_table *t, struct fp_prog *p);
void fp_prog_free(struct fp_prog *p);

#endif
