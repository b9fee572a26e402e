// A kernel interface by name, through a packet socket (packet(7)).
//
// The socket asks for virtio net headers, so that frames come as the kernel has
// them: with checksums still to be filled in and in segments of up to 64 KB. The
// VLAN tag, which the kernel takes off, comes as auxiliary data and is put back.
// Sending goes through the interface's queueing discipline: with it bypassed the
// kernel drops every frame that the interface does not segment itself, and a
// full queue would not be reported.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "kernel_io.h"
#include "vnet.h"

#define RCVBUF (16 << 20)
#define SNDBUF (8 << 20)

struct kif_rx {
	struct mmsghdr msg[FP_KIO_BATCH];
	struct iovec iov[FP_KIO_BATCH][3]; // header, buffer, scratch
	struct virtio_net_hdr hdr[FP_KIO_BATCH];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} aux[FP_KIO_BATCH];
};

static int set_option(struct fp_port *port, int level, int name, int value, const char *text,
		      struct fp_err *err)
{
	struct fp_kio *k = port->priv;

	if (setsockopt(k->fd, level, name, &value, sizeof(value)) == 0)
		return 0;
	return fp_fail(err, -errno, "port %s: setsockopt %s: %s", port->name, text,
		       strerror(errno));
}

static void set_buffer(int fd, int force, int plain, int bytes)
{
	// Without CAP_NET_ADMIN the system's limit holds, which is a smaller buffer only.
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

static int open_socket(struct fp_port *port, struct fp_err *err)
{
	struct fp_kio *k = port->priv;
	struct packet_mreq promisc = { .mr_ifindex = k->kif.ifindex, .mr_type = PACKET_MR_PROMISC };
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = k->kif.ifindex,
	};
	int rc;

	// Protocol 0 takes nothing in until bind names the interface.
	k->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return fp_fail(err, -errno, "port %s: packet socket: %s", port->name,
			       strerror(errno));
	rc = set_option(port, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR", err);
	if (!rc)
		rc = set_option(port, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA", err);
	if (!rc)
		rc = set_option(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1,
				"PACKET_IGNORE_OUTGOING", err);
	if (rc)
		return rc;
	set_buffer(k->fd, SO_RCVBUFFORCE, SO_RCVBUF, RCVBUF);
	set_buffer(k->fd, SO_SNDBUFFORCE, SO_SNDBUF, SNDBUF);
	if (bind(k->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fp_fail(err, -errno, "port %s: bind to the interface: %s", port->name,
			       strerror(errno));
	if (setsockopt(k->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0)
		return fp_fail(err, -errno, "port %s: promiscuous mode: %s", port->name,
			       strerror(errno));
	return 0;
}

// Points the messages of a batch to n spare buffers.
static void prepare(struct fp_kio *k, struct kif_rx *rx, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = k->spare[i];

		rx->iov[i][0] = (struct iovec){ &rx->hdr[i], sizeof(rx->hdr[i]) };
		rx->iov[i][1] =
			(struct iovec){ rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m) };
		rx->iov[i][2] = (struct iovec){ fp_kio_scratch(k, i), FP_FRAME_MAX };
		rx->msg[i].msg_hdr = (struct msghdr){
			.msg_iov = rx->iov[i],
			.msg_iovlen = 3,
			.msg_control = &rx->aux[i],
			.msg_controllen = sizeof(rx->aux[i].buf),
		};
	}
}

// Puts the VLAN tag back that the kernel keeps beside the frame.
static int restore_vlan(struct rte_mbuf *m, struct msghdr *h)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	uint16_t tag[2];
	char *p;

	if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
		return 0;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return 0;
	if (m->data_len < 2 * ETH_ALEN || !(p = rte_pktmbuf_prepend(m, sizeof(tag))))
		return -EINVAL;
	tag[0] = htons(aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q);
	tag[1] = htons(aux.tp_vlan_tci);
	memmove(p, p + sizeof(tag), 2 * ETH_ALEN);
	memcpy(p + 2 * ETH_ALEN, tag, sizeof(tag));
	fp_vnet_shift(m, sizeof(tag));
	return 0;
}

static struct rte_mbuf *receive(struct fp_kio *k, struct kif_rx *rx, int i)
{
	struct rte_mbuf *m = k->spare[i];
	uint32_t len = rx->msg[i].msg_len;

	if (unlikely(len < sizeof(rx->hdr[i]) || rx->msg[i].msg_hdr.msg_flags & MSG_TRUNC)) {
		fp_stat_add(&k->rx.errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	m = fp_kio_packet(k, m, len - sizeof(rx->hdr[i]), fp_kio_scratch(k, i), &rx->hdr[i]);
	if (m && unlikely(restore_vlan(m, &rx->msg[i].msg_hdr) < 0)) {
		fp_stat_add(&k->rx.errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

// Without buffers, frames are dropped as a device without descriptors does: the
// kernel's queue must not fill up with frames that nobody waits for any more.
static void discard(struct fp_kio *k, uint16_t n)
{
	char head[64];

	for (uint16_t i = 0; i < n && recv(k->fd, head, sizeof(head), MSG_DONTWAIT) >= 0; i++)
		fp_stat_add(&k->rx.dropped, 1);
}

static uint16_t kif_recv(struct fp_port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct fp_kio *k = port->priv;
	uint16_t want = RTE_MIN(n, (uint16_t)FP_KIO_BATCH), kept = 0;
	struct kif_rx rx;
	uint64_t bytes = 0;
	int got;

	want = RTE_MIN(want, fp_kio_refill(k, want));
	if (unlikely(!want)) {
		discard(k, n);
		return 0;
	}
	prepare(k, &rx, want);
	got = recvmmsg(k->fd, rx.msg, want, MSG_DONTWAIT, NULL);
	if (got <= 0) {
		// ENETDOWN tells once that the interface went down or away. EINVAL is a
		// frame that a virtio net header cannot describe; it is gone.
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			fp_stat_add(&k->rx.errors, 1);
		return 0;
	}
	for (int i = 0; i < got; i++) {
		struct rte_mbuf *m = receive(k, &rx, i);

		if (!m)
			continue;
		m->port = port->no;
		bytes += m->pkt_len;
		pkts[kept++] = m;
	}
	k->n_spare -= got;
	memmove(k->spare, k->spare + got, k->n_spare * sizeof(k->spare[0]));
	fp_stat_add(&k->rx.packets, kept);
	fp_stat_add(&k->rx.bytes, bytes);
	return kept;
}

static int kif_send(struct fp_kio *k, struct fp_kio_msg *msgs, int n)
{
	struct mmsghdr out[FP_KIO_BATCH];
	int sent;

	for (int i = 0; i < n; i++)
		out[i].msg_hdr = (struct msghdr){
			.msg_iov = msgs[i].iov,
			.msg_iovlen = msgs[i].n_iov,
		};
	sent = sendmmsg(k->fd, out, n, MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}

static int kif_open(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		    struct fp_err *err)
{
	struct fp_kio *k;
	int rc = fp_kio_open(fp, port, err);

	if (rc)
		return rc;
	k = port->priv;
	k->recv = kif_recv;
	k->send = kif_send;
	rc = fp_kernel_if_open(&k->kif, port->name);
	if (rc < 0)
		fp_fail(err, rc, "port %s: interface %s: %s", port->name, port->name,
			rc == -ENODEV ? "does not exist in this network namespace" : strerror(-rc));
	if (!rc)
		rc = fp_kio_adopt(port, spec, err);
	if (!rc)
		rc = open_socket(port, err);
	if (rc)
		fp_kio_close(fp, port);
	return rc;
}

// Adds what the kernel dropped because our receive buffer was full. Reading the
// socket's counters resets them; the registry's lock makes us the only reader.
static int kif_stats(struct fp_port *port, struct fp_port_stats *out)
{
	struct tpacket_stats s = { 0 };
	struct fp_kio *k = port->priv;
	socklen_t len = sizeof(s);

	if (getsockopt(k->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
		k->kernel_dropped += s.tp_drops;
	fp_kio_stats(port, out);
	out->rx_dropped += k->kernel_dropped;
	return 0;
}

const struct fp_port_ops fp_port_kif_ops = {
	.driver = "system",
	.open = kif_open,
	.close = fp_kio_close,
	.rx = fp_kio_rx,
	.tx = fp_kio_tx,
	.info = fp_kio_info,
	.stats = kif_stats,
	.set_mtu = fp_kio_set_mtu,
	.set_mac = fp_kio_set_mac,
	.set_up = fp_kio_set_up,
	.poll_fd = fp_kio_fd,
};
