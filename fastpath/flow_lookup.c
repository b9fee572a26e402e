// Looking a whole key up in the masked table.
#include <string.h>

#include <rte_prefetch.h>

#include "flow.h"
#include "flow_hash.h"

// The flow in a bucket whose key is equal to the masked lines, or 0.
static uint32_t probe(const struct fp_flow_table *t, const uint64_t *bucket, uint32_t hash,
		      const struct fp_mask *m, const uint8_t *masked)
{
	for (int i = 0; i < FP_SLOTS_PER_BUCKET; i++) {
		uint64_t s = __atomic_load_n(&bucket[i], __ATOMIC_ACQUIRE);

		if ((uint32_t)(s >> 32) != hash || !(uint32_t)s)
			continue;
		const struct fp_flow *f = &t->flows[(uint32_t)s];

		if (f->mask == m->id &&
		    memcmp(f->key, masked, (size_t)m->n_lines * FP_LINE_SIZE) == 0)
			return (uint32_t)s;
	}
	return 0;
}

uint32_t fp_flow_find(const struct fp_flow_table *t, const struct fp_slots *slots,
		      const struct fp_mask *m, const uint8_t *masked, uint32_t hash)
{
	const uint64_t *a = slots->slot[fp_bucket_a(hash, slots->bucket_mask)];
	const uint64_t *b = slots->slot[fp_bucket_b(hash, slots->bucket_mask)];

	rte_prefetch0(b); // a miss looks into both, and they are cold
	uint32_t found = probe(t, a, hash, m, masked);

	return found ? found : probe(t, b, hash, m, masked);
}

uint32_t fp_flow_lookup(const struct fp_flow_table *t, const struct fp_key *key, uint64_t *visits,
			uint16_t *mask_id)
{
	const struct fp_mask_list *list = __atomic_load_n(&t->masks, __ATOMIC_ACQUIRE);
	const struct fp_slots *slots = __atomic_load_n(&t->slots, __ATOMIC_ACQUIRE);
	uint64_t bit = fp_filter_bit(key->base.in_port, key->base.recirc_id);
	uint8_t masked[FP_KEY_SIZE] __attribute__((aligned(64)));

	for (uint32_t i = 0; i < list->n; i++) {
		const struct fp_mask *m = list->mask[i];

		if (!(__atomic_load_n(&m->filter, __ATOMIC_RELAXED) & bit))
			continue;
		uint32_t hash = fp_masked_hash(m, key, masked);
		uint32_t found = fp_flow_find(t, slots, m, masked, hash);

		++*visits;
		if (found) {
			*mask_id = m->id;
			return found;
		}
	}
	return 0;
}
