// Internet checksum (RFC 1071) over plain memory and the pseudo headers of
// RFC 768, RFC 9293 and RFC 8200 section 8.1.
//
// Sums are kept in memory order: a 16-bit word is added as it stands in memory and
// a folded sum is stored as it is. A 64-bit sum of 16- and 32-bit words cannot
// overflow for any packet.
#ifndef FP_CSUM_H
#define FP_CSUM_H

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

static inline uint16_t fp_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Adds len bytes at p, of any alignment, to sum. An odd last byte counts as the
// first byte of a word.
uint64_t fp_csum_add(const void *p, uint32_t len, uint64_t sum);

// Pseudo header of IPv4 (addresses: 8 bytes, source first) with upper-layer length len.
static inline uint64_t fp_csum_pseudo4(const void *addrs, uint8_t proto, uint32_t len)
{
	uint32_t a[2];

	memcpy(a, addrs, sizeof(a));
	return (uint64_t)a[0] + a[1] + rte_cpu_to_be_16(proto) + rte_cpu_to_be_32(len);
}

// Pseudo header of IPv6 (addresses: 32 bytes, source first).
static inline uint64_t fp_csum_pseudo6(const void *addrs, uint8_t proto, uint32_t len)
{
	uint64_t sum = rte_cpu_to_be_16(proto) + (uint64_t)rte_cpu_to_be_32(len);
	uint32_t a[8];

	memcpy(a, addrs, sizeof(a));
	for (int i = 0; i < 8; i++)
		sum += a[i];
	return sum;
}

#endif
