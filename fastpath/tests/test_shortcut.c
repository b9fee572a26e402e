// When the tunnel short cut must not be taken: after a change of what it relies on,
// for packets that another rule is for, and while packets wait in front.
#include <string.h>

#include "fp_test.h"
#include "fp_test_outer.h"
#include "fp_test_pop.h"

// Sends one good frame; whether it took the short cut.
static uint64_t one(struct pop *r, uint16_t sport)
{
	struct fp_test_outer f;
	uint8_t in[256], p[256];
	uint32_t len = fp_test_udp(in, 5, 7, 18);
	uint64_t before = pops(r);

	fp_test_wrap(&f, false, false, in, len);
	fp_test_put16(f.b + f.l4, sport);
	fp_test_inject(&r->t, 1, f.b, f.len);
	CHECK_EQ(fp_test_collect(&r->t, 2, p, sizeof(p)), len);
	return pops(r) - before;
}

// Sends one good frame that must not come out.
static void none(struct pop *r, const char *drop)
{
	struct fp_test_outer f;
	uint8_t in[256];
	uint32_t len = fp_test_udp(in, 5, 7, 18);
	uint64_t before = pops(r);

	expect_drops(r, drop, NULL, 0);
	fp_test_wrap(&f, false, false, in, len);
	fp_test_inject(&r->t, 1, f.b, f.len);
	expect_drops(r, drop, drop, 1);
	CHECK_EQ(pops(r), before);
}

// A change of what the short cut relies on ends it at once.
static void shortcut_ends(void)
{
	struct fp_port_spec tunnel = {
		.kind = FP_PORT_TUNNEL, .no = 3, .tnl_udp_port = 4789, .name = "vxlan"
	};
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_flow_stats s;
	struct fp_key k, m;
	struct fp_err err;
	struct pop r;
	uint8_t p[256];

	pop_open(&r, "", true);
	CHECK_EQ(one(&r, 1) + one(&r, 2), 1);
	// Modified: drops, as an underlay rule that changed.
	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(&r.t, &k, &m, NULL, 0, FP_PUT_MODIFY, NULL), 0);
	none(&r, "flow_drop");
	CHECK_EQ(fp_test_put(&r.t, &k, &m, &two, sizeof(two), FP_PUT_MODIFY, NULL), 0);
	struct fp_test_outer f;

	fp_test_wrap(&f, false, false, p, 60);
	fp_test_inject(&r.t, 1, f.b, f.len);
	CHECK_EQ(fp_test_collect(&r.t, 2, p, sizeof(p)), f.len);
	pop_flow(&r);
	CHECK_EQ(one(&r, 1) + one(&r, 2), 1);
	// The inner flow alone: the outer part stays short.
	CHECK_EQ(fp_flow_del(r.t.fp, &r.inner, 1, NULL), 1);
	fp_test_port_key(&k, &m, 3);
	CHECK_EQ(fp_test_put(&r.t, &k, &m, &two, sizeof(two), 0, &r.inner), 0);
	CHECK_EQ(one(&r, 3), 1);
	// A VNI that is no longer terminated.
	CHECK_EQ(fp_tnl_vni(r.t.fp, 3, 1111, 0), 0);
	none(&r, "vxlan_unknown_vni");
	CHECK_EQ(fp_tnl_vni(r.t.fp, 3, 1111, 1), 0);
	CHECK_EQ(one(&r, 1) + one(&r, 2), 1);
	// The tunnel port goes, and comes back without its VNI.
	CHECK_EQ(fp_port_del(r.t.fp, 3, &err), 0);
	none(&r, "tnl_no_port");
	CHECK_EQ(fp_port_add(r.t.fp, &tunnel, NULL, &err), 0);
	none(&r, "vxlan_unknown_vni");
	CHECK_EQ(fp_tnl_vni(r.t.fp, 3, 1111, 1), 0);
	CHECK_EQ(one(&r, 1) + one(&r, 2), 1);
	// The switch.
	fp_set_shortcut(r.t.fp, 0);
	CHECK_EQ(one(&r, 1), 0);
	fp_set_shortcut(r.t.fp, 1);
	CHECK_EQ(one(&r, 1), 1);
	// The outer flow deleted: the packet misses.
	CHECK_EQ(fp_flow_del(r.t.fp, &r.outer, 1, &s), 1);
	CHECK(s.packets > 8);
	fp_test_wrap(&f, false, false, p, 60);
	fp_test_inject(&r.t, 1, f.b, f.len);
	CHECK_EQ(fp_test_answer(&r.t, FP_VERDICT_DROP, NULL), 0);
	fp_test_core_close(&r.t);
}

