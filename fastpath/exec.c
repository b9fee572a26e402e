// The interpreter of programs.
#include "exec.h"

#include "parse.h"
#include "slow.h"
#include "tx.h"
#include "upcall.h"

// A copy of a packet with its metadata, or NULL with the loss counted.
static struct rte_mbuf *copy(struct fp_lcore *lc, struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_copy(m, lc->pool, 0, UINT32_MAX);

	if (unlikely(!c))
		fp_add(&lc->c.drops[FP_DROP_NO_MBUF], 1);
	return c;
}

static void exec_pop(struct fp_lcore *lc, struct rte_mbuf *m, uint16_t port, struct fp_md md)
{
	uint32_t hdr_len;
	enum fp_drop why = fp_pop(lc, m, port, &md, &hdr_len);

	if (why != FP_N_DROPS)
		fp_drop(lc, m, why);
	else
		fp_packet_slow(lc, m, &md);
}

static void exec_recirc(struct fp_lcore *lc, struct rte_mbuf *m, uint32_t id, struct fp_md md)
{
	if (md.depth >= FP_RECIRC_MAX) {
		fp_drop(lc, m, FP_DROP_RECIRC_DEPTH);
		return;
	}
	md.depth++;
	md.recirc_id = id;
	fp_add(&lc->c.recirculations, 1);
	fp_packet_slow(lc, m, &md);
}

// Pushes a header. NULL: dropped.
static struct rte_mbuf *exec_push(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_op *op,
				  struct fp_md *md)
{
	const struct fp_push *push = op->data;
	struct fp_key key __attribute__((aligned(64)));

	if ((m->ol_flags & FP_MBUF_CSUM) && fp_csum_fill(m) < 0) {
		fp_drop(lc, m, FP_DROP_CSUM_BAD_OFFSET);
		return NULL;
	}
	if (fp_parse_full(m, md, &key, NULL) < 0) {
		fp_drop(lc, m, FP_DROP_ETH_TRUNCATED);
		return NULL;
	}
	enum fp_drop why = fp_push(m, push, fp_key_flow_hash(&key));

	if (why != FP_N_DROPS) {
		fp_drop(lc, m, why);
		return NULL;
	}
	// What follows sees the encapsulated packet as a new one, as in Open vSwitch.
	md->has_tun = false;
	md->pkt_mark = 0;
	md->skb_priority = 0;
	md->in_port = (uint16_t)push->plan.out_port;
	return m;
}

static void exec_list(struct fp_lcore *lc, const struct fp_op *op, uint32_t n, struct rte_mbuf *m,
		      struct fp_md *md);

// Cuts a packet with pending segmentation before a tunnel header is pushed: every
// segment goes through the rest of the list by itself.
static bool cut_before_push(struct fp_lcore *lc, const struct fp_op *op, uint32_t n,
			    struct rte_mbuf *m, const struct fp_md *md)
{
	struct rte_mbuf *seg[FP_GSO_MAX_SEGS];

	if (!(m->ol_flags & FP_MBUF_GSO))
		return false;
	int segs = fp_gso_segment(lc->pool, m, seg, FP_GSO_MAX_SEGS);

	if (segs < 0)
		fp_drop(lc, m, segs == -ENOMEM ? FP_DROP_NO_MBUF : FP_DROP_GSO_FAILED);
	for (int i = 0; i < segs; i++) {
		struct fp_md own = *md;

		exec_list(lc, op, n, seg[i], &own);
	}
	return true;
}

static void set(const struct fp_op *op, struct rte_mbuf *m, struct fp_md *md)
{
	const struct fp_act_set_u32 *u = op->data;

	switch (op->type) {
	case FP_ACT_SET_ETH:
		fp_act_set_eth(m, op->data);
		break;
	case FP_ACT_SET_IPV4:
		fp_act_set_ipv4(m, op->data);
		break;
	case FP_ACT_SET_IPV6:
		fp_act_set_ipv6(m, op->data);
		break;
	case FP_ACT_SET_TP:
		fp_act_set_tp(m, op->data);
		break;
	case FP_ACT_SET_ICMP:
		fp_act_set_icmp(m, op->data);
		break;
	case FP_ACT_SET_ARP:
		fp_act_set_arp(m, op->data);
		break;
	case FP_ACT_SET_ND:
		fp_act_set_nd(m, op->data);
		break;
	case FP_ACT_SET_MARK:
		md->pkt_mark = (md->pkt_mark & ~u->mask) | (u->value & u->mask);
		break;
	case FP_ACT_SET_PRIORITY:
		md->skb_priority = (md->skb_priority & ~u->mask) | (u->value & u->mask);
		break;
	case FP_ACT_POP_VLAN:
		fp_act_pop_vlan(m);
		break;
	}
}

// An operation that hands the packet on: takes pkt.
static void hand_on(struct fp_lcore *lc, const struct fp_op *op, struct rte_mbuf *pkt,
		    const struct fp_md *md)
{
	const struct fp_prog *nested = op->data;
	struct fp_md own;

	switch (op->type) {
	case FP_ACT_OUTPUT:
		fp_tx(lc, (uint16_t)op->value, pkt);
		break;
	case FP_ACT_TNL_POP:
		exec_pop(lc, pkt, (uint16_t)op->value, *md);
		break;
	case FP_ACT_RECIRC:
		exec_recirc(lc, pkt, op->value, *md);
		break;
	case FP_ACT_CLONE:
		own = *md;
		exec_list(lc, nested->ops, nested->n_ops, pkt, &own);
		break;
	case FP_ACT_USERSPACE:
		fp_upcall_action(lc, pkt, md, op->data);
		break;
	}
}

static void exec_list(struct fp_lcore *lc, const struct fp_op *op, uint32_t n, struct rte_mbuf *m,
		      struct fp_md *md)
{
	for (; n; op++, n--) {
		struct rte_mbuf *pkt = m;

		switch (op->type) {
		case FP_ACT_OUTPUT:
		case FP_ACT_TNL_POP:
		case FP_ACT_RECIRC:
		case FP_ACT_CLONE:
		case FP_ACT_USERSPACE:
			if (!op->last)
				pkt = copy(lc, m);
			if (pkt)
				hand_on(lc, op, pkt, md);
			if (op->last)
				return;
			break;
		case FP_ACT_PUSH_VLAN:
			if (fp_act_push_vlan(m, op->data) < 0) {
				fp_drop(lc, m, FP_DROP_PUSH_HEADROOM);
				return;
			}
			break;
		case FP_ACT_TNL_PUSH:
			if (cut_before_push(lc, op, n, m, md))
				return;
			if (!exec_push(lc, m, op, md))
				return;
			break;
		case FP_ACT_DROP:
			fp_drop(lc, m, FP_DROP_FLOW_DROP);
			return;
		default:
			set(op, m, md);
		}
	}
	// A copy has gone out or was dropped by name: the end of the list is no loss.
	rte_pktmbuf_free(m);
}

void fp_exec(struct fp_lcore *lc, const struct fp_prog *prog, struct rte_mbuf *m, struct fp_md *md)
{
	if (prog->fused == FP_FUSED_DROP)
		fp_drop(lc, m, FP_DROP_FLOW_DROP);
	else
		exec_list(lc, prog->ops, prog->n_ops, m, md);
}
