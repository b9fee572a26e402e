// Sending: per-lcore, per-port buffers that are flushed when full and at the end
// of a turn.
#ifndef FP_TX_H
#define FP_TX_H

#include "lcore.h"
#include "vnet.h"

// First packet of a turn for a port: looks the port up. False: there is none.
bool fp_tx_begin(struct fp_lcore *lc, uint16_t port);
// Sends what a buffer holds.
void fp_tx_flush(struct fp_lcore *lc, uint16_t port);
// Sends everything that this turn buffered.
void fp_tx_flush_all(struct fp_lcore *lc);
// The first packet of a turn for a port, one that needs work, or one that is too
// long; takes it.
void fp_tx_odd(struct fp_lcore *lc, uint16_t port, struct rte_mbuf *m);

static inline void fp_tx_put(struct fp_lcore *lc, uint16_t port, struct rte_mbuf *m)
{
	struct fp_tx_buffer *b = &lc->tx[port];

	b->m[b->n++] = m;
	if (b->n == FP_TX_BURST)
		fp_tx_flush(lc, port);
}

// Sends a packet to a port, or drops it by name. Takes the packet.
static inline void fp_tx(struct fp_lcore *lc, uint16_t port, struct rte_mbuf *m)
{
	struct fp_tx_buffer *b = &lc->tx[port];

	if (unlikely((m->ol_flags & FP_MBUF_PENDING) || m->pkt_len > b->max_frame)) {
		fp_tx_odd(lc, port, m);
		return;
	}
	fp_tx_put(lc, port, m);
}

// Sends n packets whose longest has `longest` bytes (UINT32_MAX: some may need work).
static inline void fp_tx_run(struct fp_lcore *lc, uint16_t port, struct rte_mbuf **m, int n,
			     uint32_t longest)
{
	struct fp_tx_buffer *b = &lc->tx[port];

	if (unlikely(!b->max_frame))
		fp_tx_begin(lc, port);
	if (unlikely(longest > b->max_frame || b->n + n > FP_TX_BURST)) {
		for (int i = 0; i < n; i++)
			fp_tx(lc, port, m[i]);
		return;
	}
	for (int i = 0; i < n; i++)
		b->m[b->n + i] = m[i];
	b->n = (uint16_t)(b->n + n);
	if (b->n == FP_TX_BURST)
		fp_tx_flush(lc, port);
}

#endif
