// Faults and changes under load: no packet buffers left, ports that go while their
// packets are queued, receive queues that move between lcores.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "fp_test.h"
#include "fp_test_core.h"
#include "lcore.h"

static void forward(struct fp_test_core *t, int outputs)
{
	struct fp_act_u32 a[8];
	struct fp_key k, m;

	for (int i = 0; i < outputs; i++)
		a[i] = fp_test_output(2);
	fp_test_port_key(&k, &m, 1);
	MUST(fp_test_put(t, &k, &m, a, (uint32_t)outputs * 8, 0, NULL) == 0);
}

static int inject(struct fp_test_core *t, uint16_t flow, uint16_t seq)
{
	uint8_t p[128];
	uint32_t len = fp_test_udp(p, flow, seq, 18);

	return fp_ring_inject(t->fp, 1, p, &len, 1);
}

static int collect_all(struct fp_test_core *t, uint16_t port)
{
	uint8_t p[128];
	uint32_t len;
	int n = 0;

	while (fp_ring_collect(t->fp, port, p, sizeof(p), &len, 1) == 1)
		n++;
	return n;
}

static void ring_add(struct fp_test_core *t, uint16_t no)
{
	struct fp_port_spec ring = { .kind = FP_PORT_RING, .no = no };
	struct fp_err err;

	snprintf(ring.name, sizeof(ring.name), "ring%u", no);
	MUST(fp_port_add(t->fp, &ring, NULL, &err) == 0, "%s", err.text);
}

// An output that nobody drains takes every buffer; what cannot be copied is counted;
// once the buffers are back everything passes again.
static void buffers_used_up(void)
{
	struct fp_port_stats in, out;
	struct fp_test_core t;
	uint64_t lost, taken;

	fp_test_core_open(&t, (struct fp_config){ .n_mbufs = 1024 });
	forward(&t, 8);
	for (int i = 0; i < 2000; i++) {
		inject(&t, 1, 0);
		if (i % 16 == 0)
			fp_sync(t.fp);
	}
	lost = fp_test_drops(&t, "no_mbuf");
	CHECK(lost > 0);
	fp_port_stats(t.fp, 1, &in);
	fp_port_stats(t.fp, 2, &out);
	taken = in.rx_packets;
	CHECK(in.rx_dropped > 0, "the pool was never empty");
	CHECK_EQ(out.tx_packets + lost, 8 * taken);
	CHECK_EQ(collect_all(&t, 2), out.tx_packets);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(inject(&t, 1, 0), 1);
		fp_sync(t.fp);
		CHECK_EQ(collect_all(&t, 2), 8);
	}
	CHECK_EQ(fp_test_drops(&t, "no_mbuf"), lost);
	fp_test_core_close(&t);
}

// Misses that nobody answers hold at most a quarter of the buffers.
static void misses_hold_a_share(void)
{
	struct fp_config cfg = { .n_mbufs = 1024, .upcall_ring = 1024, .upcall_timeout_ms = 500 };
	struct fp_lcore_stats s;
	struct fp_test_core t;

	fp_test_core_open(&t, cfg);
	fp_port_set_upcall_limit(t.fp, 1, 1024);
	for (uint16_t i = 0; i < 600; i++) {
		CHECK_EQ(inject(&t, i, 0), 1);
		if (i % 16 == 0)
			fp_sync(t.fp);
	}
	fp_sync(t.fp);
	fp_lcore_stats(t.fp, t.lcore, &s);
	CHECK(s.held_packets <= 256);
	CHECK_EQ(fp_test_drops(&t, "upcall_lost") + fp_test_drops(&t, "upcall_timeout") +
			 (fp_sync(t.fp), fp_lcore_stats(t.fp, t.lcore, &s), s.held_packets),
		 600);
	for (int i = 0; i < 200 && s.held_packets; i++) {
		usleep(20000);
		fp_lcore_stats(t.fp, t.lcore, &s);
	}
	CHECK_EQ(s.held_packets, 0);
	forward(&t, 1);
	CHECK_EQ(inject(&t, 1, 0), 1);
	fp_sync(t.fp);
	CHECK_EQ(collect_all(&t, 2), 1);
	fp_test_core_close(&t);
}

