// The flow table through its functions: put modes, statistics, ids, masks, growth.
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

#include "fp_test.h"
#include "fp_test_core.h"

static void exact_key(struct fp_key *key, struct fp_key *mask, uint32_t n)
{
	fp_test_port_key(key, mask, 1);
	key->base.be_eth_type = htons(0x0800);
	mask->base.be_eth_type = 0xffff;
	key->base.be_ip_src = htonl(n);
	mask->base.be_ip_src = 0xffffffff;
}

static void modes(void)
{
	struct fp_act_u32 one = fp_test_output(1), two = fp_test_output(2);
	struct fp_test_core t;
	struct fp_key k, m;
	uint64_t id, again;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	exact_key(&k, &m, 7);
	CHECK_EQ(fp_test_put(&t, &k, &m, &one, 8, FP_PUT_MODIFY, NULL), -ENOENT);
	CHECK_EQ(fp_test_put(&t, &k, &m, &one, 8, FP_PUT_CREATE, &id), 0);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, FP_PUT_CREATE, NULL), -EEXIST);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, FP_PUT_MODIFY, &again), 0);
	CHECK(id == again);
	CHECK_EQ(fp_flow_count(t.fp), 1);
	CHECK_EQ(fp_flow_del(t.fp, &id, 1, NULL), 1);
	CHECK_EQ(fp_flow_del(t.fp, &id, 1, NULL), 0);
	CHECK_EQ(fp_test_put(&t, &k, &m, &one, 8, 0, &again), 0);
	CHECK(id != again, "an id was used twice");
	CHECK_EQ(fp_flow_count(t.fp), 1);
	fp_test_core_close(&t);
}

static void bad_actions(void)
{
	struct fp_act_hdr cut = { FP_ACT_OUTPUT, 8 }, unknown = { 99, 4 },
			  odd = { FP_ACT_POP_VLAN, 3 };
	struct fp_act_u32 far = fp_test_output(FP_MAX_PORTS);
	struct fp_test_core t;
	struct fp_key k, m;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	exact_key(&k, &m, 7);
	CHECK_EQ(fp_test_put(&t, &k, &m, &cut, 4, 0, NULL), -EINVAL);
	CHECK_EQ(fp_test_put(&t, &k, &m, &unknown, 4, 0, NULL), -EINVAL);
	CHECK_EQ(fp_test_put(&t, &k, &m, &odd, 4, 0, NULL), -EINVAL);
	CHECK_EQ(fp_test_put(&t, &k, &m, &far, 8, 0, NULL), -EINVAL);
	// Every length of a push record that lies about its header.
	struct {
		struct fp_act_tnl_push p;
		uint8_t header[52];
	} push = { .p = { .h = { FP_ACT_TNL_PUSH, sizeof(push) }, .tnl_type = FP_TNL_VXLAN } };

	for (uint16_t len = 0; len < 200; len++) {
		push.p.header_len = len;
		CHECK_EQ(fp_test_put(&t, &k, &m, &push, sizeof(push), 0, NULL), -EINVAL);
	}
	CHECK_EQ(fp_flow_count(t.fp), 0);
	fp_test_core_close(&t);
}

static void counts(void)
{
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_flow_stats s;
	struct fp_test_core t;
	struct fp_key k, m;
	uint8_t p[128];
	uint64_t id;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, &id), 0);
	for (uint16_t i = 0; i < 100; i++) {
		uint32_t len = fp_test_udp(p, i % 7, i, 18 + i % 3);

		fp_test_inject(&t, 1, p, len);
		CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), len);
	}
	fp_sync(t.fp);
	CHECK_EQ(fp_flow_stats(t.fp, &id, 1, &s), 1);
	CHECK_EQ(s.packets, 100);
	CHECK_EQ(s.bytes, 34 * 60 + 33 * 61 + 33 * 62);
	CHECK(s.used_tsc != 0);
	CHECK_EQ(fp_flow_del(t.fp, &id, 1, &s), 1);
	CHECK_EQ(s.packets, 100);
	// The index is used again: its counters start at zero.
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, &id), 0);
	CHECK_EQ(fp_flow_stats(t.fp, &id, 1, &s), 1);
	CHECK_EQ(s.packets, 0);
	fp_test_core_close(&t);
}

