// What a lcore does between bursts, and how the housekeeping lcore sleeps.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "command.h"
#include "lcore_internal.h"
#include "tx.h"
#include "upcall.h"

#define SPIN_TURNS 64       // idle turns before the first sleep
#define NAP_NS 50000        // sleep of a lcore that was busy a moment ago
#define LONG_NAP_NS 1000000 // sleep of one that has been idle for long
#define LONG_IDLE_MS 500

static inline void send_handed(struct fp_lcore *lc, struct rte_mbuf *m)
{
	if (likely(fp_port_get(lc->fp, m->port)))
		fp_tx(lc, m->port, m);
	else // there was one when the packet was handed over
		fp_drop(lc, m, FP_DROP_RX_PORT_GONE);
}

// Sends what other lcores handed over to this one.
static uint32_t drain(struct fp_lcore *lc)
{
	struct rte_mbuf *m[FP_BURST];
	uint32_t got = 0;

	for (int i = 1; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *from = __atomic_load_n(&lc->fp->lcores[i], __ATOMIC_ACQUIRE);
		unsigned int n;

		if (!from)
			continue;
		for (int k = 0; k < FP_HANDOFF_RING / FP_BURST; k++) {
			n = rte_ring_sc_dequeue_burst(from->handoff, (void **)m, FP_BURST, NULL);
			for (unsigned int j = 0; j < n; j++)
				send_handed(lc, m[j]);
			got += n;
			if (n < FP_BURST)
				break;
		}
	}
	return got;
}

// Wakes Go when upcalls wait and nobody has rung since it last drained.
static void ring_bell(struct fp_lcore *lc)
{
	struct fp *fp = lc->fp;
	uint64_t one = 1;

	if (__atomic_load_n(&fp->rung, __ATOMIC_RELAXED))
		return;
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *of = __atomic_load_n(&fp->lcores[i], __ATOMIC_ACQUIRE);

		if (!of || !fp_upcall_waiting(of))
			continue;
		__atomic_store_n(&fp->rung, 1, __ATOMIC_SEQ_CST);
		if (write(fp->upcall_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			__atomic_store_n(&fp->rung, 0, __ATOMIC_SEQ_CST);
		return;
	}
}

uint32_t fp_lcore_between(struct fp_lcore *lc)
{
	uint32_t got = 0;

	fp_command_run(lc);
	fp_upcall_tidy(lc);
	if (lc->id == 0) {
		got = drain(lc);
		ring_bell(lc);
	}
	return got;
}

// Makes epoll wait on the descriptors of the list's queues.
static void watch(struct fp_lcore *lc, struct fp_rx_list *list)
{
	if (lc->epoll_fd >= 0)
		close(lc->epoll_fd);
	lc->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	lc->epoll_serial = list->serial;
	for (int i = 0; i < list->n && lc->epoll_fd >= 0; i++) {
		const struct fp_rx_entry *rx = &list->rx[i];
		struct epoll_event ev = { .events = EPOLLIN };
		int fd = rx->port->ops->poll_fd ? rx->port->ops->poll_fd(rx->port, rx->queue) : -1;

		if (fd >= 0)
			epoll_ctl(lc->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
	}
}

void fp_lcore_idle(struct fp_lcore *lc)
{
	struct fp_rx_list *list = __atomic_load_n(&lc->rxqs, __ATOMIC_ACQUIRE);
	struct timespec nap = { .tv_nsec = NAP_NS };
	struct epoll_event ev[8];

	if (lc->epoll_fd < 0 || list->serial != lc->epoll_serial) {
		if (lc->epoll_fd < 0)
			prctl(PR_SET_TIMERSLACK, 1000UL); // naps end when they say
		watch(lc, list);
	}
	if (++lc->idle_turns < SPIN_TURNS)
		return;
	if (lc->idle_turns == SPIN_TURNS)
		lc->idle_since = lc->now;
	if (lc->now - lc->idle_since > rte_get_tsc_hz() / 1000 * LONG_IDLE_MS)
		nap.tv_nsec = LONG_NAP_NS;
	fp_add(&lc->c.sleeps, 1);
	rte_rcu_qsbr_thread_offline(lc->fp->qsbr, lc->id);
	if (epoll_pwait2(lc->epoll_fd, ev, 8, &nap, NULL) < 0 && errno != EINTR)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL); // a kernel without it
	rte_rcu_qsbr_thread_online(lc->fp->qsbr, lc->id);
	lc->now = rte_rdtsc();
}

void fp_lcore_drop_handoff(struct fp_lcore *lc)
{
	void *m;

	while (rte_ring_sc_dequeue(lc->handoff, &m) == 0)
		fp_drop(lc, m, FP_DROP_STOPPED);
}

void fp_lcore_drop_commands(struct fp_lcore *lc)
{
	struct fp_command c;

	while (rte_ring_sc_dequeue_elem(lc->commands, &c, sizeof(c)) == 0) {
		if (c.m)
			fp_drop(lc, c.m, FP_DROP_STOPPED);
		if (c.prog)
			fp_flow_retire_now(lc->fp, c.prog);
	}
	fp_command_collect(lc->fp);
}
