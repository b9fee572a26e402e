// What the kinds of ports share. Only port*.c and kernel_*.c include this.
#ifndef FP_PORT_INTERNAL_H
#define FP_PORT_INTERNAL_H

#include <rte_common.h>

#include "fp_internal.h"
#include "port.h"

// Longest frame that a port takes in: 65535 bytes behind an IPv6 header that does
// not count itself, Ethernet and two VLAN tags. One mbuf chain holds it.
#define FP_FRAME_MAX (65535 + 40 + 14 + 8)

// Bytes of a frame that do not count for the MTU: Ethernet and one VLAN tag.
#define FP_FRAME_OVERHEAD 18

// Counters of one direction of one queue: written by the lcore that has the queue,
// read by anyone.
struct fp_port_count {
	uint64_t packets, bytes, dropped, errors;
} __rte_cache_aligned;

static inline void fp_stat_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t fp_stat_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

// MTU and what follows from it; lcores may be reading.
static inline void fp_port_store_mtu(struct fp_port *port, uint32_t mtu)
{
	__atomic_store_n(&port->mtu, mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&port->max_frame, mtu + FP_FRAME_OVERHEAD, __ATOMIC_RELAXED);
}

// Taken by whoever looks at a port outside of the packet loop, and by the writer
// while it takes a port out of the registry.
void fp_ports_lock(void);
void fp_ports_unlock(void);

#endif
