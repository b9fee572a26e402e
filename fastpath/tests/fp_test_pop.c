#include "fp_test_pop.h"

#include <string.h>

#include "fp_test.h"

uint64_t pop_flow(struct pop *r)
{
	struct fp_act_u32 pop = { .h = { FP_ACT_TNL_POP, sizeof(pop) }, .value = 3 };
	struct fp_key k, m;
	uint64_t id;

	fp_test_port_key(&k, &m, 1);
	MUST(fp_test_put(&r->t, &k, &m, &pop, sizeof(pop), 0, &id) == 0);
	return id;
}

void pop_open(struct pop *r, const char *isa, bool cut)
{
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_config cfg = { .no_shortcut = !cut };
	struct fp_key k, m;

	memset(r, 0, sizeof(*r));
	snprintf(cfg.isa, sizeof(cfg.isa), "%s", isa);
	fp_test_core_open(&r->t, cfg);
	r->cut = cut;
	r->outer = pop_flow(r);
	fp_test_port_key(&k, &m, 3);
	MUST(fp_test_put(&r->t, &k, &m, &two, sizeof(two), 0, &r->inner) == 0);
	fp_lcore_stats(r->t.fp, r->t.lcore, &r->was);
}

void expect_drops(struct pop *r, const char *what, const char *name, uint64_t n)
{
	struct fp_lcore_stats now;

	fp_sync(r->t.fp);
	fp_lcore_stats(r->t.fp, r->t.lcore, &now);
	for (int i = 0; fp_drop_name(i); i++) {
		uint64_t want = name && strcmp(fp_drop_name(i), name) == 0 ? n : 0;

		CHECK(now.drops[i] - r->was.drops[i] == want, "%s: %s %llu, not %llu", what,
		      fp_drop_name(i), (unsigned long long)(now.drops[i] - r->was.drops[i]),
		      (unsigned long long)want);
	}
	r->was = now;
}

uint64_t pops(struct pop *r)
{
	struct fp_lcore_stats now;

	fp_sync(r->t.fp);
	fp_lcore_stats(r->t.fp, r->t.lcore, &now);
	return now.shortcut_pops;
}
