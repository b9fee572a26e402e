#include "fp_test.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "vnet.h"

static struct fp_test_frame frame;
static uint8_t seg[FP_TEST_FRAME_MAX];
static void *pcap;

static uint8_t type_of(const struct fp_test_spec *s)
{
	return s->proto == IPPROTO_UDP ? FP_GSO_UDP_L4 : s->v6 ? FP_GSO_TCP6 : FP_GSO_TCP4;
}

static struct rte_mbuf *pending(struct fp *fp, const struct fp_test_spec *s, uint16_t gso_size,
				uint32_t max_seg)
{
	struct rte_mbuf *m;

	fp_test_build(&frame, s);
	m = fp_test_chain(fp_test_pool(fp), frame.b, frame.len, max_seg);
	m->ol_flags = FP_MBUF_PENDING;
	m->port = 77;
	*fp_vnet(m) = (struct fp_vnet){ .csum_start = frame.l4,
					.csum_offset = frame.field,
					.gso_size = gso_size,
					.gso_type = type_of(s),
					.gso_ecn = 1 };
	return m;
}

// Everything that changes from segment to segment besides lengths and checksums.
static void check_header(const struct fp_test_spec *s, int i, int n, uint16_t gso_size)
{
	const uint8_t *l4 = seg + frame.l4, *was = frame.b + frame.l4;

	if (s->proto == IPPROTO_TCP) {
		uint8_t flags = was[13];

		CHECK_EQ(fp_test_be32(l4 + 4), (uint32_t)(fp_test_be32(was + 4) + i * gso_size));
		if (i)
			flags &= ~0x80; // CWR
		if (i < n - 1)
			flags &= ~0x09; // FIN, PSH
		CHECK_EQ(l4[13], flags);
	}
	if (!s->v6)
		CHECK_EQ(fp_test_be16(l4 - 16), (uint16_t)(fp_test_be16(was - 16) + i));
	if (s->outer == 4 && !s->twice)
		CHECK_EQ(fp_test_be16(seg + 18), (uint16_t)(fp_test_be16(frame.b + 18) + i));
	if (s->outer) {
		uint32_t outer_udp = s->outer == 6 ? 54 : 34;

		if (!s->twice)
			CHECK_EQ(!!fp_test_be16(seg + outer_udp + 6), s->outer_csum);
	}
}

static void segment(struct fp *fp, const struct fp_test_spec *s, uint16_t gso_size,
		    uint32_t max_seg)
{
	struct rte_mbuf *out[FP_GSO_MAX_SEGS], *m = pending(fp, s, gso_size, max_seg);
	uint32_t at = frame.payload, want = (s->payload + gso_size - 1) / gso_size;
	int n = fp_gso_segment(fp_test_pool(fp), m, out, FP_GSO_MAX_SEGS);

	CHECK_EQ(n, want ? want : 1);
	if (n < 0)
		rte_pktmbuf_free(m);
	for (int i = 0; i < n; i++) {
		uint32_t len = fp_test_bytes(out[i], seg), data = len - frame.payload;
		const char *bad = fp_test_judge(seg, len);

		CHECK(!bad, "(segment %d of %d: %s)", i, n, bad);
		CHECK_EQ(out[i]->pkt_len, len);
		CHECK_EQ(data, i < n - 1 ? gso_size : frame.len - at);
		CHECK(!memcmp(seg + frame.payload, frame.b + at, data), "(payload)");
		CHECK_EQ(out[i]->ol_flags & FP_MBUF_PENDING, 0);
		CHECK_EQ(out[i]->port, 77);
		CHECK(rte_mbuf_check(out[i], 1, &(const char *){ NULL }) == 0);
		check_header(s, i, n, gso_size);
		at += data;
		if (pcap && i < 3)
			fp_test_pcap_put(pcap, seg, len);
	}
	CHECK_EQ(at, frame.len);
	rte_pktmbuf_free_bulk(out, n > 0 ? n : 0);
}

static void all_kinds(struct fp *fp)
{
	static const int outers[] = { 0, 4, 6 };

	for (int i = 0; i < 3 * 64; i++) {
		struct fp_test_spec s = {
			.outer = outers[i % 3],
			.vlan = i & 1,
			.v6 = i & 2,
			.proto = i & 4 ? IPPROTO_UDP : IPPROTO_TCP,
			.outer_csum = i & 8,
			.tcp_options = i & 16 ? 12 : 0,
			.tcp_flags = 0x99, // CWR ACK PSH FIN
			.payload = (uint32_t)(i & 32 ? 30000 : 1 + rand() % 9000),
		};

		segment(fp, &s, 1400, i % 5 ? 700 : 2048);
	}
}

