// What the files of the data plane share: the context behind struct fp.
// Nothing outside of fastpath/ includes this.
#ifndef FP_INTERNAL_H
#define FP_INTERNAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "drop.h"
#include "fp.h"

#define FP_MAX_SOCKETS 8

struct fp_port;
struct fp_lcore;
struct fp_flow_table;

struct fp {
	struct fp_config cfg;
	// Ports by number. Written by the writer (release), read by lcores (acquire).
	struct fp_port *ports[FP_MAX_PORTS];
	struct rte_mempool *pools[FP_MAX_SOCKETS]; // NULL until a socket is used
	struct fp_lcore *lcores[FP_MAX_LCORES];    // by lcore id, NULL: free
	struct fp_lcore *housekeeping;
	struct rte_rcu_qsbr *qsbr;
	struct fp_flow_table *flows;
	void (*run)(struct fp_lcore *); // the loop's build
	const char *isa;
	int shortcut;
	uint32_t term_epoch;
	// The doorbell: set by who rings the eventfd, cleared by who drains.
	int upcall_fd;
	uint32_t rung;
	uint32_t recv_from; // lcore that the next receive starts at
	uint64_t mbuf_alloc_failed;
	// Written by the writer, which may not write a lcore's; read by anyone.
	uint64_t drops[FP_N_DROPS];
};

// Formats a message into err (which may be NULL) and returns rc.
int fp_fail(struct fp_err *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// Mempool of a NUMA socket (-1: any), made at first use.
struct rte_mempool *fp_pool(struct fp *fp, int socket, struct fp_err *err);

// A packet of len bytes, in as many segments as it takes; NULL: no buffers.
struct rte_mbuf *fp_mbuf_from(struct rte_mempool *pool, const uint8_t *p, uint32_t len);

// Makes lcores learn tunnel terminations again: a tunnel port or VNI went away.
void fp_term_forget(struct fp *fp);

// Waits until no lcore holds a reference that it took before the call.
void fp_rcu_wait(struct fp *fp);

// Takes every rx queue of a port off its lcore and waits until none is polled.
void fp_lcores_forget_port(struct fp *fp, uint16_t port);

// Counts packets that the writer drops.
static inline void fp_writer_dropped(struct fp *fp, enum fp_drop why, uint64_t n)
{
	__atomic_store_n(&fp->drops[why], fp->drops[why] + n, __ATOMIC_RELAXED);
}

static inline struct fp_port *fp_port_get(const struct fp *fp, uint32_t no)
{
	return no < FP_MAX_PORTS ? __atomic_load_n(&fp->ports[no], __ATOMIC_ACQUIRE) : NULL;
}

#endif
