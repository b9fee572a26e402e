// A tap of our own (Linux: Documentation/networking/tuntap). It is not persistent:
// it goes away with its descriptor, also when the process dies. The kernel side is
// an ordinary interface of the port's name; offloads are on, so that frames cross
// with checksums pending and in segments of up to 64 KB, as virtio net headers say.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <net/if.h>

#include <rte_string_fns.h>

#include "kernel_io.h"

// Linux 6.2; older headers lack them.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static int tap_fail(struct fp_err *err, const struct fp_port *port, const char *call)
{
	return fp_fail(err, -errno, "port %s: tap: %s: %s", port->name, call, strerror(errno));
}

static int create(struct fp_port *port, struct fp_err *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
	int hdr_size = sizeof(struct virtio_net_hdr), little = 1;
	struct fp_kio *k = port->priv;

	if (strlen(port->name) >= IFNAMSIZ)
		return fp_fail(err, -ENAMETOOLONG,
			       "port %s: an interface's name has at most %d bytes", port->name,
			       IFNAMSIZ - 1);
	if (strpbrk(port->name, "%/: \t"))
		return fp_fail(err, -EINVAL, "port %s: not a name for an interface", port->name);
	// A name that is taken would attach us to another's tap, or say EINVAL.
	if (if_nametoindex(port->name))
		return fp_fail(err, -EEXIST,
			       "port %s: an interface of this name exists already and is not ours",
			       port->name);
	k->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0)
		return tap_fail(err, port, "open /dev/net/tun");
	rte_strscpy(ifr.ifr_name, port->name, sizeof(ifr.ifr_name));
	if (ioctl(k->fd, TUNSETIFF, &ifr) < 0)
		return tap_fail(err, port, "TUNSETIFF");
	if (ioctl(k->fd, TUNSETVNETHDRSZ, &hdr_size) < 0)
		return tap_fail(err, port, "TUNSETVNETHDRSZ");
	if (ioctl(k->fd, TUNSETVNETLE, &little) < 0)
		return tap_fail(err, port, "TUNSETVNETLE");
	if (ioctl(k->fd, TUNSETOFFLOAD, OFFLOADS | TUN_F_USO4 | TUN_F_USO6) < 0 &&
	    ioctl(k->fd, TUNSETOFFLOAD, OFFLOADS) < 0)
		return tap_fail(err, port, "TUNSETOFFLOAD");
	return 0;
}

// The interface was deleted from outside. Its descriptor would stay readable for
// ever and keep the housekeeping lcore awake: a descriptor that never is takes its
// place under the same number.
static void bury(struct fp_kio *k)
{
	int quiet = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	k->dead = true;
	fp_stat_add(&k->rx.errors, 1);
	if (quiet < 0)
		return;
	dup3(quiet, k->fd, O_CLOEXEC);
	close(quiet);
}

// One frame. NULL: none, with *more telling whether to try on.
static struct rte_mbuf *receive(struct fp_kio *k, bool *more)
{
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m = k->spare[k->n_spare - 1];
	struct iovec iov[3] = {
		{ &hdr, sizeof(hdr) },
		{ rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m) },
		{ fp_kio_scratch(k, 0), FP_FRAME_MAX },
	};
	ssize_t len = readv(k->fd, iov, 3);

	*more = len >= 0;
	if (len < 0) {
		if (errno == EBADFD)
			bury(k);
		else if (errno != EAGAIN && errno != EINTR)
			fp_stat_add(&k->rx.errors, 1);
		return NULL;
	}
	k->n_spare--;
	if (unlikely(len < (ssize_t)sizeof(hdr))) {
		fp_stat_add(&k->rx.errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	return fp_kio_packet(k, m, len - sizeof(hdr), fp_kio_scratch(k, 0), &hdr);
}

static void discard(struct fp_kio *k, uint16_t n)
{
	char head[64];

	for (uint16_t i = 0; i < n && read(k->fd, head, sizeof(head)) >= 0; i++)
		fp_stat_add(&k->rx.dropped, 1);
}

static uint16_t tap_recv(struct fp_port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct fp_kio *k = port->priv;
	uint16_t want = RTE_MIN(n, (uint16_t)FP_KIO_BATCH), kept = 0;
	bool more = true;
	uint64_t bytes = 0;

	if (unlikely(k->dead))
		return 0;
	want = fp_kio_refill(k, want);
	if (unlikely(!want)) {
		discard(k, n);
		return 0;
	}
	for (uint16_t i = 0; i < want && more; i++) {
		struct rte_mbuf *m = receive(k, &more);

		if (!m)
			continue;
		m->port = port->no;
		bytes += m->pkt_len;
		pkts[kept++] = m;
	}
	fp_stat_add(&k->rx.packets, kept);
	fp_stat_add(&k->rx.bytes, bytes);
	return kept;
}

static int tap_send(struct fp_kio *k, struct fp_kio_msg *msgs, int n)
{
	for (int i = 0; i < n; i++)
		if (writev(k->fd, msgs[i].iov, msgs[i].n_iov) < 0)
			return i ? i : -errno;
	return n;
}

static int tap_open(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		    struct fp_err *err)
{
	struct fp_kio *k;
	int rc = fp_kio_open(fp, port, err);

	if (rc)
		return rc;
	k = port->priv;
	k->recv = tap_recv;
	k->send = tap_send;
	rc = create(port, err);
	if (!rc) {
		rc = fp_kernel_if_open(&k->kif, port->name);
		if (rc < 0)
			fp_fail(err, rc, "port %s: tap: %s", port->name, strerror(-rc));
	}
	if (!rc)
		rc = fp_kio_adopt(port, spec, err);
	if (!rc)
		rc = fp_kio_set_up(port, true, err);
	if (rc)
		fp_kio_close(fp, port);
	return rc;
}

const struct fp_port_ops fp_port_tap_ops = {
	.driver = "tap",
	.open = tap_open,
	.close = fp_kio_close,
	.rx = fp_kio_rx,
	.tx = fp_kio_tx,
	.info = fp_kio_info,
	.stats = fp_kio_stats,
	.set_mtu = fp_kio_set_mtu,
	.set_mac = fp_kio_set_mac,
	.set_up = fp_kio_set_up,
	.poll_fd = fp_kio_fd,
};
