// VXLAN frames whose every outer field can be changed, with the checksums that a
// sender would fill in, written from RFC 791, 768, 8200 and 7348.
#ifndef FP_TEST_OUTER_H
#define FP_TEST_OUTER_H

#include <stdbool.h>
#include <stdint.h>

struct fp_test_outer {
	uint8_t b[4096];
	uint32_t len;
	uint16_t l3, l4; // outer IP and UDP headers
	bool v6;
};

// Wraps an inner frame: from 172.16.0.2 or fd00::2, VNI 1111, UDP source port
// 40000 without a checksum, not ECN-capable; vlan: the underlay is tagged (VLAN 9).
void fp_test_wrap(struct fp_test_outer *f, bool v6, bool vlan, const uint8_t *inner, uint32_t len);

void fp_test_put16(uint8_t *p, uint32_t v);
// Fills the IPv4 header checksum at l3; nothing for IPv6.
void fp_test_fill_ip(struct fp_test_outer *f);
// Fills the outer UDP checksum over as many bytes as the UDP header says.
void fp_test_fill_udp(struct fp_test_outer *f);
// Sum of n bytes (RFC 1071), added to sum, folded, host order.
uint32_t fp_test_sum(const uint8_t *p, uint32_t n, uint32_t sum);
// Sum of an UDP datagram with its pseudo header; 0xffff: the checksum is right.
uint32_t fp_test_udp_sum(const uint8_t *ip, const uint8_t *udp, bool v6);

#endif
