// Single-pass tunnel termination: the cache of outer headers.
//
// When the megaflow that an outer header hits does nothing but pop, and the pop
// succeeded the long way, the lcore remembers the header: its bytes without those
// that vary from packet to packet (lengths, id, checksums, UDP source port unless
// the megaflow compares it). A later packet with the same bytes needs no lookup of
// its own: the variable fields are checked, the outer flow is counted, and the
// parser goes on with the inner headers. Whatever does not fit, or is wrong, goes
// the long way, which names the drop.
//
// An entry has an id that is never used again in the lcore's life (a flush of the
// exact-match cache precedes a wrap); the id stands for the tunnel's whole line in
// the compact key. An entry is valid while its outer flow's generation and the
// lcore's term_epoch are those it was learnt under.
#ifndef FP_TERM_H
#define FP_TERM_H

#include "lcore.h"
#include "md.h"

#define FP_TERM_BYTES 80 // longest header compared: 64 + 16

struct fp_term {
	uint8_t value[FP_TERM_BYTES] __attribute__((aligned(64)));
	uint8_t zero[48];
	uint8_t mask[FP_TERM_BYTES] __attribute__((aligned(64)));
	uint32_t id; // 0: free
	uint32_t flow, gen;
	uint32_t epoch;
	uint16_t in_port, tnl_port;
	uint16_t hdr_len, min_len; // min_len: bytes that must be there to compare
	uint16_t l3, l4;
	uint16_t ip_sum; // IPv4: sum of the words that do not vary
	uint8_t ecn;     // outer ECN bits
	bool v6, csum;   // csum: outer UDP checksum is in use
	bool plain;      // untagged IPv4 without UDP checksum, no ECN work: offsets are constants
	struct fp_key_tun tun; // without the source port
};

struct fp_term_table {
	uint32_t n; // entries ever learnt: 0 means nothing to match
	uint32_t next_id;
	struct fp_term *entries; // FP_TERM_ENTRIES, sets of two
};

struct fp_term_table *fp_term_new(void);
void fp_term_free(struct fp_term_table *t);

// Entry whose bytes a packet has, or NULL.
struct fp_term *fp_term_find(struct fp_lcore *lc, const struct rte_mbuf *m, uint16_t in_port);

// Remembers the outer header of a packet that was popped the long way: hdr points
// to its hdr_len bytes, tun is what it became, flow the outer megaflow's index.
void fp_term_learn(struct fp_lcore *lc, const uint8_t *hdr, uint16_t hdr_len, uint16_t in_port,
		   uint16_t tnl_port, const struct fp_key_tun *tun, uint32_t flow, uint32_t gen);

static inline bool fp_term_valid(const struct fp_lcore *lc, const struct fp_term *e)
{
	return fp_flow_gen(&lc->table->flows[e->flow]) == e->gen &&
	       __atomic_load_n(&lc->term_epoch, __ATOMIC_RELAXED) == e->epoch;
}

#endif
