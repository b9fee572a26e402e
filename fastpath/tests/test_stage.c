// Cycles by stage: the bursts that the loop times come from every queue of a list, and
// each stage of them takes some cycles.
#include "fp_test.h"
#include "fp_test_core.h"

#define PER_ROUND 2000
#define ROUNDS 200 // far more than it takes

static void drain(struct fp_test_core *t, uint16_t port)
{
	uint8_t p[128];
	uint32_t len;

	while (fp_ring_collect(t->fp, port, p, sizeof(p), &len, 1) == 1)
		;
}

// Forwards from port to the other one until a burst was timed; nothing else passes.
static void timed(struct fp_test_core *t, uint16_t port)
{
	struct fp_lcore_stats was, now;
	uint8_t p[128];
	uint32_t len = fp_test_udp(p, 1, 0, 18);

	fp_sync(t->fp);
	CHECK_EQ(fp_lcore_stats(t->fp, t->lcore, &was), 0);
	now = was;
	for (int i = 0; i < ROUNDS && now.stage_packets == was.stage_packets; i++) {
		for (int k = 0; k < PER_ROUND; k++)
			fp_test_inject(t, port, p, len);
		fp_sync(t->fp);
		drain(t, (uint16_t)(3 - port));
		fp_lcore_stats(t->fp, t->lcore, &now);
	}
	uint64_t packets = now.stage_packets - was.stage_packets;

	CHECK(packets > 0, "no burst of port %u was timed", port);
	CHECK(packets <= (now.rx_packets - was.rx_packets) / 4, "not a sample");
	for (int s = 0; s < FP_N_STAGES; s++)
		CHECK(now.stage_cycles[s] > was.stage_cycles[s], "stage %d took no time", s);
}

static void every_queue_is_timed(void)
{
	struct fp_test_core t;

	fp_test_core_open(&t, (struct fp_config){ .n_mbufs = 8192 });
	for (uint16_t port = 1; port <= 2; port++) {
		struct fp_act_u32 out = fp_test_output(3 - port);
		struct fp_key k, m;

		fp_test_port_key(&k, &m, port);
		MUST(fp_test_put(&t, &k, &m, &out, sizeof(out), 0, NULL) == 0);
	}
	timed(&t, 1);
	timed(&t, 2);
	timed(&t, 1);
	fp_test_core_close(&t);
}

int main(void)
{
	fp_test_core_eal();
	RUN(every_queue_is_timed);
	fp_eal_cleanup();
	return fp_test_done();
}
