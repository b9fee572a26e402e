// Patching checksums (RFC 1624 equation 3) over words that change.
#ifndef FP_PATCH_H
#define FP_PATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vnet.h"

// Sum of ~old + new over changed words.
struct fp_patch {
	uint32_t sum;
	bool changed;
};

// to = (old & ~mask) | (value & mask) over n bytes; to may be old.
static inline void fp_masked(uint8_t *to, const uint8_t *old, const void *value, const void *mask,
			     int n)
{
	const uint8_t *v = value, *k = mask;

	for (int i = 0; i < n; i++)
		to[i] = (uint8_t)((old[i] & ~k[i]) | (v[i] & k[i]));
}

static inline uint16_t fp_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Adds n bytes (even, at an even place of what is summed) that change from old to new.
static inline void fp_patch_change(struct fp_patch *p, const void *old, const void *new, int n)
{
	const uint8_t *o = old, *w = new;

	for (int i = 0; i < n; i += 2) {
		uint16_t a, b;

		memcpy(&a, o + i, 2);
		memcpy(&b, w + i, 2);
		if (a == b)
			continue;
		p->sum += (uint16_t)~a + (uint32_t)b;
		p->changed = true;
	}
}

// Patches the checksum field at p. udp: a result of zero is sent as all ones.
static inline void fp_patch_apply(const struct fp_patch *change, uint8_t *p, bool udp)
{
	uint16_t csum;

	if (!change->changed)
		return;
	memcpy(&csum, p, 2);
	csum = (uint16_t)~fp_fold((uint16_t)~csum + change->sum % 0xffff);
	if (udp && !csum)
		csum = 0xffff;
	memcpy(p, &csum, 2);
}

// Patches an L4 checksum at an offset of a packet. While it is pending, the field
// holds the pseudo header's sum (not complemented): then only a change of the
// pseudo header concerns it.
static inline void fp_patch_l4(struct rte_mbuf *m, const struct fp_patch *change, uint32_t at,
			       bool udp, bool pseudo)
{
	uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, at);
	const struct fp_vnet *v = fp_vnet(m);
	uint16_t sum;

	if (!(m->ol_flags & FP_MBUF_CSUM) || (uint32_t)v->csum_start + v->csum_offset != at) {
		fp_patch_apply(change, p, udp);
		return;
	}
	if (!pseudo || !change->changed)
		return;
	memcpy(&sum, p, 2);
	sum = fp_fold(sum + change->sum % 0xffff);
	memcpy(p, &sum, 2);
}

#endif
