// Exact-match cache: sets of two entries of one cache line each, a compact key and
// in its last eight bytes the flow's index and generation. For the packet loop.
#ifndef FP_EMC_H
#define FP_EMC_H

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <rte_prefetch.h>

#include "lcore.h"

// Whether the compared bytes of two lines are equal; both are 64-byte aligned.
static inline bool fp_base_same(const struct fp_key_base *a, const struct fp_key_base *b)
{
#if defined(__AVX512F__)
	return _mm512_mask_cmpneq_epi64_mask(0x7f, _mm512_load_si512(a), _mm512_load_si512(b)) == 0;
#elif defined(__AVX2__)
	const __m256i *x = (const void *)a, *y = (const void *)b;
	const __m256i part = _mm256_set_epi64x(0, -1, -1, -1);
	__m256i lo = _mm256_xor_si256(x[0], y[0]);
	__m256i hi = _mm256_and_si256(_mm256_xor_si256(x[1], y[1]), part);

	lo = _mm256_or_si256(lo, hi);
	return _mm256_testz_si256(lo, lo);
#else
	const uint64_t *x = (const void *)a, *y = (const void *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]) |
		 (x[5] ^ y[5]) | (x[6] ^ y[6]));
#endif
}

// Index and generation of the flow of a key, 0: not there.
static inline uint64_t fp_emc_lookup(const struct fp_key_base *set, const struct fp_key_base *key)
{
	if (likely(fp_base_same(&set[0], key)))
		return set[0].priv;
	if (fp_base_same(&set[1], key))
		return set[1].priv;
	return 0;
}

#endif
