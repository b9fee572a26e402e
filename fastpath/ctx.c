// The context: opening and closing the data plane, and what concerns all of it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "command.h"
#include "flow_table.h"
#include "hash.h"
#include "lcore_internal.h"
#include "mbuf_next.h"

#define DEFAULT_MBUFS 32768
#define MIN_MBUFS 256 // bursts that are received and sent, and a 64 KB frame in segments
#define RCU_SPINS 2000
#define RCU_NAP_US 20
#define SYNC_TURNS 3
#define SYNC_BUSY_MS 200 // how long a lcore that is never idle keeps fp_sync
#define SYNC_MAX_MS 5000

static void defaults(struct fp_config *c)
{
	c->max_flows = rte_align32pow2(c->max_flows ? c->max_flows : 1U << 20);
	c->emc_entries = rte_align32pow2(RTE_MAX(c->emc_entries ? c->emc_entries : 65536U, 64U));
	c->n_mbufs = c->n_mbufs ? c->n_mbufs : DEFAULT_MBUFS;
	c->mbuf_room = c->mbuf_room ? c->mbuf_room : 2048;
	c->max_masks = c->max_masks ? c->max_masks : 64;
	c->upcall_ring = c->upcall_ring ? c->upcall_ring : 2048;
	c->upcall_timeout_ms = c->upcall_timeout_ms ? c->upcall_timeout_ms : 5000;
}

static int check(const struct fp_config *c, struct fp_err *err)
{
	if (c->max_flows > 1U << 26)
		return fp_fail(err, -EINVAL, "%u flows asked for, at most %u", c->max_flows,
			       1U << 26);
	if (c->max_masks < 2 || c->max_masks > FP_MAX_MASKS)
		return fp_fail(err, -EINVAL, "%u masks asked for, 2 to %d are possible",
			       c->max_masks, FP_MAX_MASKS);
	if (c->n_mbufs < MIN_MBUFS)
		return fp_fail(err, -EINVAL,
			       "%u packet buffers asked for, at least %u are needed; 0 is for the "
			       "default of %u",
			       c->n_mbufs, MIN_MBUFS, DEFAULT_MBUFS);
	if (c->mbuf_room < 256 || c->mbuf_room > 60000)
		return fp_fail(err, -EINVAL,
			       "packet buffers of %u bytes asked for, 256 to 60000 are "
			       "possible",
			       c->mbuf_room);
	if (c->upcall_ring > 1U << 20 || c->emc_entries > 1U << 24)
		return fp_fail(err, -EINVAL,
			       "upcall ring of %u or cache of %u entries is too large",
			       c->upcall_ring, c->emc_entries);
	return 0;
}

static int fill(struct fp *fp, struct fp_err *err)
{
	int rc = fp_mbuf_next_register();

	if (rc < 0)
		return fp_fail(err, rc, "mbuf field for queues: %s", strerror(-rc));
	size_t size = rte_rcu_qsbr_get_memsize(FP_MAX_LCORES);

	fp->qsbr = rte_zmalloc("fp-qsbr", size, 64);
	if (!fp->qsbr || rte_rcu_qsbr_init(fp->qsbr, FP_MAX_LCORES) != 0)
		return fp_fail(err, -ENOMEM, "no DPDK memory for RCU; is EAL started?");
	fp->isa = fp_isa_pick(fp->cfg.isa, &fp->run, err);
	if (!fp->isa)
		return -ENOTSUP;
	fp->flows = fp_flow_table_new(&fp->cfg, err);
	if (!fp->flows)
		return -ENOMEM;
	if (!fp_pool(fp, -1, err))
		return -ENOMEM;
	fp->upcall_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fp->upcall_fd < 0)
		return fp_fail(err, -errno, "eventfd for upcalls: %s", strerror(errno));
	return 0;
}

int fp_open(const struct fp_config *cfg, struct fp **out, struct fp_err *err)
{
	struct fp *fp = calloc(1, sizeof(*fp));

	if (!fp)
		return fp_fail(err, -ENOMEM, "no memory for the data plane");
	fp->cfg = *cfg;
	fp->upcall_fd = -1;
	fp->shortcut = !cfg->no_shortcut;
	defaults(&fp->cfg);
	fp_hash_init();
	int rc = check(&fp->cfg, err);

	if (rc == 0)
		rc = fill(fp, err);
	if (rc < 0) {
		fp_close(fp);
		return rc;
	}
	*out = fp;
	return 0;
}

static int mbufs_in_use(const struct fp *fp)
{
	int n = 0;

	for (int i = 0; i < FP_MAX_SOCKETS; i++)
		n += fp->pools[i] ? (int)rte_mempool_in_use_count(fp->pools[i]) : 0;
	return n;
}

