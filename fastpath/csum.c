#include "csum.h"

#include <errno.h>

#include <rte_branch_prediction.h>

#include "vnet.h"

uint64_t fp_csum_add(const void *p, uint32_t len, uint64_t sum)
{
	const uint8_t *b = p;
	uint32_t w;
	uint16_t h;

	// 32-bit words into a 64-bit sum: carries need no care, and compilers make
	// vector code of the loop.
	for (; len >= 4; len -= 4, b += 4) {
		memcpy(&w, b, 4);
		sum += w;
	}
	if (len >= 2) {
		memcpy(&h, b, 2);
		sum += h;
		b += 2;
		len -= 2;
	}
	if (len) {
		h = 0;
		memcpy(&h, b, 1);
		sum += h;
	}
	return sum;
}

uint16_t fp_csum_mbuf(const struct rte_mbuf *m, uint32_t ofs, uint32_t len, uint32_t initial)
{
	uint64_t sum = initial;
	uint32_t done = 0, n;

	while (m && ofs >= m->data_len) {
		ofs -= m->data_len;
		m = m->next;
	}
	for (; m && done < len; m = m->next, ofs = 0, done += n) {
		uint16_t part;

		n = RTE_MIN(m->data_len - ofs, len - done);
		part = fp_csum_fold(fp_csum_add(rte_pktmbuf_mtod_offset(m, void *, ofs), n, 0));
		// A segment that starts at an odd byte has its words the other way round.
		sum += (done & 1) ? rte_bswap16(part) : part;
	}
	return fp_csum_fold(sum);
}

// Writes two bytes at ofs of a packet, which may lie in two segments.
static void put16(struct rte_mbuf *m, uint32_t ofs, uint16_t v)
{
	uint8_t b[2];

	memcpy(b, &v, 2);
	for (int i = 0; i < 2; i++, ofs++) {
		while (ofs >= m->data_len) {
			ofs -= m->data_len;
			m = m->next;
		}
		*rte_pktmbuf_mtod_offset(m, uint8_t *, ofs) = b[i];
	}
}

int fp_csum_fill(struct rte_mbuf *m)
{
	const struct fp_vnet *v = fp_vnet(m);
	uint32_t field = (uint32_t)v->csum_start + v->csum_offset;
	uint16_t sum;

	if (!(m->ol_flags & FP_MBUF_CSUM))
		return 0;
	if (unlikely(m->ol_flags & FP_MBUF_GSO || field + 2 > m->pkt_len))
		return -EINVAL;
	// The field already holds the pseudo header's sum, so that summing it with the
	// rest gives the whole. A zero means "no checksum" to UDP, whose field stands at 6:
	// send the other zero. To TCP it is a checksum like any other (RFC 1624 section 3).
	sum = ~fp_csum_mbuf(m, v->csum_start, m->pkt_len - v->csum_start, 0);
	put16(m, field, sum || v->csum_offset != 6 ? sum : 0xffff);
	m->ol_flags &= ~FP_MBUF_CSUM;
	return 0;
}
