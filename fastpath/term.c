// The cache of outer headers: finding and learning entries.
#include "term.h"

#include <stdlib.h>

#include "arena.h"
#include "crc.h"
#include "flow_hash.h"
#include "term_match.h"

#define SETS (FP_TERM_ENTRIES / 2)

struct fp_term_table *fp_term_new(void)
{
	struct fp_term_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->entries = fp_arena_new(FP_TERM_ENTRIES * sizeof(struct fp_term));
	if (!t->entries) {
		free(t);
		return NULL;
	}
	return t;
}

void fp_term_free(struct fp_term_table *t)
{
	if (!t)
		return;
	fp_arena_free(t->entries, FP_TERM_ENTRIES * sizeof(struct fp_term));
	free(t);
}

// Where the parts of an outer header stand by its type; false: not one of ours.
static bool outline(const uint8_t *p, uint32_t len, uint16_t *l3, uint16_t *l4, bool *v6)
{
	uint16_t type;

	if (len < 64)
		return false;
	*l3 = 14;
	memcpy(&type, p + 12, 2);
	if (type == rte_cpu_to_be_16(0x8100) || type == rte_cpu_to_be_16(0x88a8)) {
		*l3 = 18;
		memcpy(&type, p + 16, 2);
	}
	if (type == rte_cpu_to_be_16(0x0800)) {
		*v6 = false;
		*l4 = (uint16_t)(*l3 + 20);
		return p[*l3] == 0x45 && p[*l3 + 9] == 17;
	}
	if (type != rte_cpu_to_be_16(0x86dd) || len < FP_TERM_BYTES)
		return false;
	*v6 = true;
	*l4 = (uint16_t)(*l3 + 40);
	return p[*l3] >> 4 == 6 && p[*l3 + 6] == 17;
}

// Set of an outer header: hashed over the peers' addresses, the VNI and whether
// there is a UDP checksum.
static uint32_t set_of(const uint8_t *p, uint16_t l3, uint16_t l4, bool v6, uint16_t in_port)
{
	uint64_t a, b;
	uint32_t vni;
	uint16_t csum;
	uint64_t h = in_port;

	memcpy(&vni, p + l4 + 12, 4);
	memcpy(&csum, p + l4 + 6, 2);
	if (v6) {
		memcpy(&a, p + l3 + 16, 8);
		memcpy(&b, p + l3 + 32, 8);
		h = fp_crc64(h, b);
	} else {
		memcpy(&a, p + l3 + 12, 8);
	}
	h = fp_crc64(fp_crc64(h, a), (uint64_t)vni << 1 | (csum != 0));
	return (uint32_t)h % SETS;
}

struct fp_term *fp_term_find(struct fp_lcore *lc, const struct rte_mbuf *m, uint16_t in_port)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t l3, l4;
	bool v6;

	if (!outline(p, m->data_len, &l3, &l4, &v6))
		return NULL;
	struct fp_term *e = &lc->term->entries[2 * set_of(p, l3, l4, v6, in_port)];

	for (int i = 0; i < 2; i++, e++) {
		if (e->id && fp_term_same(e, p, m->data_len, in_port) && fp_term_valid(lc, e))
			return e;
	}
	return NULL;
}

// Clears the mask over n bytes at an offset: they vary from packet to packet.
static void vary(struct fp_term *e, uint16_t at, uint16_t n)
{
	memset(e->mask + at, 0, n);
}

static void set_masks(struct fp_lcore *lc, struct fp_term *e)
{
	const struct fp_flow *f = &lc->table->flows[e->flow];
	const struct fp_key *outer = &lc->table->by_id[f->mask]->full;

	memset(e->mask, 0xff, e->hdr_len);
	if (e->v6) {
		vary(e, e->l3 + 4, 2); // payload length
		if (!outer->ip6.be_label) {
			e->mask[e->l3 + 1] = 0xf0; // traffic class stays
			vary(e, e->l3 + 2, 2);
		}
	} else {
		vary(e, e->l3 + 2, 4);  // total length, id
		vary(e, e->l3 + 10, 2); // checksum
	}
	if (!outer->base.be_tp_src)
		vary(e, e->l4, 2);
	vary(e, e->l4 + 4, 4); // length, checksum
	for (int i = 0; i < e->hdr_len; i++)
		e->value[i] &= e->mask[i];
}

// Sum of the IPv4 header's words that an entry compares.
static uint16_t fixed_sum(const struct fp_term *e)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2) {
		uint16_t w;

		memcpy(&w, e->value + e->l3 + i, 2);
		sum += w;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void fp_term_learn(struct fp_lcore *lc, const uint8_t *hdr, uint16_t hdr_len, uint16_t in_port,
		   uint16_t tnl_port, const struct fp_key_tun *tun, uint32_t flow, uint32_t gen)
{
	struct fp_term_table *t = lc->term;
	uint16_t l3, l4, csum;
	bool v6;

	if (hdr_len > FP_TERM_BYTES || !outline(hdr, hdr_len + 14U, &l3, &l4, &v6) ||
	    l4 + 16 != hdr_len)
		return;
	struct fp_term *e = &t->entries[2 * set_of(hdr, l3, l4, v6, in_port)];

	if (e[0].id && fp_term_valid(lc, &e[0]) && (!e[1].id || e[0].id > e[1].id))
		e++; // the free, stale or older one goes
	if (++t->next_id == 0) {
		memset(lc->emc, 0, (size_t)lc->fp->cfg.emc_entries * sizeof(*lc->emc));
		memset(t->entries, 0, FP_TERM_ENTRIES * sizeof(*t->entries));
		t->next_id = 1;
	}
	memset(e, 0, sizeof(*e));
	memcpy(e->value, hdr, hdr_len);
	memcpy(&csum, hdr + l4 + 6, 2);
	e->flow = flow;
	e->gen = gen;
	e->epoch = __atomic_load_n(&lc->term_epoch, __ATOMIC_RELAXED);
	e->in_port = in_port;
	e->tnl_port = tnl_port;
	e->hdr_len = hdr_len;
	e->min_len = (uint16_t)RTE_MAX(hdr_len + 14, hdr_len > 64 ? 80 : 64);
	e->l3 = l3;
	e->l4 = l4;
	e->v6 = v6;
	e->csum = csum != 0;
	e->ecn = tun->tos & 3;
	e->plain = !v6 && l3 == 14 && !csum && !e->ecn;
	e->tun = *tun;
	e->tun.be_tp_src = 0;
	set_masks(lc, e);
	e->ip_sum = v6 ? 0 : fixed_sum(e);
	e->id = t->next_id;
	t->n++;
}
