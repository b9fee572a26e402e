// Finds the IP and transport headers of a frame down to a given transport header,
// through tunnel headers. Slow-path parsing for offload work; the packet loop has
// its own parser.
#ifndef FP_HDR_WALK_H
#define FP_HDR_WALK_H

#include <stdbool.h>
#include <stdint.h>

#define FP_HDR_LEVELS 4
#define FP_HDR_MAX 512 // bytes that are looked at
#define FP_HDR_FIRST 0 // as wanted: stop at the first transport header

struct fp_hdr_level {
	uint16_t l3, l4; // offsets from the start of the frame
	uint8_t proto;   // of the transport header
	bool v6;
};

// Fills lv with the levels of the frame whose first len bytes stand at h. Stops at
// the transport header that starts at `wanted`. Tunnels that are followed: VXLAN
// (RFC 7348, and its GPE form) and Geneve (RFC 8926). Returns the number of levels,
// -EINVAL if headers are cut short or malformed or `wanted` is no transport header,
// or -EPROTONOSUPPORT for fragments, routing headers in use and other tunnels.
int fp_hdr_walk(const uint8_t *h, uint32_t len, uint32_t wanted, struct fp_hdr_level *lv);

#endif