// Ports go while their packets stand in a transmit ring and in upcall slots.
static void port_gone(void)
{
	struct fp_test_core t;
	struct fp_err err;
	struct fp_upcall up[32];
	uint8_t buf[8192];
	int n;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	for (uint16_t i = 0; i < 20; i++)
		inject(&t, i, 0);
	fp_sync(t.fp);
	n = fp_upcall_recv(t.fp, up, 10, buf, sizeof(buf), 128); // half read, half not
	CHECK_EQ(n, 10);
	forward(&t, 1);
	for (uint16_t i = 100; i < 200; i++)
		inject(&t, i, 0);
	fp_sync(t.fp);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), 0);
	CHECK_EQ(fp_port_del(t.fp, 1, &err), 0);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), 0);
	CHECK_EQ(fp_port_del(t.fp, 2, &err), 0); // with 100 packets in its ring
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), 100);
	for (int i = 0; i < n; i++) {
		struct fp_verdict v = { .token = up[i].token,
					.lcore = up[i].lcore,
					.kind = i & 1 ? FP_VERDICT_REINJECT : FP_VERDICT_DROP };

		CHECK_EQ(fp_upcall_answer(t.fp, &v, 1, NULL, 0), 1);
	}
	CHECK_EQ(fp_test_drops(&t, "output_no_port"), 5);
	CHECK_EQ(fp_test_drops(&t, "upcall_drop"), 5);
	fp_test_core_close(&t); // with ten more in slots
}

// What a lcore handed over to lcore 0 for a port that has gone since.
static void port_gone_after_hand_over(void)
{
	struct fp_test_core t;
	struct fp_err err;
	uint16_t id;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	if (t.cpu == 0) {
		printf("skipped: one CPU has no room for two lcores\n");
		fp_test_core_close(&t);
		return;
	}
	// A lcore that has been stopped fills its ring no more: the test does.
	MUST(fp_lcore_start(t.fp, t.cpu - 1, 0, &id, &err) == 0, "%s", err.text);
	MUST(fp_lcore_stop(t.fp, id) == 0);
	CHECK_EQ(fp_port_del(t.fp, 2, &err), 0);
	for (int i = 0; i < 50; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(fp_pool(t.fp, -1, NULL));

		MUST(m && rte_pktmbuf_append(m, 60));
		m->port = i % 5 ? 2 : 1; // ten of them for a port that is there
		CHECK_EQ(rte_ring_sp_enqueue(t.fp->lcores[id]->handoff, m), 0);
	}
	fp_sync(t.fp);
	CHECK_EQ(collect_all(&t, 1), 10);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), 40);
	CHECK_EQ(fp_test_drops(&t, "output_no_port"), 0);
	fp_test_core_close(&t);
}

// Pools of all sizes open, with caches that DPDK takes and that leave one lcore nearly
// everything; too few buffers are refused.
static void small_pools(void)
{
	static const uint32_t sizes[] = { 256, 257, 300, 384, 500, 1000, 4096, 8192, 20000 };
	struct fp_config cfg = { .max_flows = 64, .emc_entries = 64, .socket = -1 };
	static struct rte_mbuf *m[20000];
	struct fp_err err;
	struct fp *fp;

	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		struct rte_mempool *pool;
		uint32_t n = 0;

		cfg.n_mbufs = sizes[i];
		MUST(fp_open(&cfg, &fp, &err) == 0, "%u: %s", sizes[i], err.text);
		pool = fp_pool(fp, -1, NULL);
		CHECK(pool->cache_size > 0 && pool->cache_size <= 512);
		CHECK(pool->cache_size * 16 <= sizes[i]);
		while (n < sizes[i] && (m[n] = rte_pktmbuf_alloc(pool)))
			n++;
		CHECK_EQ(n, sizes[i]);
		rte_pktmbuf_free_bulk(m, n);
		CHECK_EQ(fp_close(fp), 0);
	}
	for (cfg.n_mbufs = 1; cfg.n_mbufs < 256; cfg.n_mbufs += 127) {
		CHECK_EQ(fp_open(&cfg, &fp, &err), -EINVAL);
		CHECK(strstr(err.text, "at least 256"), "(%s)", err.text);
	}
	cfg.n_mbufs = 200000000;
	CHECK(fp_open(&cfg, &fp, &err) < 0);
	CHECK(strstr(err.text, "pool of 200000000 packet buffers"), "(%s)", err.text);
}

