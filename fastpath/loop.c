// The packet loop: receive, parse, classify, act, flush. This file is built once
// per ISA (FP_ISA); what it includes with it is inlined, everything else is a call.
//
// A burst goes through three stages, each over all its packets, so that the cache
// lines that one stage asks for are there when the next one needs them:
// 1. parse: headers -> compact key and hash; the tunnel short cut; prefetch cache set
// 2. classify: cache set -> flow index; prefetch flow and counters
// 3. act: count, run the flow's program; packets of one flow in a row count once
// A packet that does not fit the common case leaves the burst through a call and is
// finished there, in its turn, so the order of packets is kept.
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "emc.h"
#include "exec.h"
#include "parse.h"
#include "push.h"
#include "slow.h"
#include "term_match.h"
#include "tx.h"

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)

#define SAMPLE_MAX_US 200    // a burst that took longer did not have its CPU all the time
#define AHEAD FP_BATCH_AHEAD // packets between the prefetch of a packet's bytes and their use

static bool is_wide(const struct fp_batch *b, int i)
{
	return b->wide >> i & 1;
}

// What a packet of the batch carries, for those who leave it.
static void md_of(const struct fp_lcore *lc, const struct fp_batch *b, int i, struct fp_md *md)
{
	const struct fp_term *term = b->cut ? b->term[i] : NULL;

	memset(md, 0, sizeof(*md));
	md->in_port = b->key[i].in_port;
	if (!term)
		return;
	md->has_tun = true;
	md->depth = 1;
	md->tun = term->tun;
	md->tun.be_tp_src = is_wide(b, i) ? lc->wide_key[i].tun.be_tp_src : b->key[i].be_tun_tp_src;
}

// A packet that the short parser does not take: the whole parser. A packet that is
// dropped leaves NULL in its place.
static __rte_noinline void parse_wide(struct fp_lcore *lc, struct fp_batch *b, int i)
{
	struct fp_key *key = &lc->wide_key[i];
	const struct fp_term *term = b->cut ? b->term[i] : NULL;
	enum fp_drop why = FP_N_DROPS;
	struct fp_md md;

	md_of(lc, b, i, &md);
	if (term && term->ecn && !fp_ecn_decap(b->m[i], term->ecn))
		why = FP_DROP_TNL_ECN;
	else if (fp_parse_full(b->m[i], &md, key, NULL) < 0)
		why = FP_DROP_ETH_TRUNCATED;
	if (why != FP_N_DROPS) {
		fp_drop(lc, b->m[i], why);
		b->m[i] = NULL;
		return;
	}
	b->flow_hash[i] = fp_key_flow_hash(key);
	uint32_t hash = fp_key_hash(key);

	b->hash[i] = hash;
	b->set[i] = fp_emc_set(lc, hash);
	b->key[i] = key->base;
	b->wide |= (uint32_t)(key->base.lines != 0) << i;
	if (is_wide(b, i))
		rte_prefetch0(&lc->wide[hash % FP_WIDE_ENTRIES]);
	else
		rte_prefetch0(b->set[i]);
}

// The entry of a packet's outer header, of any kind, if everything that varies in it
// is right; *inner is the inner frame's length. NULL: the packet goes the long way.
static __rte_noinline struct fp_term *shortcut(struct fp_lcore *lc, struct fp_term *last,
					       const struct rte_mbuf *m, uint16_t in_port,
					       uint32_t *inner)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct fp_term *e = last;

	if (m->nb_segs != 1)
		return NULL;
	if (!e || !fp_term_same(e, p, m->data_len, in_port))
		e = fp_term_find(lc, m, in_port);
	*inner = e ? fp_term_check(e, p, m->pkt_len) : 0;
	if (!*inner)
		return NULL;
	bool csum = fp_load16(p + e->l4 + 6) != 0;

	if (csum != e->csum || (csum && !fp_udp_csum_ok(m, e->l3, e->l4, *inner + 16, e->v6)))
		return NULL;
	return e;
}

// What a NIC or a sending host said of the outer headers that are gone now.
static __rte_noinline void taken_off(struct rte_mbuf *m, uint32_t hdr_len)
{
	if (m->ol_flags & FP_MBUF_PENDING)
		fp_vnet_shift(m, -(int)hdr_len);
	m->ol_flags &= ~FP_RX_CSUM_FLAGS;
}

// Counts what the short cut took on an outer flow.
static __rte_always_inline void count_outer(struct fp_lcore *lc, const struct fp_term *e,
					    uint64_t packets, uint64_t bytes)
{
	if (packets) {
		fp_count_add(&lc->counts[e->flow], packets, bytes, lc->now, 0);
		fp_add(&lc->c.shortcut_pops, packets);
	}
}

