#include "fp_test.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>

#include "vnet.h"

static struct fp_test_frame frame;
static uint8_t back[FP_TEST_FRAME_MAX];

static struct rte_mbuf *packet(struct fp *fp, const struct fp_test_spec *s)
{
	fp_test_build(&frame, s);
	return fp_test_chain(fp_test_pool(fp), frame.b, frame.len, 100000);
}

static void there_and_back(struct fp *fp)
{
	static const struct fp_test_spec spec = { .proto = IPPROTO_TCP,
						  .payload = 5000,
						  .tcp_options = 12 };
	static const uint8_t types[] = { 0, 1, 4, 5, 1 | VIRTIO_NET_HDR_GSO_ECN };

	for (size_t i = 0; i < sizeof(types); i++) {
		struct rte_mbuf *m = packet(fp, &spec);
		struct virtio_net_hdr in = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					     .gso_type = types[i],
					     .csum_start = frame.l4,
					     .csum_offset = 16 },
				      out;

		if (types[i]) {
			in.gso_size = 1400;
			in.hdr_len = types[i] == 5 ? frame.l4 + 8 : frame.payload;
		}
		CHECK_EQ(fp_vnet_from_hdr(m, &in), 0);
		CHECK_EQ(m->ol_flags, types[i] ? FP_MBUF_PENDING : FP_MBUF_CSUM);
		fp_vnet_to_hdr(m, &out);
		CHECK(!memcmp(&in, &out, sizeof(in)), "(type %u)", types[i]);
		rte_pktmbuf_free(m);
	}
}

static void nothing_pending(struct fp *fp)
{
	static const struct fp_test_spec spec = { .proto = IPPROTO_UDP, .payload = 10 };
	struct virtio_net_hdr zero = { 0 }, valid = { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, out;
	struct rte_mbuf *m = packet(fp, &spec);

	CHECK_EQ(fp_vnet_from_hdr(m, &zero), 0);
	CHECK_EQ(m->ol_flags, 0);
	CHECK_EQ(fp_vnet_from_hdr(m, &valid), 0);
	CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	memset(&out, 0xff, sizeof(out));
	fp_vnet_to_hdr(m, &out);
	CHECK(!memcmp(&out, &zero, sizeof(out)));
	rte_pktmbuf_free(m);
}

static void bad_headers(struct fp *fp)
{
	static const struct fp_test_spec spec = { .proto = IPPROTO_TCP, .payload = 100 };
	static const struct {
		struct virtio_net_hdr h;
		int rc;
	} bad[] = {
		{ { .flags = 1, .csum_start = 153, .csum_offset = 0 }, -EINVAL },
		{ { .flags = 1, .csum_start = 65535, .csum_offset = 65535 }, -EINVAL },
		{ { .flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 1 }, -EINVAL },
		{ { .flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 3, .gso_size = 9 },
		  -EOPNOTSUPP },
		{ { .flags = 1, .csum_start = 34, .csum_offset = 16, .gso_type = 2, .gso_size = 9 },
		  -EOPNOTSUPP },
		{ { .flags = 1,
		    .csum_start = 34,
		    .csum_offset = 16,
		    .gso_type = 0x60,
		    .gso_size = 9 },
		  -EOPNOTSUPP },
	};

	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		struct rte_mbuf *m = packet(fp, &spec);

		CHECK_EQ(frame.len, 154);
		CHECK_EQ(fp_vnet_from_hdr(m, &bad[i].h), bad[i].rc);
		CHECK_EQ(m->ol_flags & FP_MBUF_PENDING, 0);
		rte_pktmbuf_free(m);
	}
}

// A long frame that the host has verified comes without a place for the checksum.
static void long_frame_without_checksum(struct fp *fp)
{
	for (int i = 0; i < 8; i++) {
		struct fp_test_spec s = { .vlan = i & 1,
					  .v6 = i & 2,
					  .payload = 4000,
					  .proto = i & 4 ? IPPROTO_UDP : IPPROTO_TCP };
		struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_DATA_VALID,
					    .gso_size = 1000,
					    .gso_type = i & 4 ? 5 :
							i & 2 ? 4 :
								1 };
		struct rte_mbuf *m = packet(fp, &s), *out[8];
		int n;

		// A finished checksum in place of the pseudo header's sum.
		*rte_pktmbuf_mtod_offset(m, uint16_t *, frame.l4 + frame.field) = 0x1234;
		CHECK_EQ(fp_vnet_from_hdr(m, &h), 0);
		CHECK_EQ(fp_vnet(m)->csum_start, frame.l4);
		CHECK_EQ(fp_vnet(m)->csum_offset, frame.field);
		fp_test_bytes(m, back);
		CHECK(!memcmp(back, frame.b, frame.len), "(the pseudo header's sum is not back)");
		n = fp_gso_segment(fp_test_pool(fp), m, out, 8);
		CHECK_EQ(n, 4);
		if (n < 0)
			rte_pktmbuf_free(m);
		for (int k = 0; k < n; k++)
			CHECK(!fp_test_judge(back, fp_test_bytes(out[k], back)));
		rte_pktmbuf_free_bulk(out, n > 0 ? n : 0);
	}
}

