#include "fp_test.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"

#include <errno.h>
#include <netinet/in.h>

#include "csum.h"
#include "vnet.h"

static uint8_t data[70000], back[70000];

// RFC 1071 over memory, the slow and plain way; memory order.
static uint16_t plain(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t w[2] = { 0, 0 };
		uint16_t v;

		w[i & 1] = p[i];
		memcpy(&v, w, 2);
		sum += v;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

// Zero has two forms in ones' complement.
static bool same(uint16_t a, uint16_t b)
{
	return a == b || (a == 0xffff && b == 0) || (a == 0 && b == 0xffff);
}

static void memory_of_any_alignment(void)
{
	for (int i = 0; i < 20000; i++) {
		uint32_t ofs = (uint32_t)rand() % 64, len = (uint32_t)rand() % 3000;
		uint16_t init = (uint16_t)rand();
		uint16_t got = fp_csum_fold(fp_csum_add(data + ofs, len, init));

		CHECK(same(got, plain(data + ofs, len, init)), "(at %u, %u bytes)", ofs, len);
	}
}

static void all_ones_do_not_overflow(void)
{
	memset(back, 0xff, sizeof(back));
	CHECK_EQ(fp_csum_fold(fp_csum_add(back, sizeof(back), UINT32_MAX)), 0xffff);
	CHECK_EQ(fp_csum_fold(UINT64_MAX), 0xffff);
	CHECK_EQ(fp_csum_fold(0), 0);
}

static void chains_of_any_shape(struct fp *fp)
{
	for (int i = 0; i < 3000; i++) {
		uint32_t len = 1 + (uint32_t)rand() % 5000, max = 1 + (uint32_t)rand() % 300;
		struct rte_mbuf *m = fp_test_chain(fp_test_pool(fp), data, len, i % 4 ? max : 2048);
		uint32_t ofs = (uint32_t)rand() % len, n = (uint32_t)rand() % (len - ofs + 1);
		uint16_t init = (uint16_t)rand();

		CHECK(same(fp_csum_mbuf(m, ofs, n, init), plain(data + ofs, n, init)),
		      "(%u bytes at %u of %u)", n, ofs, len);
		rte_pktmbuf_free(m);
	}
}

static void fill_makes_frames_valid(struct fp *fp)
{
	static struct fp_test_frame f;

	for (int i = 0; i < 400; i++) {
		struct fp_test_spec s = { .vlan = i & 1,
					  .v6 = i & 2,
					  .proto = i & 4 ? 6 : 17,
					  .payload = (uint32_t)rand() % 3000 };
		struct rte_mbuf *m;
		const char *bad;

		fp_test_build(&f, &s);
		m = fp_test_chain(fp_test_pool(fp), f.b, f.len, i & 8 ? 40 : 2048);
		m->ol_flags = FP_MBUF_CSUM | RTE_MBUF_F_RX_VLAN;
		*fp_vnet(m) = (struct fp_vnet){ .csum_start = f.l4, .csum_offset = f.field };
		CHECK_EQ(fp_csum_fill(m), 0);
		CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_VLAN);
		fp_test_bytes(m, back);
		bad = fp_test_judge(back, f.len);
		CHECK(!bad, "(%s, %u bytes)", bad, f.len);
		CHECK(s.proto == 6 || fp_test_be16(back + f.l4 + f.field) != 0);
		rte_pktmbuf_free(m);
	}
}

// A sum of all ones makes a checksum of 0. In a UDP header (field at 6) that would say
// "no checksum" and leaves as 0xffff; to TCP (field at 16) it is a checksum, and judges
// such as tshark call the other zero wrong.
static void zero_leaves_as_ones_in_udp_alone(struct fp *fp)
{
	static const uint16_t fields[] = { 6, 16 };

	for (int i = 0; i < 2; i++) {
		uint8_t b[20] = { 0xff, 0xf0, 0x00, 0x0f };
		struct rte_mbuf *m = fp_test_chain(fp_test_pool(fp), b, sizeof(b), sizeof(b));

		m->ol_flags = FP_MBUF_CSUM;
		*fp_vnet(m) = (struct fp_vnet){ .csum_start = 0, .csum_offset = fields[i] };
		CHECK_EQ(fp_csum_fill(m), 0);
		fp_test_bytes(m, back);
		CHECK_EQ(fp_test_be16(back + fields[i]), i == 0 ? 0xffff : 0);
		rte_pktmbuf_free(m);
	}
}

static void outside_is_refused(struct fp *fp)
{
	static const struct fp_vnet bad[] = {
		{ .csum_start = 59, .csum_offset = 0 },
		{ .csum_start = 60, .csum_offset = 0 },
		{ .csum_start = 0, .csum_offset = 59 },
		{ .csum_start = 40, .csum_offset = 19 },
		{ .csum_start = 65535, .csum_offset = 2 },
		{ .csum_start = 65535, .csum_offset = 65535 },
	};

	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		struct rte_mbuf *m = fp_test_chain(fp_test_pool(fp), data, 60, 16);

		m->ol_flags = FP_MBUF_CSUM;
		*fp_vnet(m) = bad[i];
		CHECK_EQ(fp_csum_fill(m), -EINVAL);
		fp_test_bytes(m, back);
		CHECK(!memcmp(back, data, 60), "(bytes changed)");
		CHECK(m->ol_flags & FP_MBUF_CSUM);
		rte_pktmbuf_free(m);
	}
}

static void nothing_pending_is_left_alone(struct fp *fp)
{
	struct rte_mbuf *m = fp_test_chain(fp_test_pool(fp), data, 60, 16);

	CHECK_EQ(fp_csum_fill(m), 0);
	fp_test_bytes(m, back);
	CHECK(!memcmp(back, data, 60));
	rte_pktmbuf_free(m);
}

int main(void)
{
	struct fp *fp = fp_test_open();

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand();
	RUN(memory_of_any_alignment);
	RUN(all_ones_do_not_overflow);
	RUN(chains_of_any_shape, fp);
	RUN(fill_makes_frames_valid, fp);
	RUN(zero_leaves_as_ones_in_udp_alone, fp);
	RUN(outside_is_refused, fp);
	RUN(nothing_pending_is_left_alone, fp);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