// Stage 1. slow lists the packets that took the whole parser; returns their number.
static __rte_always_inline int stage_parse(struct fp_lcore *lc, struct fp_batch *b, int n,
					   uint16_t in_port, bool cut, uint8_t *slow)
{
	uint64_t packets = 0, bytes = 0, w0 = (uint64_t)in_port << 32, w1 = 0;
	struct fp_term *last = NULL, *e = NULL;
	bool plain = false;
	int n_slow = 0;

	for (int i = 0; i < AHEAD; i++)
		b->m[n + i] = b->m[n - 1];
	b->cut = cut;
	b->slow = 0;
	b->wide = 0;
	for (int i = 0; i < n; i++) {
		struct rte_mbuf *m = b->m[i];
		struct fp_key_base *k = &b->key[i];
		uint64_t *w = (uint64_t *)(void *)k;
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
		uint32_t len = m->pkt_len, have = m->data_len, inner = 0, other;

		rte_prefetch0(rte_pktmbuf_mtod(b->m[i + AHEAD], void *));
		if (cut) {
			// The common outer header, the same as the last packet's.
			if (likely(plain && !(m->ol_flags & FP_MBUF_PENDING) && m->nb_segs == 1))
				inner = fp_term_plain(last, p, have);
			if (likely(inner))
				e = last;
			else
				e = shortcut(lc, last, m, in_port, &other);
			if (unlikely(!inner && e))
				inner = other;
			w0 = (uint64_t)in_port << 32;
			w1 = 0;
		}
		if (cut && likely(e)) {
			if (unlikely(e != last)) {
				count_outer(lc, last, packets, bytes);
				packets = bytes = 0;
				last = e;
				plain = e->plain;
			}
			packets++;
			bytes += len;
			w0 = (uint64_t)e->tnl_port << 32;
			w1 = e->id | (uint64_t)fp_load16(p + e->l4) << 32;
			len = have = inner;
			p += e->hdr_len;
			m->data_off += e->hdr_len;
			m->data_len = (uint16_t)inner;
			m->pkt_len = inner;
			if (unlikely(m->ol_flags & (FP_RX_CSUM_FLAGS | FP_MBUF_PENDING)))
				taken_off(m, e->hdr_len);
		}
		w[0] = w0;
		w[1] = w1;
		if (cut)
			b->term[i] = e;
		// ECN work changes the inner header before it is parsed.
		if (unlikely(!fp_parse_ip4(p, have, len, k) || (cut && e && e->ecn))) {
			slow[n_slow++] = (uint8_t)i;
			b->set[i] = lc->emc;
			b->slow |= 1U << i;
			continue;
		}
		struct fp_key_base *set = fp_emc_set(lc, fp_base_hash(w));

		b->set[i] = set;
		rte_prefetch0(set);
	}
	if (cut)
		count_outer(lc, last, packets, bytes);
	for (int i = 0; i < n_slow; i++)
		parse_wide(lc, b, slow[i]);
	return n_slow;
}

// Stage 2: flow indices, with the generation that they were remembered under.
static __rte_always_inline void stage_classify(struct fp_lcore *lc, struct fp_batch *b, int n,
					       const uint8_t *slow, int n_slow)
{
	for (int i = 0; i < n; i++) {
		uint64_t priv = fp_emc_lookup(b->set[i], &b->key[i]);

		b->priv[i] = priv;
		rte_prefetch0(&lc->table->flows[(uint32_t)priv]);
		rte_prefetch0(&lc->counts[(uint32_t)priv]);
	}
	for (int k = 0; k < n_slow; k++) {
		int i = slow[k];

		if (!b->m[i])
			b->priv[i] = 0;
		else if (is_wide(b, i))
			b->priv[i] = fp_wide_lookup(lc, &lc->wide_key[i], b->hash[i]);
	}
}

// A packet that the caches do not know: masked table, upcall. 0: it is gone.
static __rte_noinline uint32_t classify_slow(struct fp_lcore *lc, struct fp_batch *b, int i)
{
	struct fp_key *key = &lc->wide_key[i];
	struct fp_md md;

	if (!b->m[i])
		return 0;
	md_of(lc, b, i, &md);
	if (is_wide(b, i))
		return fp_slow_classify(lc, b->m[i], key, b->hash[i], NULL, &md);
	// The full form of a compact key.
	key->base = b->key[i];
	key->base.priv = 0;
	key->base.tun_ep = 0;
	key->base.be_tun_tp_src = 0;
	if (md.has_tun) {
		key->base.lines |= FP_LINE_TUN;
		key->tun = md.tun;
	}
	return fp_slow_classify(lc, b->m[i], key, fp_base_hash((const void *)&b->key[i]),
				&b->key[i], &md);
}

