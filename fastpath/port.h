// Ports: the registry and the interface that every kind of port implements.
//
// The writer (whoever calls fp_port_*) opens and closes ports; lcores look them up
// in fp->ports, which is published by RCU: a port that lcores may still see is
// closed only after a grace period. rx and tx of one queue are called by one
// lcore at a time.
#ifndef FP_PORT_H
#define FP_PORT_H

#include <stdbool.h>

#include <rte_mbuf.h>

#include "fp.h"

struct fp;
struct fp_port;

struct fp_port_ops {
	const char *driver; // shown where the kind has no driver of its own
	// Opens the device; fills n_rxq, n_txq, mtu, mac of the port. On failure
	// leaves nothing behind and says why.
	int (*open)(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		    struct fp_err *err);
	// Releases the device and every mbuf that it holds; counts those that were
	// packets as FP_DROP_RX_PORT_GONE.
	void (*close)(struct fp *fp, struct fp_port *port);
	// Receives up to n packets. Never blocks.
	uint16_t (*rx)(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	// Sends up to n packets, returns how many were taken (always a prefix); the
	// rest stays the caller's. Packets may carry FP_MBUF_PENDING work only if
	// takes_pending is set. The caller counts what was not taken; packets that
	// the port takes and then cannot send are in its tx_dropped or tx_errors.
	uint16_t (*tx)(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	int (*info)(struct fp_port *port, struct fp_port_info *out);
	int (*stats)(struct fp_port *port, struct fp_port_stats *out);
	int (*set_mtu)(struct fp_port *port, uint32_t mtu, struct fp_err *err);
	int (*set_mac)(struct fp_port *port, const uint8_t mac[6], struct fp_err *err);
	int (*set_up)(struct fp_port *port, bool up, struct fp_err *err);
	// File descriptor that becomes readable with packets, or -1: must be polled.
	int (*poll_fd)(struct fp_port *port, uint16_t queue);
};

struct fp_port {
	// Written when the port opens, then read by lcores.
	uint16_t no;
	uint8_t kind;
	bool takes_pending; // tx understands FP_MBUF_PENDING packets
	bool kernel;        // rx and tx are system calls: only the housekeeping lcore may
	uint16_t ethdev;    // ETHDEV: DPDK's port id
	uint16_t n_rxq, n_txq;
	uint32_t max_frame; // longest frame without pending segmentation, with 802.1Q
	uint16_t tnl_udp_port, tnl_flags;
	uint64_t *vni_bits; // TUNNEL without FP_TNL_ANY_VNI: 2^24 bits
	const struct fp_port_ops *ops;
	void *priv; // the kind's own
	uint32_t upcall_limit;
	uint32_t mtu;
	uint8_t mac[6];
	char name[FP_NAME_SIZE];
	char devargs[FP_DEVARGS_SIZE];
	bool going; // the writer's: fp_port_del has begun
	// Kernel-facing ports whose queue a pinned lcore polls: the housekeeping lcore
	// reads the device and fills this ring (single producer, single consumer), rx
	// drains it. NULL: rx reads the device itself. Written by the writer while the
	// queue is in no lcore's list.
	struct rte_ring *rx_ring[FP_MAX_QUEUES];
};

extern const struct fp_port_ops fp_port_ethdev_ops;
extern const struct fp_port_ops fp_port_kif_ops;
extern const struct fp_port_ops fp_port_tap_ops;
extern const struct fp_port_ops fp_port_ring_ops;
extern const struct fp_port_ops fp_port_tunnel_ops;

// Kernel-facing ports: reads the device of a queue with a rx_ring and fills the
// ring. Called by the housekeeping lcore. Returns how many packets moved.
uint16_t fp_port_kernel_pump(struct fp_port *port, uint16_t queue);

// Sets or clears rx_ring of a kernel port's queue (the writer; the queue is in no
// lcore's list). Packets that are in the ring are dropped by name.
int fp_port_kernel_ring(struct fp *fp, struct fp_port *port, uint16_t queue, bool on);

#endif
