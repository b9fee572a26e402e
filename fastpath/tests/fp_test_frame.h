// Builds frames with offload work pending, and judges finished frames, both
// written straight from the RFCs and without the code under test.
#ifndef FP_TEST_FRAME_H
#define FP_TEST_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FP_TEST_FRAME_MAX 70000

struct fp_test_spec {
	bool vlan;       // 802.1Q on the inner frame
	int outer;       // 0: none, 4 or 6: VXLAN over that
	int twice;       // a second VXLAN header around the first: 4 or 6
	bool outer_csum; // outer UDP checksum asked for
	bool v6;
	uint8_t proto; // 6 or 17
	uint8_t tcp_flags;
	uint16_t tcp_options; // bytes, a multiple of four
	uint32_t payload;
};

struct fp_test_frame {
	uint8_t b[FP_TEST_FRAME_MAX];
	uint32_t len;
	uint16_t l4;      // innermost transport header
	uint16_t payload; // where it starts
	uint16_t field;   // innermost checksum, from l4
};

// The frame as Linux hands over: lengths of the whole, inner checksum pending,
// outer UDP checksums holding the pseudo header's sum (or zero).
void fp_test_build(struct fp_test_frame *f, const struct fp_test_spec *s);

// NULL, or what is wrong with the frame: a length or checksum at any level.
const char *fp_test_judge(const uint8_t *b, uint32_t len);

uint16_t fp_test_be16(const uint8_t *p);
uint32_t fp_test_be32(const uint8_t *p);

// Appends a frame to a pcap file that starts with fp_test_pcap_open.
void *fp_test_pcap_open(const char *path);
void fp_test_pcap_put(void *file, const uint8_t *b, uint32_t len);
void fp_test_pcap_close(void *file);
// How many frames of the file tshark calls wrong: checksums and lengths.
// (What it makes of random payload does not count.)
// -1: tshark is not installed.
int fp_test_tshark_bad(const char *path);

#endif
