// The registry of ports: names, numbers, and the order in which a port goes away.
#include "port.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>
#include <rte_string_fns.h>

#include "lcore.h"
#include "port_internal.h"

#define DEFAULT_UPCALL_LIMIT 1024

// Statistics are read by any thread while the writer removes ports: the lock keeps
// a port alive for readers that found it in the registry. Lcores never take it.
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

void fp_ports_lock(void)
{
	pthread_mutex_lock(&registry);
}

void fp_ports_unlock(void)
{
	pthread_mutex_unlock(&registry);
}

static const struct fp_port_ops *kind_ops(uint32_t kind)
{
	switch (kind) {
	case FP_PORT_ETHDEV:
		return &fp_port_ethdev_ops;
	case FP_PORT_KIF:
		return &fp_port_kif_ops;
	case FP_PORT_TAP:
		return &fp_port_tap_ops;
	case FP_PORT_TUNNEL:
		return &fp_port_tunnel_ops;
	case FP_PORT_RING:
		return &fp_port_ring_ops;
	}
	return NULL;
}

static int check_spec(const struct fp *fp, const struct fp_port_spec *spec, struct fp_err *err)
{
	if (!kind_ops(spec->kind))
		return fp_fail(err, -EINVAL, "port kind %u is unknown", spec->kind);
	if (!spec->name[0] || !memchr(spec->name, 0, sizeof(spec->name)))
		return fp_fail(err, -EINVAL, "a port needs a name of 1 to %d bytes",
			       FP_NAME_SIZE - 1);
	if (!memchr(spec->devargs, 0, sizeof(spec->devargs)))
		return fp_fail(err, -EINVAL, "port %s: devargs are longer than %d bytes",
			       spec->name, FP_DEVARGS_SIZE - 1);
	if (spec->no != FP_NO_PORT && spec->no >= FP_MAX_PORTS)
		return fp_fail(err, -EINVAL, "port %s: number %u is not below %d", spec->name,
			       spec->no, FP_MAX_PORTS);
	if (spec->n_rxq > FP_MAX_QUEUES)
		return fp_fail(err, -EINVAL, "port %s: %u receive queues asked for, at most %d",
			       spec->name, spec->n_rxq, FP_MAX_QUEUES);
	if ((spec->kind == FP_PORT_KIF || spec->kind == FP_PORT_TAP) && !fp->housekeeping)
		return fp_fail(err, -ENODEV,
			       "port %s: a kernel-facing port needs the housekeeping lcore, "
			       "which has not been started",
			       spec->name);
	return 0;
}

static int check_unique(const struct fp *fp, const struct fp_port_spec *spec, struct fp_err *err)
{
	for (uint32_t i = 0; i < FP_MAX_PORTS; i++) {
		const struct fp_port *p = fp_port_get(fp, i);

		if (!p)
			continue;
		if (!strcmp(p->name, spec->name))
			return fp_fail(err, -EEXIST, "port %s exists already as number %u",
				       spec->name, i);
		if (i == spec->no)
			return fp_fail(err, -EEXIST, "port %s: number %u is port %s's", spec->name,
				       i, p->name);
		if (p->kind == FP_PORT_TUNNEL && spec->kind == FP_PORT_TUNNEL &&
		    p->tnl_udp_port == spec->tnl_udp_port)
			return fp_fail(err, -EEXIST, "port %s: UDP port %u is tunnel port %s's",
				       spec->name, spec->tnl_udp_port, p->name);
	}
	return 0;
}

// Lowest free number; 0 is left for those who ask for it (the local port of Open
// vSwitch's datapaths).
static int pick_number(const struct fp *fp, const struct fp_port_spec *spec, uint16_t *no,
		       struct fp_err *err)
{
	if (spec->no != FP_NO_PORT) {
		*no = spec->no;
		return 0;
	}
	for (uint16_t i = 1; i < FP_MAX_PORTS; i++) {
		if (!fp_port_get(fp, i)) {
			*no = i;
			return 0;
		}
	}
	return fp_fail(err, -ENOSPC, "port %s: all %d port numbers are in use", spec->name,
		       FP_MAX_PORTS - 1);
}

int fp_port_add(struct fp *fp, const struct fp_port_spec *spec, uint16_t *no, struct fp_err *err)
{
	struct fp_port *port;
	uint16_t number = FP_NO_PORT;
	int rc;

	rc = check_spec(fp, spec, err);
	if (!rc)
		rc = check_unique(fp, spec, err);
	if (!rc)
		rc = pick_number(fp, spec, &number, err);
	if (rc)
		return rc;
	port = calloc(1, sizeof(*port));
	if (!port)
		return fp_fail(err, -ENOMEM, "port %s: out of memory", spec->name);
	port->no = number;
	port->kind = spec->kind;
	port->ethdev = UINT16_MAX;
	port->ops = kind_ops(spec->kind);
	port->upcall_limit = spec->upcall_limit ? spec->upcall_limit : DEFAULT_UPCALL_LIMIT;
	rte_strscpy(port->name, spec->name, sizeof(port->name));
	rte_strscpy(port->devargs, spec->devargs, sizeof(port->devargs));
	rc = port->ops->open(fp, port, spec, err);
	if (rc) {
		free(port);
		return rc;
	}
	if (no)
		*no = port->no;
	__atomic_store_n(&fp->ports[port->no], port, __ATOMIC_RELEASE);
	return 0;
}

