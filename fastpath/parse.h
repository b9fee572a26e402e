// Parsing a packet's headers into a key.
//
// Two parsers give the same result. fp_parse_ip4 is the packet loop's: untagged
// IPv4 without options and fragments, TCP or UDP, nothing else; it says no to
// every other packet. fp_parse_full takes them all, one header a function, and
// follows what Open vSwitch's flow extraction does with bad lengths: the layers in
// front of a bad header are kept, it and what is behind it stay zero.
// Both check every length before they read.
#ifndef FP_PARSE_H
#define FP_PARSE_H

#include <stdbool.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#include "crc.h"
#include "fp_key.h"
#include "md.h"

// Where the headers of a packet stand; offsets from its first byte, 0: not there.
struct fp_layout {
	uint16_t type_at; // of the Ethernet type behind the tags
	uint16_t l3;      // a good ARP, IPv4 or IPv6 header
	uint16_t l4;      // behind a whole chain of L3 headers that is no later fragment
	uint8_t ip;       // 4, 6; 0: no good IP header
	bool arp;
	bool l4_read;      // the L4 header is long enough for its fields
	bool chain_cut;    // IPv6: extension headers cut short
	bool routing_left; // IPv6: a routing header has segments left
	bool nd;           // valid neighbour discovery with a target
	uint16_t nd_end;   // where its options end
	uint32_t end;      // end of what the IP header says, else of the frame
};

// Whole parse into a full-form key; lines that are not used stay unwritten. at may
// be NULL. Returns 0, or -1 when the frame has no Ethernet header.
int fp_parse_full(const struct rte_mbuf *m, const struct fp_md *md, struct fp_key *key,
		  struct fp_layout *at);

// Hash of the 5-tuple, the same from both parsers and on every build.
uint32_t fp_key_flow_hash(const struct fp_key *key);

// Hash of all lines in use.
uint32_t fp_key_hash(const struct fp_key *key);

// Hash of the 5-tuple of a base line; w are the line's seven words.
static inline uint32_t fp_base_flow_hash(const uint64_t *w)
{
	// Words 4 and 5: addresses; ports and protocol without ttl, frag and tos.
	return (uint32_t)fp_crc64(fp_crc64(0x5bd1e995, w[4]), w[5] & 0xffffffff0000ff00ULL);
}

static inline uint64_t fp_rotate(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

// Hash of a base line for the caches. Addresses, ports and protocol are hashed step by
// step; the rest is folded into one step: what collides there costs one cache set.
static inline uint32_t fp_base_hash(const uint64_t *w)
{
	uint64_t rest = w[0] ^ w[1] ^ w[2] ^ fp_rotate(w[3] ^ fp_rotate(w[6], 48), 23);

	return (uint32_t)fp_crc64(fp_crc64(fp_crc64(0x5bd1e995, w[4]), w[5]), rest);
}

static inline uint16_t fp_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t fp_load_be16(const uint8_t *p)
{
	return __builtin_bswap16(fp_load16(p));
}

// Whether the 28 bytes at p begin an untagged IPv4 packet without options that is no
// fragment.
static inline bool fp_is_plain_ip4(const uint8_t *p)
{
#if defined(__SSE4_1__)
	// Bytes 12 to 27: type, version and header length; fragment offset and more bit.
	const __m128i want = _mm_setr_epi8(8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m128i look = _mm_setr_epi8(-1, -1, -1, 0, 0, 0, 0, 0, 0x3f, -1, 0, 0, 0, 0, 0, 0);
	__m128i head = _mm_loadu_si128((const void *)(p + 12));

	return _mm_testz_si128(_mm_xor_si128(head, want), look);
#else
	uint64_t w12;

	memcpy(&w12, p + 12, 8);
	return !(((w12 ^ 0x450008) & 0xffffff) | (fp_load16(p + 20) & 0xff3f));
#endif
}

// Words 2 to 5 of the base line of an untagged IPv4 packet without options.
static inline void fp_copy_ip4(const uint8_t *p, struct fp_key_base *k)
{
#if defined(__SSE4_1__)
	const __m128i no_tag = _mm_set_epi16(0, -1, -1, -1, -1, -1, -1, -1);
	// From ttl, protocol, checksum, addresses, ports to the order of the key.
	const __m128i order = _mm_setr_epi8(4, 5, 6, 7, 8, 9, 10, 11, 0, 1, -1, -1, 12, 13, 14, 15);
	__m128i eth = _mm_loadu_si128((const void *)p);
	__m128i ip = _mm_loadu_si128((const void *)(p + 22));

	ip = _mm_insert_epi8(_mm_shuffle_epi8(ip, order), p[15], 11);
	_mm_store_si128((__m128i *)(void *)k + 1, _mm_and_si128(eth, no_tag));
	_mm_store_si128((__m128i *)(void *)k + 2, ip);
#else
	uint64_t *w = (uint64_t *)(void *)k, eth;
	uint32_t ports;

	memcpy(w + 2, p, 8);
	memcpy(&eth, p + 8, 8);
	memcpy(w + 4, p + 26, 8);
	memcpy(&ports, p + 34, 4);
	w[3] = eth & 0x0000ffffffffffffULL; // no tag
	w[5] = p[22] | (uint64_t)p[23] << 8 | (uint64_t)p[15] << 24 | (uint64_t)ports << 32;
#endif
}

// Untagged IPv4 TCP or UDP: fills words 2 to 6 of the base line and returns true.
// p has len readable bytes, the frame has frame_len. Words 0 and 1 are the caller's.
static inline bool fp_parse_ip4(const uint8_t *p, uint32_t len, uint32_t frame_len,
				struct fp_key_base *k)
{
	uint32_t flags = 0;

	if (len < 14 + 20 + 20)
		return false;
	uint32_t total = fp_load_be16(p + 16);
	uint8_t proto = p[23];

	// 28 <= total <= frame_len - 14, in one comparison.
	if (!fp_is_plain_ip4(p) || total - 28 > frame_len - 14 - 28)
		return false;
	if (proto == 6) {
		if (total < 40)
			return false;
		flags = (p[46] & 0x0f) | (uint32_t)p[47] << 8;
	} else if (proto != 17) {
		return false;
	}
	fp_copy_ip4(p, k);
	((uint64_t *)(void *)k)[6] = flags;
	return true;
}

#endif
