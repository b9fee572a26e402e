// Tunnel headers: pushing and popping, the long way.
#include <rte_ip.h>

#include "exec.h"
#include "parse.h"
#include "push.h"
#include "vnet.h"

bool fp_udp_csum_ok(const struct rte_mbuf *m, uint32_t l3, uint32_t udp, uint32_t len, bool v6)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t good = m->ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK;
	uint32_t sum = rte_cpu_to_be_16(17) + rte_cpu_to_be_16((uint16_t)len);

	// A frame whose sender left checksums to us has not been on a wire.
	if ((m->ol_flags & FP_MBUF_PENDING) || good == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD)
		return true;
	// Without a tunnel parsed by the NIC its checksum verdict is the outer one's.
	if (!(m->packet_type & RTE_PTYPE_TUNNEL_MASK) &&
	    (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	uint32_t from = l3 + (v6 ? 8 : 12), n = v6 ? 32 : 8;

	for (uint32_t i = 0; i < n; i += 2) {
		uint16_t w;

		memcpy(&w, p + from + i, 2);
		sum += w;
	}
	return fp_csum_mbuf(m, udp, len, sum) == 0xffff;
}

bool fp_ecn_decap(struct rte_mbuf *m, uint8_t outer)
{
	struct fp_key key __attribute__((aligned(64)));
	struct fp_md none = { .in_port = 0 };
	struct fp_layout at;
	uint8_t *ip, inner;
	uint16_t was, is, csum;

	if (fp_parse_full(m, &none, &key, &at) < 0 || !at.ip)
		return true;
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, at.l3);
	memcpy(&was, ip, 2);
	inner = (uint8_t)((at.ip == 4 ? ip[1] : ip[1] >> 4) & 3);
	if (inner == 0)
		return outer != 3;
	uint8_t to = outer == 3 ? 3 : outer == 1 && inner == 2 ? 1 : inner;

	if (to == inner)
		return true;
	if (at.ip == 6) {
		ip[1] = (uint8_t)((ip[1] & ~0x30) | to << 4);
		return true;
	}
	ip[1] = (uint8_t)((ip[1] & ~3) | to);
	memcpy(&is, ip, 2);
	memcpy(&csum, ip + 10, 2);
	uint32_t sum = (uint16_t)~csum + (uint32_t)(uint16_t)~was + is;

	sum = (sum & 0xffff) + (sum >> 16);
	csum = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(ip + 10, &csum, 2);
	return true;
}

static const struct fp_port *tunnel_port(const struct fp_lcore *lc, uint16_t no)
{
	const struct fp_port *port = fp_port_get(lc->fp, no);

	return port && port->kind == FP_PORT_TUNNEL ? port : NULL;
}

// Checks a VXLAN header and fills the tunnel line's part of it.
static enum fp_drop vxlan(const struct fp_port *port, const uint8_t *p, struct fp_key_tun *tun)
{
	uint32_t flags, vni, allowed = 0x08000000;

	memcpy(&flags, p, 4);
	memcpy(&vni, p + 4, 4);
	flags = rte_be_to_cpu_32(flags);
	vni = rte_be_to_cpu_32(vni);
	if (!(flags & 0x08000000))
		return FP_DROP_VXLAN_NO_VNI_FLAG;
	if (!(port->tnl_flags & FP_TNL_ANY_VNI) &&
	    !(__atomic_load_n(&port->vni_bits[vni >> 14], __ATOMIC_RELAXED) >> (vni >> 8 & 63) & 1))
		return FP_DROP_VXLAN_UNKNOWN_VNI;
	if (port->tnl_flags & FP_TNL_GBP)
		allowed |= 0x80ffffff;
	if ((flags & ~allowed) || (vni & 0xff))
		return FP_DROP_VXLAN_RESERVED;
	tun->be_tun_id = rte_cpu_to_be_64(vni >> 8);
	if ((port->tnl_flags & FP_TNL_GBP) && (flags & 0x80000000)) {
		tun->be_gbp_id = rte_cpu_to_be_16((uint16_t)flags);
		tun->gbp_flags = (flags >> 16) & 0x48;
	}
	return FP_N_DROPS;
}

// The outer IP and UDP headers, in the order of the checks of vxlan_rcv's way.
static enum fp_drop outer(const struct rte_mbuf *m, const struct fp_key *key,
			  const struct fp_layout *at, uint32_t *udp_len)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type = rte_be_to_cpu_16(key->base.be_eth_type), raw;

	if (type != 0x0800 && type != 0x86dd)
		return FP_DROP_ACTION_ERROR;
	if (!at->ip || p[at->l3] >> 4 != at->ip || at->chain_cut)
		return FP_DROP_TNL_TRUNCATED;
	if (at->ip == 4 && rte_raw_cksum(p + at->l3, 4 * (p[at->l3] & 15)) != 0xffff)
		return FP_DROP_TNL_BAD_IP_CSUM;
	if (key->base.ip_frag)
		return FP_DROP_TNL_FRAGMENT;
	if (key->base.ip_proto != 17)
		return FP_DROP_ACTION_ERROR;
	if (!at->l4_read)
		return FP_DROP_TNL_TRUNCATED;
	memcpy(&raw, p + at->l4 + 4, 2);
	*udp_len = rte_be_to_cpu_16(raw);
	if (*udp_len < 16 || at->l4 + *udp_len > at->end || at->l4 + 16U > m->data_len)
		return FP_DROP_TNL_TRUNCATED;
	memcpy(&raw, p + at->l4 + 6, 2);
	if (raw && !fp_udp_csum_ok(m, at->l3, at->l4, *udp_len, at->ip == 6))
		return FP_DROP_TNL_BAD_UDP_CSUM;
	return FP_N_DROPS;
}

