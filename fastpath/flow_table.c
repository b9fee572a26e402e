// The flow table's memory: making it, growing it, indices and key lines.
#include "flow_table.h"

#include <errno.h>
#include <stdlib.h>

#include "arena.h"
#include "flow_hash.h"

#define FIRST_BUCKETS 1024

static struct fp_slots *slots_new(uint32_t buckets)
{
	size_t size = sizeof(struct fp_slots) + (size_t)buckets * FP_SLOTS_PER_BUCKET * 8;

	size = RTE_ALIGN(size, 64);
	struct fp_slots *s = aligned_alloc(64, size);

	if (!s)
		return NULL;
	memset(s, 0, size);
	s->bucket_mask = buckets - 1;
	s->size = size;
	return s;
}

struct fp_flow_table *fp_flow_table_new(const struct fp_config *cfg, struct fp_err *err)
{
	struct fp_flow_table *t = calloc(1, sizeof(*t));

	if (!t) {
		fp_fail(err, -ENOMEM, "no memory for the flow table");
		return NULL;
	}
	t->max_flows = cfg->max_flows;
	t->max_masks = cfg->max_masks;
	t->lines_max = (size_t)cfg->max_flows * 3;
	t->flows = fp_arena_new(((size_t)t->max_flows + 1) * sizeof(struct fp_flow));
	t->lines = fp_arena_new(t->lines_max * FP_LINE_SIZE);
	t->slots = slots_new(FIRST_BUCKETS);
	t->masks = calloc(1, sizeof(*t->masks));
	t->progs = fp_prog_table_new();
	t->n_used = 1;
	if (!t->flows || !t->lines || !t->slots || !t->masks || !t->progs) {
		fp_fail(err, -ENOMEM, "no address space for a table of %u flows", t->max_flows);
		fp_flow_table_free(t);
		return NULL;
	}
	return t;
}

void fp_flow_table_free(struct fp_flow_table *t)
{
	if (!t)
		return;
	fp_arena_free(t->flows, ((size_t)t->max_flows + 1) * sizeof(struct fp_flow));
	fp_arena_free(t->lines, t->lines_max * FP_LINE_SIZE);
	for (int i = 0; i < FP_MAX_LCORES; i++)
		fp_arena_free(t->counts[i], ((size_t)t->max_flows + 1) * sizeof(struct fp_count));
	for (int i = 0; i < FP_MAX_MASKS; i++)
		free(t->by_id[i]);
	fp_flow_reclaim(t);
	fp_prog_table_free(t->progs);
	free(t->slots);
	free(t->masks);
	free(t);
}

int fp_flow_table_add_lcore(struct fp_flow_table *t, int lcore)
{
	if (!t->counts[lcore])
		t->counts[lcore] =
			fp_arena_new(((size_t)t->max_flows + 1) * sizeof(struct fp_count));
	return t->counts[lcore] ? 0 : -ENOMEM;
}

uint32_t fp_flow_index_new(struct fp_flow_table *t)
{
	uint32_t i = t->free_head;

	if (i) {
		t->free_head = t->flows[i].birth;
		return i;
	}
	return t->n_used <= t->max_flows ? t->n_used++ : 0;
}

void fp_flow_index_free(struct fp_flow_table *t, uint32_t i)
{
	t->flows[i].birth = t->free_head;
	t->free_head = i;
}

uint8_t *fp_flow_lines_new(struct fp_flow_table *t, int n)
{
	uint8_t *p = t->free_lines[n];

	if (p) {
		memcpy(&t->free_lines[n], p, sizeof(void *));
		return p;
	}
	if (t->lines_used + (size_t)n > t->lines_max)
		return NULL;
	p = t->lines + t->lines_used * FP_LINE_SIZE;
	t->lines_used += (size_t)n;
	return p;
}

void fp_flow_lines_free(struct fp_flow_table *t, uint8_t *p, int n)
{
	memcpy(p, &t->free_lines[n], sizeof(void *));
	t->free_lines[n] = p;
}

