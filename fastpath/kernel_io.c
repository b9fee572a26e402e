#include "kernel_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "vnet.h"

#define RX_RING_SIZE 4096
#define SCRATCH_SIZE ((size_t)FP_KIO_BATCH * FP_FRAME_MAX)

int fp_kio_open(struct fp *fp, struct fp_port *port, struct fp_err *err)
{
	struct fp_kio *k = NULL;
	int rc;

	if (posix_memalign((void **)&k, RTE_CACHE_LINE_SIZE, sizeof(*k)))
		return fp_fail(err, -ENOMEM, "port %s: out of memory", port->name);
	memset(k, 0, sizeof(*k));
	k->fd = -1;
	k->kif.ctl = -1;
	k->scratch = mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (k->scratch == MAP_FAILED) {
		rc = fp_fail(err, -errno, "port %s: mmap of %zu bytes: %s", port->name,
			     SCRATCH_SIZE, strerror(errno));
		free(k);
		return rc;
	}
	port->priv = k;
	port->kernel = true;
	port->takes_pending = true;
	port->n_rxq = 1;
	port->n_txq = 1;
	rc = fp_vnet_register();
	if (rc < 0) {
		fp_fail(err, rc, "port %s: rte_mbuf_dynfield_register: %s", port->name,
			rte_strerror(-rc));
		goto fail;
	}
	k->pool = fp_pool(fp, fp->cfg.socket, err);
	if (!k->pool) {
		rc = -ENOMEM;
		goto fail;
	}
	return 0;
fail:
	fp_kio_close(fp, port);
	return rc;
}

void fp_kio_close(struct fp *fp, struct fp_port *port)
{
	struct fp_kio *k = port->priv;

	(void)fp;
	if (k->fd >= 0)
		close(k->fd);
	fp_kernel_if_close(&k->kif);
	rte_pktmbuf_free_bulk(k->spare, k->n_spare);
	munmap(k->scratch, SCRATCH_SIZE);
	free(k);
	port->priv = NULL;
}

uint16_t fp_kio_refill(struct fp_kio *k, uint16_t want)
{
	if (likely(k->n_spare >= want))
		return want;
	if (rte_pktmbuf_alloc_bulk(k->pool, k->spare + k->n_spare, want - k->n_spare) == 0)
		k->n_spare = want;
	else
		// A nearly empty pool may have some, though not all.
		while (k->n_spare < want && (k->spare[k->n_spare] = rte_pktmbuf_alloc(k->pool)))
			k->n_spare++;
	return k->n_spare;
}

// Copies what did not fit the first buffer into further ones.
static int append_rest(struct rte_mempool *pool, struct rte_mbuf *m, const uint8_t *rest,
		       uint32_t len)
{
	struct rte_mbuf *tail = m;

	while (len) {
		struct rte_mbuf *next = rte_pktmbuf_alloc(pool);
		uint32_t n;

		if (!next)
			return -ENOMEM;
		next->data_off = 0;
		n = RTE_MIN(len, (uint32_t)next->buf_len);
		memcpy(rte_pktmbuf_mtod(next, void *), rest, n);
		next->data_len = n;
		tail->next = next;
		tail = next;
		m->nb_segs++;
		m->pkt_len += n;
		rest += n;
		len -= n;
	}
	return 0;
}

