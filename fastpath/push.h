// Writing a prebuilt outer header: copy whole, then patch what depends on the packet.
#ifndef FP_PUSH_H
#define FP_PUSH_H

#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "prog.h"

// What a NIC said of checksums that are no longer where it saw them.
#define FP_RX_CSUM_FLAGS                                                                           \
	(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |                               \
	 RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD)

#define FP_SPORT_MIN 32768
#define FP_SPORT_MAX 61000

// UDP source port of a flow (RFC 7348 section 5), network order.
static inline uint16_t fp_push_sport(uint32_t flow_hash)
{
	uint64_t range = FP_SPORT_MAX - FP_SPORT_MIN + 1;

	return __builtin_bswap16((uint16_t)(FP_SPORT_MIN + (flow_hash * range >> 32)));
}

// Writes an outer header to p, in front of inner bytes of packet. The header has at
// least 48 bytes; copying goes in pieces of 16, the last one overlapping. plan comes by
// value: what is written to p cannot change it, which the compiler would not know.
static __rte_always_inline void fp_push_header(uint8_t *p, const uint8_t *header,
					       struct fp_push_plan plan, uint32_t inner,
					       uint32_t flow_hash)
{
	uint32_t len = plan.len;
	uint16_t sport = fp_push_sport(flow_hash);
	uint16_t udp_len = __builtin_bswap16((uint16_t)(inner + len - plan.l4));

#if defined(__AVX512BW__)
	if (likely(len <= 64)) {
		_mm512_mask_storeu_epi8(p, plan.bytes, _mm512_load_si512(header));
	} else
#endif
	{
		memcpy(p, header, 16);
		memcpy(p + 16, header + 16, 16);
		memcpy(p + 32, header + 32, 16);
		for (uint32_t at = 48; at + 16 <= len; at += 16)
			memcpy(p + at, header + at, 16);
		memcpy(p + len - 16, header + len - 16, 16);
	}
	memcpy(p + plan.l4, &sport, 2);
	memcpy(p + plan.l4 + 4, &udp_len, 2);
	if (plan.v6) {
		memcpy(p + plan.l3 + 4, &udp_len, 2); // UDP is the whole payload
		return;
	}
	uint16_t total = __builtin_bswap16((uint16_t)(inner + len - plan.l3));
	uint32_t sum = (uint32_t)plan.ip_sum + total;
	uint16_t csum;

	sum = (sum & 0xffff) + (sum >> 16);
	csum = (uint16_t)~sum;
	memcpy(p + plan.l3 + 2, &total, 2);
	memcpy(p + plan.l3 + 10, &csum, 2);
}

#endif
