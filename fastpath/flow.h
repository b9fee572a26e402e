// The masked flow table: one writer, many lcores.
//
// A flow is a 32-byte record in an arena, the lines of its masked key in another,
// its counters (32 bytes) in one arena per lcore; all three are found by the flow's
// index. One hash table holds (hash, index) pairs of all flows under all masks;
// lookup visits the masks in order and probes two buckets of eight each. The table
// doubles by building a new one beside it and publishing that.
//
// Caches hold (index, generation); the generation changes when the flow is modified
// or removed, so a stale entry never matches. A removed flow's index is used again
// only after a grace period.
#ifndef FP_FLOW_H
#define FP_FLOW_H

#include <stdbool.h>

#include "fp_internal.h"
#include "prog.h"

#define FP_MAX_MASKS 256
#define FP_SLOTS_PER_BUCKET 8

struct fp_flow {
	uint32_t gen;  // writer stores, lcores load; odd while the flow lives
	uint16_t mask; // mask id
	uint8_t lines; // bit 0: line 0, bit n: line n
	uint8_t n_lines;
	struct fp_prog *prog; // writer publishes, lcores load
	uint8_t *key;         // n_lines masked lines; free list: unused
	uint32_t hash;
	uint32_t birth; // number of this use of the index; free list: next index
};

// Written by its lcore alone, summed by readers with relaxed loads.
struct fp_count {
	uint64_t packets, bytes;
	uint64_t used; // TSC of the last packet
	uint32_t tcp_flags;
	uint32_t zero;
};

struct fp_mask {
	uint16_t id;
	uint8_t lines, n_lines;
	uint32_t flows;
	uint64_t filter; // which in_port and recirculation ids have flows; writer stores
	uint16_t filter_refs[64];
	uint8_t line[FP_KEY_LINES][FP_LINE_SIZE] __attribute__((aligned(64))); // used lines first
	struct fp_key full;
};

struct fp_mask_list {
	uint32_t n;
	struct fp_mask *mask[FP_MAX_MASKS];
};

struct fp_slots {
	uint32_t bucket_mask;
	size_t size;
	uint64_t slot[][FP_SLOTS_PER_BUCKET] __attribute__((aligned(64))); // hash << 32 | index
};

struct fp_flow_table {
	// Read by lcores.
	struct fp_flow *flows; // index 0 is no flow
	struct fp_count *counts[FP_MAX_LCORES];
	struct fp_slots *slots;     // RCU
	struct fp_mask_list *masks; // RCU
	uint32_t max_flows;
	// The writer's.
	uint32_t max_masks;
	uint32_t n_flows, n_used, free_head; // n_used: indices ever used
	uint32_t births;
	uint32_t tidied; // births when the masks were last sorted
	uint8_t *lines;  // arena of key lines
	size_t lines_used, lines_max;
	void *free_lines[FP_KEY_LINES + 1]; // by number of lines
	struct fp_mask *by_id[FP_MAX_MASKS];
	struct fp_prog_table *progs;
	struct fp_prog *retired; // programs to free after the next grace period
};

struct fp_flow_table *fp_flow_table_new(const struct fp_config *cfg, struct fp_err *err);
void fp_flow_table_free(struct fp_flow_table *t);

// Makes sure that a lcore has counters.
int fp_flow_table_add_lcore(struct fp_flow_table *t, int lcore);

// Index of the flow that matches key, 0: none. *visits grows by the masks looked
// at, *mask_id is the mask that matched. For lcores, between quiescent points.
uint32_t fp_flow_lookup(const struct fp_flow_table *t, const struct fp_key *key, uint64_t *visits,
			uint16_t *mask_id);

static inline struct fp_prog *fp_flow_prog(const struct fp_flow *f)
{
	return __atomic_load_n(&f->prog, __ATOMIC_ACQUIRE);
}

static inline uint32_t fp_flow_gen(const struct fp_flow *f)
{
	return __atomic_load_n(&f->gen, __ATOMIC_RELAXED);
}

// Adds n packets to a flow's counters; the lcore's own.
static inline void fp_count_add(struct fp_count *c, uint64_t packets, uint64_t bytes, uint64_t now,
				uint32_t tcp_flags)
{
	__atomic_store_n(&c->packets, c->packets + packets, __ATOMIC_RELAXED);
	__atomic_store_n(&c->bytes, c->bytes + bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&c->used, now, __ATOMIC_RELAXED);
	if (tcp_flags & ~c->tcp_flags)
		__atomic_store_n(&c->tcp_flags, c->tcp_flags | tcp_flags, __ATOMIC_RELAXED);
}

#endif
