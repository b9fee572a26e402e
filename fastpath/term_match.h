// Comparing a packet's outer header with a remembered one, for the packet loop.
#ifndef FP_TERM_MATCH_H
#define FP_TERM_MATCH_H

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "parse.h"
#include "term.h"

// Whether the first 64 bytes at p are the entry's, but for what varies.
static inline bool fp_term_same64(const struct fp_term *e, const uint8_t *p)
{
#if defined(__AVX512F__)
	__m512i x = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_load_si512(e->value));

	return _mm512_test_epi64_mask(x, _mm512_load_si512(e->mask)) == 0;
#elif defined(__AVX2__)
	const __m256i *v = (const void *)e->value, *k = (const void *)e->mask;
	const __m256i *q = (const void *)p;
	__m256i x = _mm256_and_si256(_mm256_xor_si256(_mm256_loadu_si256(q), v[0]), k[0]);
	__m256i y = _mm256_and_si256(_mm256_xor_si256(_mm256_loadu_si256(q + 1), v[1]), k[1]);

	x = _mm256_or_si256(x, y);
	return _mm256_testz_si256(x, x);
#else
	const uint64_t *v = (const void *)e->value, *k = (const void *)e->mask;
	uint64_t differ = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t w;

		memcpy(&w, p + 8 * i, 8);
		differ |= (w ^ v[i]) & k[i];
	}
	return !differ;
#endif
}

// Whether the len bytes at p begin with the entry's header, but for what varies.
static inline bool fp_term_same(const struct fp_term *e, const uint8_t *p, uint32_t len,
				uint16_t in_port)
{
	uint64_t tail[2];

	if (len < e->min_len || in_port != e->in_port || !fp_term_same64(e, p))
		return false;
	if (e->hdr_len <= 64)
		return true;
	const uint64_t *tv = (const void *)(e->value + 64), *tk = (const void *)(e->mask + 64);

	memcpy(tail, p + 64, 16);
	return (((tail[0] ^ tv[0]) & tk[0]) | ((tail[1] ^ tv[1]) & tk[1])) == 0;
}

// Length of the inner frame if the fields that vary are right, else 0: the packet
// takes the long way, which finds and names the fault.
static inline uint32_t fp_term_check(const struct fp_term *e, const uint8_t *p, uint32_t frame_len)
{
	const uint8_t *ip = p + e->l3, *udp = p + e->l4;
	uint32_t room = frame_len - e->l3;
	uint32_t udp_len = fp_load_be16(udp + 4);
	uint32_t ip_payload;

	if (!e->v6) {
		uint32_t raw = fp_load16(ip + 2);
		uint32_t sum = e->ip_sum + raw + fp_load16(ip + 4) + fp_load16(ip + 10);
		uint32_t total = __builtin_bswap16((uint16_t)raw);

		// Four words sum to less than 2^18: one fold says whether they make all ones.
		if ((sum & 0xffff) + (sum >> 16) != 0xffff || total > room || total < 20)
			return 0;
		ip_payload = total - 20;
	} else {
		ip_payload = fp_load_be16(ip + 4);
		if (ip_payload + 40 > room)
			return 0;
	}
	if (udp_len > ip_payload || udp_len < 16 + 14)
		return 0;
	return udp_len - 16;
}

// Both for a plain entry (untagged IPv4, no UDP checksum, no ECN work) that this
// burst's port has hit before, in a frame of one segment: the inner frame's length, or
// 0 if the header is another one or anything is unusual.
static inline uint32_t fp_term_plain(const struct fp_term *e, const uint8_t *p, uint32_t frame_len)
{
	uint32_t total_id, udp;

	if (frame_len < 64 || !fp_term_same64(e, p))
		return 0;
	memcpy(&total_id, p + 16, 4);
	memcpy(&udp, p + 38, 4); // length, checksum
	uint32_t total = __builtin_bswap16((uint16_t)total_id);
	// The header's sum is right if it is a multiple of 0xffff. 0xffff is odd, so the
	// multiples are what times its inverse is at most 2^64 / 0xffff.
	uint64_t sum = (uint64_t)e->ip_sum + total_id + fp_load16(p + 24);

	if (sum * 0xfffefffefffeffffULL > UINT64_MAX / 0xffff)
		return 0;
	// 50 <= total <= frame_len - 14; the UDP length is the rest, its checksum zero.
	if (total - 50 > frame_len - 64 || udp != __builtin_bswap16((uint16_t)(total - 20)))
		return 0;
	return total - 36;
}

#endif
