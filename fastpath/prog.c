// Compiling actions and sharing the programs.
#include "prog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "action_check.h"
#include "fp_internal.h"
#include "hash.h"

#define BUCKETS 4096

struct fp_prog_table {
	struct fp_prog *buckets[BUCKETS];
	uint64_t bytes, count;
};

struct fp_prog_table *fp_prog_table_new(void)
{
	return calloc(1, sizeof(struct fp_prog_table));
}

void fp_prog_table_free(struct fp_prog_table *t)
{
	if (!t)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		while (t->buckets[i]) {
			struct fp_prog *p = t->buckets[i];

			t->buckets[i] = p->next;
			fp_prog_free(p);
		}
	}
	free(t);
}

uint64_t fp_prog_table_bytes(const struct fp_prog_table *t)
{
	return sizeof(*t) + t->bytes;
}

uint64_t fp_prog_table_count(const struct fp_prog_table *t)
{
	return t->count;
}

// Works out what patching an outer header needs; the header was checked.
static void push_compile(struct fp_push *push, const struct fp_act_tnl_push *act)
{
	struct fp_tnl_layout at;

	fp_action_tnl_layout(act, &at);
	memcpy(push->header, act->header, act->header_len);
	push->plan.len = act->header_len;
	push->plan.bytes = act->header_len < 64 ? (1ULL << act->header_len) - 1 : UINT64_MAX;
	push->plan.l3 = at.l3;
	push->plan.l4 = at.l4;
	push->plan.v6 = at.v6;
	push->plan.out_port = act->out_port;
	push->plan.udp_csum = push->header[at.l4 + 6] || push->header[at.l4 + 7];
	memset(push->header + at.l4, 0, 2);     // source port
	memset(push->header + at.l4 + 4, 0, 4); // length, checksum
	push->plan.max_inner =
		(uint16_t)(65535 - (at.v6 ? act->header_len - at.l4 : act->header_len - at.l3));
	if (at.v6) {
		memset(push->header + at.l3 + 4, 0, 2);
		return;
	}
	memset(push->header + at.l3 + 2, 0, 2);  // total length
	memset(push->header + at.l3 + 10, 0, 2); // checksum
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2) {
		uint16_t w;

		memcpy(&w, push->header + at.l3 + i, 2);
		sum += w;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	push->plan.ip_sum = (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Whether some action of a list hands a packet on or drops it.
static bool has_effect(const struct fp_prog *p)
{
	for (uint32_t i = 0; i < p->n_ops; i++) {
		switch (p->ops[i].type) {
		case FP_ACT_OUTPUT:
		case FP_ACT_TNL_POP:
		case FP_ACT_RECIRC:
		case FP_ACT_USERSPACE:
		case FP_ACT_DROP:
			return true;
		case FP_ACT_CLONE:
			if (((const struct fp_prog *)p->ops[i].data)->effect)
				return true;
		}
	}
	return false;
}

static void fuse(struct fp_prog *p)
{
	const struct fp_op *op = p->ops;

	p->effect = has_effect(p);

	if (!p->effect || op[0].type == FP_ACT_DROP) {
		p->fused = FP_FUSED_DROP;
	} else if (p->n_ops == 1 && op[0].type == FP_ACT_OUTPUT) {
		p->fused = FP_FUSED_OUTPUT;
		p->out_port = (uint16_t)op[0].value;
	} else if (p->n_ops == 1 && op[0].type == FP_ACT_TNL_POP) {
		p->fused = FP_FUSED_POP;
		p->out_port = (uint16_t)op[0].value;
	} else if (p->n_ops == 2 && op[0].type == FP_ACT_TNL_PUSH && op[1].type == FP_ACT_OUTPUT) {
		p->fused = FP_FUSED_PUSH_OUTPUT;
		p->out_port = (uint16_t)op[1].value;
		p->push = op[0].data;
	} else if (p->n_ops == 2 && op[0].type == FP_ACT_SET_ETH && op[1].type == FP_ACT_OUTPUT) {
		static const uint8_t ones[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						  0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
		const struct fp_act_set_eth *set = op[0].data;

		if (memcmp(set->dst_mask, ones, 12) == 0) {
			p->fused = FP_FUSED_ETH_OUTPUT;
			p->out_port = (uint16_t)op[1].value;
			memcpy(p->eth, set->dst, 12);
		}
	}
}

// Compiles a checked list into freshly allocated memory: the program, its bytes,
// its operations and its outer headers in one piece; nested lists in their own.
static int compile(const uint8_t *actions, size_t n, struct fp_prog **out)
{
	uint32_t n_ops = 0, n_push = 0;

	for (size_t at = 0; at < n;) {
		const struct fp_act_hdr *h = (const void *)(actions + at);

		n_ops++;
		n_push += h->type == FP_ACT_TNL_PUSH;
		at += h->len;
	}
	size_t push_at = RTE_ALIGN(sizeof(struct fp_prog), 64);
	size_t ops_at = push_at + n_push * sizeof(struct fp_push);
	size_t bytes_at = ops_at + n_ops * sizeof(struct fp_op);
	size_t size = RTE_ALIGN(bytes_at + n, 64);
	struct fp_prog *p = aligned_alloc(64, size);

	if (!p)
		return -ENOMEM;
	memset(p, 0, size);
	uint8_t *base = (uint8_t *)p;
	struct fp_push *push = (void *)(base + push_at);
	struct fp_op *ops = (void *)(base + ops_at);
	uint8_t *bytes = base + bytes_at;

	memcpy(bytes, actions, n);
	p->size = (uint32_t)size;
	p->bytes = bytes;
	p->n_bytes = (uint32_t)n;
	p->ops = ops;
	p->n_ops = n_ops;
	size_t at = 0;

	for (uint32_t i = 0; i < n_ops; i++) {
		const struct fp_act_hdr *h = (const void *)(bytes + at);

		ops[i].type = h->type;
		ops[i].last = i + 1 == n_ops;
		ops[i].data = h;
		if (h->len >= sizeof(struct fp_act_u32))
			ops[i].value = ((const struct fp_act_u32 *)h)->value;
		if (h->type == FP_ACT_TNL_PUSH) {
			push_compile(push, (const struct fp_act_tnl_push *)h);
			ops[i].data = push++;
		} else if (h->type == FP_ACT_CLONE) {
			struct fp_prog *nested;
			int rc = compile((const uint8_t *)(h + 1), h->len - sizeof(*h), &nested);

			if (rc < 0) {
				p->n_ops = i;
				fp_prog_free(p);
				return rc;
			}
			ops[i].data = nested;
		}
		at += h->len;
	}
	fuse(p);
	*out = p;
	return 0;
}

int fp_prog_get(struct fp_prog_table *t, const uint8_t *actions, size_t n, struct fp_prog **out,
		struct fp_err *err)
{
	uint64_t hash = fp_hash_bytes(actions, n);
	struct fp_prog **bucket = &t->buckets[hash % BUCKETS];

	for (struct fp_prog *p = *bucket; p; p = p->next) {
		if (p->hash == hash && p->n_bytes == n && memcmp(p->bytes, actions, n) == 0) {
			p->refs++;
			*out = p;
			return 0;
		}
	}
	int rc = fp_action_check(actions, n, err);

	if (rc < 0)
		return rc;
	struct fp_prog *p;

	rc = compile(actions, n, &p);
	if (rc < 0)
		return fp_fail(err, rc, "no memory for %zu bytes of actions", n);
	p->hash = hash;
	p->refs = 1;
	p->next = *bucket;
	*bucket = p;
	t->bytes += p->size;
	t->count++;
	*out = p;
	return 0;
}

struct fp_prog *fp_prog_put(struct fp_prog_table *t, struct fp_prog *p)
{
	if (--p->refs)
		return NULL;
	struct fp_prog **at = &t->buckets[p->hash % BUCKETS];

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	t->bytes -= p->size;
	t->count--;
	return p;
}

void fp_prog_free(struct fp_prog *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n_ops; i++) {
		if (p->ops[i].type == FP_ACT_CLONE)
			fp_prog_free((struct fp_prog *)(uintptr_t)p->ops[i].data);
	}
	free(p);
}