// A program without a form of its own in the loop.
static __rte_noinline void act_slow(struct fp_lcore *lc, struct fp_batch *b, int i, uint32_t flow)
{
	struct fp_md md;

	md_of(lc, b, i, &md);
	fp_slow_run(lc, b->m[i], flow, &md);
}

// Pushes a prebuilt header on packets without pending work that are not too long. Stops
// at one that needs the interpreter; returns its place.
static __rte_always_inline int push_run(const struct fp_batch *b, int from, int to,
					const struct fp_push *push)
{
	const struct fp_push_plan plan = push->plan;
	uint32_t len = plan.len;
	int i;

	for (i = from; i < to && !plan.udp_csum; i++) {
		struct rte_mbuf *m = b->m[i];
		uint32_t inner = m->pkt_len, off = m->data_off;

		if (unlikely(m->nb_segs != 1 || off < len))
			break;
		m->data_off = (uint16_t)(off - len);
		m->data_len = (uint16_t)(inner + len);
		m->pkt_len = inner + len;
		if (unlikely(m->ol_flags & FP_RX_CSUM_FLAGS))
			m->ol_flags &= ~FP_RX_CSUM_FLAGS;
		uint32_t hash = b->slow >> i & 1 ? b->flow_hash[i] :
						   fp_base_flow_hash((const void *)&b->key[i]);

		fp_push_header((uint8_t *)m->buf_addr + off - len, push->header, plan, inner, hash);
	}
	return i;
}

// Runs a flow's program on packets from to to - 1, which hit it in a row. longest is
// the longest frame's length, or UINT32_MAX if any of them has pending work.
static __rte_always_inline void act(struct fp_lcore *lc, struct fp_batch *b, int from, int to,
				    uint32_t flow, const struct fp_prog *prog, uint32_t longest)
{
	uint8_t fused = prog->fused;
	int i = from;

	if (likely(fused == FP_FUSED_OUTPUT)) {
		fp_tx_run(lc, prog->out_port, &b->m[from], to - from, longest);
		return;
	}
	if (fused == FP_FUSED_PUSH_OUTPUT && longest <= prog->push->plan.max_inner) {
		i = push_run(b, from, to, prog->push);
		fp_tx_run(lc, prog->out_port, &b->m[from], i - from,
			  longest + prog->push->plan.len);
	}
	for (; i < to; i++) {
		if (fused == FP_FUSED_ETH_OUTPUT) {
			memcpy(rte_pktmbuf_mtod(b->m[i], uint8_t *), prog->eth, 12);
			fp_tx(lc, prog->out_port, b->m[i]);
		} else {
			act_slow(lc, b, i, flow);
		}
	}
}

// Stage 3.
static __rte_always_inline void stage_act(struct fp_lcore *lc, struct fp_batch *b, int n)
{
	uint32_t hits = 0;
	int to;

	for (int i = 0; i < n; i = to) {
		uint64_t priv = b->priv[i], pending = 0;
		uint32_t flow = (uint32_t)priv, bytes = 0, flags = 0, longest = 0;
		const struct fp_flow *f = &lc->table->flows[flow];

		to = i;
		if (likely(flow && fp_flow_gen(f) == priv >> 32)) {
			do {
				const struct rte_mbuf *m = b->m[to];

				bytes += m->pkt_len;
				longest = RTE_MAX(longest, m->pkt_len);
				pending |= m->ol_flags;
				flags |= b->key[to].be_tcp_flags;
				to++;
			} while (to < n && b->priv[to] == priv);
			hits += (uint32_t)(to - i);
		} else {
			to++;
			flow = classify_slow(lc, b, i);
			if (!flow)
				continue;
			f = &lc->table->flows[flow];
			bytes = b->m[i]->pkt_len;
			flags = b->key[i].be_tcp_flags;
			pending = FP_MBUF_PENDING;
		}
		fp_count_add(&lc->counts[flow], (uint64_t)(to - i), bytes, lc->now,
			     rte_bswap16((uint16_t)flags));
		act(lc, b, i, to, flow, fp_flow_prog(f),
		    pending & FP_MBUF_PENDING ? UINT32_MAX : longest);
	}
	fp_add(&lc->c.emc_hits, hits);
}

