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

// The base line's hash has two halves; that of the 5-tuple stands alone as the flow
// hash. w are the line's seven words.
static inline uint32_t fp_base_flow_hash(const uint64_t *w)
{
	// Words 4 and 5: addresses; ports and protocol without ttl, frag and tos.
	return fp_crc64(fp_crc64(0x5bd1e995, w[4]), w[5] & 0xffffffff0000ff00ULL);
}

static inline uint32_t fp_base_hash(const uint64_t *w, uint32_t flow_hash)
{
	uint32_t a = fp_crc64((uint32_t)w[5], w[0] ^ (w[1] << 7 | w[1] >> 57));
	uint32_t b = fp_crc64(fp_crc64(a, w[2]), w[3] ^ (w[6] << 16 | w[6] >> 48));

	return flow_hash ^ (b << 13 | b >> 19);
}

// Untagged IPv4 TCP or UDP: fills words 2 to 6 of the base line and returns true.
// p has len readable bytes, the frame has frame_len. Words 0 and 1 are the caller's.
static inline bool fp_parse_ip4(const uint8_t *p, uint32_t len, uint32_t frame_len,
				struct fp_key_base *k)
{
	uint64_t w12, w20;

	if (len < 14 + 20 + 20)
		return false;
	memcpy(&w12, p + 12, 8); // type, version/ihl, tos, total length, id
	memcpy(&w20, p + 20, 8); // fragment, ttl, protocol, checksum, half of src
	if ((w12 & 0xffffff) != 0x450008 || (w20 & 0xff3f) != 0)
		return false;
	uint32_t total = rte_bswap16((uint16_t)(w12 >> 32));
	uint8_t proto = (uint8_t)(w20 >> 24);
	uint64_t flags = 0;

	if (total > frame_len - 14 || total < 28)
		return false;
	if (proto == 6) {
		uint16_t f;

		if (total < 40)
			return false;
		memcpy(&f, p + 46, 2);
		flags = f & rte_cpu_to_be_16(0x0fff);
	} else if (proto != 17) {
		return false;
	}
	uint64_t eth0, eth1, ip;
	uint32_t ports;
	uint64_t *w = (uint64_t *)(void *)k;

	memcpy(&eth0, p, 8);
	memcpy(&eth1, p + 8, 8);
	memcpy(&ip, p + 26, 8);
	memcpy(&ports, p + 34, 4);
	w[2] = eth0;
	w[3] = eth1 & 0x0000ffffffffffffULL; // no tag
	w[4] = ip;
	w[5] = (w20 >> 16 & 0xffff) | (w12 & 0xff000000) | (uint64_t)ports << 32;
	w[6] = flags;
	return true;
}

#endif