// Many flows: the table grows, is full at its limit, and every flow can be deleted.
static void many(void)
{
	enum { N = 16384 };
	static uint64_t ids[N];
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_memory mem;
	struct fp_test_core t;
	struct fp_key k, m;

	fp_test_core_open(&t, (struct fp_config){ .max_flows = N });
	for (uint32_t i = 0; i < N; i++) {
		exact_key(&k, &m, i);
		CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, FP_PUT_CREATE, &ids[i]), 0);
	}
	exact_key(&k, &m, N);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, FP_PUT_CREATE, NULL), -ENOSPC);
	for (uint32_t i = 0; i < N; i++) {
		exact_key(&k, &m, i);
		CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, FP_PUT_CREATE, NULL), -EEXIST);
	}
	fp_memory(t.fp, &mem);
	CHECK_EQ(mem.flows, N);
	CHECK_EQ(mem.progs, 1);
	CHECK((mem.flow_bytes + mem.table_bytes + mem.prog_bytes) / N < 600);
	CHECK_EQ(fp_flow_del(t.fp, ids, N, NULL), N);
	CHECK_EQ(fp_flow_count(t.fp), 0);
	fp_memory(t.fp, &mem);
	CHECK_EQ(mem.progs, 0);
	fp_test_core_close(&t);
}

// The number of masks is bounded; a narrow put then takes a mask that compares more.
static void mask_limit(void)
{
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_mask_info info[16];
	struct fp_test_core t;
	struct fp_key k, m;
	uint8_t p[128];
	uint64_t id;

	fp_test_core_open(&t, (struct fp_config){ .max_masks = 8 });
	for (uint32_t i = 0; i < 7; i++) {
		fp_test_port_key(&k, &m, 2);
		m.base.be_ip_src = htonl(0xffffffffU << i);
		CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, NULL), 0);
	}
	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, NULL), -ENOSPC);
	CHECK_EQ(fp_mask_list(t.fp, info, 16), 7);
	// The packet's whole key, as an upcall has it.
	uint32_t len = fp_test_udp(p, 3, 0, 18);
	struct fp_upcall up;

	fp_test_inject(&t, 1, p, len);
	CHECK_EQ(fp_test_answer(&t, FP_VERDICT_DROP, &up), 0);
	CHECK_EQ(fp_test_put(&t, &up.key, &m, &two, 8, FP_PUT_NARROW, &id), 0);
	CHECK_EQ(fp_mask_list(t.fp, info, 16), 7);
	fp_test_inject(&t, 1, p, len);
	CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), len);
	fp_test_core_close(&t);
}

// Masks that packets hit come to the front once many flows are new.
static void mask_order(void)
{
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_mask_info info[4];
	struct fp_test_core t;
	struct fp_key k, m;
	uint8_t p[128];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	exact_key(&k, &m, 0);
	k.base.in_port = 2;
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, NULL), 0);
	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, NULL), 0);
	for (uint16_t i = 0; i < 10; i++) {
		uint32_t len = fp_test_udp(p, i, 0, 18);

		fp_test_inject(&t, 1, p, len);
		CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), len);
	}
	CHECK_EQ(fp_mask_list(t.fp, info, 4), 2);
	CHECK_EQ(info[1].hits, 10);
	for (uint32_t i = 1; i < 9000; i++) {
		exact_key(&k, &m, i);
		k.base.in_port = 2;
		CHECK_EQ(fp_test_put(&t, &k, &m, &two, 8, 0, NULL), 0);
	}
	CHECK_EQ(fp_mask_list(t.fp, info, 4), 2);
	CHECK_EQ(info[0].hits, 10);
	CHECK_EQ(info[0].flows, 1);
	fp_test_core_close(&t);
}

int main(void)
{
	fp_test_core_eal();
	RUN(modes);
	RUN(bad_actions);
	RUN(counts);
	RUN(many);
	RUN(mask_limit);
	RUN(mask_order);
	fp_eal_cleanup();
	return fp_test_done();
}
