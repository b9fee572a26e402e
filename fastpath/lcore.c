// Lcores: starting, stopping, their counters.
#include "lcore.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "arena.h"
#include "command.h"
#include "lcore_internal.h"
#include "term.h"
#include "upcall.h"

#define BUSY_BETWEEN 64 // turns of a busy pinned lcore between looks at commands

static struct rte_ring *ring(const struct fp_lcore *lc, const char *what, unsigned int esize,
			     unsigned int n)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "fp%u%s%x", lc->id, what, (uint32_t)(uintptr_t)lc->fp);
	return rte_ring_create_elem(name, esize, n, lc->socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

// Everything that a lcore id keeps until the data plane closes.
static struct fp_lcore *lcore_new(struct fp *fp, uint16_t id, int socket)
{
	struct fp_lcore *lc = fp_arena_new(sizeof(*lc));
	uint32_t sets = fp->cfg.emc_entries / 2;

	if (!lc)
		return NULL;
	lc->fp = fp;
	lc->id = id;
	lc->socket = socket;
	lc->epoll_fd = -1;
	lc->table = fp->flows;
	lc->emc_mask = (sets - 1) * 2 * sizeof(*lc->emc);
	lc->emc = fp_arena_new((size_t)sets * 2 * sizeof(*lc->emc));
	lc->wide = fp_arena_new(FP_WIDE_ENTRIES * sizeof(*lc->wide));
	lc->term = fp_term_new();
	lc->up = fp_upcalls_new(fp, id, socket);
	lc->rxqs = calloc(1, sizeof(*lc->rxqs));
	lc->handoff = ring(lc, "tx", sizeof(void *), FP_HANDOFF_RING);
	lc->garbage = ring(lc, "gc", sizeof(void *), FP_COMMAND_RING);
	lc->commands = ring(lc, "cmd", sizeof(struct fp_command), FP_COMMAND_RING);
	pthread_mutex_init(&lc->start_lock, NULL);
	pthread_cond_init(&lc->start_cond, NULL);
	if (!lc->emc || !lc->wide || !lc->term || !lc->up || !lc->rxqs || !lc->handoff ||
	    !lc->garbage || !lc->commands || fp_flow_table_add_lcore(fp->flows, id) < 0) {
		fp_lcore_free(lc);
		return NULL;
	}
	lc->counts = fp->flows->counts[id];
	return lc;
}

void fp_lcore_free(struct fp_lcore *lc)
{
	if (lc->handoff)
		fp_lcore_drop_handoff(lc);
	fp_upcalls_free(lc, lc->up);
	fp_arena_free(lc->emc, (size_t)lc->fp->cfg.emc_entries * sizeof(*lc->emc));
	fp_arena_free(lc->wide, FP_WIDE_ENTRIES * sizeof(*lc->wide));
	fp_term_free(lc->term);
	free(lc->rxqs);
	rte_ring_free(lc->handoff);
	rte_ring_free(lc->garbage);
	rte_ring_free(lc->commands);
	pthread_mutex_destroy(&lc->start_lock);
	pthread_cond_destroy(&lc->start_cond);
	fp_arena_free(lc, sizeof(*lc));
}

static void started(struct fp_lcore *lc, int rc)
{
	pthread_mutex_lock(&lc->start_lock);
	lc->start_rc = rc;
	pthread_cond_signal(&lc->start_cond);
	pthread_mutex_unlock(&lc->start_lock);
}

static void *lcore_main(void *arg)
{
	struct fp_lcore *lc = arg;
	struct rte_rcu_qsbr *qsbr = lc->fp->qsbr;

	if (rte_thread_register() < 0) {
		started(lc, -rte_errno);
		return NULL;
	}
	rte_rcu_qsbr_thread_register(qsbr, lc->id);
	rte_rcu_qsbr_thread_online(qsbr, lc->id);
	started(lc, 0);
	lc->run(lc);
	rte_rcu_qsbr_thread_offline(qsbr, lc->id);
	rte_rcu_qsbr_thread_unregister(qsbr, lc->id);
	rte_thread_unregister();
	return NULL;
}

static int pin(struct fp_lcore *lc, struct fp_err *err)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (lc->cpu >= 0) {
		CPU_SET(lc->cpu, &set);
	} else {
		long n = sysconf(_SC_NPROCESSORS_CONF);

		for (int i = 0; i < n && i < CPU_SETSIZE; i++)
			CPU_SET(i, &set);
	}
	int rc = pthread_setaffinity_np(lc->thread, sizeof(set), &set);

	if (rc && lc->cpu >= 0)
		return fp_fail(err, -rc,
			       "lcore on CPU %d: %s; it must be one of the CPUs that this "
			       "process may use",
			       lc->cpu, strerror(rc));
	return 0;
}

