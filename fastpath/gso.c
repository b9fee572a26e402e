// Software segmentation. The frame's headers, down to the transport header that
// the sender's checksum offload names, are copied in front of every gso_size
// bytes of payload; then lengths, ids, sequence numbers, flags and checksums of
// every level are patched, innermost first. What each field becomes is what
// Linux's tcp_gso_segment, __udp_gso_segment and skb_udp_tunnel_segment make it.
#include <errno.h>
#include <netinet/in.h>

#include <rte_branch_prediction.h>

#include "csum.h"
#include "hdr_walk.h"
#include "vnet.h"

enum {
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
};

struct gso {
	uint8_t hdr[FP_HDR_MAX];
	struct fp_hdr_level lv[FP_HDR_LEVELS];
	struct rte_mempool *pool;
	const struct rte_mbuf *src; // cursor over the payload
	uint32_t src_ofs;
	uint32_t hdr_len;
	uint16_t gso_size;
	int levels;
	bool ecn;
};

static void put16(uint8_t *p, uint16_t host)
{
	p[0] = host >> 8;
	p[1] = (uint8_t)host;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put32(uint8_t *p, uint32_t host)
{
	put16(p, host >> 16);
	put16(p + 2, (uint16_t)host);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static bool type_fits(uint8_t gso_type, const struct fp_hdr_level *lv)
{
	switch (gso_type) {
	case FP_GSO_TCP4:
		return lv->proto == IPPROTO_TCP && !lv->v6;
	case FP_GSO_TCP6:
		return lv->proto == IPPROTO_TCP && lv->v6;
	case FP_GSO_UDP_L4:
		return lv->proto == IPPROTO_UDP;
	}
	return false;
}

// Reads and checks the headers; afterwards nothing about the packet can fail.
static int gso_prepare(struct gso *g, const struct rte_mbuf *m, const struct fp_vnet *v)
{
	uint32_t len = RTE_MIN(m->pkt_len, (uint32_t)FP_HDR_MAX), l4 = v->csum_start;
	const struct fp_hdr_level *in;
	const void *h;

	if (!v->gso_size || !l4 || l4 + 8 > len)
		return -EINVAL;
	h = rte_pktmbuf_read(m, 0, len, g->hdr);
	if (h != g->hdr)
		memcpy(g->hdr, h, len);
	g->levels = fp_hdr_walk(g->hdr, len, l4, g->lv);
	if (g->levels < 0)
		return g->levels;
	in = &g->lv[g->levels - 1];
	if (!type_fits(v->gso_type, in))
		return -EINVAL;
	g->hdr_len = l4 + 8;
	if (in->proto == IPPROTO_TCP) {
		if (l4 + 20 > len || g->hdr[l4 + 12] >> 4 < 5)
			return -EINVAL;
		g->hdr_len = l4 + (g->hdr[l4 + 12] >> 4) * 4u;
	}
	if (g->hdr_len > len)
		return -EINVAL;
	g->gso_size = v->gso_size;
	g->ecn = v->gso_ecn;
	g->src = m;
	g->src_ofs = g->hdr_len;
	while (g->src && g->src_ofs >= g->src->data_len) {
		g->src_ofs -= g->src->data_len;
		g->src = g->src->next;
	}
	return 0;
}

// Appends len bytes of payload to packet p, growing the chain as needed.
static int copy_payload(struct gso *g, struct rte_mbuf *p, uint32_t len)
{
	struct rte_mbuf *tail = p;

	while (len) {
		uint32_t n = RTE_MIN(len, (uint32_t)(g->src->data_len - g->src_ofs));

		if (!rte_pktmbuf_tailroom(tail)) {
			struct rte_mbuf *next = rte_pktmbuf_alloc(g->pool);

			if (!next)
				return -ENOMEM;
			next->data_off = 0;
			tail->next = next;
			tail = next;
			p->nb_segs++;
		}
		n = RTE_MIN(n, (uint32_t)rte_pktmbuf_tailroom(tail));
		memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len),
		       rte_pktmbuf_mtod_offset(g->src, void *, g->src_ofs), n);
		tail->data_len += n;
		p->pkt_len += n;
		len -= n;
		g->src_ofs += n;
		while (g->src && g->src_ofs >= g->src->data_len) {
			g->src_ofs = 0;
			g->src = g->src->next;
		}
	}
	return 0;
}

static struct rte_mbuf *segment_new(struct gso *g, const struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *p = rte_pktmbuf_alloc(g->pool);

	if (!p)
		return NULL;
	if (rte_pktmbuf_tailroom(p) < g->hdr_len)
		goto fail;
	memcpy(rte_pktmbuf_append(p, g->hdr_len), g->hdr, g->hdr_len);
	if (copy_payload(g, p, len) < 0)
		goto fail;
	rte_mbuf_dynfield_copy(p, m);
	p->port = m->port;
	p->hash = m->hash;
	p->packet_type = m->packet_type;
	p->vlan_tci = m->vlan_tci;
	p->ol_flags = m->ol_flags & ~FP_MBUF_PENDING;
	return p;
fail:
	rte_pktmbuf_free(p);
	return NULL;
}

