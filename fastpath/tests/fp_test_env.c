#include "fp_test_env.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fatal(const char *what, const struct fp_err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

struct fp *fp_test_open(void)
{
	const struct fp_config cfg = { .max_flows = 1024,
				       .emc_entries = 1024,
				       .n_mbufs = 4096,
				       .upcall_ring = 64,
				       .socket = -1 };
	const char *name = getenv("FP_TEST_PREFIX");
	char prefix[80];
	char *argv[] = { "test",        "--no-huge", "--no-pci", "--no-telemetry",
			 "--no-shconf", "-m",        "128",      "--log-level=4",
			 "--lcores=0",  prefix,      NULL };
	struct fp_err err;
	struct fp *fp;
	uint16_t id;

	snprintf(prefix, sizeof(prefix), "--file-prefix=%s-%d", name ? name : "skua-ports-test",
		 getpid());
	if (fp_eal_init((int)RTE_DIM(argv) - 1, argv, &err) < 0)
		fatal("EAL", &err);
	if (fp_open(&cfg, &fp, &err) < 0)
		fatal("fp_open", &err);
	// Kernel-facing ports want one. It has no receive queues: the test polls.
	if (fp_lcore_start(fp, -1, FP_LCORE_HOUSEKEEPING, &id, &err) < 0)
		fatal("housekeeping lcore", &err);
	return fp;
}

struct rte_mempool *fp_test_pool(struct fp *fp)
{
	return fp_pool(fp, -1, NULL);
}

unsigned int fp_test_in_use(struct fp *fp)
{
	unsigned int n = 0;

	for (int i = 0; i < FP_MAX_SOCKETS; i++)
		if (fp->pools[i])
			n += rte_mempool_in_use_count(fp->pools[i]);
	return n;
}

int fp_test_close(struct fp *fp)
{
	int leaked = fp_close(fp);

	fp_eal_cleanup();
	return leaked;
}

int fp_test_netns(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
}

int fp_test_sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

struct rte_mbuf *fp_test_chain(struct rte_mempool *pool, const void *data, uint32_t len,
			       uint32_t max_seg)
{
	struct rte_mbuf *head = NULL, **link = &head;
	const uint8_t *p = data;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t n = 1 + (uint32_t)rand() % max_seg;

		if (!m)
			abort();
		n = RTE_MIN(RTE_MIN(n, len), (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, n), p, n);
		p += n;
		len -= n;
		*link = m;
		link = &m->next;
		if (m != head) {
			head->nb_segs++;
			head->pkt_len += n;
		}
	} while (len);
	return head;
}

uint32_t fp_test_bytes(const struct rte_mbuf *m, uint8_t *out)
{
	uint32_t ofs = 0;

	for (const struct rte_mbuf *s = m; s; s = s->next) {
		memcpy(out + ofs, rte_pktmbuf_mtod(s, void *), s->data_len);
		ofs += s->data_len;
	}
	return ofs;
}
