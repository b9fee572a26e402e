// What programs do to packets in the loop: pushing headers, copies that do not share
// bytes, bounded recirculation, outputs that cannot be.
#include <string.h>

#include <arpa/inet.h>

#include "fp_test.h"
#include "fp_test_core.h"
#include "fp_test_outer.h"

// A list of actions, built record by record.
struct list {
	uint8_t b[1024] __attribute__((aligned(8)));
	uint32_t n;
};

static struct fp_act_hdr *add(struct list *l, uint16_t type, uint16_t len)
{
	struct fp_act_hdr *h = (void *)(l->b + l->n);

	memset(h, 0, len);
	h->type = type;
	h->len = len;
	l->n += len;
	return h;
}

static void add_u32(struct list *l, uint16_t type, uint32_t v)
{
	((struct fp_act_u32 *)add(l, type, sizeof(struct fp_act_u32)))->value = v;
}

static void add_dst(struct list *l, uint8_t last)
{
	struct fp_act_set_eth *a = (void *)add(l, FP_ACT_SET_ETH, sizeof(*a));

	a->dst[5] = last;
	a->dst_mask[5] = 0xff;
}

// Starts a clone; what is added until clone_end is nested.
static uint32_t clone_begin(struct list *l)
{
	add(l, FP_ACT_CLONE, sizeof(struct fp_act_hdr));
	return l->n - (uint32_t)sizeof(struct fp_act_hdr);
}

static void clone_end(struct list *l, uint32_t at)
{
	((struct fp_act_hdr *)(void *)(l->b + at))->len = (uint16_t)(l->n - at);
}

// A push of the outer header of f.
static void add_push(struct list *l, const struct fp_test_outer *f, bool csum)
{
	uint16_t len = (uint16_t)(f->l4 + 16);
	struct fp_act_tnl_push *a =
		(void *)add(l, FP_ACT_TNL_PUSH, (uint16_t)(sizeof(*a) + (len + 3) / 4 * 4));

	a->tnl_port = 3;
	a->out_port = 2;
	a->tnl_type = FP_TNL_VXLAN;
	a->header_len = len;
	memcpy(a->header, f->b, len);
	fp_test_put16(a->header + f->l4 + 6, csum ? 0xffff : 0);
}

static uint64_t from(struct fp_test_core *t, uint16_t port, const struct list *l)
{
	struct fp_key k, m;
	uint64_t id;

	fp_test_port_key(&k, &m, port);
	MUST(fp_test_put(t, &k, &m, l->b, l->n, 0, &id) == 0);
	return id;
}

// Sends one inner frame and compares what comes out with what a sender would build
// around it. Returns the UDP source port.
static uint16_t push_one(struct fp_test_core *t, bool v6, bool vlan, bool csum, const uint8_t *in,
			 uint32_t len)
{
	struct fp_test_outer want;
	uint8_t p[4096];

	fp_test_wrap(&want, v6, vlan, in, len);
	fp_test_inject(t, 1, in, len);
	uint32_t got = fp_test_collect(t, 2, p, sizeof(p));
	uint16_t sport = (uint16_t)(p[want.l4] << 8 | p[want.l4 + 1]);

	MUST(got == want.len, "(%u bytes, not %u)", got, want.len);
	CHECK(sport >= 32768 && sport <= 61000, "source port %u", sport);
	fp_test_put16(want.b + want.l4, sport);
	if (csum) {
		fp_test_fill_udp(&want);
		CHECK_EQ(fp_test_udp_sum(p + want.l3, p + want.l4, v6), 0xffff);
	}
	CHECK(memcmp(p, want.b, got) == 0, "v6 %d vlan %d csum %d len %u", v6, vlan, csum, len);
	return sport;
}