static int launch(struct fp_lcore *lc, struct fp_err *err)
{
	char name[16];
	int rc;

	lc->stop = 0;
	lc->start_rc = 1;
	rc = pthread_create(&lc->thread, NULL, lcore_main, lc);
	if (rc)
		return fp_fail(err, -rc, "thread of lcore %u: %s", lc->id, strerror(rc));
	snprintf(name, sizeof(name), "fp-lcore-%u", lc->id);
	pthread_setname_np(lc->thread, name);
	pthread_mutex_lock(&lc->start_lock);
	while (lc->start_rc > 0)
		pthread_cond_wait(&lc->start_cond, &lc->start_lock);
	rc = lc->start_rc;
	pthread_mutex_unlock(&lc->start_lock);
	if (rc < 0) {
		pthread_join(lc->thread, NULL);
		return fp_fail(err, rc, "lcore %u: DPDK has no thread id left: %s", lc->id,
			       rte_strerror(-rc));
	}
	lc->running = true;
	rc = pin(lc, err);
	if (rc < 0)
		fp_lcore_join(lc);
	return rc;
}

void fp_lcore_join(struct fp_lcore *lc)
{
	__atomic_store_n(&lc->stop, 1, __ATOMIC_RELAXED);
	pthread_join(lc->thread, NULL);
	lc->running = false;
	if (lc->epoll_fd >= 0)
		close(lc->epoll_fd);
	lc->epoll_fd = -1;
}

// NUMA socket of a CPU as sysfs has it; 0 where the kernel knows no sockets.
static int cpu_socket(int cpu)
{
	char path[64];

	for (int node = 0; cpu >= 0 && node < FP_MAX_SOCKETS; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpu%d", node, cpu);
		if (access(path, F_OK) == 0)
			return node;
	}
	return 0;
}

int fp_lcore_start(struct fp *fp, int cpu, uint32_t flags, uint16_t *id, struct fp_err *err)
{
	bool hk = flags & FP_LCORE_HOUSEKEEPING;
	uint16_t at = 0;
	int rc;

	if (hk && fp->housekeeping)
		return fp_fail(err, -EEXIST, "the housekeeping lcore runs already, as lcore %u",
			       fp->housekeeping->id);
	if (cpu < 0 && !hk)
		return fp_fail(err, -EINVAL,
			       "a lcore needs a CPU, only housekeeping runs anywhere");
	for (; at < FP_MAX_LCORES; at++) {
		struct fp_lcore *other = fp->lcores[at];

		if (!other || !other->running)
			break;
	}
	for (int i = 0; i < FP_MAX_LCORES && !hk; i++) {
		struct fp_lcore *other = fp->lcores[i];

		if (other && other->running && !other->housekeeping && other->cpu == cpu)
			return fp_fail(err, -EEXIST, "lcore %u runs on CPU %d already", i, cpu);
	}
	if (at == FP_MAX_LCORES)
		return fp_fail(err, -ENOSPC, "all %d lcores run already", FP_MAX_LCORES);
	if (hk && at != 0)
		return fp_fail(err, -EINVAL, "the housekeeping lcore must be started first");
	struct fp_lcore *lc = fp->lcores[at];

	if (!lc)
		lc = lcore_new(fp, at, cpu_socket(cpu));
	if (!lc)
		return fp_fail(err, -ENOMEM, "no memory for lcore %u", at);
	lc->cpu = cpu;
	lc->housekeeping = hk;
	lc->between_turns = hk ? 1 : BUSY_BETWEEN;
	lc->run = fp->run;
	lc->shortcut = (uint32_t)fp->shortcut;
	lc->term_epoch = fp->term_epoch;
	lc->pool = fp_pool(fp, fp_eal_sockets() > 1 ? lc->socket : -1, err);
	if (!lc->pool) {
		if (!fp->lcores[at])
			fp_lcore_free(lc);
		return -ENOMEM;
	}
	__atomic_store_n(&fp->lcores[at], lc, __ATOMIC_RELEASE);
	rc = launch(lc, err);
	if (rc < 0)
		return rc;
	if (hk)
		fp->housekeeping = lc;
	*id = at;
	return 0;
}

