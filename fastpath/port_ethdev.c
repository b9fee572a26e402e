// DPDK devices: attached by devargs when a port names them, or attached already.
//
// Only the device that the devargs name is probed. What the port attached it
// detaches again, at close and when opening fails half-way.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_string_fns.h>

#include "port_internal.h"

#define DEFAULT_DESC 1024
#define MAX_XSTATS 32

struct ethdev_priv {
	struct rte_device *dev;
	bool attached; // by us: detach at close
	bool started;
	int n_xstats; // extended counters of packets that tx dropped
	uint64_t xstats[MAX_XSTATS];
};

// "port NAME (DEVARGS): CALL: REASON".
#define ethdev_fail(err, port, call, rc)                                                           \
	fp_fail(err, (rc) < 0 ? (rc) : -EIO, "port %s (%s): %s: %s", (port)->name,                 \
		(port)->devargs, call, rte_strerror((rc) < 0 ? -(rc) : EIO))

// Port id of the attached device that the devargs name, RTE_MAX_ETHPORTS: none.
static uint16_t find_device(const char *devargs)
{
	struct rte_dev_iterator it;
	char name[FP_DEVARGS_SIZE];
	uint16_t id;

	rte_strscpy(name, devargs, sizeof(name));
	name[strcspn(name, ",")] = 0;
	if (rte_eth_dev_get_port_by_name(name, &id) == 0)
		return id;
	// PCI devices in short form and devices with several ports.
	if (rte_eth_iterator_init(&it, devargs) < 0)
		return RTE_MAX_ETHPORTS;
	id = rte_eth_iterator_next(&it);
	if (id != RTE_MAX_ETHPORTS)
		rte_eth_iterator_cleanup(&it);
	return id;
}

static int attach(struct fp *fp, struct fp_port *port, struct fp_err *err)
{
	struct ethdev_priv *ep = port->priv;
	struct rte_eth_dev_info info;
	int rc;

	port->ethdev = find_device(port->devargs);
	if (port->ethdev == RTE_MAX_ETHPORTS) {
		rc = rte_dev_probe(port->devargs);
		if (rc < 0)
			return ethdev_fail(err, port, "rte_dev_probe", rc);
		ep->attached = true;
		port->ethdev = find_device(port->devargs);
	}
	if (port->ethdev == RTE_MAX_ETHPORTS)
		return fp_fail(err, -ENODEV, "port %s (%s): the device was probed but has no port",
			       port->name, port->devargs);
	for (uint32_t i = 0; i < FP_MAX_PORTS; i++) {
		const struct fp_port *p = fp_port_get(fp, i);

		if (p && p->kind == FP_PORT_ETHDEV && p->ethdev == port->ethdev)
			return fp_fail(err, -EBUSY, "port %s (%s): the device is port %s's",
				       port->name, port->devargs, p->name);
	}
	rc = rte_eth_dev_info_get(port->ethdev, &info);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_info_get", rc);
	ep->dev = info.device;
	return 0;
}

// A device goes away with its last port.
static void detach(struct fp_port *port)
{
	struct ethdev_priv *ep = port->priv;
	uint16_t id;

	if (!ep->attached)
		return;
	if (port->ethdev != RTE_MAX_ETHPORTS && rte_eth_dev_is_valid_port(port->ethdev))
		rte_eth_dev_close(port->ethdev);
	if (!ep->dev)
		return;
	RTE_ETH_FOREACH_DEV_OF(id, ep->dev)
	return;
	rte_dev_remove(ep->dev);
}

static int queue_counts(struct fp_port *port, const struct fp_port_spec *spec,
			const struct rte_eth_dev_info *info, struct fp_err *err)
{
	uint16_t tx_max = RTE_MIN(info->max_tx_queues, (uint16_t)FP_MAX_LCORES);

	port->n_rxq = spec->n_rxq ? spec->n_rxq : 1;
	port->n_txq = spec->n_txq ? spec->n_txq : tx_max;
	if (port->n_rxq > info->max_rx_queues)
		return fp_fail(err, -EINVAL,
			       "port %s (%s): %u receive queues asked for, the device (%s) has %u",
			       port->name, port->devargs, port->n_rxq, info->driver_name,
			       info->max_rx_queues);
	if (port->n_txq > tx_max)
		return fp_fail(err, -EINVAL,
			       "port %s (%s): %u transmit queues asked for, at most %u here",
			       port->name, port->devargs, port->n_txq, tx_max);
	return 0;
}

static int check_mtu(const struct fp_port *port, uint32_t mtu, const struct rte_eth_dev_info *info,
		     struct fp_err *err)
{
	if (mtu >= info->min_mtu && mtu <= info->max_mtu)
		return 0;
	return fp_fail(err, -EINVAL, "port %s (%s): MTU %u is not between %u and %u (%s)",
		       port->name, port->devargs, mtu, info->min_mtu, info->max_mtu,
		       info->driver_name);
}