// Puts a pair into one of its two buckets, the emptier one. 0 or -ENOSPC.
static int slots_put(struct fp_slots *s, uint32_t hash, uint32_t index)
{
	uint32_t at[2] = { fp_bucket_a(hash, s->bucket_mask), fp_bucket_b(hash, s->bucket_mask) };
	int best = -1, best_free = 0, best_slot = 0;

	for (int b = 0; b < 2; b++) {
		int n_free = 0, slot = 0;

		for (int i = 0; i < FP_SLOTS_PER_BUCKET; i++) {
			if (!s->slot[at[b]][i]) {
				n_free++;
				slot = i;
			}
		}
		if (n_free > best_free) {
			best = b;
			best_free = n_free;
			best_slot = slot;
		}
	}
	if (best < 0)
		return -ENOSPC;
	__atomic_store_n(&s->slot[at[best]][best_slot], (uint64_t)hash << 32 | index,
			 __ATOMIC_RELEASE);
	return 0;
}

// Builds a table of twice the size beside the old one and publishes it.
static int grow(struct fp *fp, struct fp_flow_table *t)
{
	struct fp_slots *old = t->slots;
	uint32_t buckets = old->bucket_mask + 1;

	for (;;) {
		struct fp_slots *s;
		bool fits = true;

		buckets *= 2;
		// Twice as many buckets as flows could ever fill means that hashes collide.
		if (buckets > t->max_flows / 2 + FIRST_BUCKETS * 2)
			return -ENOSPC;
		s = slots_new(buckets);
		if (!s)
			return -ENOMEM;
		for (uint32_t b = 0; b <= old->bucket_mask && fits; b++) {
			for (int i = 0; i < FP_SLOTS_PER_BUCKET && fits; i++) {
				uint64_t e = old->slot[b][i];

				fits = !e || slots_put(s, (uint32_t)(e >> 32), (uint32_t)e) == 0;
			}
		}
		if (!fits) {
			free(s);
			continue;
		}
		__atomic_store_n(&t->slots, s, __ATOMIC_RELEASE);
		fp_rcu_wait(fp);
		free(old);
		return 0;
	}
}

int fp_flow_slot_put(struct fp *fp, struct fp_flow_table *t, uint32_t hash, uint32_t index)
{
	uint64_t room = ((uint64_t)t->slots->bucket_mask + 1) * FP_SLOTS_PER_BUCKET;

	if ((uint64_t)t->n_flows * 10 >= room * 7) {
		int rc = grow(fp, t);

		if (rc == -ENOMEM)
			return rc;
	}
	if (slots_put(t->slots, hash, index) == 0)
		return 0;
	int rc = grow(fp, t);

	return rc < 0 ? rc : slots_put(t->slots, hash, index);
}

void fp_flow_slot_del(struct fp_flow_table *t, uint32_t hash, uint32_t index)
{
	struct fp_slots *s = t->slots;
	uint32_t at[2] = { fp_bucket_a(hash, s->bucket_mask), fp_bucket_b(hash, s->bucket_mask) };
	uint64_t e = (uint64_t)hash << 32 | index;

	for (int b = 0; b < 2; b++) {
		for (int i = 0; i < FP_SLOTS_PER_BUCKET; i++) {
			if (s->slot[at[b]][i] == e) {
				__atomic_store_n(&s->slot[at[b]][i], 0, __ATOMIC_RELEASE);
				return;
			}
		}
	}
}

void fp_flow_retire(struct fp_flow_table *t, struct fp_prog *p)
{
	struct fp_prog *dead = fp_prog_put(t->progs, p);

	if (dead) {
		dead->next = t->retired;
		t->retired = dead;
	}
}

void fp_flow_reclaim(struct fp_flow_table *t)
{
	while (t->retired) {
		struct fp_prog *p = t->retired;

		t->retired = p->next;
		fp_prog_free(p);
	}
}