static void fill_tun(struct fp_key_tun *tun, const struct fp_key *key, const struct fp_layout *at,
		     const uint8_t *p)
{
	uint16_t csum;

	if (at->ip == 4) {
		tun->src[10] = tun->src[11] = tun->dst[10] = tun->dst[11] = 0xff;
		memcpy(tun->src + 12, &key->base.be_ip_src, 4);
		memcpy(tun->dst + 12, &key->base.be_ip_dst, 4);
	} else {
		memcpy(tun->src, key->ip6.src, 16);
		memcpy(tun->dst, key->ip6.dst, 16);
	}
	memcpy(&csum, p + at->l4 + 6, 2);
	tun->flags = FP_TUN_KEY | (csum ? FP_TUN_CSUM : 0);
	tun->tos = key->base.ip_tos;
	tun->ttl = key->base.ip_ttl;
	tun->be_tp_src = key->base.be_tp_src;
	tun->be_tp_dst = key->base.be_tp_dst;
}

// Cuts a packet of any number of segments to len bytes.
static void cut(struct rte_mbuf *m, uint32_t len)
{
	uint32_t seen = 0;

	m->pkt_len = len;
	for (struct rte_mbuf *s = m; s; s = s->next) {
		if (seen + s->data_len >= len) {
			s->data_len = (uint16_t)(len - seen);
			rte_pktmbuf_free(s->next);
			s->next = NULL;
			break;
		}
		seen += s->data_len;
	}
	uint16_t n = 0;

	for (struct rte_mbuf *s = m; s; s = s->next)
		n++;
	m->nb_segs = n;
}

enum fp_drop fp_pop(struct fp_lcore *lc, struct rte_mbuf *m, uint16_t tnl_port, struct fp_md *md,
		    uint32_t *hdr_len)
{
	struct fp_key key __attribute__((aligned(64)));
	const struct fp_port *port;
	struct fp_key_tun tun;
	struct fp_layout at;
	uint32_t udp_len;
	enum fp_drop why;
	const uint8_t *p;

	if (md->depth >= FP_RECIRC_MAX)
		return FP_DROP_RECIRC_DEPTH;
	port = tunnel_port(lc, tnl_port);
	if (!port)
		return FP_DROP_TNL_NO_PORT;
	if (fp_parse_full(m, md, &key, &at) < 0)
		return FP_DROP_ETH_TRUNCATED;
	why = outer(m, &key, &at, &udp_len);
	if (why != FP_N_DROPS)
		return why;
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	memset(&tun, 0, sizeof(tun));
	why = vxlan(port, p + at.l4 + 8, &tun);
	if (why != FP_N_DROPS)
		return why;
	if (udp_len < 16 + 14)
		return FP_DROP_VXLAN_INNER_SHORT;
	fill_tun(&tun, &key, &at, p);
	*hdr_len = at.l4 + 16U;
	cut(m, at.l4 + udp_len);
	// The inner Ethernet header must stand in the first segment, as every header.
	if (!rte_pktmbuf_adj(m, (uint16_t)*hdr_len) || m->data_len < 14)
		return FP_DROP_TNL_TRUNCATED;
	if (m->ol_flags & FP_MBUF_PENDING)
		fp_vnet_shift(m, -(int)*hdr_len);
	m->ol_flags &= ~FP_RX_CSUM_FLAGS;
	if (!fp_ecn_decap(m, tun.tos & 3))
		return FP_DROP_TNL_ECN;
	md->depth++;
	md->in_port = tnl_port;
	md->recirc_id = 0;
	md->has_tun = true;
	md->tun = tun;
	return FP_N_DROPS;
}

// The UDP checksum over an outer header and all behind it.
static void fill_udp_csum(struct rte_mbuf *m, const struct fp_push *push, uint16_t udp_len)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t sum = rte_cpu_to_be_16(17) + rte_cpu_to_be_16(udp_len);
	uint32_t from = push->plan.l3 + (push->plan.v6 ? 8U : 12U), n = push->plan.v6 ? 32 : 8;

	for (uint32_t i = 0; i < n; i += 2) {
		uint16_t w;

		memcpy(&w, p + from + i, 2);
		sum += w;
	}
	uint16_t csum = (uint16_t)~fp_csum_mbuf(m, push->plan.l4, udp_len, sum);

	csum = csum ? csum : 0xffff;
	memcpy(p + push->plan.l4 + 6, &csum, 2);
}

enum fp_drop fp_push(struct rte_mbuf *m, const struct fp_push *push, uint32_t flow_hash)
{
	uint32_t inner = m->pkt_len;

	if (inner > push->plan.max_inner)
		return FP_DROP_PUSH_TOO_LONG;
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, push->plan.len);

	if (!p)
		return FP_DROP_PUSH_HEADROOM;
	fp_push_header(p, push->header, push->plan, inner, flow_hash);
	if (push->plan.udp_csum)
		fill_udp_csum(m, push, (uint16_t)(inner + push->plan.len - push->plan.l4));
	m->ol_flags &= ~FP_RX_CSUM_FLAGS;
	return FP_N_DROPS;
}