int fp_close(struct fp *fp)
{
	int leaked;

	// Pinned lcores first: the first one sends for them.
	for (int i = FP_MAX_LCORES - 1; i >= 0; i--) {
		if (fp->lcores[i] && fp->lcores[i]->running)
			fp_lcore_stop(fp, (uint16_t)i);
	}
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			fp_lcore_drop_handoff(fp->lcores[i]);
	}
	for (uint16_t i = 0; i < FP_MAX_PORTS; i++) {
		if (fp->ports[i])
			fp_port_del(fp, i, NULL);
	}
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			fp_lcore_free(fp->lcores[i]);
		fp->lcores[i] = NULL;
	}
	leaked = mbufs_in_use(fp);
	for (int i = 0; i < FP_MAX_SOCKETS; i++)
		rte_mempool_free(fp->pools[i]);
	fp_flow_table_free(fp->flows);
	rte_free(fp->qsbr);
	if (fp->upcall_fd >= 0)
		close(fp->upcall_fd);
	free(fp);
	return leaked;
}

const char *fp_isa(const struct fp *fp)
{
	return fp->isa;
}

int fp_set_shortcut(struct fp *fp, int on)
{
	fp->shortcut = on;
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			__atomic_store_n(&fp->lcores[i]->shortcut, on != 0, __ATOMIC_RELAXED);
	}
	fp_rcu_wait(fp);
	return 0;
}

void fp_term_forget(struct fp *fp)
{
	fp->term_epoch++;
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			__atomic_store_n(&fp->lcores[i]->term_epoch, fp->term_epoch,
					 __ATOMIC_RELAXED);
	}
}

void fp_rcu_wait(struct fp *fp)
{
	uint64_t token = rte_rcu_qsbr_start(fp->qsbr);

	// A turn takes microseconds; a lcore that lost its CPU may need this one.
	for (int i = 0; rte_rcu_qsbr_check(fp->qsbr, token, false) == 0; i++) {
		if (i < RCU_SPINS)
			rte_pause();
		else
			usleep(RCU_NAP_US);
	}
}

static uint64_t get(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

// Waits until a lcore has had an idle turn that began after the call, or is never idle.
// An idle turn says that what was there has been done; the one that was under way may
// have looked at its queues before.
static int sync_lcore(const struct fp_lcore *lc, uint64_t start)
{
	uint64_t ms = rte_get_tsc_hz() / 1000, first = get(&lc->c.turns), idle = 0;
	bool over = false; // the turn that was under way

	while (1) {
		uint64_t turns = get(&lc->c.turns) - first, waited = (rte_rdtsc() - start) / ms;

		// A turn counts itself before its cycles: those of the first are in by the second.
		if (!over && turns >= 2) {
			over = true;
			idle = get(&lc->c.idle_cycles);
		}
		if (over && turns >= SYNC_TURNS &&
		    (get(&lc->c.idle_cycles) != idle || waited > SYNC_BUSY_MS))
			return 0;
		if (waited > SYNC_MAX_MS)
			return -ETIMEDOUT;
		usleep(20);
	}
}

int fp_sync(struct fp *fp)
{
	uint64_t start = rte_rdtsc();
	int rc = 0;

	for (int i = FP_MAX_LCORES - 1; i >= 0 && rc == 0; i--) {
		const struct fp_lcore *lc = __atomic_load_n(&fp->lcores[i], __ATOMIC_ACQUIRE);

		if (lc && lc->running)
			rc = sync_lcore(lc, start);
	}
	return rc;
}

int fp_memory(struct fp *fp, struct fp_memory *out)
{
	const struct fp_flow_table *t = fp->flows;
	uint64_t lcores = 0;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < FP_MAX_SOCKETS; i++) {
		if (fp->pools[i]) {
			out->mbufs_total += fp->pools[i]->size;
			out->mbufs_in_use += rte_mempool_in_use_count(fp->pools[i]);
		}
	}
	for (int i = 0; i < FP_MAX_LCORES; i++)
		lcores += fp->lcores[i] != NULL;
	out->flow_bytes = t->n_used * (sizeof(struct fp_flow) + lcores * sizeof(struct fp_count)) +
			  t->lines_used * FP_LINE_SIZE;
	out->table_bytes = t->slots->size + t->masks->n * sizeof(struct fp_mask);
	out->prog_bytes = fp_prog_table_bytes(t->progs);
	out->cache_bytes = lcores * ((uint64_t)fp->cfg.emc_entries * FP_LINE_SIZE +
				     FP_WIDE_ENTRIES * sizeof(struct fp_wide));
	out->flows = t->n_flows;
	out->masks = t->masks->n;
	out->progs = fp_prog_table_count(t->progs);
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			out->mbuf_alloc_failed += get(&fp->lcores[i]->c.drops[FP_DROP_NO_MBUF]);
	}
	return 0;
}