// Adds the cycles since *since to a stage, in a burst that is sampled.
static inline void stage_end(struct fp_lcore *lc, enum fp_stage stage, uint64_t *since)
{
	uint64_t now;

	if (likely(!lc->sampling))
		return;
	now = rte_rdtsc();
	lc->sample[stage] += now - *since;
	*since = now;
}

// Counts a sampled burst, unless the lcore lost its CPU on the way.
static __rte_noinline void sample_done(struct fp_lcore *lc, int n)
{
	uint64_t all = 0;

	lc->sampling = false;
	for (int i = 0; i < FP_N_STAGES; i++)
		all += lc->sample[i];
	if (all > rte_get_tsc_hz() / 1000000 * SAMPLE_MAX_US)
		return;
	for (int i = 0; i < FP_N_STAGES; i++)
		fp_add(&lc->c.stage_cycles[i], lc->sample[i]);
	fp_add(&lc->c.stage_packets, (uint64_t)n);
}

static __rte_always_inline void process(struct fp_lcore *lc, int n, uint16_t in_port,
					uint64_t since)
{
	struct fp_batch *b = &lc->batch;
	uint8_t slow[FP_BURST];
	int n_slow;

	fp_add(&lc->c.rx_packets, (uint64_t)n);
	fp_add(&lc->c.rx_batches, 1);
	stage_end(lc, FP_STAGE_RX, &since);
	if (lc->term->n && __atomic_load_n(&lc->shortcut, __ATOMIC_RELAXED))
		n_slow = stage_parse(lc, b, n, in_port, true, slow);
	else
		n_slow = stage_parse(lc, b, n, in_port, false, slow);
	stage_end(lc, FP_STAGE_PARSE, &since);
	stage_classify(lc, b, n, slow, n_slow);
	stage_end(lc, FP_STAGE_CLASSIFY, &since);
	stage_act(lc, b, n);
	if (unlikely(lc->sampling)) {
		since += lc->sample[FP_STAGE_TX]; // counted there
		stage_end(lc, FP_STAGE_ACT, &since);
		fp_tx_flush_all(lc);
		sample_done(lc, n);
	}
}

static inline uint16_t receive(const struct fp_rx_entry *rx, struct rte_mbuf **pkts)
{
	if (likely(rx->port->kind == FP_PORT_ETHDEV))
		return rte_eth_rx_burst(rx->port->ethdev, rx->queue, pkts, FP_BURST);
	return rx->port->ops->rx(rx->port, rx->queue, pkts, FP_BURST);
}

// Until told to stop: a turn polls every queue once.
void CAT(fp_loop_, FP_ISA)(struct fp_lcore *lc)
{
	struct rte_rcu_qsbr *qsbr = lc->fp->qsbr;
	uint32_t quiet = 0;

	lc->now = rte_rdtsc();
	while (!__atomic_load_n(&lc->stop, __ATOMIC_RELAXED)) {
		const struct fp_rx_list *list = __atomic_load_n(&lc->rxqs, __ATOMIC_ACQUIRE);
		uint64_t start = lc->now, began = 0;
		uint32_t got = 0;

		for (int i = 0; i < list->n; i++) {
			const struct fp_rx_entry *rx = &list->rx[i];
			uint16_t n;

			if (unlikely(rx->pump)) {
				got += fp_port_kernel_pump(rx->port, rx->queue);
				continue;
			}
			if (unlikely(++lc->unsampled == FP_SAMPLE_BURSTS)) {
				fp_tx_flush_all(lc); // others' packets are not this burst's
				lc->unsampled = 0;
				lc->sampling = true;
				memset(lc->sample, 0, sizeof(lc->sample));
				began = rte_rdtsc();
			}
			n = receive(rx, lc->batch.m);
			if (n) {
				process(lc, n, rx->no, began);
				got += n;
			}
			lc->sampling = false;
		}
		if (!got || ++quiet >= lc->between_turns) {
			quiet = 0;
			got += fp_lcore_between(lc);
		}
		fp_tx_flush_all(lc);
		rte_rcu_qsbr_quiescent(qsbr, lc->id);
		lc->now = rte_rdtsc();
		fp_add(&lc->c.turns, 1);
		fp_add(got ? &lc->c.busy_cycles : &lc->c.idle_cycles, lc->now - start);
		if (unlikely(lc->housekeeping)) {
			if (got)
				lc->idle_turns = 0;
			else
				fp_lcore_idle(lc);
		}
	}
}
