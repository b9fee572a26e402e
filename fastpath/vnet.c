#include "vnet.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>

#include "csum.h"
#include "hdr_walk.h"

int fp_vnet_offset = -1;

int fp_vnet_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "skua_vnet",
		.size = sizeof(struct fp_vnet),
		.align = __alignof__(struct fp_vnet),
	};
	int ofs = rte_mbuf_dynfield_register(&field);

	if (ofs < 0)
		return -rte_errno;
	fp_vnet_offset = ofs;
	return 0;
}

void fp_vnet_shift(struct rte_mbuf *m, int delta)
{
	struct fp_vnet *v;
	int start;

	if (likely(!(m->ol_flags & FP_MBUF_PENDING)))
		return;
	v = fp_vnet(m);
	start = v->csum_start + delta;
	if (start < 0 || start > UINT16_MAX)
		m->ol_flags &= ~FP_MBUF_PENDING;
	else
		v->csum_start = (uint16_t)start;
}

// A long frame whose checksums the host has verified comes without csum_start.
// Finds the transport header and leaves the frame as its sender had it: with the
// pseudo header's sum in the checksum field.
static int vnet_unsummed(struct rte_mbuf *m, struct fp_vnet *v)
{
	uint32_t len = RTE_MIN(m->pkt_len, (uint32_t)FP_HDR_MAX), field;
	struct fp_hdr_level lv[FP_HDR_LEVELS];
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *);
	uint64_t ps;
	uint16_t sum;

	if (m->data_len < len) // frames come with their headers in the first segment
		return -EINVAL;
	if (fp_hdr_walk(h, len, FP_HDR_FIRST, lv) != 1)
		return -EINVAL;
	if (lv->proto != IPPROTO_TCP && lv->proto != IPPROTO_UDP)
		return -EINVAL;
	v->csum_start = lv->l4;
	v->csum_offset = lv->proto == IPPROTO_TCP ? 16 : 6;
	field = lv->l4 + v->csum_offset;
	if (field + 2u > len)
		return -EINVAL;
	ps = lv->v6 ? fp_csum_pseudo6(h + lv->l3 + 8, lv->proto, m->pkt_len - lv->l4) :
		      fp_csum_pseudo4(h + lv->l3 + 12, lv->proto, m->pkt_len - lv->l4);
	sum = fp_csum_fold(ps);
	memcpy(h + field, &sum, 2);
	return 0;
}

int fp_vnet_from_hdr(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
	uint8_t type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	struct fp_vnet *v = fp_vnet(m);
	uint64_t flags = 0;

	if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (likely(!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && type == FP_GSO_NONE))
		return 0;
	*v = (struct fp_vnet){ .csum_start = h->csum_start, .csum_offset = h->csum_offset };
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if ((uint32_t)h->csum_start + h->csum_offset + 2 > m->pkt_len)
			return -EINVAL;
		flags |= FP_MBUF_CSUM;
	}
	if (type != FP_GSO_NONE) {
		if (type != FP_GSO_TCP4 && type != FP_GSO_TCP6 && type != FP_GSO_UDP_L4)
			return -EOPNOTSUPP;
		if (!h->gso_size)
			return -EINVAL;
		if (!(flags & FP_MBUF_CSUM) && vnet_unsummed(m, v) < 0)
			return -EINVAL;
		v->gso_size = h->gso_size;
		v->gso_type = type;
		v->gso_ecn = !!(h->gso_type & VIRTIO_NET_HDR_GSO_ECN);
		flags |= FP_MBUF_GSO | FP_MBUF_CSUM;
	}
	m->ol_flags |= flags;
	return 0;
}

// Bytes of the headers up to the payload that is segmented.
static uint16_t headers_len(const struct rte_mbuf *m, const struct fp_vnet *v)
{
	uint8_t buf;
	const uint8_t *doff;

	if (v->gso_type == FP_GSO_UDP_L4)
		return v->csum_start + 8;
	doff = rte_pktmbuf_read(m, v->csum_start + 12u, 1, &buf);
	return v->csum_start + (doff ? (*doff >> 4) * 4 : 20);
}

void fp_vnet_to_hdr(struct rte_mbuf *m, struct virtio_net_hdr *h)
{
	const struct fp_vnet *v;

	memset(h, 0, sizeof(*h));
	if (likely(!(m->ol_flags & FP_MBUF_PENDING)))
		return;
	v = fp_vnet(m);
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = v->csum_start;
	h->csum_offset = v->csum_offset;
	if (!(m->ol_flags & FP_MBUF_GSO))
		return;
	h->gso_type = v->gso_type | (v->gso_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
	h->gso_size = v->gso_size;
	h->hdr_len = headers_len(m, v);
}