static void random_sizes_and_shapes(struct fp *fp)
{
	for (int i = 0; i < 500; i++) {
		uint16_t size = (uint16_t)(1 + rand() % 9000);
		struct fp_test_spec s = {
			.outer = rand() % 3 ? 0 :
				 rand() % 2 ? 4 :
					      6,
			.v6 = rand() & 1,
			.proto = rand() & 1 ? IPPROTO_UDP : IPPROTO_TCP,
			.outer_csum = rand() & 1,
			.payload = (uint32_t)rand() % RTE_MIN(60000u, size * 128u),
			.tcp_flags = 0x10,
		};

		segment(fp, &s, size, 60 + (uint32_t)rand() % 2000);
	}
}

static void largest_frame(struct fp *fp)
{
	struct fp_test_spec s = { .proto = IPPROTO_TCP, .payload = 65535 - 40, .tcp_flags = 0x18 };

	segment(fp, &s, 1460, 2048);
	segment(fp, &s, 8948, 2048);
	segment(fp, &s, 65000, 2048);
}

static void tunnel_in_tunnel(struct fp *fp)
{
	for (int i = 0; i < 16; i++) {
		struct fp_test_spec s = { .outer = i & 1 ? 4 : 6,
					  .twice = i & 2 ? 4 : 6,
					  .outer_csum = i & 4,
					  .v6 = i & 8,
					  .proto = IPPROTO_TCP,
					  .payload = 5000,
					  .tcp_flags = 0x10 };

		segment(fp, &s, 1300, 600);
	}
}

static void nothing_to_cut(struct fp *fp)
{
	struct fp_test_spec s = { .proto = IPPROTO_TCP, .payload = 0, .tcp_flags = 0x10 };

	segment(fp, &s, 1000, 2048);
	s.payload = 1000;
	segment(fp, &s, 1000, 2048);
}

static void knows_tunnels(struct fp *fp)
{
	for (int outer = 0; outer <= 6; outer += outer ? 2 : 4) {
		struct fp_test_spec s = { .outer = outer, .proto = IPPROTO_TCP, .payload = 3000 };
		struct rte_mbuf *m = pending(fp, &s, 1000, 500);

		CHECK_EQ(fp_gso_tunnelled(m), outer != 0);
		m->ol_flags = FP_MBUF_CSUM;
		CHECK(!fp_gso_tunnelled(m));
		rte_pktmbuf_free(m);
	}
}

// Asks for the impossible; the packet must come back as it was.
static void refused(struct fp *fp, struct rte_mbuf *m, int max, int want)
{
	struct rte_mbuf *out[FP_GSO_MAX_SEGS];
	unsigned int in_use = fp_test_in_use(fp);

	fp_test_bytes(m, frame.b);
	CHECK_EQ(fp_gso_segment(fp_test_pool(fp), m, out, max), want);
	CHECK_EQ(fp_test_bytes(m, seg), m->pkt_len);
	CHECK(!memcmp(seg, frame.b, m->pkt_len), "(bytes changed)");
	CHECK_EQ(fp_test_in_use(fp), in_use);
	rte_pktmbuf_free(m);
}

static void bad_asks(struct fp *fp)
{
	struct fp_test_spec s = { .proto = IPPROTO_TCP, .payload = 3000, .tcp_flags = 0x10 };
	struct rte_mbuf *m;

	refused(fp, pending(fp, &s, 0, 500), 128, -EINVAL);
	refused(fp, pending(fp, &s, 20, 500), FP_GSO_MAX_SEGS, -E2BIG);
	refused(fp, pending(fp, &s, 1000, 500), 2, -E2BIG);
	for (uint32_t start = 0; start < 3200; start++) {
		if (start == 34)
			continue;
		m = pending(fp, &s, 1000, 500);
		fp_vnet(m)->csum_start = start;
		refused(fp, m, 128,
			start >= 8 && start < 34       ? -EINVAL :
			start > 34 && start + 8 <= 512 ? -EPROTONOSUPPORT :
							 -EINVAL);
	}
	for (uint8_t type = 0; type < 16; type++) {
		if (type == FP_GSO_TCP4)
			continue;
		m = pending(fp, &s, 1000, 500);
		fp_vnet(m)->gso_type = type;
		refused(fp, m, 128, -EINVAL);
	}
	m = pending(fp, &s, 1000, 2048);
	m->ol_flags = FP_MBUF_CSUM;
	refused(fp, m, 128, -EINVAL);
	m = pending(fp, &s, 1000, 2048);
	rte_pktmbuf_mtod(m, uint8_t *)[20] |= 0x20; // more fragments
	refused(fp, m, 128, -EPROTONOSUPPORT);
	m = pending(fp, &s, 1000, 2048);
	rte_pktmbuf_mtod(m, uint8_t *)[34 + 12] = 0x40; // TCP header of 16 bytes
	refused(fp, m, 128, -EINVAL);
	m = pending(fp, &s, 1000, 2048);
	rte_pktmbuf_mtod(m, uint8_t *)[14] = 0x44; // IPv4 header of 16 bytes
	refused(fp, m, 128, -EINVAL);
}

