// A port whose device is a pair of rings in memory: tests and tools put frames in
// and take frames out. Frames of one pair of Ethernet addresses stay in order,
// also with several receive queues.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_string_fns.h>

#include "port_internal.h"

#define DEFAULT_RING_SIZE 4096
#define DEFAULT_RING_MTU 1500

struct ring_port {
	struct rte_ring *rx[FP_MAX_QUEUES];
	struct rte_ring *tx;
	struct rte_mempool *pool;
	struct rte_mbuf *stash; // taken out of tx, but did not fit the caller's buffer
	uint64_t no_mbuf;       // under the registry's lock
	struct fp_port_count rxc[FP_MAX_QUEUES];
	struct fp_port_count txc[FP_MAX_LCORES];
};

// Frees a ring; returns how many packets were in it.
static unsigned int drain(struct rte_ring *r)
{
	unsigned int n = 0;
	void *m;

	if (!r)
		return 0;
	for (; rte_ring_dequeue(r, &m) == 0; n++)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
	return n;
}

static void ring_close(struct fp *fp, struct fp_port *port)
{
	struct ring_port *rp = port->priv;
	unsigned int n = rp->stash != NULL;

	for (int q = 0; q < FP_MAX_QUEUES; q++)
		n += drain(rp->rx[q]);
	n += drain(rp->tx);
	rte_pktmbuf_free(rp->stash);
	fp_writer_dropped(fp, FP_DROP_RX_PORT_GONE, n);
	free(rp);
	port->priv = NULL;
}

static struct rte_ring *ring_new(const char *what, uint32_t size, unsigned int flags)
{
	static unsigned int serial; // the writer alone creates ports
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "skua_%s_%u", what, serial++);
	return rte_ring_create(name, size, SOCKET_ID_ANY, flags | RING_F_EXACT_SZ);
}

static int ring_open(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		     struct fp_err *err)
{
	static const uint8_t mac_prefix[4] = { 0x02, 0x53, 0x6b, 0x72 };
	struct ring_port *rp = NULL;
	int rc;

	if (posix_memalign((void **)&rp, RTE_CACHE_LINE_SIZE, sizeof(*rp)))
		return fp_fail(err, -ENOMEM, "ring port %s: out of memory", port->name);
	memset(rp, 0, sizeof(*rp));
	port->priv = rp;
	port->n_rxq = spec->n_rxq ? spec->n_rxq : 1;
	port->n_txq = FP_MAX_LCORES;
	rp->pool = fp_pool(fp, fp->cfg.socket, err);
	if (!rp->pool) {
		rc = -ENOMEM;
		goto fail;
	}
	for (uint16_t q = 0; q < port->n_rxq; q++) {
		rp->rx[q] = ring_new("rx", spec->n_rxd ? spec->n_rxd : DEFAULT_RING_SIZE,
				     RING_F_SC_DEQ);
		if (!rp->rx[q])
			goto fail_ring;
	}
	rp->tx = ring_new("tx", spec->n_txd ? spec->n_txd : DEFAULT_RING_SIZE, 0);
	if (!rp->tx)
		goto fail_ring;
	memcpy(port->mac, mac_prefix, sizeof(mac_prefix));
	port->mac[4] = port->no >> 8;
	port->mac[5] = (uint8_t)port->no;
	fp_port_store_mtu(port, spec->mtu ? spec->mtu : DEFAULT_RING_MTU);
	return 0;
fail_ring:
	rc = fp_fail(err, -rte_errno, "ring port %s: rte_ring_create: %s", port->name,
		     rte_strerror(rte_errno));
fail:
	ring_close(fp, port);
	return rc;
}

static uint64_t bytes_of(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

static uint16_t ring_rx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct ring_port *rp = port->priv;

	n = rte_ring_dequeue_burst(rp->rx[queue], (void **)pkts, n, NULL);
	if (n) {
		fp_stat_add(&rp->rxc[queue].packets, n);
		fp_stat_add(&rp->rxc[queue].bytes, bytes_of(pkts, n));
	}
	return n;
}

static uint16_t ring_tx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct ring_port *rp = port->priv;
	struct fp_port_count *c = &rp->txc[queue];
	// Sizes first: once a packet is in the ring, it is the other side's.
	uint32_t len[n ? n : 1];
	uint64_t bytes = 0;
	uint16_t sent;

	for (uint16_t i = 0; i < n; i++)
		len[i] = pkts[i]->pkt_len;
	sent = rte_ring_enqueue_burst(rp->tx, (void **)pkts, n, NULL);
	for (uint16_t i = 0; i < sent; i++)
		bytes += len[i];
	fp_stat_add(&c->packets, sent);
	fp_stat_add(&c->bytes, bytes);
	return sent;
}