static void long_frame_of_nothing_known(struct fp *fp)
{
	static const struct fp_test_spec spec = { .proto = IPPROTO_TCP, .payload = 4000 };
	struct virtio_net_hdr h = { .gso_size = 1000, .gso_type = 1 };
	struct rte_mbuf *m = packet(fp, &spec);

	rte_pktmbuf_mtod(m, uint8_t *)[12] = 0x12; // Ethernet type
	CHECK_EQ(fp_vnet_from_hdr(m, &h), -EINVAL);
	rte_pktmbuf_free(m);
	m = packet(fp, &spec);
	rte_pktmbuf_mtod(m, uint8_t *)[23] = 1; // ICMP
	CHECK_EQ(fp_vnet_from_hdr(m, &h), -EINVAL);
	rte_pktmbuf_free(m);
}

static void shift(struct fp *fp)
{
	static const struct fp_test_spec spec = { .outer = 4, .proto = IPPROTO_TCP, .payload = 10 };
	struct rte_mbuf *m = packet(fp, &spec);

	m->ol_flags = FP_MBUF_CSUM;
	*fp_vnet(m) = (struct fp_vnet){ .csum_start = frame.l4, .csum_offset = 16 };
	fp_vnet_shift(m, 50);
	CHECK_EQ(fp_vnet(m)->csum_start, frame.l4 + 50);
	fp_vnet_shift(m, -100);
	CHECK_EQ(fp_vnet(m)->csum_start, frame.l4 - 50);
	CHECK(m->ol_flags & FP_MBUF_CSUM);
	// The outer UDP header's checksum goes with the outer header.
	fp_vnet(m)->csum_start = 34;
	fp_vnet_shift(m, -50);
	CHECK_EQ(m->ol_flags, 0);
	m->ol_flags = FP_MBUF_PENDING | RTE_MBUF_F_RX_RSS_HASH;
	fp_vnet(m)->csum_start = 0xffff;
	fp_vnet_shift(m, 1);
	CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_RSS_HASH);
	fp_vnet(m)->csum_start = 7;
	fp_vnet_shift(m, 1); // nothing pending: left alone
	CHECK_EQ(fp_vnet(m)->csum_start, 7);
	rte_pktmbuf_free(m);
}

// Popping a VXLAN header off a long frame, then cutting the inner one.
static void pop_then_segment(struct fp *fp)
{
	static const struct fp_test_spec spec = {
		.outer = 4, .outer_csum = true, .v6 = true, .proto = IPPROTO_TCP, .payload = 9000
	};
	struct rte_mbuf *out[16], *m = packet(fp, &spec);
	int n;

	m->ol_flags = FP_MBUF_PENDING;
	*fp_vnet(m) = (struct fp_vnet){
		.csum_start = frame.l4, .csum_offset = 16, .gso_size = 1000, .gso_type = FP_GSO_TCP6
	};
	CHECK(rte_pktmbuf_adj(m, 50) != NULL);
	fp_vnet_shift(m, -50);
	CHECK(!fp_gso_tunnelled(m));
	n = fp_gso_segment(fp_test_pool(fp), m, out, 16);
	CHECK_EQ(n, 9);
	for (int i = 0; i < n; i++)
		CHECK(!fp_test_judge(back, fp_test_bytes(out[i], back)));
	rte_pktmbuf_free_bulk(out, n > 0 ? n : 0);
}

static void registers_once(void)
{
	int ofs = fp_vnet_offset;

	CHECK_EQ(fp_vnet_register(), 0);
	CHECK_EQ(fp_vnet_offset, ofs);
}

int main(void)
{
	struct fp *fp = fp_test_open();

	RUN(there_and_back, fp);
	RUN(nothing_pending, fp);
	RUN(bad_headers, fp);
	RUN(long_frame_without_checksum, fp);
	RUN(long_frame_of_nothing_known, fp);
	RUN(shift, fp);
	RUN(pop_then_segment, fp);
	RUN(registers_once);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