// fused: the loop's own form; else the interpreter's.
static void push(const char *isa, bool fused)
{
	struct fp_config cfg = { .socket = -1 };
	struct fp_test_core t;
	struct fp_err err;
	uint8_t in[2048];

	snprintf(cfg.isa, sizeof(cfg.isa), "%s", isa);
	fp_test_core_open(&t, cfg);
	CHECK_EQ(fp_port_set_mtu(t.fp, 2, 9000, &err), 0);
	for (int shape = 0; shape < 8; shape++) {
		bool v6 = shape & 1, vlan = shape & 2, csum = shape & 4;
		struct fp_test_outer f;
		struct list l = { .n = 0 };
		uint16_t first = 0, others = 0;

		fp_test_wrap(&f, v6, vlan, in, 0);
		if (!fused) { // a mark is not on the wire
			struct fp_act_set_u32 *a = (void *)add(&l, FP_ACT_SET_MARK, sizeof(*a));

			a->mask = a->value = 1;
		}
		add_push(&l, &f, csum);
		add_u32(&l, FP_ACT_OUTPUT, 2);
		from(&t, 1, &l);
		for (uint16_t flow = 0; flow < 20; flow++) {
			uint32_t len = fp_test_udp(in, flow, flow, flow * 71U);
			uint16_t port = push_one(&t, v6, vlan, csum, in, len);

			// The flow's port, whatever the packet's length.
			len = fp_test_udp(in, flow, 99, 3);
			CHECK_EQ(push_one(&t, v6, vlan, csum, in, len), port);
			first = flow ? first : port;
			others += port != first;
		}
		CHECK(others > 15, "%u of 20 flows have a source port of their own", others);
		memset(in, 0x11, 14); // not IP: the addresses' hash
		push_one(&t, v6, vlan, csum, in, 14);
	}
	fp_test_core_close(&t);
}

static void expect(struct fp_test_core *t, const uint8_t *want, uint32_t len)
{
	uint8_t p[2048];
	uint32_t got = fp_test_collect(t, 2, p, sizeof(p));

	CHECK(got == len && memcmp(p, want, len) == 0, "%u bytes, not %u", got, len);
}

// Every output of a list sees the packet as it was there.
static void copies(void)
{
	struct list l = { .n = 0 };
	struct fp_act_push_vlan *tag;
	struct fp_test_core t;
	uint8_t in[256], want[256];
	uint32_t len = fp_test_udp(in, 1, 1, 18);
	uint32_t outer, inner;

	add_u32(&l, FP_ACT_OUTPUT, 2);
	add_dst(&l, 0x77);
	outer = clone_begin(&l);
	add_dst(&l, 0x88);
	inner = clone_begin(&l);
	tag = (void *)add(&l, FP_ACT_PUSH_VLAN, sizeof(*tag));
	tag->be_tpid = htons(0x8100);
	tag->be_tci = htons(FP_VLAN_CFI | 5);
	add_u32(&l, FP_ACT_OUTPUT, 2);
	clone_end(&l, inner);
	add_u32(&l, FP_ACT_OUTPUT, 2);
	clone_end(&l, outer);
	add_u32(&l, FP_ACT_OUTPUT, 2);
	fp_test_core_open(&t, (struct fp_config){ 0 });
	from(&t, 1, &l);
	for (int n = 0; n < 100; n++) {
		fp_test_inject(&t, 1, in, len);
		expect(&t, in, len);
		memcpy(want, in, 12);
		want[5] = 0x88;
		memcpy(want + 12, "\x81\x00\x00\x05", 4);
		memcpy(want + 16, in + 12, len - 12);
		expect(&t, want, len + 4);
		memcpy(want, in, len);
		want[5] = 0x88;
		expect(&t, want, len);
		want[5] = 0x77;
		expect(&t, want, len);
	}
	fp_test_core_close(&t);
}

// clone(tnl_push(...),2),2: what is behind sees the packet without the header.
static void push_in_clone(void)
{
	struct list l = { .n = 0 };
	struct fp_test_outer f;
	struct fp_test_core t;
	uint8_t in[256], p[256];
	uint32_t at, len = fp_test_udp(in, 1, 1, 18);

	fp_test_wrap(&f, false, false, in, len);
	at = clone_begin(&l);
	add_push(&l, &f, false);
	add_u32(&l, FP_ACT_OUTPUT, 2);
	clone_end(&l, at);
	add_u32(&l, FP_ACT_OUTPUT, 2);
	fp_test_core_open(&t, (struct fp_config){ 0 });
	from(&t, 1, &l);
	fp_test_inject(&t, 1, in, len);
	CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), f.len);
	CHECK(memcmp(p + 50, in, len) == 0);
	expect(&t, in, len);
	fp_test_core_close(&t);
}

