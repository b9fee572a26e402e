// EAL and a context for tests of ports and offloads. Its only lcore is a housekeeping
// lcore without receive queues: the test calls the ports' rx and tx itself.
#ifndef FP_TEST_ENV_H
#define FP_TEST_ENV_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "fp_internal.h"
#include "port.h"

// Starts EAL without hugepages, PCI and shared files, and makes a context.
struct fp *fp_test_open(void);
// Closes both; returns how many buffers were not given back.
int fp_test_close(struct fp *fp);
// The context's packet buffers, and how many of them are in use.
struct rte_mempool *fp_test_pool(struct fp *fp);
unsigned int fp_test_in_use(struct fp *fp);

// Enters a network namespace of the test's own. Returns 0 or -errno.
int fp_test_netns(void);
// Runs a command; returns its exit status.
int fp_test_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// A packet of the given bytes, cut into segments of random sizes up to max_seg.
struct rte_mbuf *fp_test_chain(struct rte_mempool *pool, const void *data, uint32_t len,
			       uint32_t max_seg);
// Copies a packet's bytes out; returns its length.
uint32_t fp_test_bytes(const struct rte_mbuf *m, uint8_t *out);

#endif
