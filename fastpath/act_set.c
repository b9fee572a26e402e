// Rewrites. Each parses the packet as it stands, changes what the action's mask
// covers if the header is there, and patches the checksums over what changed.
#include "exec.h"
#include "parse.h"
#include "patch.h"

// Parses for a rewrite; false: no Ethernet header.
static bool look(const struct rte_mbuf *m, struct fp_key *key, struct fp_layout *at)
{
	static const struct fp_md none;

	return fp_parse_full(m, &none, key, at) == 0;
}

void fp_act_set_eth(struct rte_mbuf *m, const struct fp_act_set_eth *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	if (m->data_len < 12)
		return;
	for (int i = 0; i < 6; i++) {
		p[i] = (uint8_t)((p[i] & ~a->dst_mask[i]) | (a->dst[i] & a->dst_mask[i]));
		p[6 + i] = (uint8_t)((p[6 + i] & ~a->src_mask[i]) | (a->src[i] & a->src_mask[i]));
	}
}

// Place of the checksum field of the L4 header that covers the IP addresses, or -1.
static int l4_csum_at(const uint8_t *p, const struct fp_key *key, const struct fp_layout *at)
{
	if (!at->l4_read || (key->base.ip_frag & FP_FRAG_LATER))
		return -1;
	switch (key->base.ip_proto) {
	case 6:
		return at->l4 + 16;
	case 17:
		return p[at->l4 + 6] || p[at->l4 + 7] ? at->l4 + 6 : -1;
	case 58:
		return at->ip == 6 ? at->l4 + 2 : -1;
	default:
		return -1;
	}
}

void fp_act_set_ipv4(struct rte_mbuf *m, const struct fp_act_set_ipv4 *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_patch ip = { 0 }, pseudo = { 0 };
	struct fp_layout at;

	if (!look(m, &key, &at) || at.ip != 4)
		return;
	uint8_t *h = p + at.l3;
	uint8_t vt[2] = { h[0], (uint8_t)((h[1] & ~a->tos_mask) | (a->tos & a->tos_mask)) };
	uint8_t tp[2] = { (uint8_t)((h[8] & ~a->ttl_mask) | (a->ttl & a->ttl_mask)), h[9] };
	uint8_t addr[8];

	fp_masked(addr, h + 12, &a->be_src, &a->be_src_mask, 4);
	fp_masked(addr + 4, h + 16, &a->be_dst, &a->be_dst_mask, 4);
	fp_patch_change(&pseudo, h + 12, addr, 8);
	ip = pseudo;
	fp_patch_change(&ip, h, vt, 2);
	fp_patch_change(&ip, h + 8, tp, 2);
	memcpy(h, vt, 2);
	memcpy(h + 8, tp, 2);
	memcpy(h + 12, addr, 8);
	fp_patch_apply(&ip, h + 10, false);
	int csum = l4_csum_at(p, &key, &at);

	if (csum >= 0)
		fp_patch_l4(m, &pseudo, (uint32_t)csum, key.base.ip_proto == 17, true);
}

void fp_act_set_ipv6(struct rte_mbuf *m, const struct fp_act_set_ipv6 *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_patch pseudo = { 0 };
	struct fp_layout at;
	uint8_t addr[32];
	uint32_t word;

	if (!look(m, &key, &at) || at.ip != 6)
		return;
	uint8_t *h = p + at.l3;
	uint32_t tc = (uint32_t)(a->tclass & a->tclass_mask) << 20;
	uint32_t tc_mask = (uint32_t)a->tclass_mask << 20;
	uint32_t label_mask = rte_be_to_cpu_32(a->be_label_mask) & 0xfffff;

	memcpy(&word, h, 4);
	word = rte_be_to_cpu_32(word);
	word = (word & ~(tc_mask | label_mask)) | tc | (rte_be_to_cpu_32(a->be_label) & label_mask);
	word = rte_cpu_to_be_32(word);
	memcpy(h, &word, 4);
	h[7] = (uint8_t)((h[7] & ~a->hlimit_mask) | (a->hlimit & a->hlimit_mask));
	fp_masked(addr, h + 8, a->src, a->src_mask, 16);
	fp_masked(addr + 16, h + 24, a->dst, a->dst_mask, 16);
	fp_patch_change(&pseudo, h + 8, addr, 16);
	if (!at.routing_left)
		fp_patch_change(&pseudo, h + 24, addr + 16, 16);
	memcpy(h + 8, addr, 32);
	int csum = at.chain_cut ? -1 : l4_csum_at(p, &key, &at);

	if (csum >= 0)
		fp_patch_l4(m, &pseudo, (uint32_t)csum, key.base.ip_proto == 17, true);
}

