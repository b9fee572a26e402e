// Masks: interning them, bounding their number, the order of visits.
#include <errno.h>
#include <stdlib.h>

#include "flow_hash.h"
#include "flow_table.h"
#include "lcore.h"

static bool same(const struct fp_key *a, const struct fp_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

// Whether every bit of b is in a.
static bool covers(const struct fp_key *a, const struct fp_key *b)
{
	const uint64_t *x = (const void *)a, *y = (const void *)b;

	for (size_t i = 0; i < sizeof(*a) / 8; i++) {
		if (y[i] & ~x[i])
			return false;
	}
	return true;
}

static int bits(const struct fp_key *k)
{
	const uint64_t *x = (const void *)k;
	int n = 0;

	for (size_t i = 0; i < sizeof(*k) / 8; i++)
		n += __builtin_popcountll(x[i]);
	return n;
}

// The mask that compares every field.
static void exact(struct fp_key *m)
{
	memset(m, 0xff, sizeof(*m));
	m->base.lines = 0;
	m->base.zero0 = 0;
	m->base.tun_ep = 0;
	m->base.be_tun_tp_src = 0;
	m->base.zero1 = 0;
	m->base.priv = 0;
}

static void publish(struct fp *fp, struct fp_flow_table *t, struct fp_mask_list *list)
{
	struct fp_mask_list *old = t->masks;

	__atomic_store_n(&t->masks, list, __ATOMIC_RELEASE);
	fp_rcu_wait(fp);
	free(old);
}

static int add(struct fp *fp, struct fp_flow_table *t, const struct fp_key *mask,
	       struct fp_mask **out)
{
	struct fp_mask *m = aligned_alloc(64, RTE_ALIGN(sizeof(*m), 64));
	struct fp_mask_list *list = malloc(sizeof(*list));
	uint16_t id = 0;

	if (!m || !list) {
		free(m);
		free(list);
		return -ENOMEM;
	}
	while (t->by_id[id])
		id++;
	memset(m, 0, sizeof(*m));
	m->id = id;
	m->full = *mask;
	for (int n = 0; n < FP_KEY_LINES; n++) {
		static const uint8_t zero[FP_LINE_SIZE];
		const uint8_t *line = (const uint8_t *)mask + n * FP_LINE_SIZE;

		if (memcmp(line, zero, FP_LINE_SIZE) == 0)
			continue;
		m->lines |= (uint8_t)(1 << n);
		memcpy(m->line[m->n_lines++], line, FP_LINE_SIZE);
	}
	if (!m->n_lines) { // a mask that compares nothing still has a line to hash
		m->lines = 1;
		m->n_lines = 1;
	}
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			fp_lcore_clear_mask(fp->lcores[i], id);
	}
	*list = *t->masks;
	list->mask[list->n++] = m;
	t->by_id[id] = m;
	publish(fp, t, list);
	*out = m;
	return 0;
}

int fp_mask_get(struct fp *fp, struct fp_flow_table *t, const struct fp_key *mask, bool narrow,
		struct fp_mask **out, struct fp_err *err)
{
	const struct fp_mask_list *list = t->masks;
	struct fp_mask *best = NULL;
	int best_bits = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		if (same(&list->mask[i]->full, mask)) {
			*out = list->mask[i];
			return 0;
		}
	}
	if (list->n + 1 >= t->max_masks)
		fp_mask_collect(fp, t);
	list = t->masks;
	// The last place is kept for the exact mask, which covers every other one.
	if (list->n + 1 < t->max_masks) {
		int rc = add(fp, t, mask, out);

		return rc < 0 ? fp_fail(err, rc, "no memory for another mask") : 0;
	}
	if (!narrow)
		return fp_fail(
			err, -ENOSPC,
			"flow needs another mask and all %u are in use; use one of the masks "
			"of other flows or remove flows",
			t->max_masks);
	for (uint32_t i = 0; i < list->n; i++) {
		struct fp_mask *m = list->mask[i];

		if (covers(&m->full, mask) && (!best || bits(&m->full) < best_bits)) {
			best = m;
			best_bits = bits(&m->full);
		}
	}
	if (!best) {
		struct fp_key all;

		exact(&all);
		int rc = list->n < t->max_masks ? add(fp, t, &all, &best) : -ENOSPC;

		if (rc < 0)
			return fp_fail(err, rc, "no mask left for the flow, all %u are in use",
				       t->max_masks);
	}
	*out = best;
	return 0;
}

// Filter bit index of a flow, -1 if the mask does not compare port and id whole.
static int filter_index(const struct fp_mask *m, const struct fp_key *key)
{
	if (m->full.base.in_port != 0xffff || m->full.base.recirc_id != 0xffffffff)
		return -1;
	return __builtin_ctzll(fp_filter_bit(key->base.in_port, key->base.recirc_id));
}

void fp_mask_ref(struct fp_mask *m, const struct fp_key *key)
{
	int i = filter_index(m, key);

	m->flows++;
	if (i < 0) {
		__atomic_store_n(&m->filter, ~0ULL, __ATOMIC_RELEASE);
		return;
	}
	// A count that has reached its limit stays there: the bit is never cleared.
	if (m->filter_refs[i] < UINT16_MAX)
		m->filter_refs[i]++;
	__atomic_store_n(&m->filter, m->filter | 1ULL << i, __ATOMIC_RELEASE);
}

void fp_mask_unref(struct fp_mask *m, const struct fp_key *key)
{
	int i = filter_index(m, key);

	m->flows--;
	if (i < 0 || m->filter_refs[i] == UINT16_MAX)
		return;
	if (--m->filter_refs[i] == 0)
		__atomic_store_n(&m->filter, m->filter & ~(1ULL << i), __ATOMIC_RELEASE);
}

static uint64_t hits(struct fp *fp, uint16_t id)
{
	uint64_t n = 0;

	for (int i = 0; i < FP_MAX_LCORES; i++) {
		if (fp->lcores[i])
			n += fp_lcore_mask_hits(fp->lcores[i], id);
	}
	return n;
}

void fp_mask_collect(struct fp *fp, struct fp_flow_table *t)
{
	struct fp_mask_list *list = malloc(sizeof(*list));
	uint64_t of[FP_MAX_MASKS];
	struct fp_mask *dead[FP_MAX_MASKS];
	uint32_t n_dead = 0;

	if (!list)
		return;
	list->n = 0;
	for (uint32_t i = 0; i < t->masks->n; i++) {
		struct fp_mask *m = t->masks->mask[i];

		if (!m->flows) {
			dead[n_dead++] = m;
			continue;
		}
		uint64_t h = hits(fp, m->id);
		uint32_t at = list->n++;

		for (; at > 0 && of[at - 1] < h; at--) {
			of[at] = of[at - 1];
			list->mask[at] = list->mask[at - 1];
		}
		of[at] = h;
		list->mask[at] = m;
	}
	publish(fp, t, list);
	for (uint32_t i = 0; i < n_dead; i++) {
		t->by_id[dead[i]->id] = NULL;
		free(dead[i]);
	}
}

int fp_mask_list(struct fp *fp, struct fp_mask_info *out, int n)
{
	const struct fp_mask_list *list = fp->flows->masks;

	for (uint32_t i = 0; i < list->n && (int)i < n; i++) {
		out[i].id = list->mask[i]->id;
		out[i].flows = list->mask[i]->flows;
		out[i].hits = hits(fp, list->mask[i]->id);
	}
	return (int)list->n;
}