struct rte_mbuf *fp_kio_packet(struct fp_kio *k, struct rte_mbuf *m, uint32_t len,
			       const uint8_t *rest, const struct virtio_net_hdr *hdr)
{
	uint32_t room = rte_pktmbuf_tailroom(m), first = RTE_MIN(len, room);

	m->data_len = first;
	m->pkt_len = first;
	if (unlikely(len > first && append_rest(k->pool, m, rest, len - first) < 0)) {
		fp_stat_add(&k->rx.dropped, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (unlikely(fp_vnet_from_hdr(m, hdr) < 0)) {
		fp_stat_add(&k->rx.errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

uint16_t fp_kio_rx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_ring *ring = __atomic_load_n(&port->rx_ring[queue], __ATOMIC_ACQUIRE);
	struct fp_kio *k = port->priv;

	if (ring)
		return rte_ring_sc_dequeue_burst(ring, (void **)pkts, n, NULL);
	return k->recv(port, pkts, n);
}

uint16_t fp_port_kernel_pump(struct fp_port *port, uint16_t queue)
{
	struct rte_ring *ring = __atomic_load_n(&port->rx_ring[queue], __ATOMIC_ACQUIRE);
	struct rte_mbuf *pkts[FP_KIO_BATCH];
	struct fp_kio *k = port->priv;
	unsigned int room;
	uint16_t n;

	if (!ring)
		return 0;
	// What finds no room stays in the kernel's queue, which is the larger one.
	room = RTE_MIN(rte_ring_free_count(ring), (unsigned int)FP_KIO_BATCH);
	n = room ? k->recv(port, pkts, room) : 0;
	if (n)
		rte_ring_sp_enqueue_bulk(ring, (void **)pkts, n, NULL);
	return n;
}

int fp_port_kernel_ring(struct fp *fp, struct fp_port *port, uint16_t queue, bool on)
{
	static unsigned int serial; // the writer alone calls this
	struct rte_ring *ring;
	char name[RTE_RING_NAMESIZE];
	void *m;

	if (!port->kernel || queue >= port->n_rxq)
		return -EINVAL;
	ring = port->rx_ring[queue];
	if (on == !!ring)
		return 0;
	if (on) {
		snprintf(name, sizeof(name), "skua_krx_%u", serial++);
		ring = rte_ring_create(name, RX_RING_SIZE, SOCKET_ID_ANY,
				       RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!ring)
			return -rte_errno;
		__atomic_store_n(&port->rx_ring[queue], ring, __ATOMIC_RELEASE);
		return 0;
	}
	__atomic_store_n(&port->rx_ring[queue], NULL, __ATOMIC_RELEASE);
	fp_rcu_wait(fp); // the housekeeping lcore may be filling it
	fp_writer_dropped(fp, port->going ? FP_DROP_RX_PORT_GONE : FP_DROP_RX_QUEUE_MOVED,
			  rte_ring_count(ring));
	while (rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
	return 0;
}

int fp_kio_fd(struct fp_port *port, uint16_t queue)
{
	const struct fp_kio *k = port->priv;

	(void)queue;
	return k->fd;
}

int fp_kio_stats(struct fp_port *port, struct fp_port_stats *out)
{
	const struct fp_kio *k = port->priv;

	out->rx_packets = fp_stat_get(&k->rx.packets);
	out->rx_bytes = fp_stat_get(&k->rx.bytes);
	out->rx_dropped = fp_stat_get(&k->rx.dropped);
	out->rx_errors = fp_stat_get(&k->rx.errors);
	out->tx_packets = fp_stat_get(&k->tx.packets);
	out->tx_bytes = fp_stat_get(&k->tx.bytes);
	out->tx_dropped = fp_stat_get(&k->tx.dropped);
	out->tx_errors = fp_stat_get(&k->tx.errors);
	return 0;
}

// MTU and address may change behind our back (ip link set): whoever asks for them
// also brings the port up to date.
int fp_kio_info(struct fp_port *port, struct fp_port_info *out)
{
	struct fp_kio *k = port->priv;
	uint32_t mtu;

	if (fp_kernel_if_mtu(&k->kif, &mtu) == 0) {
		fp_port_store_mtu(port, mtu);
		fp_kernel_if_mac(&k->kif, port->mac);
	}
	out->promisc = 1;
	return fp_kernel_if_info(&k->kif, out);
}

static int ioctl_failed(struct fp_port *port, const char *what, int rc, struct fp_err *err)
{
	return fp_fail(err, rc, "port %s: cannot set the interface's %s: %s%s", port->name, what,
		       strerror(-rc), rc == -ENODEV ? " (it is gone: remove the port)" : "");
}

int fp_kio_set_mtu(struct fp_port *port, uint32_t mtu, struct fp_err *err)
{
	struct fp_kio *k = port->priv;
	int rc = fp_kernel_if_set_mtu(&k->kif, mtu);

	if (rc < 0)
		return ioctl_failed(port, "MTU", rc, err);
	fp_port_store_mtu(port, mtu);
	return 0;
}

int fp_kio_set_mac(struct fp_port *port, const uint8_t mac[6], struct fp_err *err)
{
	struct fp_kio *k = port->priv;
	int rc = fp_kernel_if_set_mac(&k->kif, mac);

	if (rc < 0)
		return ioctl_failed(port, "address", rc, err);
	memcpy(port->mac, mac, sizeof(port->mac));
	return 0;
}

int fp_kio_set_up(struct fp_port *port, bool up, struct fp_err *err)
{
	struct fp_kio *k = port->priv;
	int rc = fp_kernel_if_set_up(&k->kif, up);

	return rc < 0 ? ioctl_failed(port, "flags", rc, err) : 0;
}

int fp_kio_adopt(struct fp_port *port, const struct fp_port_spec *spec, struct fp_err *err)
{
	struct fp_kio *k = port->priv;
	uint32_t mtu;
	int rc;

	if (spec->n_rxq > 1)
		return fp_fail(err, -EINVAL,
			       "port %s: %u receive queues asked for, a kernel interface has one",
			       port->name, spec->n_rxq);
	rc = fp_kernel_if_mac(&k->kif, port->mac);
	if (rc == -EPROTOTYPE)
		return fp_fail(err, rc, "port %s: the interface is not Ethernet", port->name);
	if (!rc)
		rc = fp_kernel_if_mtu(&k->kif, &mtu);
	if (rc < 0)
		return fp_fail(err, rc, "port %s: cannot read the interface's settings: %s",
			       port->name, strerror(-rc));
	fp_port_store_mtu(port, mtu);
	return spec->mtu && spec->mtu != mtu ? fp_kio_set_mtu(port, spec->mtu, err) : 0;
}
