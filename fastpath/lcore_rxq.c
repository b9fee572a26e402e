// Receive queues of lcores: lists that change while traffic passes.
//
// A list is a value: the writer builds a new one, publishes it, waits until no
// lcore uses the old one, and frees that. A kernel-facing queue on a pinned lcore
// goes through a ring: the housekeeping lcore gets a pump entry for it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lcore.h"

static void publish(struct fp *fp, struct fp_lcore *lc, struct fp_rx_list *list)
{
	struct fp_rx_list *old = lc->rxqs;

	__atomic_store_n(&lc->rxqs, list, __ATOMIC_RELEASE);
	if (lc->running)
		fp_rcu_wait(fp);
	free(old);
}

static struct fp_rx_list *list_new(int n)
{
	struct fp_rx_list *list = malloc(sizeof(*list) + (size_t)n * sizeof(list->rx[0]));

	static uint32_t serial;

	if (!list)
		return NULL;
	list->n = 0;
	list->serial = ++serial;
	return list;
}

// Lcore that polls a queue, NULL: none.
static struct fp_lcore *poller(struct fp *fp, uint16_t port, uint16_t queue)
{
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *lc = fp->lcores[i];

		for (int k = 0; lc && k < lc->rxqs->n; k++) {
			const struct fp_rx_entry *rx = &lc->rxqs->rx[k];

			if (rx->no == port && rx->queue == queue && !rx->pump)
				return lc;
		}
	}
	return NULL;
}

static int check(struct fp *fp, const struct fp_lcore *lc, const struct fp_rxq *q,
		 struct fp_err *err)
{
	const struct fp_port *port = fp_port_get(fp, q->port);
	const struct fp_lcore *other;

	if (!port)
		return fp_fail(err, -ENODEV, "port %u does not exist", q->port);
	if (q->queue >= port->n_rxq)
		return fp_fail(err, -EINVAL, "port %s has %u receive queues, there is no queue %u",
			       port->name, port->n_rxq, q->queue);
	other = poller(fp, q->port, q->queue);
	if (other && other != lc)
		return fp_fail(err, -EBUSY,
			       "queue %u of port %s is polled by lcore %u; take it off "
			       "there first",
			       q->queue, port->name, other->id);
	if (port->kernel && !fp->housekeeping)
		return fp_fail(err, -ENODEV,
			       "port %s needs the housekeeping lcore, which does not run",
			       port->name);
	return 0;
}

static bool through_ring(const struct fp_lcore *lc, const struct fp_port *port)
{
	return port->kernel && !lc->housekeeping;
}

// Builds the housekeeping lcore's list: its own queues, and a pump for every ring
// of a kernel port.
static int rebuild_pumps(struct fp *fp)
{
	struct fp_lcore *hk = fp->housekeeping;
	struct fp_rx_list *list;
	int max = 0;

	if (!hk)
		return 0;
	for (int i = 0; i < FP_MAX_LCORES; i++)
		max += fp->lcores[i] ? fp->lcores[i]->rxqs->n : 0;
	list = list_new(max);
	if (!list)
		return -ENOMEM;
	for (int i = 0; i < hk->rxqs->n; i++) {
		if (!hk->rxqs->rx[i].pump)
			list->rx[list->n++] = hk->rxqs->rx[i];
	}
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *lc = fp->lcores[i];

		for (int k = 0; lc && lc != hk && k < lc->rxqs->n; k++) {
			struct fp_rx_entry rx = lc->rxqs->rx[k];

			if (!rx.port->kernel)
				continue;
			rx.pump = true;
			list->rx[list->n++] = rx;
		}
	}
	publish(fp, hk, list);
	return 0;
}

static bool listed(const struct fp_rx_list *list, const struct fp_rx_entry *e)
{
	for (int i = 0; i < list->n; i++) {
		if (list->rx[i].port == e->port && list->rx[i].queue == e->queue &&
		    list->rx[i].pump == e->pump)
			return true;
	}
	return false;
}

// Replaces a lcore's list. Kernel rings are made before the lcore sees a queue and
// taken away after neither it nor the pump does.
static int replace(struct fp *fp, struct fp_lcore *lc, struct fp_rx_list *list)
{
	struct fp_rx_list *was = list_new(lc->rxqs->n);
	int rc = 0;

	if (!was) {
		free(list);
		return -ENOMEM;
	}
	memcpy(was, lc->rxqs, sizeof(*was) + (size_t)lc->rxqs->n * sizeof(was->rx[0]));
	for (int i = 0; i < list->n && rc == 0; i++) {
		struct fp_rx_entry *e = &list->rx[i];

		if (!e->pump && through_ring(lc, e->port) && !listed(was, e))
			rc = fp_port_kernel_ring(fp, e->port, e->queue, true);
	}
	if (rc < 0) {
		free(list);
		free(was);
		return rc;
	}
	publish(fp, lc, list);
	rc = rebuild_pumps(fp);
	for (int i = 0; i < was->n; i++) {
		struct fp_rx_entry *e = &was->rx[i];

		if (!e->pump && through_ring(lc, e->port) && !listed(lc->rxqs, e))
			fp_port_kernel_ring(fp, e->port, e->queue, false);
	}
	free(was);
	return rc;
}

int fp_lcore_set_rxqs(struct fp *fp, uint16_t id, const struct fp_rxq *rxqs, int n,
		      struct fp_err *err)
{
	struct fp_lcore *lc = id < FP_MAX_LCORES ? fp->lcores[id] : NULL;
	struct fp_rx_list *list;
	int rc;

	if (!lc || !lc->running)
		return fp_fail(err, -ENOENT, "lcore %u does not run", id);
	for (int i = 0; i < n; i++) {
		rc = check(fp, lc, &rxqs[i], err);
		for (int k = 0; k < i && rc == 0; k++) {
			if (rxqs[k].port == rxqs[i].port && rxqs[k].queue == rxqs[i].queue)
				rc = fp_fail(err, -EINVAL, "queue %u of port %u is named twice",
					     rxqs[i].queue, rxqs[i].port);
		}
		if (rc < 0)
			return rc;
	}
	list = list_new(n + lc->rxqs->n);
	if (!list)
		return fp_fail(err, -ENOMEM, "no memory for the queues of lcore %u", id);
	for (int i = 0; i < n; i++)
		list->rx[list->n++] = (struct fp_rx_entry){
			.port = fp_port_get(fp, rxqs[i].port),
			.no = rxqs[i].port,
			.queue = rxqs[i].queue,
		};
	// Pumps are not the caller's business; rebuild_pumps renews them.
	for (int i = 0; i < lc->rxqs->n; i++) {
		if (lc->rxqs->rx[i].pump)
			list->rx[list->n++] = lc->rxqs->rx[i];
	}
	rc = replace(fp, lc, list);
	return rc < 0 ? fp_fail(err, rc, "queues of lcore %u: %s", id, strerror(-rc)) : 0;
}

void fp_lcores_forget_port(struct fp *fp, uint16_t port)
{
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *lc = fp->lcores[i];
		struct fp_rx_list *list;

		if (!lc)
			continue;
		list = list_new(lc->rxqs->n);
		if (!list)
			continue; // port stays listed: its owner sees that it is still polled
		for (int k = 0; k < lc->rxqs->n; k++) {
			if (lc->rxqs->rx[k].no != port || lc->rxqs->rx[k].pump)
				list->rx[list->n++] = lc->rxqs->rx[k];
		}
		if (list->n == lc->rxqs->n)
			free(list);
		else
			replace(fp, lc, list);
	}
	fp_term_forget(fp);
}
