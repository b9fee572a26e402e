// Tunnel termination: a number and a name that tnl_pop and tnl_push refer to, and
// the set of VNIs that are terminated. Takes and gives no packets itself.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "port_internal.h"

#define VNI_BYTES ((1u << 24) / 8)
#define TUNNEL_MTU 65535

static int tunnel_open(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		       struct fp_err *err)
{
	void *bits;

	(void)fp;
	if (!spec->tnl_udp_port)
		return fp_fail(err, -EINVAL, "tunnel port %s: no UDP port given", port->name);
	port->tnl_udp_port = spec->tnl_udp_port;
	port->tnl_flags = spec->tnl_flags;
	if (!(spec->tnl_flags & FP_TNL_ANY_VNI)) {
		// One bit for each of 2^24 VNIs; the kernel hands out the pages in which
		// a bit gets set, reads elsewhere see its one page of zeros.
		bits = mmap(NULL, VNI_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (bits == MAP_FAILED)
			return fp_fail(err, -errno, "tunnel port %s: mmap of %u bytes: %s",
				       port->name, VNI_BYTES, strerror(errno));
		port->vni_bits = bits;
	}
	fp_port_store_mtu(port, TUNNEL_MTU);
	return 0;
}

static void tunnel_close(struct fp *fp, struct fp_port *port)
{
	(void)fp;
	if (port->vni_bits)
		munmap(port->vni_bits, VNI_BYTES);
	port->vni_bits = NULL;
}

static uint16_t tunnel_none(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts,
			    uint16_t n)
{
	(void)port;
	(void)queue;
	(void)pkts;
	(void)n;
	return 0;
}

static int tunnel_info(struct fp_port *port, struct fp_port_info *out)
{
	(void)port;
	out->link_up = 1;
	return 0;
}

static int tunnel_fd(struct fp_port *port, uint16_t queue)
{
	(void)port;
	(void)queue;
	return -1;
}

int fp_tnl_vni(struct fp *fp, uint16_t no, uint32_t vni, int on)
{
	struct fp_port *port = fp_port_get(fp, no);
	uint64_t bit = 1ULL << (vni & 63);

	if (!port)
		return -ENODEV;
	if (port->kind != FP_PORT_TUNNEL || !port->vni_bits || vni >= 1u << 24)
		return -EINVAL;
	// One writer; lcores read whole words.
	if (on) {
		__atomic_fetch_or(&port->vni_bits[vni / 64], bit, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_and(&port->vni_bits[vni / 64], ~bit, __ATOMIC_RELAXED);
		fp_term_forget(fp); // the short cut remembers headers with this VNI
	}
	return 0;
}

const struct fp_port_ops fp_port_tunnel_ops = {
	.driver = "tunnel",
	.open = tunnel_open,
	.close = tunnel_close,
	.rx = tunnel_none,
	.tx = tunnel_none,
	.info = tunnel_info,
	.poll_fd = tunnel_fd,
};
