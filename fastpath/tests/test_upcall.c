// Upcalls: order within a flow across the miss, limits, stalls, timeouts, answers.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fp_test.h"
#include "fp_test_core.h"

static void send(struct fp_test_core *t, uint16_t flow, uint16_t from, uint16_t n)
{
	uint8_t p[128];

	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = fp_test_udp(p, flow, (uint16_t)(from + i), 18);

		fp_test_inject(t, 1, p, len);
	}
	fp_sync(t->fp);
}

static void expect_order(struct fp_test_core *t, uint16_t n)
{
	uint8_t p[128];
	uint16_t seq;

	for (uint16_t i = 0; i < n; i++) {
		MUST(fp_test_collect(t, 2, p, sizeof(p)) == 60);
		memcpy(&seq, p + 42, 2);
		CHECK_EQ(seq, i);
	}
}

static void forward_all(struct fp_test_core *t)
{
	struct fp_act_u32 two = fp_test_output(2);
	struct fp_key k, m;

	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(t, &k, &m, &two, 8, 0, NULL), 0);
}

// Packets that miss, packets behind them after the flow is there but not the
// answer, and packets behind the answer leave in the order in which they came.
static void order(void)
{
	struct fp_test_core t;
	struct fp_upcall up;
	uint8_t buf[256];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	send(&t, 1, 0, 20);
	MUST(fp_upcall_recv(t.fp, &up, 1, buf, sizeof(buf), 2048) == 1);
	CHECK_EQ(up.pkt_len, 60);
	CHECK_EQ(up.cap_len, 60);
	CHECK_EQ(up.reason, FP_UPCALL_MISS);
	forward_all(&t);
	send(&t, 1, 20, 20); // the flow matches, but its elders wait
	CHECK_EQ(fp_ring_collect(t.fp, 2, buf, sizeof(buf), &up.pkt_len, 1), 0);
	struct fp_verdict v = { .token = up.token, .lcore = up.lcore, .kind = FP_VERDICT_REINJECT };

	CHECK_EQ(fp_upcall_answer(t.fp, &v, 1, NULL, 0), 1);
	send(&t, 1, 40, 20);
	expect_order(&t, 60);
	// One upcall for the flow, no more.
	CHECK_EQ(fp_upcall_recv(t.fp, &up, 1, buf, sizeof(buf), 2048), 0);
	fp_test_core_close(&t);
}

static void execute_and_drop(void)
{
	struct fp_act_u32 two __attribute__((aligned(8))) = fp_test_output(2);
	struct fp_test_core t;
	struct fp_upcall up;
	uint8_t buf[256];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	send(&t, 1, 0, 3);
	MUST(fp_upcall_recv(t.fp, &up, 1, buf, sizeof(buf), 2048) == 1);
	struct fp_verdict v = {
		.token = up.token, .lcore = up.lcore, .kind = FP_VERDICT_EXECUTE, .act_len = 8
	};

	CHECK_EQ(fp_upcall_answer(t.fp, &v, 1, (const uint8_t *)&two, 8), 1);
	expect_order(&t, 3);
	CHECK_EQ(fp_upcall_answer(t.fp, &v, 1, (const uint8_t *)&two, 8), 1); // late: harmless
	send(&t, 2, 0, 4);
	CHECK_EQ(fp_test_answer(&t, FP_VERDICT_DROP, NULL), 0);
	CHECK_EQ(fp_test_drops(&t, "upcall_drop"), 4);
	fp_test_core_close(&t);
}

// A handler that reinjects without a flow does not loop for ever.
static void loop_is_bounded(void)
{
	struct fp_test_core t;
	int n = 0;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	send(&t, 1, 0, 1);
	while (n < 10 && fp_test_drops(&t, "upcall_loop") == 0) {
		if (fp_test_answer(&t, FP_VERDICT_REINJECT, NULL) == 0)
			n++;
	}
	CHECK_EQ(n, 4);
	CHECK_EQ(fp_test_drops(&t, "upcall_loop"), 1);
	fp_test_core_close(&t);
}

