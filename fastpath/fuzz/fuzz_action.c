// libFuzzer target: the checker and the compiler of action lists on any bytes.
// Links: action_check.c prog.c hash.c
//
// The bytes stand at the very end of an allocation. What the checker refuses the
// compiler refuses too, and the error says why; what it takes becomes a program
// that is consistent, shared by a second asker, and gone after both gave it back.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action_check.h"
#include "fp_internal.h"
#include "hash.h"
#include "prog.h"

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As in eal.c, which needs all of DPDK.
int fp_fail(struct fp_err *err, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (err)
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

static void check_push(const struct fp_push *push)
{
	const struct fp_push_plan *p = &push->plan;

	MUST(p->len <= FP_TNL_HDR_MAX && p->l4 + 16U == p->len);
	MUST(p->l4 == p->l3 + (p->v6 ? 40 : 20));
	MUST(p->max_inner + (p->len - (p->v6 ? p->l4 : p->l3)) == 65535);
}

static void check_prog(const struct fp_prog *p, int depth)
{
	MUST(depth <= 4); // as action_check.c bounds it
	for (uint32_t i = 0; i < p->n_ops; i++) {
		const struct fp_op *op = &p->ops[i];
		const uint8_t *at = op->data;

		MUST(op->type >= FP_ACT_OUTPUT && op->type <= FP_ACT_CLONE);
		MUST(op->last == (i + 1 == p->n_ops));
		if (op->type == FP_ACT_CLONE)
			check_prog(op->data, depth + 1);
		else if (op->type == FP_ACT_TNL_PUSH)
			check_push(op->data);
		else
			MUST(at >= p->bytes && at + 4 <= p->bytes + p->n_bytes);
		MUST(op->type != FP_ACT_OUTPUT || op->value < FP_MAX_PORTS);
	}
	MUST(p->fused != FP_FUSED_OUTPUT || p->out_port < FP_MAX_PORTS);
	MUST((p->n_ops == 0) == (p->n_bytes == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fp_prog_table *table;
	struct fp_err err = { .text = "" };
	struct fp_prog *p = NULL, *again = NULL;

	if (!table) {
		fp_hash_init();
		table = fp_prog_table_new();
	}
	uint8_t *own = malloc(size ? size : 1);

	MUST(table && own);
	if (size)
		memcpy(own, data, size);
	int rc = fp_action_check(own, size, &err);

	MUST(rc <= 0 && (rc == 0 || err.text[0]));
	err.text[0] = 0;
	MUST(fp_prog_get(table, own, size, &p, &err) == rc);
	if (rc == 0) {
		MUST(p->n_bytes == size && memcmp(p->bytes, own, size) == 0);
		check_prog(p, 0);
		MUST(fp_prog_get(table, own, size, &again, NULL) == 0 && again == p);
		MUST(fp_prog_put(table, p) == NULL);
		MUST(fp_prog_put(table, p) == p);
		fp_prog_free(p);
	} else {
		MUST(err.text[0]);
	}
	MUST(fp_prog_table_count(table) == 0);
	free(own);
	return 0;
}