// An outer flow that compares the UDP source port gives each port its own entry.
static void source_port_matters(void)
{
	struct fp_act_u32 pop = { .h = { FP_ACT_TNL_POP, sizeof(pop) }, .value = 3 };
	struct fp_key k, m;
	struct pop r;

	pop_open(&r, "", true);
	CHECK_EQ(fp_flow_del(r.t.fp, &r.outer, 1, NULL), 1);
	fp_test_port_key(&k, &m, 1);
	m.base.be_tp_src = 0xffff;
	fp_test_put16((uint8_t *)&k.base.be_tp_src, 1000);
	CHECK_EQ(fp_test_put(&r.t, &k, &m, &pop, sizeof(pop), 0, NULL), 0);
	fp_test_put16((uint8_t *)&k.base.be_tp_src, 2000);
	CHECK_EQ(fp_test_put(&r.t, &k, &m, NULL, 0, 0, NULL), 0);
	CHECK_EQ(one(&r, 1000) + one(&r, 1000), 1);
	struct fp_test_outer f;
	uint8_t in[64] = { 0 };

	fp_test_wrap(&f, false, false, in, 60);
	fp_test_put16(f.b + f.l4, 2000);
	fp_test_inject(&r.t, 1, f.b, f.len);
	expect_drops(&r, "other port", "flow_drop", 1);
	fp_test_core_close(&r.t);
}

// Packets of an outer flow that wait for an answer are not overtaken by the short
// cut that a packet with another source port taught.
static void order_across_the_miss(void)
{
	struct fp_test_outer f;
	uint8_t in[256], p[256];
	struct fp_upcall up;
	uint16_t seq;
	struct pop r;

	pop_open(&r, "", true);
	CHECK_EQ(fp_flow_del(r.t.fp, &r.outer, 1, NULL), 1);
	fp_test_wrap(&f, false, false, in, fp_test_udp(in, 5, 0, 18));
	fp_test_inject(&r.t, 1, f.b, f.len);
	fp_sync(r.t.fp);
	MUST(fp_upcall_recv(r.t.fp, &up, 1, p, sizeof(p), 256) == 1);
	r.outer = pop_flow(&r);
	one(&r, 1);
	one(&r, 1);
	fp_test_wrap(&f, false, false, in, fp_test_udp(in, 5, 1, 18));
	fp_test_inject(&r.t, 1, f.b, f.len);
	fp_sync(r.t.fp);
	struct fp_verdict v = { .token = up.token, .lcore = up.lcore, .kind = FP_VERDICT_REINJECT };

	CHECK_EQ(fp_upcall_answer(r.t.fp, &v, 1, NULL, 0), 1);
	for (uint16_t i = 0; i < 2; i++) {
		CHECK_EQ(fp_test_collect(&r.t, 2, p, sizeof(p)), 60);
		memcpy(&seq, p + 42, 2);
		CHECK_EQ(seq, i);
	}
	// Nobody waits any more: the short cut is learnt.
	one(&r, 1);
	CHECK_EQ(one(&r, 1), 1);
	fp_test_core_close(&r.t);
}

int main(void)
{
	fp_test_core_eal();
	RUN(shortcut_ends);
	RUN(source_port_matters);
	RUN(order_across_the_miss);
	fp_eal_cleanup();
	return fp_test_done();
}
