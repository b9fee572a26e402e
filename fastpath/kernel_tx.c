// The way of a batch to the kernel. Pending work goes with the frame as a virtio
// net header. Where the kernel cannot take it (long frames inside of a tunnel, a
// kind of segmentation that it does not know) the frame is segmented here.
#include <errno.h>

#include <rte_mbuf.h>

#include "kernel_io.h"
#include "vnet.h"

static uint16_t send_all(struct fp_kio *k, struct rte_mbuf **pkts, uint16_t n);

// Describes up to n packets as messages. Stops before a packet that has to be
// segmented here or for whose pieces no vectors are left; returns how many it did.
static int describe(struct fp_kio *k, struct rte_mbuf **pkts, uint16_t n)
{
	int used = 0, i;

	for (i = 0; i < n && i < FP_KIO_BATCH; i++) {
		struct fp_kio_msg *msg = &k->msgs[i];
		struct rte_mbuf *m = pkts[i];

		if (used + 1 + m->nb_segs > FP_KIO_IOVS)
			break;
		if (unlikely(m->ol_flags & FP_MBUF_GSO) && fp_gso_tunnelled(m))
			break;
		fp_vnet_to_hdr(m, &msg->hdr);
		msg->iov = &k->iovs[used];
		msg->iov[0] = (struct iovec){ &msg->hdr, sizeof(msg->hdr) };
		msg->n_iov = 1;
		for (; m; m = m->next)
			msg->iov[msg->n_iov++] =
				(struct iovec){ rte_pktmbuf_mtod(m, void *), m->data_len };
		used += msg->n_iov;
	}
	return i;
}

// Consumes a packet with pending segmentation.
static void send_segments(struct fp_kio *k, struct rte_mbuf *m)
{
	struct rte_mbuf *segs[FP_GSO_MAX_SEGS];
	int n = fp_gso_segment(k->pool, m, segs, FP_GSO_MAX_SEGS);
	uint16_t sent;

	if (n < 0) {
		fp_stat_add(n == -ENOMEM ? &k->tx.dropped : &k->tx.errors, 1);
		rte_pktmbuf_free(m);
		return;
	}
	sent = send_all(k, segs, n);
	fp_stat_add(&k->tx.dropped, n - sent);
	rte_pktmbuf_free_bulk(segs + sent, n - sent);
}

// Whether it is the kernel's queue or the interface that refuses, not the frame.
static bool refuses_all(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
	case EIO: // tap: the interface is down
	case EBADFD:
		return true;
	}
	return false;
}

static void count_sent(struct fp_kio *k, struct rte_mbuf **pkts, int n)
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	fp_stat_add(&k->tx.packets, n);
	fp_stat_add(&k->tx.bytes, bytes);
	rte_pktmbuf_free_bulk(pkts, n);
}

// Returns how many packets were consumed: sent, or counted as errors and freed.
static uint16_t send_all(struct fp_kio *k, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t done = 0;

	while (done < n) {
		struct rte_mbuf *m = pkts[done];
		int ready = describe(k, pkts + done, n - done), sent;

		if (!ready) {
			done++;
			if (m->ol_flags & FP_MBUF_GSO) {
				send_segments(k, m);
			} else { // more pieces than the kernel takes
				fp_stat_add(&k->tx.errors, 1);
				rte_pktmbuf_free(m);
			}
			continue;
		}
		sent = k->send(k, k->msgs, ready);
		if (sent >= 0) {
			count_sent(k, pkts + done, sent);
			done += sent;
			continue;
		}
		if (sent == -EINTR)
			continue;
		if (refuses_all(-sent))
			break;
		done++;
		if (m->ol_flags & FP_MBUF_GSO) {
			send_segments(k, m);
		} else {
			fp_stat_add(&k->tx.errors, 1);
			rte_pktmbuf_free(m);
		}
	}
	return done;
}

uint16_t fp_kio_tx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct fp_kio *k = port->priv;

	(void)queue;
	return k->dead ? 0 : send_all(k, pkts, n);
}