static void patch_ip(uint8_t *h, const struct fp_hdr_level *lv, uint32_t end, int i)
{
	uint8_t *ip = h + lv->l3;
	uint16_t sum;

	if (lv->v6) {
		put16(ip + 4, end - lv->l3 - 40);
		return;
	}
	put16(ip + 2, end - lv->l3);
	put16(ip + 4, get16(ip + 4) + i);
	memset(ip + 10, 0, 2);
	sum = ~fp_csum_fold(fp_csum_add(ip, lv->l4 - lv->l3, 0));
	memcpy(ip + 10, &sum, 2);
}

static uint64_t pseudo(const uint8_t *h, const struct fp_hdr_level *lv, uint32_t end)
{
	uint32_t len = end - lv->l4;

	return lv->v6 ? fp_csum_pseudo6(h + lv->l3 + 8, lv->proto, len) :
			fp_csum_pseudo4(h + lv->l3 + 12, lv->proto, len);
}

// The transport header that is segmented. Returns the sum of all bytes from it on.
static uint64_t patch_inner(struct gso *g, struct rte_mbuf *p, int i, bool last)
{
	const struct fp_hdr_level *lv = &g->lv[g->levels - 1];
	uint8_t *h = rte_pktmbuf_mtod(p, uint8_t *), *l4 = h + lv->l4, *field = l4 + 6;
	uint64_t ps = pseudo(h, lv, p->pkt_len);
	uint16_t sum;

	if (lv->proto == IPPROTO_TCP) {
		put32(l4 + 4, get32(l4 + 4) + (uint32_t)i * g->gso_size);
		if (!last)
			l4[13] &= ~(TCP_FIN | TCP_PSH);
		if (i && g->ecn)
			l4[13] &= ~TCP_CWR;
		field = l4 + 16;
	} else {
		put16(l4 + 4, p->pkt_len - lv->l4);
	}
	memset(field, 0, 2);
	sum = ~fp_csum_mbuf(p, lv->l4, p->pkt_len - lv->l4, fp_csum_fold(ps));
	if (!sum && lv->proto == IPPROTO_UDP) // "none" to UDP, a checksum to TCP
		sum = 0xffff;
	memcpy(field, &sum, 2);
	return (uint16_t)~fp_csum_fold(ps);
}

// The UDP header of a tunnel; `behind` is the sum of all bytes from the next
// level's transport header on. A part with a correct checksum sums up to the
// complement of its pseudo header, so that no payload byte is read twice.
static uint64_t patch_outer(const struct gso *g, struct rte_mbuf *p, int level, uint64_t behind)
{
	const struct fp_hdr_level *lv = &g->lv[level];
	uint8_t *h = rte_pktmbuf_mtod(p, uint8_t *), *udp = h + lv->l4;
	uint64_t ps = pseudo(h, lv, p->pkt_len), all;
	bool checksummed = udp[6] | udp[7];
	uint16_t sum;

	put16(udp + 4, p->pkt_len - lv->l4);
	memset(udp + 6, 0, 2);
	all = fp_csum_add(udp, lv[1].l4 - lv->l4, behind);
	if (!checksummed)
		return all;
	sum = ~fp_csum_fold(all + ps);
	if (!sum)
		sum = 0xffff;
	memcpy(udp + 6, &sum, 2);
	return (uint16_t)~fp_csum_fold(ps);
}

static void segment_patch(struct gso *g, struct rte_mbuf *p, int i, bool last)
{
	uint64_t behind;

	for (int l = g->levels - 1; l >= 0; l--)
		patch_ip(rte_pktmbuf_mtod(p, uint8_t *), &g->lv[l], p->pkt_len, i);
	behind = patch_inner(g, p, i, last);
	for (int l = g->levels - 2; l >= 0; l--)
		behind = patch_outer(g, p, l, behind);
}

int fp_gso_segment(struct rte_mempool *pool, struct rte_mbuf *m, struct rte_mbuf **out, int max)
{
	struct gso g = { .pool = pool };
	uint32_t left, n;
	int count, rc;

	if (!(m->ol_flags & FP_MBUF_GSO))
		return -EINVAL;
	rc = gso_prepare(&g, m, fp_vnet(m));
	if (rc < 0)
		return rc;
	left = m->pkt_len - g.hdr_len;
	n = left ? (left + g.gso_size - 1) / g.gso_size : 1;
	if (n > FP_GSO_MAX_SEGS || (int)n > max)
		return -E2BIG;
	count = (int)n;
	for (int i = 0; i < count; i++) {
		uint32_t len = RTE_MIN(left, (uint32_t)g.gso_size);

		out[i] = segment_new(&g, m, len);
		if (unlikely(!out[i])) {
			rte_pktmbuf_free_bulk(out, i);
			return -ENOMEM;
		}
		left -= len;
		segment_patch(&g, out[i], i, i == count - 1);
	}
	rte_pktmbuf_free(m);
	return count;
}

bool fp_gso_tunnelled(const struct rte_mbuf *m)
{
	const struct fp_vnet *v = RTE_MBUF_DYNFIELD(m, fp_vnet_offset, const struct fp_vnet *);
	uint32_t len = RTE_MIN(m->pkt_len, (uint32_t)FP_HDR_MAX);
	struct fp_hdr_level lv[FP_HDR_LEVELS];
	uint8_t buf[FP_HDR_MAX];

	if (!(m->ol_flags & FP_MBUF_GSO))
		return false;
	return fp_hdr_walk(rte_pktmbuf_read(m, 0, len, buf), len, v->csum_start, lv) != 1;
}