// A flow that sends every packet round again.
static void recirculation_is_bounded(void)
{
	struct list l = { .n = 0 };
	struct fp_lcore_stats s;
	struct fp_flow_stats fs;
	struct fp_test_core t;
	struct fp_key k, m;
	uint8_t in[256];
	uint64_t id;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	add_u32(&l, FP_ACT_RECIRC, 1);
	fp_test_port_key(&k, &m, 1);
	m.base.recirc_id = 0;
	MUST(fp_test_put(&t, &k, &m, l.b, l.n, 0, &id) == 0);
	for (uint16_t i = 0; i < 10; i++)
		fp_test_inject(&t, 1, in, fp_test_udp(in, i, 0, 18));
	CHECK_EQ(fp_test_drops(&t, "recirc_depth"), 10);
	fp_lcore_stats(t.fp, t.lcore, &s);
	CHECK_EQ(s.recirculations, 60);
	fp_flow_stats(t.fp, &id, 1, &fs);
	CHECK_EQ(fs.packets, 70);
	fp_test_core_close(&t);
}

// Tunnels in tunnels, each popped by the same flow, with and without the short cut.
static void pop_loop_is_bounded(void)
{
	struct list l = { .n = 0 };
	struct fp_test_outer f;
	struct fp_test_core t;
	struct fp_key k, m;
	uint8_t in[2048];
	uint32_t len = fp_test_udp(in, 1, 0, 18);

	for (int i = 0; i < 8; i++) {
		fp_test_wrap(&f, false, false, in, len);
		memcpy(in, f.b, f.len);
		len = f.len;
	}
	fp_test_core_open(&t, (struct fp_config){ 0 });
	add_u32(&l, FP_ACT_TNL_POP, 3);
	fp_test_port_key(&k, &m, 0);
	m.base.in_port = 0;
	MUST(fp_test_put(&t, &k, &m, l.b, l.n, 0, NULL) == 0);
	for (int i = 1; i <= 10; i++) {
		fp_set_shortcut(t.fp, i > 5);
		fp_test_inject(&t, 1, in, len);
		CHECK_EQ(fp_test_drops(&t, "recirc_depth"), i);
	}
	fp_test_core_close(&t);
}

static void outputs_that_cannot_be(void)
{
	struct fp_test_core t;
	struct fp_err err;
	uint8_t in[2048], p[2048];
	uint32_t len;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	for (int i = 0; i < 2; i++) { // no such port; one that takes no packets
		struct list l = { .n = 0 };

		add_u32(&l, FP_ACT_OUTPUT, i ? 3 : 77);
		from(&t, 1, &l);
		fp_test_inject(&t, 1, in, fp_test_udp(in, 1, 0, 18));
		CHECK_EQ(fp_test_drops(&t, "output_no_port"), i + 1);
	}
	struct list l = { .n = 0 };

	add_u32(&l, FP_ACT_OUTPUT, 2);
	from(&t, 1, &l);
	CHECK_EQ(fp_port_set_mtu(t.fp, 2, 1000, &err), 0);
	len = fp_test_udp(in, 1, 0, 1000 - 28);
	fp_test_inject(&t, 1, in, len);
	CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), len);
	fp_test_inject(&t, 1, in, fp_test_udp(in, 1, 0, 1000 - 28 + 5));
	CHECK_EQ(fp_test_drops(&t, "output_mtu"), 1);
	// An empty list, and one whose actions hand nothing on.
	l.n = 0;
	from(&t, 1, &l);
	fp_test_inject(&t, 1, in, len);
	CHECK_EQ(fp_test_drops(&t, "flow_drop"), 1);
	add_dst(&l, 1);
	clone_begin(&l);
	from(&t, 1, &l);
	fp_test_inject(&t, 1, in, len);
	CHECK_EQ(fp_test_drops(&t, "flow_drop"), 2);
	fp_test_core_close(&t);
}

int main(void)
{
	static const char *const isas[] = { "generic", "avx2", "avx512" };

	fp_test_core_eal();
	for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++) {
		struct fp_config cfg = { .n_mbufs = 1024, .max_flows = 64, .socket = -1 };
		struct fp *fp;

		snprintf(cfg.isa, sizeof(cfg.isa), "%s", isas[i]);
		if (fp_open(&cfg, &fp, NULL) < 0) {
			printf("skipped: this CPU does not run the build %s\n", isas[i]);
			continue;
		}
		CHECK_EQ(fp_close(fp), 0);
		RUN(push, isas[i], true);
		RUN(push, isas[i], false);
	}
	RUN(copies);
	RUN(push_in_clone);
	RUN(recirculation_is_bounded);
	RUN(pop_loop_is_bounded);
	RUN(outputs_that_cannot_be);
	fp_eal_cleanup();
	return fp_test_done();
}
