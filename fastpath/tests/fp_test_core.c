#include "fp_test_core.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "fp_test.h"

static void fatal(const char *what, const struct fp_err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static int lcore_cpu; // of the lcores that tests start

// The last CPU that this process may use.
static int last_cpu(void)
{
	cpu_set_t set;
	int last = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set))
			last = i;
	}
	return last;
}

void fp_test_core_eal(void)
{
	const char *name = getenv("FP_TEST_PREFIX");
	char prefix[96];
	char *argv[] = { "test", "--no-huge", "--no-pci",      "--no-telemetry", "--no-shconf",
			 "-m",   "192",       "--log-level=4", "--lcores=0",     prefix };
	struct fp_err err;

	lcore_cpu = last_cpu(); // before EAL pins this thread
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s-%d", name ? name : "skua-core-test",
		 getpid());
	if (fp_eal_init(10, argv, &err) < 0)
		fatal("EAL", &err);
}

void fp_test_core_open(struct fp_test_core *t, struct fp_config cfg)
{
	struct fp_port_spec tunnel = {
		.kind = FP_PORT_TUNNEL, .no = 3, .tnl_udp_port = 4789, .name = "vxlan"
	};
	struct fp_rxq rxqs[2] = { { 1, 0 }, { 2, 0 } };
	struct fp_err err;

	memset(t, 0, sizeof(*t));
	t->cpu = lcore_cpu;
	cfg.socket = -1;
	cfg.n_mbufs = cfg.n_mbufs ? cfg.n_mbufs : 4096;
	cfg.max_flows = cfg.max_flows ? cfg.max_flows : 16384;
	cfg.emc_entries = cfg.emc_entries ? cfg.emc_entries : 1024;
	cfg.upcall_ring = cfg.upcall_ring ? cfg.upcall_ring : 256;
	if (fp_open(&cfg, &t->fp, &err) < 0)
		fatal("open", &err);
	if (fp_lcore_start(t->fp, t->cpu, 0, &t->lcore, &err) < 0)
		fatal("lcore", &err);
	for (uint16_t i = 1; i <= 2; i++) {
		struct fp_port_spec ring = { .kind = FP_PORT_RING, .no = i };

		snprintf(ring.name, sizeof(ring.name), "ring%u", i);
		if (fp_port_add(t->fp, &ring, NULL, &err) < 0)
			fatal("ring port", &err);
	}
	if (fp_port_add(t->fp, &tunnel, NULL, &err) < 0)
		fatal("tunnel port", &err);
	if (fp_tnl_vni(t->fp, 3, 1111, 1) < 0 ||
	    fp_lcore_set_rxqs(t->fp, t->lcore, rxqs, 2, &err) < 0)
		fatal("queues", &err);
}

void fp_test_core_close(struct fp_test_core *t)
{
	CHECK_EQ(fp_close(t->fp), 0);
}

static uint16_t sum16(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void ip4(uint8_t *p, uint32_t src, uint32_t dst, uint32_t total)
{
	static const uint8_t fixed[12] = { 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17 };
	uint16_t csum;

	memcpy(p, fixed, 12);
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	src = htonl(src);
	dst = htonl(dst);
	memcpy(p + 12, &src, 4);
	memcpy(p + 16, &dst, 4);
	csum = sum16(p, 20);
	p[10] = (uint8_t)(csum >> 8);
	p[11] = (uint8_t)csum;
}

static void udp(uint8_t *p, uint16_t src, uint16_t dst, uint32_t len)
{
	uint16_t f[4] = { htons(src), htons(dst), htons((uint16_t)len), 0 };

	memcpy(p, f, 8);
}

uint32_t fp_test_udp(uint8_t *p, uint16_t n, uint16_t seq, uint32_t payload)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0 };

	memcpy(p, eth, 14);
	ip4(p + 14, 0x0a000000 + n, 0x0a000101, 28 + payload);
	udp(p + 34, (uint16_t)(1000 + n), 80, 8 + payload);
	memset(p + 42, 0, payload);
	if (payload >= 2)
		memcpy(p + 42, &seq, 2);
	return 42 + payload;
}

uint32_t fp_test_vxlan(uint8_t *p, const uint8_t *inner, uint32_t len, uint32_t vni)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1, 8, 0 };
	uint32_t vx[2] = { htonl(0x08000000), htonl(vni << 8) };

	memcpy(p, eth, 14);
	ip4(p + 14, 0xac100002, 0xac100001, 36 + len);
	udp(p + 34, 40000, 4789, 16 + len);
	memcpy(p + 42, vx, 8);
	memcpy(p + 50, inner, len);
	return 50 + len;
}

void fp_test_inject(struct fp_test_core *t, uint16_t port, const uint8_t *p, uint32_t len)
{
	CHECK_EQ(fp_ring_inject(t->fp, port, p, &len, 1), 1);
}

uint32_t fp_test_collect(struct fp_test_core *t, uint16_t port, uint8_t *p, uint32_t size)
{
	time_t end = time(NULL) + 20; // a machine may be busy; a packet that comes, comes soon
	uint32_t len = 0;

	do {
		if (fp_ring_collect(t->fp, port, p, size, &len, 1) == 1)
			return len;
		usleep(100);
	} while (time(NULL) < end);
	return 0;
}

uint64_t fp_test_drops(struct fp_test_core *t, const char *name)
{
	struct fp_lcore_stats s;

	fp_sync(t->fp);
	fp_lcore_stats(t->fp, t->lcore, &s);
	for (int i = 0; fp_drop_name(i); i++) {
		if (strcmp(fp_drop_name(i), name) == 0)
			return s.drops[i];
	}
	CHECK(0, "no drop reason %s", name);
	return 0;
}

int fp_test_put(struct fp_test_core *t, const struct fp_key *key, const struct fp_key *mask,
		const void *act, uint32_t act_len, uint32_t flags, uint64_t *id)
{
	static uint8_t buf[1024] __attribute__((aligned(8)));
	struct fp_flow_put put = { .key = *key, .mask = *mask, .flags = flags, .act_len = act_len };

	if (act_len)
		memcpy(buf, act, act_len);
	fp_flow_put(t->fp, &put, 1, buf, act_len, NULL);
	if (id)
		*id = put.id;
	return put.rc;
}

void fp_test_port_key(struct fp_key *key, struct fp_key *mask, uint16_t port)
{
	memset(key, 0, sizeof(*key));
	memset(mask, 0, sizeof(*mask));
	key->base.in_port = port;
	mask->base.in_port = 0xffff;
	mask->base.recirc_id = 0xffffffff;
}

struct fp_act_u32 fp_test_output(uint32_t port)
{
	struct fp_act_u32 a = { .h = { FP_ACT_OUTPUT, sizeof(a) }, .value = port };

	return a;
}

int fp_test_answer(struct fp_test_core *t, enum fp_verdict_kind kind, struct fp_upcall *up)
{
	static uint8_t buf[4096];
	struct fp_upcall own;

	up = up ? up : &own;
	for (int i = 0; i < 10000; i++) {
		if (fp_upcall_recv(t->fp, up, 1, buf, sizeof(buf), 2048) == 1) {
			struct fp_verdict v = { .token = up->token,
						.lcore = up->lcore,
						.kind = (uint16_t)kind };

			return fp_upcall_answer(t->fp, &v, 1, NULL, 0) == 1 ? 0 : v.rc;
		}
		usleep(100);
	}
	return -ETIMEDOUT;
}
