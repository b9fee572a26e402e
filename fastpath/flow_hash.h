// Masking and hashing of keys for the flow table: shared by lookup and writer.
#ifndef FP_FLOW_HASH_H
#define FP_FLOW_HASH_H

#include <string.h>

#include "flow.h"
#include "hash.h"

// Whether a key uses line n (0: the base line); a line not used counts as zeros.
static inline bool fp_key_has_line(const struct fp_key *key, int n)
{
	return n == 0 || (key->base.lines & (1 << (n - 1)));
}

// Writes the masked lines of key to out and returns their hash.
static inline uint32_t fp_masked_hash(const struct fp_mask *m, const struct fp_key *key,
				      uint8_t *out)
{
	uint64_t h = fp_hash_secret[2] + m->id;
	int at = 0;

	for (int n = 0; n < FP_KEY_LINES; n++) {
		if (!(m->lines & (1 << n)))
			continue;
		uint64_t *to = (uint64_t *)(void *)(out + at * FP_LINE_SIZE);
		const uint64_t *mask = (const uint64_t *)(const void *)m->line[at];
		const uint64_t *from = (const uint64_t *)key + n * (FP_LINE_SIZE / 8);

		if (fp_key_has_line(key, n)) {
			for (int i = 0; i < FP_LINE_SIZE / 8; i++)
				to[i] = from[i] & mask[i];
		} else {
			memset(to, 0, FP_LINE_SIZE);
		}
		h = fp_hash_line(h, to);
		at++;
	}
	return (uint32_t)(h ^ (h >> 32));
}

static inline uint32_t fp_bucket_a(uint32_t hash, uint32_t bucket_mask)
{
	return hash & bucket_mask;
}

static inline uint32_t fp_bucket_b(uint32_t hash, uint32_t bucket_mask)
{
	return (hash * 0x9e3779b1U >> 5) & bucket_mask;
}

// Bit of a mask's filter for packets of a port and recirculation id.
static inline uint64_t fp_filter_bit(uint16_t in_port, uint32_t recirc_id)
{
	return 1ULL << ((in_port * 0x9e37U + recirc_id * 0x85ebca6bU) >> 4 & 63);
}

uint32_t fp_flow_find(const struct fp_flow_table *t, const struct fp_slots *slots,
		      const struct fp_mask *m, const uint8_t *masked, uint32_t hash);

#endif