static struct rte_eth_conf device_conf(const struct fp_port *port,
				       const struct rte_eth_dev_info *info, uint32_t mtu,
				       struct rte_mempool *pool)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	struct rte_eth_conf conf = { .rxmode.mtu = mtu };

	conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
	if (mtu + FP_FRAME_OVERHEAD > room)
		conf.rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	// Chains: drivers that have a second path for them want to be asked, the
	// others (net_pcap, net_null, net_ring) take them without having the flag.
	conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (port->n_rxq > 1) {
		uint64_t hf = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

		hf &= info->flow_type_rss_offloads;
		if (hf) {
			conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
			conf.rx_adv_conf.rss_conf.rss_hf = hf;
		}
	}
	return conf;
}

static int set_up_queues(struct fp_port *port, const struct fp_port_spec *spec,
			 struct rte_mempool *pool, struct fp_err *err)
{
	uint16_t rxd = spec->n_rxd ? spec->n_rxd : DEFAULT_DESC;
	uint16_t txd = spec->n_txd ? spec->n_txd : DEFAULT_DESC;
	int socket = rte_eth_dev_socket_id(port->ethdev), rc;

	// Brings the figures into the device's limits and steps.
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->ethdev, &rxd, &txd);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_adjust_nb_rx_tx_desc", rc);
	for (uint16_t q = 0; q < port->n_rxq; q++) {
		rc = rte_eth_rx_queue_setup(port->ethdev, q, rxd, socket, NULL, pool);
		if (rc < 0)
			return ethdev_fail(err, port, "rte_eth_rx_queue_setup", rc);
	}
	for (uint16_t q = 0; q < port->n_txq; q++) {
		rc = rte_eth_tx_queue_setup(port->ethdev, q, txd, socket, NULL);
		if (rc < 0)
			return ethdev_fail(err, port, "rte_eth_tx_queue_setup", rc);
	}
	return 0;
}

// Basic statistics have no count of packets that the device's tx dropped; drivers
// that count them do so in extended statistics of telling names.
static void find_xstats(struct fp_port *port)
{
	struct ethdev_priv *ep = port->priv;
	struct rte_eth_xstat_name *names;
	int n = rte_eth_xstats_get_names(port->ethdev, NULL, 0);

	if (n <= 0)
		return;
	names = calloc(n, sizeof(*names));
	if (!names)
		return;
	if (rte_eth_xstats_get_names(port->ethdev, names, n) != n)
		n = 0;
	for (int i = 0; i < n && ep->n_xstats < MAX_XSTATS; i++)
		if (!strncmp(names[i].name, "tx_", 3) &&
		    (strstr(names[i].name, "drop") || strstr(names[i].name, "discard")))
			ep->xstats[ep->n_xstats++] = i;
	free(names);
}

static int start(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		 struct fp_err *err)
{
	struct ethdev_priv *ep = port->priv;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct rte_eth_conf conf;
	struct rte_mempool *pool;
	uint16_t mtu;
	int rc;

	rc = rte_eth_dev_info_get(port->ethdev, &info);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_info_get", rc);
	rc = queue_counts(port, spec, &info, err);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_get_mtu(port->ethdev, &mtu);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_get_mtu", rc);
	if (spec->mtu) {
		rc = check_mtu(port, spec->mtu, &info, err);
		if (rc < 0)
			return rc;
		mtu = spec->mtu;
	}
	pool = fp_pool(fp, rte_eth_dev_socket_id(port->ethdev), err);
	if (!pool)
		return -ENOMEM;
	conf = device_conf(port, &info, mtu, pool);
	rc = rte_eth_dev_configure(port->ethdev, port->n_rxq, port->n_txq, &conf);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_configure", rc);
	rc = set_up_queues(port, spec, pool, err);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_start(port->ethdev);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_start", rc);
	ep->started = true;
	rc = rte_eth_promiscuous_enable(port->ethdev);
	if (rc < 0 && rc != -ENOTSUP) // a device without filters takes everything anyway
		return ethdev_fail(err, port, "rte_eth_promiscuous_enable", rc);
	rc = rte_eth_macaddr_get(port->ethdev, &mac);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_macaddr_get", rc);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	fp_port_store_mtu(port, mtu);
	find_xstats(port);
	return 0;
}

static void ethdev_close(struct fp *fp, struct fp_port *port)
{
	struct ethdev_priv *ep = port->priv;

	(void)fp;
	if (ep->started)
		rte_eth_dev_stop(port->ethdev);
	detach(port);
	free(ep);
	port->priv = NULL;
}

