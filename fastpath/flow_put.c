// Putting, removing and reading flows: the writer's functions of fp.h.
#include <errno.h>
#include <stdlib.h>

#include "flow_hash.h"
#include "flow_table.h"

#define TIDY_FLOWS 8192 // new flows between two looks at the order of the masks

static uint64_t id_of(const struct fp_flow_table *t, uint32_t index)
{
	return (uint64_t)t->flows[index].birth << 32 | index;
}

// Index of a live flow by id, 0: none.
static uint32_t index_of(const struct fp_flow_table *t, uint64_t id)
{
	uint32_t i = (uint32_t)id;

	if (i == 0 || i >= t->n_used || !(t->flows[i].gen & 1) ||
	    t->flows[i].birth != (uint32_t)(id >> 32))
		return 0;
	return i;
}

// Clears what is not part of a key: derived fields and the caches' own.
static void clean(struct fp_key *k, uint8_t lines)
{
	k->base.lines = lines;
	k->base.zero0 = 0;
	k->base.tun_ep = 0;
	k->base.be_tun_tp_src = 0;
	k->base.zero1 = 0;
	k->base.priv = 0;
}

static void clear_counts(struct fp_flow_table *t, uint32_t index)
{
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (t->counts[i])
			memset(&t->counts[i][index], 0, sizeof(struct fp_count));
	}
}

static void read_counts(const struct fp_flow_table *t, uint32_t index, struct fp_flow_stats *out)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		const struct fp_count *c = t->counts[i] ? &t->counts[i][index] : NULL;

		if (!c)
			continue;
		out->packets += __atomic_load_n(&c->packets, __ATOMIC_RELAXED);
		out->bytes += __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
		out->tcp_flags |= (uint16_t)__atomic_load_n(&c->tcp_flags, __ATOMIC_RELAXED);
		out->used_tsc = RTE_MAX(out->used_tsc, __atomic_load_n(&c->used, __ATOMIC_RELAXED));
	}
}

static int modify(struct fp *fp, struct fp_flow_put *put, uint32_t index, struct fp_prog *prog)
{
	struct fp_flow_table *t = fp->flows;
	struct fp_flow *f = &t->flows[index];
	struct fp_prog *old = f->prog;

	__atomic_store_n(&f->prog, prog, __ATOMIC_RELEASE);
	__atomic_store_n(&f->gen, f->gen + 2, __ATOMIC_RELEASE);
	fp_flow_retire(t, old);
	if (put->flags & FP_PUT_ZERO_STATS) {
		// Lcores that still count under the old actions would undo the zeros.
		fp_rcu_wait(fp);
		clear_counts(t, index);
	}
	put->id = id_of(t, index);
	return 0;
}

static int create(struct fp *fp, struct fp_flow_put *put, struct fp_mask *m, const uint8_t *masked,
		  uint32_t hash, struct fp_prog *prog, struct fp_err *err)
{
	struct fp_flow_table *t = fp->flows;
	uint32_t index = fp_flow_index_new(t);
	uint8_t *lines = index ? fp_flow_lines_new(t, m->n_lines) : NULL;

	if (!lines) {
		if (index)
			fp_flow_index_free(t, index);
		return fp_fail(err, -ENOSPC, "flow table is full: %u flows, at most %u", t->n_flows,
			       t->max_flows);
	}
	struct fp_flow *f = &t->flows[index];

	memcpy(lines, masked, (size_t)m->n_lines * FP_LINE_SIZE);
	f->mask = m->id;
	f->lines = m->lines;
	f->n_lines = m->n_lines;
	f->key = lines;
	f->hash = hash;
	f->birth = ++t->births;
	f->prog = prog;
	__atomic_store_n(&f->gen, f->gen + 1, __ATOMIC_RELEASE); // even to odd: alive
	fp_mask_ref(m, &put->key);
	int rc = fp_flow_slot_put(fp, t, hash, index);

	if (rc < 0) {
		__atomic_store_n(&f->gen, f->gen + 1, __ATOMIC_RELEASE);
		fp_mask_unref(m, &put->key);
		fp_flow_lines_free(t, lines, m->n_lines);
		fp_flow_index_free(t, index);
		return fp_fail(err, rc, "no place in the flow table's hash buckets");
	}
	t->n_flows++;
	put->id = id_of(t, index);
	return 0;
}

