// The long way of a packet.
#include "slow.h"

#include "exec.h"
#include "parse.h"
#include "term.h"
#include "upcall.h"

uint64_t fp_wide_lookup(struct fp_lcore *lc, const struct fp_key *key, uint32_t hash)
{
	const struct fp_wide *e = &lc->wide[hash % FP_WIDE_ENTRIES];
	uint32_t flow = (uint32_t)e->priv;

	if (!flow || e->hash != hash || e->key.base.lines != key->base.lines ||
	    memcmp(&e->key.base, &key->base, FP_BASE_COMPARED) != 0)
		return 0;
	for (int n = 1; n < FP_KEY_LINES; n++) {
		if ((key->base.lines & (1 << (n - 1))) &&
		    memcmp((const uint8_t *)&e->key + n * FP_LINE_SIZE,
			   (const uint8_t *)key + n * FP_LINE_SIZE, FP_LINE_SIZE) != 0)
			return 0;
	}
	return fp_flow_gen(&lc->table->flows[flow]) == e->priv >> 32 ? e->priv : 0;
}

static void remember_wide(struct fp_lcore *lc, const struct fp_key *key, uint32_t hash,
			  uint64_t priv)
{
	struct fp_wide *e = &lc->wide[hash % FP_WIDE_ENTRIES];

	e->priv = priv;
	e->hash = hash;
	e->key.base = key->base;
	for (int n = 1; n < FP_KEY_LINES; n++) {
		if (key->base.lines & (1 << (n - 1)))
			memcpy((uint8_t *)&e->key + n * FP_LINE_SIZE,
			       (const uint8_t *)key + n * FP_LINE_SIZE, FP_LINE_SIZE);
	}
}

static void remember(struct fp_lcore *lc, struct fp_key_base *compact, uint32_t hash, uint64_t priv)
{
	struct fp_key_base *set = fp_emc_set(lc, hash);
	int way = 0;

	for (int i = 0; i < 2; i++) {
		uint32_t flow = (uint32_t)set[i].priv;

		// An entry that is free or stale goes first, else they take turns.
		if (!flow ||
		    fp_flow_gen(&lc->table->flows[flow]) != (uint32_t)(set[i].priv >> 32)) {
			way = i;
			goto out;
		}
	}
	way = ++lc->emc_turn & 1;
out:
	set[way] = *compact;
	set[way].priv = priv;
}

uint32_t fp_slow_classify(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
			  uint32_t hash, struct fp_key_base *compact, const struct fp_md *md)
{
	uint64_t visits = 0;
	uint16_t mask;
	uint32_t flow = fp_flow_lookup(lc->table, key, &visits, &mask);

	fp_add(&lc->c.masked_visits, visits);
	// Packets of this key that wait for an upcall's answer go first.
	if (fp_upcall_pending(lc) && fp_upcall_join(lc, m, key, md))
		return 0;
	if (!flow) {
		fp_add(&lc->c.misses, 1);
		fp_upcall_miss(lc, m, key, md);
		return 0;
	}
	uint64_t priv = flow | (uint64_t)fp_flow_gen(&lc->table->flows[flow]) << 32;

	fp_add(&lc->c.masked_hits, 1);
	fp_add(&lc->mask_hits[mask], 1);
	if (compact)
		remember(lc, compact, hash, priv);
	else
		remember_wide(lc, key, hash, priv);
	return flow;
}

// A tnl_pop flow's packet: pops, and remembers the outer header if the flow does
// nothing else.
static void run_pop(struct fp_lcore *lc, struct rte_mbuf *m, uint32_t flow, uint32_t gen,
		    uint16_t tnl_port, struct fp_md *md)
{
	uint16_t in_port = md->in_port;
	bool fresh = md->depth == 0 && md->recirc_id == 0 && !md->pkt_mark && !md->skb_priority;
	uint32_t hdr_len;
	enum fp_drop why = fp_pop(lc, m, tnl_port, md, &hdr_len);

	if (why != FP_N_DROPS) {
		fp_drop(lc, m, why);
		return;
	}
	if (fresh && __atomic_load_n(&lc->shortcut, __ATOMIC_RELAXED) &&
	    !fp_upcall_tunnel_waits(lc, in_port, md->tun.be_tp_dst))
		fp_term_learn(lc, rte_pktmbuf_mtod(m, uint8_t *) - hdr_len, (uint16_t)hdr_len,
			      in_port, tnl_port, &md->tun, flow, gen);
	fp_packet_slow(lc, m, md);
}

void fp_slow_run(struct fp_lcore *lc, struct rte_mbuf *m, uint32_t flow, struct fp_md *md)
{
	const struct fp_flow *f = &lc->table->flows[flow];
	uint32_t gen = fp_flow_gen(f); // before the program: a change between makes gen stale
	struct fp_prog *prog;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	prog = fp_flow_prog(f);
	if (prog->fused == FP_FUSED_POP)
		run_pop(lc, m, flow, gen, prog->out_port, md);
	else
		fp_exec(lc, prog, m, md);
}

void fp_packet_slow(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_md *md)
{
	struct fp_key key __attribute__((aligned(64)));
	struct fp_md own = *md;
	uint32_t hash, flow = 0;

	if (fp_parse_full(m, md, &key, NULL) < 0) {
		fp_drop(lc, m, FP_DROP_ETH_TRUNCATED);
		return;
	}
	hash = fp_key_hash(&key);
	if (key.base.lines)
		flow = (uint32_t)fp_wide_lookup(lc, &key, hash);
	if (flow)
		fp_add(&lc->c.emc_hits, 1);
	else
		flow = fp_slow_classify(lc, m, &key, hash, key.base.lines ? NULL : &key.base, md);
	if (!flow)
		return;
	fp_count_add(&lc->counts[flow], 1, m->pkt_len, lc->now,
		     rte_be_to_cpu_16(key.base.be_tcp_flags));
	fp_slow_run(lc, m, flow, &own);
}