// A handler that stalls: bounded, counted by name, over when it comes back.
static void stall(void)
{
	struct fp_config cfg = { .upcall_ring = 64, .upcall_timeout_ms = 300 };
	struct fp_port_stats ps;
	struct fp_test_core t;

	fp_test_core_open(&t, cfg);
	fp_port_set_upcall_limit(t.fp, 1, 1000);
	for (uint16_t i = 0; i < 200; i++)
		send(&t, i, 0, 1);
	CHECK_EQ(fp_test_drops(&t, "upcall_lost"), 200 - 64);
	fp_port_stats(t.fp, 1, &ps);
	CHECK_EQ(ps.upcalls, 64);
	CHECK_EQ(ps.upcalls_lost, 200 - 64);
	send(&t, 0, 1, 100); // behind the first packet: at most 64 are held
	CHECK_EQ(fp_test_drops(&t, "upcall_queue_full"), 37);
	for (int i = 0; i < 100 && fp_test_drops(&t, "upcall_timeout") < 64 + 63; i++)
		usleep(50000);
	CHECK_EQ(fp_test_drops(&t, "upcall_timeout"), 64 + 63);
	forward_all(&t);
	send(&t, 1, 0, 5);
	expect_order(&t, 5);
	fp_test_core_close(&t);
}

// A port that misses too much is limited for itself alone.
static void port_limit(void)
{
	struct fp_test_core t;
	uint8_t p[128];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	fp_port_set_upcall_limit(t.fp, 1, 10);
	for (uint16_t i = 0; i < 30; i++)
		send(&t, i, 0, 1);
	CHECK_EQ(fp_test_drops(&t, "upcall_port_limit"), 20);
	fp_test_inject(&t, 2, p, fp_test_udp(p, 1, 0, 18));
	CHECK_EQ(fp_test_drops(&t, "upcall_port_limit"), 20);
	for (int i = 0; i < 11; i++)
		CHECK_EQ(fp_test_answer(&t, FP_VERDICT_DROP, NULL), 0);
	CHECK_EQ(fp_test_drops(&t, "upcall_drop"), 11);
	fp_test_core_close(&t);
}

// A userspace action hands a copy up with its cookie; the packet goes on.
static void action(void)
{
	struct {
		struct fp_act_userspace u;
		uint8_t cookie[8];
		struct fp_act_u32 out;
	} a = {
		.u = { .h = { FP_ACT_USERSPACE, 20 }, .pid = 42, .cookie_len = 5 },
		.cookie = { 1, 2, 3, 4, 5 },
		.out = fp_test_output(2),
	};
	struct fp_test_core t;
	struct fp_upcall up;
	struct fp_key k, m;
	uint8_t p[128], buf[256];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	fp_test_port_key(&k, &m, 1);
	CHECK_EQ(fp_test_put(&t, &k, &m, &a, sizeof(a), 0, NULL), 0);
	send(&t, 1, 0, 300); // more than there are slots, over time
	for (int i = 0; i < 2; i++) {
		MUST(fp_upcall_recv(t.fp, &up, 1, buf, sizeof(buf), 20) == 1);
		CHECK_EQ(up.reason, FP_UPCALL_ACTION);
		CHECK_EQ(up.pid, 42);
		CHECK_EQ(up.cookie_len, 5);
		CHECK(memcmp(buf + up.cookie_ofs, a.cookie, 5) == 0);
		CHECK_EQ(up.cap_len, 20);
	}
	CHECK_EQ(fp_test_collect(&t, 2, p, sizeof(p)), 60);
	fp_test_core_close(&t);
}

int main(void)
{
	fp_test_core_eal();
	RUN(order);
	RUN(execute_and_drop);
	RUN(loop_is_bounded);
	RUN(stall);
	RUN(port_limit);
	RUN(action);
	fp_eal_cleanup();
	return fp_test_done();
}
