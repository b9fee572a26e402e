// Comparing a packet's outer header with a remembered one, for the packet loop.
#ifndef FP_TERM_MATCH_H
#define FP_TERM_MATCH_H

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "parse.h"
#include "term.h"

// Whether the len bytes at p begin with the entry's header, but for what varies.
static inline bool fp_term_same(const struct fp_term *e, const uint8_t *p, uint32_t len,
				uint16_t in_port)
{
	uint64_t tail[2], differ;

	if (len < e->min_len || in_port != e->in_port)
		return false;
#if defined(__AVX512F__)
	__m512i x = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_load_si512(e->value));

	differ = _mm512_test_epi64_mask(x, _mm512_load_si512(e->mask));
#elif defined(__AVX2__)
	const __m256i *v = (const void *)e->value, *k = (const void *)e->mask;
	const __m256i *q = (const void *)p;
	__m256i x = _mm256_and_si256(_mm256_xor_si256(_mm256_loadu_si256(q), v[0]), k[0]);
	__m256i y = _mm256_and_si256(_mm256_xor_si256(_mm256_loadu_si256(q + 1), v[1]), k[1]);

	x = _mm256_or_si256(x, y);
	differ = !_mm256_testz_si256(x, x);
#else
	const uint64_t *v = (const void *)e->value, *k = (const void *)e->mask;

	differ = 0;
	for (int i = 0; i < 8; i++) {
		uint64_t w;

		memcpy(&w, p + 8 * i, 8);
		differ |= (w ^ v[i]) & k[i];
	}
#endif
	if (differ)
		return false;
	if (e->hdr_len <= 64)
		return true;
	const uint64_t *tv = (const void *)(e->value + 64), *tk = (const void *)(e->mask + 64);

	memcpy(tail, p + 64, 16);
	return (((tail[0] ^ tv[0]) & tk[0]) | ((tail[1] ^ tv[1]) & tk[1])) == 0;
}

static inline uint32_t fp_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

// Length of the inner frame if the fields that vary are right, else 0: the packet
// takes the long way, which finds and names the fault. l3, l4 and v6 are e's, as
// constants where the caller knows them.
static __rte_always_inline uint32_t fp_term_check(const struct fp_term *e, const uint8_t *p,
						  uint32_t frame_len, uint32_t l3, uint32_t l4,
						  bool v6)
{
	const uint8_t *ip = p + l3, *udp = p + l4;
	uint32_t room = frame_len - l3;
	uint32_t udp_len = rte_bswap16((uint16_t)fp_load16(udp + 4));
	uint32_t ip_payload;

	if (!v6) {
		uint32_t raw = fp_load16(ip + 2);
		uint32_t sum = e->ip_sum + raw + fp_load16(ip + 4) + fp_load16(ip + 10);
		uint32_t total = rte_bswap16((uint16_t)raw);

		// Four words sum to less than 2^18: one fold says whether they make all ones.
		if ((sum & 0xffff) + (sum >> 16) != 0xffff || total > room || total < 20)
			return 0;
		ip_payload = total - 20;
	} else {
		ip_payload = rte_bswap16((uint16_t)fp_load16(ip + 4));
		if (ip_payload + 40 > room)
			return 0;
	}
	if (udp_len > ip_payload || udp_len < 16 + 14)
		return 0;
	return udp_len - 16;
}

#endif
