// Upcalls: packets that wait for Go, and packets copied to Go.
//
// A miss takes a slot of the lcore and holds its packet there; later packets of
// the same key queue behind it, so that one flow costs one upcall and its packets
// keep their order: while a slot holds packets of a key, every packet of that key
// that does not come from the exact-match cache goes to the slot's queue (and the
// cache learns a key only when no slot holds it). Go reads the first packet, puts a
// flow, and answers; the lcore then takes the slot off and runs the packets again.
//
// A slot's way: free -> queued (lcore) -> reading -> read (Go, while it copies) ->
// free (lcore: answered or timed out). Only the step into reading and out of
// queued or read is contended, by the timeout; it is a compare-and-swap.
#ifndef FP_UPCALL_H
#define FP_UPCALL_H

#include <rte_byteorder.h>

#include "lcore.h"
#include "md.h"

struct fp_act_userspace;

enum fp_slot_state {
	FP_SLOT_FREE = 0,
	FP_SLOT_QUEUED,
	FP_SLOT_READING,
	FP_SLOT_READ,
};

struct fp_slot {
	struct fp_key key;
	struct fp_md md;
	uint32_t state; // enum fp_slot_state; atomic
	uint32_t seq;   // token's upper half
	uint32_t hash, flow_hash;
	uint32_t reason; // enum fp_upcall_reason
	uint32_t pid;
	uint16_t cookie_len, n; // n: packets held
	uint8_t cookie[FP_COOKIE_MAX];
	struct rte_mbuf *head, *tail; // linked by fp_mbuf_next
	uint64_t born;                // TSC
	uint32_t next;                // hash chain or free list; slot + 1
};

struct fp_upcalls {
	// The lcore's.
	uint32_t n_slots, free_head, n_used;
	uint32_t n_pending;       // slots in the hash: misses not answered
	uint16_t pending_udp[64]; // of those, UDP packets that may be a tunnel's, by port
	uint32_t bucket_mask;
	uint32_t *buckets;
	uint32_t held_max;
	uint32_t scan;    // next slot that the timeout looks at
	uint64_t timeout; // TSC ticks
	struct fp_slot *slots;
	struct rte_ring *to_go;   // lcore -> Go: slot indices
	struct rte_ring *from_go; // Go -> lcore: released slots of FP_UPCALL_ACTION
};

struct fp_upcalls *fp_upcalls_new(struct fp *fp, uint16_t lcore, int socket);
// Frees; packets that are still held are dropped as stopped.
void fp_upcalls_free(struct fp_lcore *lc, struct fp_upcalls *u);

static inline bool fp_upcall_pending(const struct fp_lcore *lc)
{
	return lc->up->n_pending;
}

static inline uint32_t fp_upcall_udp_bucket(uint16_t in_port, uint16_t be_tp_dst)
{
	return (in_port * 7U + rte_be_to_cpu_16(be_tp_dst)) % 64;
}

// Whether packets that may be outer packets of a tunnel wait for an answer: the short
// cut must not learn a header that lets later ones overtake them. Others that share the
// counter make it say yes too.
static inline bool fp_upcall_tunnel_waits(const struct fp_lcore *lc, uint16_t in_port,
					  uint16_t be_tp_dst)
{
	return lc->up->pending_udp[fp_upcall_udp_bucket(in_port, be_tp_dst)];
}

// Queues a packet behind held ones of its key; false: there are none. Takes the
// packet when true.
bool fp_upcall_join(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
		    const struct fp_md *md);
// Holds a packet that missed, or drops it by name. Takes it.
void fp_upcall_miss(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
		    const struct fp_md *md);
// Hands a packet to Go for a userspace action. Takes it.
void fp_upcall_action(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_md *md,
		      const struct fp_act_userspace *a);
// The answer to a miss: takes the held packets off and runs them. prog: EXECUTE.
void fp_upcall_answered(struct fp_lcore *lc, uint64_t token, enum fp_verdict_kind kind,
			const struct fp_prog *prog);
// Drops what has waited too long; looks at some slots a call. Frees released ones.
void fp_upcall_tidy(struct fp_lcore *lc);
// Whether slots wait for Go.
bool fp_upcall_waiting(const struct fp_lcore *lc);

#endif
