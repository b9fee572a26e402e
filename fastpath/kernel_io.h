// What the kernel-facing ports (packet socket, tap) share: buffers that frames are
// received into, translation of virtio net headers, the way of a batch to the
// kernel, rings towards pinned lcores, counters.
//
// Only the housekeeping lcore calls recv and send; the writer opens and closes.
#ifndef FP_KERNEL_IO_H
#define FP_KERNEL_IO_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "kernel_if.h"
#include "port_internal.h"

#define FP_KIO_BATCH 32
#define FP_KIO_IOVS 1024

// A frame on its way to the kernel.
struct fp_kio_msg {
	struct virtio_net_hdr hdr;
	struct iovec *iov; // iov[0] is the header
	int n_iov;
};

struct fp_kio {
	struct fp_kernel_if kif;
	int fd;
	bool dead; // the device is gone for good; fd never becomes readable again
	struct rte_mempool *pool;
	// Reads up to n frames from the device. The kind's own.
	uint16_t (*recv)(struct fp_port *port, struct rte_mbuf **pkts, uint16_t n);
	// Hands n frames to the kernel; returns how many it took, or -errno of the first.
	int (*send)(struct fp_kio *k, struct fp_kio_msg *msgs, int n);
	struct fp_port_count rx, tx;
	uint64_t kernel_dropped; // by the kernel, in front of us; under the registry's lock
	// Receiving: buffers that wait for frames, and room for what does not fit the
	// first buffer of each frame of a batch.
	struct rte_mbuf *spare[FP_KIO_BATCH];
	uint16_t n_spare;
	uint8_t *scratch; // FP_KIO_BATCH times FP_FRAME_MAX, pages come when they are used
	// Sending.
	struct fp_kio_msg msgs[FP_KIO_BATCH];
	struct iovec iovs[FP_KIO_IOVS];
};

// Room of one frame in scratch.
static inline uint8_t *fp_kio_scratch(struct fp_kio *k, uint16_t i)
{
	return k->scratch + (size_t)i * FP_FRAME_MAX;
}

// Makes k and hangs it to the port. fp_kio_close undoes it and whatever came later.
int fp_kio_open(struct fp *fp, struct fp_port *port, struct fp_err *err);
void fp_kio_close(struct fp *fp, struct fp_port *port);

// Fills spare up to want buffers; returns how many there are.
uint16_t fp_kio_refill(struct fp_kio *k, uint16_t want);

// Turns what was received into a packet: len frame bytes, of which the first stand
// in m's room and the others in rest, and the header. NULL: counted and freed.
struct rte_mbuf *fp_kio_packet(struct fp_kio *k, struct rte_mbuf *m, uint32_t len,
			       const uint8_t *rest, const struct virtio_net_hdr *hdr);

// Operations that both kinds use as they are.
uint16_t fp_kio_rx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t fp_kio_tx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
int fp_kio_info(struct fp_port *port, struct fp_port_info *out);
int fp_kio_stats(struct fp_port *port, struct fp_port_stats *out);
int fp_kio_set_mtu(struct fp_port *port, uint32_t mtu, struct fp_err *err);
int fp_kio_set_mac(struct fp_port *port, const uint8_t mac[6], struct fp_err *err);
int fp_kio_set_up(struct fp_port *port, bool up, struct fp_err *err);
int fp_kio_fd(struct fp_port *port, uint16_t queue);

// Reads MTU and address of the interface into the port, and sets an MTU asked for.
int fp_kio_adopt(struct fp_port *port, const struct fp_port_spec *spec, struct fp_err *err);

#endif