static int put_one(struct fp *fp, struct fp_flow_put *put, const uint8_t *actions,
		   size_t actions_size, struct fp_err *err)
{
	struct fp_flow_table *t = fp->flows;
	uint8_t masked[FP_KEY_SIZE] __attribute__((aligned(64)));
	struct fp_prog *prog;
	struct fp_mask *m;

	if (put->act_ofs > actions_size || put->act_len > actions_size - put->act_ofs)
		return fp_fail(err, -EINVAL,
			       "actions of %u bytes at %u lie outside of the buffer of %zu",
			       put->act_len, put->act_ofs, actions_size);
	clean(&put->mask, 0);
	clean(&put->key, 0x0f); // lines not used are zero in a put
	int rc = fp_prog_get(t->progs, actions + put->act_ofs, put->act_len, &prog, err);

	if (rc < 0)
		return rc;
	rc = fp_mask_get(fp, t, &put->mask, put->flags & FP_PUT_NARROW, &m, err);
	if (rc == 0) {
		if (put->flags & FP_PUT_NARROW)
			put->mask = m->full; // the caller shows what is installed
		uint32_t hash = fp_masked_hash(m, &put->key, masked);
		uint32_t index = fp_flow_find(t, t->slots, m, masked, hash);

		if (index && (put->flags & FP_PUT_CREATE))
			rc = fp_fail(err, -EEXIST, "a flow with this key and mask exists");
		else if (index)
			rc = modify(fp, put, index, prog);
		else if (put->flags & FP_PUT_MODIFY)
			rc = fp_fail(err, -ENOENT, "no flow with this key and mask exists");
		else
			rc = create(fp, put, m, masked, hash, prog, err);
	}
	if (rc < 0)
		fp_flow_retire(t, prog);
	return rc;
}

// Keeps the masks that packets hit most in front, and drops those without flows.
static void tidy_masks(struct fp *fp)
{
	struct fp_flow_table *t = fp->flows;

	if (t->births - t->tidied < TIDY_FLOWS || t->masks->n < 2)
		return;
	t->tidied = t->births;
	fp_mask_collect(fp, t);
}

int fp_flow_put(struct fp *fp, struct fp_flow_put *flows, int n, const uint8_t *actions,
		size_t actions_size, struct fp_err *err)
{
	int done = 0;

	if (err)
		err->text[0] = 0;
	for (int i = 0; i < n; i++) {
		struct fp_err here = { .text = "" };

		flows[i].rc = put_one(fp, &flows[i], actions, actions_size, &here);
		if (flows[i].rc == 0)
			done++;
		else if (err && !err->text[0])
			*err = here;
	}
	tidy_masks(fp);
	if (fp->flows->retired) {
		fp_rcu_wait(fp);
		fp_flow_reclaim(fp->flows);
	}
	return done;
}

int fp_flow_del(struct fp *fp, const uint64_t *ids, int n, struct fp_flow_stats *final)
{
	struct fp_flow_table *t = fp->flows;
	uint32_t *gone = n > 0 ? malloc((size_t)n * sizeof(*gone)) : NULL;
	int done = 0;

	if (n > 0 && !gone)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		struct fp_flow *f;

		gone[i] = index_of(t, ids[i]);
		if (!gone[i])
			continue;
		f = &t->flows[gone[i]];
		fp_flow_slot_del(t, f->hash, gone[i]);
		__atomic_store_n(&f->gen, f->gen + 1, __ATOMIC_RELEASE); // odd to even: dead
		done++;
	}
	if (done)
		fp_rcu_wait(fp);
	for (int i = 0; i < n; i++) {
		struct fp_flow *f = &t->flows[gone[i]];
		struct fp_key key;

		if (!gone[i]) {
			if (final)
				final[i] = (struct fp_flow_stats){ .rc = -ENOENT };
			continue;
		}
		if (final)
			read_counts(t, gone[i], &final[i]);
		clear_counts(t, gone[i]);
		memset(&key, 0, sizeof(key));
		if (f->lines & 1)
			memcpy(&key.base, f->key, FP_LINE_SIZE);
		fp_mask_unref(t->by_id[f->mask], &key);
		fp_flow_retire(t, f->prog);
		f->prog = NULL;
		fp_flow_lines_free(t, f->key, f->n_lines);
		fp_flow_index_free(t, gone[i]);
		t->n_flows--;
	}
	fp_flow_reclaim(t);
	free(gone);
	return done;
}

int fp_flow_stats(struct fp *fp, const uint64_t *ids, int n, struct fp_flow_stats *out)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		uint32_t index = index_of(fp->flows, ids[i]);

		if (index) {
			read_counts(fp->flows, index, &out[i]);
			found++;
		} else {
			out[i] = (struct fp_flow_stats){ .rc = -ENOENT };
		}
	}
	return found;
}

uint32_t fp_flow_count(struct fp *fp)
{
	return __atomic_load_n(&fp->flows->n_flows, __ATOMIC_RELAXED);
}