static int ethdev_open(struct fp *fp, struct fp_port *port, const struct fp_port_spec *spec,
		       struct fp_err *err)
{
	struct ethdev_priv *ep;
	int rc;

	if (!port->devargs[0])
		return fp_fail(err, -EINVAL, "port %s: a DPDK port needs devargs", port->name);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return fp_fail(err, -ENOMEM, "port %s: out of memory", port->name);
	port->priv = ep;
	rc = attach(fp, port, err);
	if (!rc)
		rc = start(fp, port, spec, err);
	if (rc)
		ethdev_close(fp, port);
	return rc;
}

static uint16_t ethdev_rx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst(port->ethdev, queue, pkts, n);
}

static uint16_t ethdev_tx(struct fp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_tx_burst(port->ethdev, queue, pkts, n);
}

static int ethdev_stats(struct fp_port *port, struct fp_port_stats *out)
{
	const struct ethdev_priv *ep = port->priv;
	uint64_t values[MAX_XSTATS];
	struct rte_eth_stats s;
	int rc = rte_eth_stats_get(port->ethdev, &s);

	if (rc < 0)
		return rc;
	out->rx_packets = s.ipackets;
	out->rx_bytes = s.ibytes;
	out->rx_dropped = s.imissed + s.rx_nombuf;
	out->rx_errors = s.ierrors;
	out->tx_packets = s.opackets;
	out->tx_bytes = s.obytes;
	out->tx_errors = s.oerrors;
	if (ep->n_xstats && rte_eth_xstats_get_by_id(port->ethdev, ep->xstats, values,
						     ep->n_xstats) == ep->n_xstats)
		for (int i = 0; i < ep->n_xstats; i++)
			out->tx_dropped += values[i];
	return 0;
}

static int ethdev_info(struct fp_port *port, struct fp_port_info *out)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;
	int rc = rte_eth_dev_info_get(port->ethdev, &info);

	if (rc < 0)
		return rc;
	rte_strscpy(out->driver, info.driver_name, sizeof(out->driver));
	out->socket = rte_eth_dev_socket_id(port->ethdev);
	out->promisc = rte_eth_promiscuous_get(port->ethdev) == 1;
	if (info.if_index)
		out->ifindex = info.if_index;
	if (rte_eth_link_get_nowait(port->ethdev, &link) == 0) {
		out->link_up = link.link_status == RTE_ETH_LINK_UP;
		if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
			out->link_mbps = link.link_speed;
	}
	return 0;
}

static int ethdev_set_mtu(struct fp_port *port, uint32_t mtu, struct fp_err *err)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port->ethdev, &info);

	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_info_get", rc);
	rc = check_mtu(port, mtu, &info, err);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_set_mtu(port->ethdev, (uint16_t)mtu);
	if (rc == -EBUSY || rc == -ENOTSUP)
		return fp_fail(err, rc,
			       "port %s (%s): rte_eth_dev_set_mtu: %s (%s cannot change it while "
			       "it runs: remove the port and add it with the MTU)",
			       port->name, port->devargs, rte_strerror(-rc), info.driver_name);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_set_mtu", rc);
	fp_port_store_mtu(port, mtu);
	return 0;
}

static int ethdev_set_mac(struct fp_port *port, const uint8_t mac[6], struct fp_err *err)
{
	struct rte_ether_addr addr;
	int rc;

	memcpy(addr.addr_bytes, mac, sizeof(addr.addr_bytes));
	rc = rte_eth_dev_default_mac_addr_set(port->ethdev, &addr);
	if (rc < 0)
		return ethdev_fail(err, port, "rte_eth_dev_default_mac_addr_set", rc);
	memcpy(port->mac, mac, sizeof(port->mac));
	return 0;
}

static int ethdev_set_up(struct fp_port *port, bool up, struct fp_err *err)
{
	int rc = up ? rte_eth_dev_set_link_up(port->ethdev) :
		      rte_eth_dev_set_link_down(port->ethdev);

	// A started device without such a switch is up.
	if (rc < 0 && !(up && rc == -ENOTSUP))
		return ethdev_fail(err, port,
				   up ? "rte_eth_dev_set_link_up" : "rte_eth_dev_set_link_down",
				   rc);
	return 0;
}

static int ethdev_fd(struct fp_port *port, uint16_t queue)
{
	(void)port;
	(void)queue;
	return -1;
}

const struct fp_port_ops fp_port_ethdev_ops = {
	.driver = "dpdk",
	.open = ethdev_open,
	.close = ethdev_close,
	.rx = ethdev_rx,
	.tx = ethdev_tx,
	.info = ethdev_info,
	.stats = ethdev_stats,
	.set_mtu = ethdev_set_mtu,
	.set_mac = ethdev_set_mac,
	.set_up = ethdev_set_up,
	.poll_fd = ethdev_fd,
};