// A packet cut off at every length.
static void truncated(struct fp *fp)
{
	struct fp_test_spec s = { .outer = 6, .v6 = true, .proto = IPPROTO_TCP, .payload = 100 };
	struct rte_mbuf *out[FP_GSO_MAX_SEGS];

	for (uint32_t len = 0; len < 250; len++) {
		struct rte_mbuf *m = pending(fp, &s, 50, 64);
		uint16_t header = frame.payload;
		int n;

		if (len >= m->pkt_len) {
			rte_pktmbuf_free(m);
			break;
		}
		rte_pktmbuf_free(m);
		m = fp_test_chain(fp_test_pool(fp), frame.b, len ? len : 1, 64);
		m->ol_flags = FP_MBUF_PENDING;
		*fp_vnet(m) = (struct fp_vnet){ .csum_start = frame.l4,
						.csum_offset = 16,
						.gso_size = 50,
						.gso_type = FP_GSO_TCP6 };
		n = fp_gso_segment(fp_test_pool(fp), m, out, FP_GSO_MAX_SEGS);
		CHECK_EQ(n > 0, len >= header);
		if (n < 0)
			rte_pktmbuf_free(m);
		else
			rte_pktmbuf_free_bulk(out, n);
	}
}

// Any bytes at all: no crash, no buffer lost, nothing out of bounds (ASan).
static void random_headers(struct fp *fp)
{
	struct rte_mbuf *out[FP_GSO_MAX_SEGS];

	for (int i = 0; i < 30000; i++) {
		struct fp_test_spec s = {
			.outer = i % 3 ? 4 : 0, .v6 = i & 1, .proto = IPPROTO_TCP, .payload = 300
		};
		struct rte_mbuf *m = pending(fp, &s, (uint16_t)(rand() % 400), 90);
		int n;

		for (int k = rand() % 4; k >= 0; k--)
			*rte_pktmbuf_mtod_offset(m, uint8_t *, (uint32_t)rand() % m->data_len) =
				(uint8_t)rand();
		if (rand() % 4 == 0)
			fp_vnet(m)->csum_start = (uint16_t)rand();
		n = fp_gso_segment(fp_test_pool(fp), m, out, FP_GSO_MAX_SEGS);
		if (n < 0)
			rte_pktmbuf_free(m);
		else
			rte_pktmbuf_free_bulk(out, n);
	}
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void without_buffers(struct fp *fp)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create("small", 15, 0, 0, 2176, SOCKET_ID_ANY);
	struct fp_test_spec s = { .proto = IPPROTO_TCP, .payload = 30000, .tcp_flags = 0x10 };
	struct rte_mbuf *out[FP_GSO_MAX_SEGS], *m = pending(fp, &s, 1000, 2048);

	MUST(small != NULL);
	CHECK_EQ(fp_gso_segment(small, m, out, FP_GSO_MAX_SEGS), -ENOMEM);
	CHECK_EQ(rte_mempool_in_use_count(small), 0);
	fp_vnet(m)->gso_size = 4000; // 8 segments of two buffers each: one too many
	CHECK_EQ(fp_gso_segment(small, m, out, FP_GSO_MAX_SEGS), -ENOMEM);
	CHECK_EQ(rte_mempool_in_use_count(small), 0);
	fp_vnet(m)->gso_size = 2000; // the same ask recovers: 15 segments
	CHECK_EQ(fp_gso_segment(small, m, out, FP_GSO_MAX_SEGS), -ENOMEM);
	fp_vnet(m)->gso_size = 7500; // 4 segments of four
	CHECK_EQ(fp_gso_segment(small, m, out, FP_GSO_MAX_SEGS), -ENOMEM);
	fp_test_bytes(m, seg);
	CHECK(!memcmp(seg, frame.b, frame.len));
	CHECK_EQ(fp_gso_segment(fp_test_pool(fp), m, out, FP_GSO_MAX_SEGS), 4);
	rte_pktmbuf_free_bulk(out, 4);
	rte_mempool_free(small);
}

int main(void)
{
	struct fp *fp = fp_test_open();
	char path[] = "/tmp/skua-test-gso-XXXXXX";
	int fd = mkstemp(path), bad;

	MUST(fd >= 0);
	close(fd);
	pcap = fp_test_pcap_open(path);
	RUN(all_kinds, fp);
	RUN(tunnel_in_tunnel, fp);
	fp_test_pcap_close(pcap);
	pcap = NULL;
	bad = fp_test_tshark_bad(path);
	if (bad < 0)
		printf("tshark is not installed: its judgement is skipped\n");
	else
		CHECK_EQ(bad, 0);
	if (bad <= 0)
		unlink(path);
	RUN(random_sizes_and_shapes, fp);
	RUN(largest_frame, fp);
	RUN(nothing_to_cut, fp);
	RUN(knows_tunnels, fp);
	RUN(bad_asks, fp);
	RUN(truncated, fp);
	RUN(random_headers, fp);
	RUN(without_buffers, fp);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