struct feeder {
	struct fp_test_core *t;
	pthread_t thread;
	uint32_t stop, out; // out: packets collected; paces the feeder
	uint32_t sent, max;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED) && f->sent < f->max) {
		if (f->sent - __atomic_load_n(&f->out, __ATOMIC_RELAXED) > 500 ||
		    inject(f->t, 1, (uint16_t)f->sent) != 1)
			sched_yield();
		else
			__atomic_store_n(&f->sent, f->sent + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void port_gone_under_load(void)
{
	struct feeder f = { .max = UINT32_MAX };
	struct fp_rxq q[2] = { { 1, 0 }, { 2, 0 } };
	struct fp_test_core t;
	struct fp_err err;

	fp_test_core_open(&t, (struct fp_config){ 0 });
	forward(&t, 2);
	f.t = &t;
	MUST(pthread_create(&f.thread, NULL, feed, &f) == 0);
	for (int i = 0; i < 30; i++) {
		uint16_t no = i % 3 ? 2 : 1;
		uint32_t before = __atomic_load_n(&f.sent, __ATOMIC_RELAXED);

		// Something passes before, between and behind.
		for (int k = 0; k < 2000; k++) {
			collect_all(&t, 2);
			__atomic_store_n(&f.out, __atomic_load_n(&f.sent, __ATOMIC_RELAXED),
					 __ATOMIC_RELAXED);
			if (__atomic_load_n(&f.sent, __ATOMIC_RELAXED) > before + 50)
				break;
			usleep(100);
		}
		CHECK(__atomic_load_n(&f.sent, __ATOMIC_RELAXED) > before, "traffic stands");
		CHECK_EQ(fp_port_del(t.fp, no, &err), 0);
		usleep(500);
		ring_add(&t, no);
		CHECK_EQ(fp_lcore_set_rxqs(t.fp, t.lcore, q, 2, &err), 0);
	}
	__atomic_store_n(&f.stop, 1, __ATOMIC_RELAXED);
	pthread_join(f.thread, NULL);
	fp_sync(t.fp);
	collect_all(&t, 2);
	CHECK_EQ(inject(&t, 1, 0), 1);
	fp_sync(t.fp);
	CHECK_EQ(collect_all(&t, 2), 2);
	fp_test_core_close(&t);
}

// A queue moves to and fro between two lcores while a flow passes: the old lcore has
// sent what it received before the new one receives, so nothing is lost or overtaken.
static void queue_moves(void)
{
	struct feeder f = { .max = 40000 };
	struct fp_rxq q = { 1, 0 };
	struct fp_test_core t;
	uint16_t lcores[2], seq;
	uint32_t len, wrong = 0, moves = 0;
	struct fp_lcore_stats s;
	struct fp_err err;
	uint8_t p[128];

	fp_test_core_open(&t, (struct fp_config){ 0 });
	if (t.cpu == 0) {
		printf("skipped: one CPU has no room for two lcores\n");
		fp_test_core_close(&t);
		return;
	}
	forward(&t, 1);
	lcores[0] = t.lcore;
	MUST(fp_lcore_start(t.fp, t.cpu - 1, 0, &lcores[1], &err) == 0, "%s", err.text);
	MUST(fp_lcore_set_rxqs(t.fp, lcores[0], &q, 1, &err) == 0);
	CHECK(fp_lcore_set_rxqs(t.fp, lcores[1], &q, 1, &err) < 0, "a queue has two lcores");
	f.t = &t;
	MUST(pthread_create(&f.thread, NULL, feed, &f) == 0);
	for (int idle = 0; f.out < f.max && idle < 3000;) {
		if (fp_ring_collect(t.fp, 2, p, sizeof(p), &len, 1) != 1) {
			idle++;
			usleep(1000);
			continue;
		}
		idle = 0;
		memcpy(&seq, p + 42, 2);
		wrong += seq != (uint16_t)f.out;
		__atomic_store_n(&f.out, f.out + 1, __ATOMIC_RELAXED);
		if (f.out % 500 == 0) {
			CHECK_EQ(fp_lcore_set_rxqs(t.fp, lcores[moves & 1], NULL, 0, &err), 0);
			moves++;
			CHECK_EQ(fp_lcore_set_rxqs(t.fp, lcores[moves & 1], &q, 1, &err), 0);
		}
	}
	__atomic_store_n(&f.stop, 1, __ATOMIC_RELAXED);
	pthread_join(f.thread, NULL);
	CHECK_EQ(f.out, f.max);
	CHECK_EQ(wrong, 0);
	CHECK(moves >= f.max / 500);
	for (int i = 0; i < 2; i++) {
		fp_lcore_stats(t.fp, lcores[i], &s);
		CHECK(s.rx_packets > 0, "lcore %d received nothing", i);
	}
	fp_test_core_close(&t);
}

int main(void)
{
	fp_test_core_eal();
	RUN(buffers_used_up);
	RUN(misses_hold_a_share);
	RUN(port_gone);
	RUN(port_gone_after_hand_over);
	RUN(small_pools);
	RUN(port_gone_under_load);
	RUN(queue_moves);
	fp_eal_cleanup();
	return fp_test_done();
}