static int ring_stats(struct fp_port *port, struct fp_port_stats *out)
{
	const struct ring_port *rp = port->priv;

	for (int q = 0; q < FP_MAX_QUEUES; q++) {
		out->rx_packets += fp_stat_get(&rp->rxc[q].packets);
		out->rx_bytes += fp_stat_get(&rp->rxc[q].bytes);
	}
	for (int q = 0; q < FP_MAX_LCORES; q++) {
		out->tx_packets += fp_stat_get(&rp->txc[q].packets);
		out->tx_bytes += fp_stat_get(&rp->txc[q].bytes);
	}
	out->rx_dropped = rp->no_mbuf;
	return 0;
}

static int ring_info(struct fp_port *port, struct fp_port_info *out)
{
	(void)port;
	out->link_up = 1;
	out->promisc = 1;
	return 0;
}

static int ring_set_mtu(struct fp_port *port, uint32_t mtu, struct fp_err *err)
{
	(void)err;
	fp_port_store_mtu(port, mtu);
	return 0;
}

static int ring_set_mac(struct fp_port *port, const uint8_t mac[6], struct fp_err *err)
{
	(void)err;
	memcpy(port->mac, mac, 6);
	return 0;
}

static int ring_fd(struct fp_port *port, uint16_t queue)
{
	(void)port;
	(void)queue;
	return -1;
}

static int inject(struct fp_port *port, const uint8_t *buf, const uint32_t *lens, int n)
{
	struct ring_port *rp = port->priv;
	int i;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = fp_mbuf_from(rp->pool, buf, lens[i]);
		uint32_t q = 0;

		if (!m) {
			rp->no_mbuf++;
			break;
		}
		if (port->n_rxq > 1)
			q = rte_jhash(buf, RTE_MIN(lens[i], 12u), 0) % port->n_rxq;
		m->port = port->no;
		if (rte_ring_enqueue(rp->rx[q], m)) {
			rte_pktmbuf_free(m);
			break;
		}
		buf += lens[i];
	}
	return i;
}

static struct fp_port *ring_port(struct fp *fp, uint16_t no, int *rc)
{
	struct fp_port *port = fp_port_get(fp, no);

	*rc = !port ? -ENODEV : port->kind != FP_PORT_RING ? -EOPNOTSUPP : 0;
	return *rc ? NULL : port;
}

int fp_ring_inject(struct fp *fp, uint16_t no, const uint8_t *buf, const uint32_t *lens, int n)
{
	struct fp_port *port;
	int rc;

	for (int i = 0; i < n; i++)
		if (!lens[i] || lens[i] > FP_FRAME_MAX)
			return lens[i] ? -EMSGSIZE : -EINVAL;
	fp_ports_lock();
	port = ring_port(fp, no, &rc);
	if (port)
		rc = inject(port, buf, lens, n);
	fp_ports_unlock();
	return rc;
}

static int collect(struct ring_port *rp, uint8_t *buf, size_t size, uint32_t *lens, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		const void *data;

		if (!rp->stash && rte_ring_dequeue(rp->tx, (void **)&rp->stash))
			break;
		lens[i] = rp->stash->pkt_len;
		if (lens[i] > size)
			return i ? i : -EMSGSIZE;
		data = rte_pktmbuf_read(rp->stash, 0, lens[i], buf);
		if (data != buf)
			memcpy(buf, data, lens[i]);
		rte_pktmbuf_free(rp->stash);
		rp->stash = NULL;
		buf += lens[i];
		size -= lens[i];
	}
	return i;
}

int fp_ring_collect(struct fp *fp, uint16_t no, uint8_t *buf, size_t size, uint32_t *lens, int n)
{
	struct fp_port *port;
	int rc;

	fp_ports_lock();
	port = ring_port(fp, no, &rc);
	if (port)
		rc = collect(port->priv, buf, size, lens, n);
	fp_ports_unlock();
	return rc;
}

const struct fp_port_ops fp_port_ring_ops = {
	.driver = "ring",
	.open = ring_open,
	.close = ring_close,
	.rx = ring_rx,
	.tx = ring_tx,
	.info = ring_info,
	.stats = ring_stats,
	.set_mtu = ring_set_mtu,
	.set_mac = ring_set_mac,
	.poll_fd = ring_fd,
};
