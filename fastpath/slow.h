// The long way of a packet: whole parse, caches, masked table, upcall.
#ifndef FP_SLOW_H
#define FP_SLOW_H

#include "lcore.h"
#include "md.h"

// Looks a key up in the masked table and, on a hit that no held packet precedes,
// remembers it in the exact-match cache. hash is fp_key_hash of the key in the form
// that the cache compares; compact is that form for keys of one line (also with
// tun_ep), NULL for keys of more lines. 0: the packet was held or dropped.
uint32_t fp_slow_classify(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
			  uint32_t hash, struct fp_key_base *compact, const struct fp_md *md);

// Flow of a key of several lines by the wide cache, with its generation in the upper
// half; 0: not there.
uint64_t fp_wide_lookup(struct fp_lcore *lc, const struct fp_key *key, uint32_t hash);

// Runs a flow's actions on a packet, the flow being counted already.
void fp_slow_run(struct fp_lcore *lc, struct rte_mbuf *m, uint32_t flow, struct fp_md *md);

#endif