int fp_port_del(struct fp *fp, uint16_t no, struct fp_err *err)
{
	struct fp_port *port = fp_port_get(fp, no);

	if (!port)
		return fp_fail(err, -ENODEV, "port number %u does not exist", no);
	// First nobody receives from it, then nobody finds it, then nobody holds it.
	port->going = true;
	fp_lcores_forget_port(fp, no);
	fp_ports_lock();
	__atomic_store_n(&fp->ports[no], NULL, __ATOMIC_RELEASE);
	fp_ports_unlock();
	fp_rcu_wait(fp);
	for (uint16_t q = 0; q < FP_MAX_QUEUES; q++)
		if (port->rx_ring[q])
			fp_port_kernel_ring(fp, port, q, false);
	port->ops->close(fp, port);
	free(port);
	return 0;
}

int fp_port_info(struct fp *fp, uint16_t no, struct fp_port_info *out)
{
	struct fp_port *port;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	fp_ports_lock();
	port = fp_port_get(fp, no);
	if (port) {
		out->kind = port->kind;
		out->no = port->no;
		out->n_rxq = port->n_rxq;
		out->n_txq = port->n_txq;
		out->tnl_udp_port = port->tnl_udp_port;
		out->socket = SOCKET_ID_ANY;
		rte_strscpy(out->name, port->name, sizeof(out->name));
		rte_strscpy(out->driver, port->ops->driver, sizeof(out->driver));
		rte_strscpy(out->devargs, port->devargs, sizeof(out->devargs));
		if (port->ops->info)
			rc = port->ops->info(port, out);
		out->mtu = port->mtu;
		memcpy(out->mac, port->mac, sizeof(out->mac));
	} else {
		rc = -ENODEV;
	}
	fp_ports_unlock();
	return rc;
}

int fp_port_list(struct fp *fp, uint16_t *out, int n)
{
	int count = 0;

	for (uint32_t i = 0; i < FP_MAX_PORTS; i++) {
		if (!fp_port_get(fp, i))
			continue;
		if (count < n)
			out[count] = i;
		count++;
	}
	return count;
}

int fp_port_set_mtu(struct fp *fp, uint16_t no, uint32_t mtu, struct fp_err *err)
{
	struct fp_port *port = fp_port_get(fp, no);

	if (!port)
		return fp_fail(err, -ENODEV, "port number %u does not exist", no);
	if (!port->ops->set_mtu)
		return fp_fail(err, -EOPNOTSUPP, "port %s (%s) has no MTU to set", port->name,
			       port->ops->driver);
	if (mtu < 68 || mtu > UINT16_MAX)
		return fp_fail(err, -EINVAL, "port %s: MTU %u is not between 68 and 65535",
			       port->name, mtu);
	return port->ops->set_mtu(port, mtu, err);
}

int fp_port_set_mac(struct fp *fp, uint16_t no, const uint8_t mac[6], struct fp_err *err)
{
	struct fp_port *port = fp_port_get(fp, no);

	if (!port)
		return fp_fail(err, -ENODEV, "port number %u does not exist", no);
	if (!port->ops->set_mac)
		return fp_fail(err, -EOPNOTSUPP, "port %s (%s) has no address to set", port->name,
			       port->ops->driver);
	if ((mac[0] & 1) || !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		return fp_fail(err, -EADDRNOTAVAIL,
			       "port %s: %02x:%02x:%02x:%02x:%02x:%02x is no unicast address",
			       port->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return port->ops->set_mac(port, mac, err);
}

int fp_port_set_up(struct fp *fp, uint16_t no, int up, struct fp_err *err)
{
	struct fp_port *port = fp_port_get(fp, no);

	if (!port)
		return fp_fail(err, -ENODEV, "port number %u does not exist", no);
	if (!port->ops->set_up)
		return fp_fail(err, -EOPNOTSUPP, "port %s (%s) has no link to set", port->name,
			       port->ops->driver);
	return port->ops->set_up(port, up, err);
}

int fp_port_set_upcall_limit(struct fp *fp, uint16_t no, uint32_t limit)
{
	struct fp_port *port = fp_port_get(fp, no);

	if (!port)
		return -ENODEV;
	__atomic_store_n(&port->upcall_limit, limit ? limit : DEFAULT_UPCALL_LIMIT,
			 __ATOMIC_RELAXED);
	return 0;
}

// What lcores count for a port: packets that its tx did not take, and upcalls.
static void add_lcore_counts(const struct fp *fp, uint16_t no, struct fp_port_stats *out)
{
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		const struct fp_lcore *lc = __atomic_load_n(&fp->lcores[i], __ATOMIC_ACQUIRE);

		if (!lc)
			continue;
		out->tx_dropped += fp_stat_get(&lc->port_tx_dropped[no]);
		out->upcalls += fp_stat_get(&lc->port_upcalls_sent[no]);
		out->upcalls_lost += fp_stat_get(&lc->port_upcalls_lost[no]);
	}
}

int fp_port_stats(struct fp *fp, uint16_t no, struct fp_port_stats *out)
{
	struct fp_port *port;
	int rc = -ENODEV;

	memset(out, 0, sizeof(*out));
	fp_ports_lock();
	port = fp_port_get(fp, no);
	if (port) {
		rc = port->ops->stats ? port->ops->stats(port, out) : 0;
		add_lcore_counts(fp, no, out);
	}
	fp_ports_unlock();
	return rc;
}