int fp_lcore_stop(struct fp *fp, uint16_t id)
{
	struct fp_lcore *lc = id < FP_MAX_LCORES ? fp->lcores[id] : NULL;

	if (!lc || !lc->running)
		return -ENOENT;
	for (int i = 1; id == 0 && i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i] && fp->lcores[i]->running)
			return -EBUSY; // it sends for the others
	}
	struct fp_err err;

	fp_lcore_set_rxqs(fp, id, NULL, 0, &err);
	fp_lcore_join(lc);
	if (fp->housekeeping == lc)
		fp->housekeeping = NULL;
	fp_lcore_drop_commands(lc);
	return fp_upcalls_reset(lc);
}

int fp_lcore_list(struct fp *fp, uint16_t *out, int n)
{
	int count = 0;

	for (uint16_t i = 0; i < FP_MAX_LCORES; i++) {
		if (!fp->lcores[i] || !fp->lcores[i]->running)
			continue;
		if (count < n)
			out[count] = i;
		count++;
	}
	return count;
}

void fp_lcore_clear_mask(struct fp_lcore *lc, uint16_t mask)
{
	// A hit that is lost in between only costs the order of visits.
	__atomic_store_n(&lc->mask_hits[mask], 0, __ATOMIC_RELAXED);
}

uint64_t fp_lcore_mask_hits(const struct fp_lcore *lc, uint16_t mask)
{
	return __atomic_load_n(&lc->mask_hits[mask], __ATOMIC_RELAXED);
}

int fp_lcore_stats(struct fp *fp, uint16_t id, struct fp_lcore_stats *out)
{
	const struct fp_lcore *lc =
		id < FP_MAX_LCORES ? __atomic_load_n(&fp->lcores[id], __ATOMIC_ACQUIRE) : NULL;

	memset(out, 0, sizeof(*out));
	if (!lc)
		return -ENOENT;
	out->id = lc->id;
	out->housekeeping = lc->housekeeping;
	out->cpu = lc->cpu;
	out->socket = lc->socket;
#define GET(f) out->f = __atomic_load_n(&lc->c.f, __ATOMIC_RELAXED)
	GET(rx_packets);
	GET(rx_batches);
	GET(tx_packets);
	GET(tx_batches);
	GET(emc_hits);
	GET(masked_hits);
	GET(masked_visits);
	GET(misses);
	GET(upcalls_sent);
	GET(upcalls_lost);
	GET(recirculations);
	GET(shortcut_pops);
	GET(busy_cycles);
	GET(idle_cycles);
	GET(turns);
	GET(sleeps);
	GET(held_packets);
	GET(stage_packets);
	for (int i = 0; i < FP_N_STAGES; i++)
		GET(stage_cycles[i]);
#undef GET
	for (int i = 0; i < FP_N_DROPS; i++) {
		out->drops[i] = __atomic_load_n(&lc->c.drops[i], __ATOMIC_RELAXED);
		if (id == 0)
			out->drops[i] += __atomic_load_n(&fp->drops[i], __ATOMIC_RELAXED);
	}
	return 0;
}
