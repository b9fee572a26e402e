// Packet buffers: pools per socket, packets from bytes, the second link.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "fp_internal.h"
#include "mbuf_next.h"

#define POOL_CACHE 256
#define POOL_SHARE 32

int fp_mbuf_next_offset;

int fp_mbuf_next_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "fp_mbuf_next",
		.size = sizeof(struct rte_mbuf *),
		.align = __alignof__(struct rte_mbuf *),
	};

	fp_mbuf_next_offset = rte_mbuf_dynfield_register(&field);
	return fp_mbuf_next_offset < 0 ? -rte_errno : 0;
}

// Buffers that a lcore keeps so that it seldom asks the pool. They are lost to the
// others, up to one and a half times as many, so a small pool has smaller caches. DPDK
// refuses a cache of more than two thirds of the pool (rte_mempool_create).
static uint32_t cache_size(uint32_t n_mbufs)
{
	return RTE_MIN(POOL_CACHE, n_mbufs / POOL_SHARE);
}

struct rte_mempool *fp_pool(struct fp *fp, int socket, struct fp_err *err)
{
	int at = socket < 0 ? (fp->cfg.socket < 0 ? 0 : fp->cfg.socket) : socket;
	char name[RTE_MEMPOOL_NAMESIZE];

	if (at >= FP_MAX_SOCKETS)
		at = 0;
	if (fp->pools[at])
		return fp->pools[at];
	snprintf(name, sizeof(name), "fp-mbufs-%d-%x", at, (uint32_t)(uintptr_t)fp);
	fp->pools[at] =
		rte_pktmbuf_pool_create(name, fp->cfg.n_mbufs, cache_size(fp->cfg.n_mbufs), 0,
					(uint16_t)(RTE_PKTMBUF_HEADROOM + fp->cfg.mbuf_room),
					socket < 0 ? SOCKET_ID_ANY : socket);
	if (!fp->pools[at])
		fp_fail(err, -rte_errno,
			"pool of %u packet buffers of %u bytes on socket %d: %s; give DPDK more "
			"memory "
			"(--mem) or ask for fewer buffers",
			fp->cfg.n_mbufs, fp->cfg.mbuf_room, socket, rte_strerror(rte_errno));
	return fp->pools[at];
}

struct rte_mbuf *fp_mbuf_from(struct rte_mempool *pool, const uint8_t *p, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *tail = m;

	while (m) {
		uint32_t n = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(tail));

		memcpy(rte_pktmbuf_mtod(tail, void *), p, n);
		tail->data_len = (uint16_t)n;
		m->pkt_len += n;
		p += n;
		len -= n;
		if (!len)
			return m;
		tail->next = rte_pktmbuf_alloc(pool);
		if (!tail->next) {
			rte_pktmbuf_free(m);
			return NULL;
		}
		tail = tail->next;
		tail->data_off = 0;
		m->nb_segs++;
	}
	return NULL;
}
