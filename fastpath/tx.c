// Sending: buffers, hand-over to the lcore that owns a queue, software offloads.
#include "tx.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

bool fp_tx_begin(struct fp_lcore *lc, uint16_t no)
{
	struct fp_tx_buffer *b = &lc->tx[no];
	struct fp_port *port = fp_port_get(lc->fp, no);

	if (!port || !port->ops->tx || port->kind == FP_PORT_TUNNEL)
		return false;
	b->port = port;
	b->max_frame = port->max_frame;
	lc->tx_active[lc->n_tx_active++] = no;
	return true;
}

// Hands packets to lcore 0, which does the system calls and has the shared queue.
static uint16_t hand_over(struct fp_lcore *lc, uint16_t no, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		m[i]->port = no;
	return (uint16_t)rte_ring_sp_enqueue_burst(lc->handoff, (void **)m, n, NULL);
}

void fp_tx_flush(struct fp_lcore *lc, uint16_t no)
{
	struct fp_tx_buffer *b = &lc->tx[no];
	struct fp_port *port = b->port;
	uint16_t sent, n = b->n;
	bool over = lc->id != 0 && (port->kernel || lc->id >= port->n_txq);

	if (!n)
		return;
	uint64_t start = unlikely(lc->sampling) ? rte_rdtsc() : 0;

	b->n = 0;
	if (over)
		sent = hand_over(lc, no, b->m, n);
	else if (port->kind == FP_PORT_ETHDEV)
		sent = rte_eth_tx_burst(port->ethdev, lc->id, b->m, n);
	else
		sent = port->ops->tx(port, lc->id < port->n_txq ? lc->id : 0, b->m, n);
	if (!over) {
		fp_add(&lc->c.tx_packets, sent);
		fp_add(&lc->c.tx_batches, 1);
	}
	if (unlikely(sent < n)) {
		fp_add(&lc->port_tx_dropped[no], (uint64_t)(n - sent));
		for (uint16_t i = sent; i < n; i++)
			fp_drop(lc, b->m[i], over ? FP_DROP_TX_HANDOFF : FP_DROP_TX_FULL);
	}
	if (unlikely(lc->sampling))
		lc->sample[FP_STAGE_TX] += rte_rdtsc() - start;
}

void fp_tx_flush_all(struct fp_lcore *lc)
{
	for (uint16_t i = 0; i < lc->n_tx_active; i++) {
		uint16_t no = lc->tx_active[i];

		fp_tx_flush(lc, no);
		lc->tx[no].port = NULL;
		lc->tx[no].max_frame = 0;
	}
	lc->n_tx_active = 0;
}

// Cuts a packet into segments and sends them.
static void send_segments(struct fp_lcore *lc, uint16_t no, struct rte_mbuf *m)
{
	const struct fp_port *port = lc->tx[no].port;
	struct rte_mbuf *seg[FP_GSO_MAX_SEGS];
	int n = fp_gso_segment(lc->pool, m, seg, FP_GSO_MAX_SEGS);

	if (n < 0) {
		fp_drop(lc, m, n == -ENOMEM ? FP_DROP_NO_MBUF : FP_DROP_GSO_FAILED);
		return;
	}
	for (int i = 0; i < n; i++) {
		if (seg[i]->pkt_len > port->max_frame)
			fp_drop(lc, seg[i], FP_DROP_OUTPUT_MTU);
		else
			fp_tx_put(lc, no, seg[i]);
	}
}

void fp_tx_odd(struct fp_lcore *lc, uint16_t no, struct rte_mbuf *m)
{
	const struct fp_port *port = lc->tx[no].port;
	bool gso = m->ol_flags & FP_MBUF_GSO;

	if (!port) {
		if (!fp_tx_begin(lc, no)) {
			fp_drop(lc, m, FP_DROP_OUTPUT_NO_PORT);
			return;
		}
		port = lc->tx[no].port;
	}
	if (gso && !port->takes_pending) {
		send_segments(lc, no, m);
		return;
	}
	// A frame that will be segmented behind the port may be longer than its MTU.
	if (!gso && m->pkt_len > port->max_frame) {
		fp_drop(lc, m, FP_DROP_OUTPUT_MTU);
		return;
	}
	if ((m->ol_flags & FP_MBUF_CSUM) && !port->takes_pending && fp_csum_fill(m) < 0) {
		fp_drop(lc, m, FP_DROP_CSUM_BAD_OFFSET);
		return;
	}
	fp_tx_put(lc, no, m);
}
