// Work that a sending host left to us: checksums that are not filled in yet and
// segments longer than the MTU, as a virtio net header describes them.
//
// Kernel-facing ports translate between the header and this form on the mbuf.
// ol_flags say that work is pending (RTE_MBUF_F_TX_TCP_CKSUM: a checksum,
// RTE_MBUF_F_TX_TCP_SEG: segmentation), a dynamic field says what. The work is
// either handed on to a kernel-facing port as it is, or done in software before a
// port that cannot take it and before a tunnel header is pushed.
// All offsets count from the start of the frame; who adds or removes bytes in
// front of the packet calls fp_vnet_shift.
//
// What is trusted: pending work comes from the host's own kernel about frames that
// it made or has verified, so a packet with pending work counts as valid. Nobody
// verifies a checksum in such a packet, at any level:
// - the checksum field at csum_start + csum_offset holds the sum of the pseudo
//   header, not complemented (who rewrites an address adds the difference to it
//   instead of patching it by RFC 1624; ports and payload are not in it);
// - the outer UDP checksum of a tunnel whose inner checksum is pending is the value
//   that becomes right when the inner one is filled in (Linux: local checksum
//   offload), and in a long frame only the sum of its pseudo header;
// - a pending checksum that starts at the outer UDP header ends with that header:
//   fp_vnet_shift forgets it when the header is popped.
// What is not trusted is where the work is to be done: offsets, sizes and header
// lengths are checked against the packet before any byte is touched.
#ifndef FP_VNET_H
#define FP_VNET_H

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <stdbool.h>

struct fp;
struct virtio_net_hdr;

#define FP_MBUF_CSUM RTE_MBUF_F_TX_TCP_CKSUM
#define FP_MBUF_GSO RTE_MBUF_F_TX_TCP_SEG
#define FP_MBUF_PENDING (FP_MBUF_CSUM | FP_MBUF_GSO)

enum fp_gso_type {
	FP_GSO_NONE = 0,
	FP_GSO_TCP4 = 1,
	FP_GSO_UDP = 3, // UDP fragmentation (obsolete): refused
	FP_GSO_TCP6 = 4,
	FP_GSO_UDP_L4 = 5, // UDP segmentation
};

struct fp_vnet {
	uint16_t csum_start;  // where the sum starts
	uint16_t csum_offset; // from csum_start to the checksum field
	uint16_t gso_size;    // payload bytes per segment
	uint8_t gso_type;     // enum fp_gso_type
	uint8_t gso_ecn;      // first segment alone carries CWR
};

extern int fp_vnet_offset; // dynamic field, set by fp_vnet_register

int fp_vnet_register(void);

static inline struct fp_vnet *fp_vnet(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, fp_vnet_offset, struct fp_vnet *);
}

// Bytes were added (delta > 0) or removed (delta < 0) in front of the packet. When
// the checksum that was pending has been removed with them, clears it.
void fp_vnet_shift(struct rte_mbuf *m, int delta);

// Translates a virtio net header (native byte order, without num_buffers) that came
// with the frame into pending work of m. -EINVAL: work outside of the packet,
// -EOPNOTSUPP: a kind of segmentation that is not supported.
int fp_vnet_from_hdr(struct rte_mbuf *m, const struct virtio_net_hdr *h);

// The reverse: the header to send m with, all zero if nothing is pending.
void fp_vnet_to_hdr(struct rte_mbuf *m, struct virtio_net_hdr *h);

// Fills the pending checksum in; the caller owns every byte of m (no clones). 0, or -EINVAL if its place is outside of the packet.
int fp_csum_fill(struct rte_mbuf *m);

// Checksum (RFC 1071, folded, not complemented, in memory order: stored as it is)
// over len bytes at ofs of a packet of any number of segments, added to initial.
uint16_t fp_csum_mbuf(const struct rte_mbuf *m, uint32_t ofs, uint32_t len, uint32_t initial);

// Cuts a packet with pending segmentation into packets of gso_size payload bytes
// with all checksums and lengths filled in. Outer headers in front of the frame's
// own Ethernet header (VXLAN or Geneve that is still on) are copied and their
// lengths, ids and checksums patched too; an outer UDP checksum of zero stays zero.
// Returns how many packets out holds (m is consumed), or -errno (m stays the
// caller's): -EINVAL headers do not fit the work asked for, -EPROTONOSUPPORT
// fragments, routing headers in use, other tunnels, -E2BIG more than max or
// FP_GSO_MAX_SEGS packets, -ENOMEM no packet buffer.
int fp_gso_segment(struct rte_mempool *pool, struct rte_mbuf *m, struct rte_mbuf **out, int max);

// Whether pending segmentation is that of a frame inside a tunnel, which a plain
// virtio net header cannot express.
bool fp_gso_tunnelled(const struct rte_mbuf *m);

// Most segments that one packet can be cut into; longer asks are refused.
#define FP_GSO_MAX_SEGS 128

#endif