void fp_act_set_tp(struct rte_mbuf *m, const struct fp_act_set_tp *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_patch ports = { 0 };
	struct fp_layout at;
	uint8_t to[4];

	if (!look(m, &key, &at) || !at.l4_read || key.base.ip_proto != a->proto)
		return;
	uint8_t *h = p + at.l4;

	fp_masked(to, h, &a->be_src, &a->be_src_mask, 2);
	fp_masked(to + 2, h + 2, &a->be_dst, &a->be_dst_mask, 2);
	fp_patch_change(&ports, h, to, 4);
	memcpy(h, to, 4);
	if (a->proto == 6)
		fp_patch_l4(m, &ports, at.l4 + 16U, false, false);
	else if (h[6] || h[7])
		fp_patch_l4(m, &ports, at.l4 + 6U, true, false);
}

void fp_act_set_icmp(struct rte_mbuf *m, const struct fp_act_set_icmp *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_patch change = { 0 };
	struct fp_layout at;

	if (!look(m, &key, &at) || !at.l4_read || key.base.ip_proto != (a->v6 ? 58 : 1))
		return;
	uint8_t *h = p + at.l4;
	uint8_t to[2] = { (uint8_t)((h[0] & ~a->type_mask) | (a->type & a->type_mask)),
			  (uint8_t)((h[1] & ~a->code_mask) | (a->code & a->code_mask)) };

	fp_patch_change(&change, h, to, 2);
	memcpy(h, to, 2);
	fp_patch_l4(m, &change, at.l4 + 2U, false, false);
}

void fp_act_set_arp(struct rte_mbuf *m, const struct fp_act_set_arp *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_layout at;

	if (!look(m, &key, &at) || !at.arp)
		return;
	uint8_t *h = p + at.l3;

	fp_masked(h + 6, h + 6, &a->be_op, &a->be_op_mask, 2);
	fp_masked(h + 8, h + 8, a->sha, a->sha_mask, 6);
	fp_masked(h + 14, h + 14, &a->be_sip, &a->be_sip_mask, 4);
	fp_masked(h + 18, h + 18, a->tha, a->tha_mask, 6);
	fp_masked(h + 24, h + 24, &a->be_tip, &a->be_tip_mask, 4);
}

void fp_act_set_nd(struct rte_mbuf *m, const struct fp_act_set_nd *a)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct fp_key key __attribute__((aligned(64)));
	struct fp_patch change = { 0 };
	struct fp_layout at;
	uint8_t to[16];

	if (!look(m, &key, &at) || !at.nd)
		return;
	uint8_t *h = p + at.l4;

	fp_masked(to, h + 8, a->target, a->target_mask, 16);
	fp_patch_change(&change, h + 8, to, 16);
	memcpy(h + 8, to, 16);
	for (uint8_t *o = h + 24; o + 8 <= p + at.nd_end && o[1]; o += o[1] * 8) {
		if (o[1] != 1 || (o[0] != 1 && o[0] != 2))
			continue;
		fp_masked(to, o + 2, o[0] == 1 ? a->sll : a->tll,
			  o[0] == 1 ? a->sll_mask : a->tll_mask, 6);
		fp_patch_change(&change, o + 2, to, 6);
		memcpy(o + 2, to, 6);
	}
	fp_patch_l4(m, &change, at.l4 + 2U, false, false);
}
