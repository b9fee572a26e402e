// The registry, ring ports and tunnel ports.
#include "fp_test.h"
#include "fp_test_core.h"
#include "fp_test_env.h"

#include <errno.h>
#include <pthread.h>

#include "port_internal.h"

static struct fp_port_spec spec(uint32_t kind, const char *name)
{
	struct fp_port_spec s = { .kind = kind, .no = FP_NO_PORT };

	snprintf(s.name, sizeof(s.name), "%s", name);
	return s;
}

static int add(struct fp *fp, struct fp_port_spec s, uint16_t *no, struct fp_err *err)
{
	err->text[0] = 0;
	return fp_port_add(fp, &s, no, err);
}

static void names_and_numbers(struct fp *fp)
{
	struct fp_port_spec s = spec(FP_PORT_RING, "ring0");
	uint16_t no = 0, list[8];
	struct fp_err err;

	CHECK_EQ(add(fp, s, &no, &err), 0);
	CHECK_EQ(no, 1); // 0 is for those who ask
	CHECK_EQ(add(fp, s, &no, &err), -EEXIST);
	CHECK(strstr(err.text, "ring0 exists already as number 1"), "(%s)", err.text);
	s = spec(FP_PORT_RING, "ring1");
	s.no = 1;
	CHECK_EQ(add(fp, s, &no, &err), -EEXIST);
	CHECK(strstr(err.text, "number 1 is port ring0's"), "(%s)", err.text);
	s.no = 0;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	CHECK_EQ(no, 0);
	s = spec(FP_PORT_RING, "ring2");
	s.no = FP_MAX_PORTS - 1;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	s = spec(FP_PORT_RING, "ring3");
	s.no = FP_MAX_PORTS;
	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	CHECK_EQ(fp_port_list(fp, list, 8), 3);
	CHECK(list[0] == 0 && list[1] == 1 && list[2] == FP_MAX_PORTS - 1);
	CHECK_EQ(fp_port_list(fp, list, 0), 3);
	CHECK_EQ(fp_port_del(fp, 1, &err), 0);
	CHECK_EQ(fp_port_del(fp, 1, &err), -ENODEV);
	CHECK(strstr(err.text, "port number 1 does not exist"), "(%s)", err.text);
	s = spec(FP_PORT_RING, "again");
	CHECK_EQ(add(fp, s, &no, &err), 0);
	CHECK_EQ(no, 1); // a freed number and name are free
	CHECK_EQ(fp_port_del(fp, 0, &err), 0);
	CHECK_EQ(fp_port_del(fp, 1, &err), 0);
	CHECK_EQ(fp_port_del(fp, FP_MAX_PORTS - 1, &err), 0);
	CHECK_EQ(fp_port_list(fp, list, 8), 0);
}

static void bad_specs(struct fp *fp)
{
	struct fp_port_spec s = spec(99, "x");
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	s = spec(FP_PORT_RING, "");
	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	memset(s.name, 'a', sizeof(s.name));
	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	s = spec(FP_PORT_RING, "x");
	s.n_rxq = FP_MAX_QUEUES + 1;
	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	s = spec(FP_PORT_TUNNEL, "t");
	CHECK_EQ(add(fp, s, &no, &err), -EINVAL);
	CHECK(strstr(err.text, "no UDP port"), "(%s)", err.text);
	CHECK_EQ(fp_port_list(fp, &no, 1), 0);
	struct fp_lcore *hk = fp->housekeeping;

	fp->housekeeping = NULL;
	CHECK_EQ(add(fp, spec(FP_PORT_KIF, "lo"), &no, &err), -ENODEV);
	CHECK(strstr(err.text, "housekeeping"), "(%s)", err.text);
	fp->housekeeping = hk;
}

static void all_numbers_used(struct fp *fp)
{
	struct fp_port_spec s;
	struct fp_err err;
	uint16_t no, list[FP_MAX_PORTS];
	char name[32];

	for (int i = 1; i < FP_MAX_PORTS; i++) {
		snprintf(name, sizeof(name), "tun%d", i);
		s = spec(FP_PORT_TUNNEL, name);
		s.tnl_udp_port = i;
		s.tnl_flags = FP_TNL_ANY_VNI;
		CHECK_EQ(add(fp, s, &no, &err), 0);
	}
	s = spec(FP_PORT_TUNNEL, "more");
	s.tnl_udp_port = 5000;
	CHECK_EQ(add(fp, s, &no, &err), -ENOSPC);
	CHECK_EQ(fp_port_list(fp, list, FP_MAX_PORTS), FP_MAX_PORTS - 1);
	for (int i = 1; i < FP_MAX_PORTS; i++)
		CHECK_EQ(fp_port_del(fp, i, &err), 0);
}

static void tunnel_vnis(struct fp *fp)
{
	struct fp_port_spec s = spec(FP_PORT_TUNNEL, "vxlan_sys_4789");
	struct fp_port_info info;
	struct fp_err err;
	uint16_t no, other, ring;
	struct fp_port *p;

	s.tnl_udp_port = 4789;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	snprintf(s.name, sizeof(s.name), "vxlan2");
	CHECK_EQ(add(fp, s, &other, &err), -EEXIST);
	CHECK(strstr(err.text, "UDP port 4789 is tunnel port vxlan_sys_4789's"), "(%s)", err.text);
	s.tnl_udp_port = 4790;
	s.tnl_flags = FP_TNL_ANY_VNI;
	CHECK_EQ(add(fp, s, &other, &err), 0);
	CHECK_EQ(add(fp, spec(FP_PORT_RING, "r"), &ring, &err), 0);
	p = fp_port_get(fp, no);
	CHECK(p->vni_bits != NULL);
	for (uint32_t vni = 0; vni < 1 << 24; vni += 1 << 20) {
		CHECK(!(p->vni_bits[vni / 64] >> vni % 64 & 1));
		CHECK_EQ(fp_tnl_vni(fp, no, vni, 1), 0);
		CHECK(p->vni_bits[vni / 64] >> vni % 64 & 1);
	}
	CHECK_EQ(fp_tnl_vni(fp, no, (1 << 24) - 1, 1), 0);
	CHECK_EQ(fp_tnl_vni(fp, no, 0, 0), 0);
	CHECK_EQ(p->vni_bits[0], 0);
	CHECK_EQ(fp_tnl_vni(fp, no, 1 << 24, 1), -EINVAL);
	CHECK_EQ(fp_tnl_vni(fp, other, 5, 1), -EINVAL);
	CHECK_EQ(fp_tnl_vni(fp, ring, 5, 1), -EINVAL);
	CHECK_EQ(fp_tnl_vni(fp, 900, 5, 1), -ENODEV);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK_EQ(info.tnl_udp_port, 4789);
	CHECK_EQ(info.kind, FP_PORT_TUNNEL);
	CHECK_EQ(fp_port_set_mtu(fp, no, 1500, &err), -EOPNOTSUPP);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_port_del(fp, other, &err), 0);
	CHECK_EQ(fp_port_del(fp, ring, &err), 0);
}

// Frames go in as bytes, out of rx as chains, into tx, and out as bytes.
static void frames_of_all_sizes(struct fp *fp)
{
	static uint8_t in[FP_FRAME_MAX + 1], out[FP_FRAME_MAX];
	static const uint32_t sizes[] = { 1,    13,   14,   60,   1514,  2048,
					  2049, 4224, 4225, 9018, 65535, FP_FRAME_MAX };
	struct fp_port_stats st;
	struct fp_port *p;
	uint64_t bytes = 0;
	struct fp_err err;
	uint32_t len;
	uint16_t no;

	CHECK_EQ(add(fp, spec(FP_PORT_RING, "r"), &no, &err), 0);
	p = fp_port_get(fp, no);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)rand();
	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		struct rte_mbuf *m;

		memset(out, 0, sizeof(out));
		CHECK_EQ(fp_ring_inject(fp, no, in, &sizes[i], 1), 1);
		CHECK_EQ(p->ops->rx(p, 0, &m, 1), 1);
		CHECK_EQ(m->pkt_len, sizes[i]);
		CHECK(rte_mbuf_check(m, 1, &(const char *){ NULL }) == 0);
		CHECK_EQ(p->ops->tx(p, 3, &m, 1), 1);
		CHECK_EQ(fp_ring_collect(fp, no, out, sizeof(out), &len, 1), 1);
		CHECK_EQ(len, sizes[i]);
		CHECK(!memcmp(in, out, len));
		bytes += len;
	}
	len = FP_FRAME_MAX + 1;
	CHECK_EQ(fp_ring_inject(fp, no, in, &len, 1), -EMSGSIZE);
	len = 0;
	CHECK_EQ(fp_ring_inject(fp, no, in, &len, 1), -EINVAL);
	CHECK_EQ(fp_ring_inject(fp, 77, in, sizes, 1), -ENODEV);
	CHECK_EQ(fp_port_stats(fp, no, &st), 0);
	CHECK_EQ(st.rx_packets, RTE_DIM(sizes));
	CHECK_EQ(st.tx_packets, RTE_DIM(sizes));
	CHECK_EQ(st.rx_bytes, bytes);
	CHECK_EQ(st.tx_bytes, bytes);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

// A frame that does not fit the caller's buffer waits for a larger one.
static void collect_keeps_what_does_not_fit(struct fp *fp)
{
	static const uint32_t lens[] = { 100, 200, 50 };
	uint8_t in[350], out[350];
	struct rte_mbuf *m[3];
	struct fp_port *p;
	struct fp_err err;
	uint32_t got[3];
	uint16_t no;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	CHECK_EQ(add(fp, spec(FP_PORT_RING, "r"), &no, &err), 0);
	p = fp_port_get(fp, no);
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 3), 3);
	CHECK_EQ(p->ops->rx(p, 0, m, 3), 3);
	CHECK_EQ(p->ops->tx(p, 0, m, 3), 3);
	CHECK_EQ(fp_ring_collect(fp, no, out, 99, got, 3), -EMSGSIZE);
	CHECK_EQ(fp_ring_collect(fp, no, out, 299, got, 3), 1);
	CHECK_EQ(fp_ring_collect(fp, no, out + 100, 250, got, 3), 2);
	CHECK(!memcmp(in, out, 350));
	CHECK_EQ(fp_ring_collect(fp, no, out, 350, got, 3), 0);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
}

static void queues_keep_flows_apart(struct fp *fp)
{
	struct fp_port_spec s = spec(FP_PORT_RING, "r");
	static uint8_t in[64 * 64];
	uint32_t lens[64];
	int total = 0, used = 0;
	struct rte_mbuf *m[64];
	struct fp_port *p;
	struct fp_err err;
	uint16_t no;

	s.n_rxq = 4;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	for (int i = 0; i < 64; i++) {
		lens[i] = 64;
		in[64 * i + 5] = i % 16; // 16 flows
		in[64 * i + 20] = i;
	}
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 64), 64);
	p = fp_port_get(fp, no);
	for (uint16_t q = 0; q < 4; q++) {
		int last[16], n = p->ops->rx(p, q, m, 64);

		memset(last, -1, sizeof(last));
		for (int i = 0; i < n; i++) {
			const uint8_t *b = rte_pktmbuf_mtod(m[i], uint8_t *);

			CHECK(last[b[5]] < b[20], "(order of flow %u)", b[5]);
			last[b[5]] = b[20];
		}
		total += n;
		used += n > 0;
		rte_pktmbuf_free_bulk(m, n);
	}
	CHECK_EQ(total, 64);
	CHECK(used > 1);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
}

static void full_rings(struct fp *fp)
{
	struct fp_port_spec s = spec(FP_PORT_RING, "r");
	uint8_t in[60 * 20] = { 0 };
	struct rte_mbuf *m[20];
	uint32_t lens[20];
	struct fp_port *p;
	struct fp_err err;
	uint16_t no;

	for (int i = 0; i < 20; i++)
		lens[i] = 60;
	s.n_rxd = s.n_txd = 10;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	p = fp_port_get(fp, no);
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 20), 10);
	CHECK_EQ(p->ops->rx(p, 0, m, 20), 10);
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 20), 10);
	CHECK_EQ(p->ops->rx(p, 0, m + 10, 10), 10);
	CHECK_EQ(p->ops->tx(p, 0, m, 20), 10);
	rte_pktmbuf_free_bulk(m + 10, 10);
	// Packets in both directions are given back when the port goes.
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 5), 5);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

// What a port leaves in its rings, and what waits for a collector, is counted.
static void packets_of_a_port_that_goes(struct fp *fp)
{
	struct fp_port_spec s = spec(FP_PORT_RING, "r");
	struct fp_test_core t = { .fp = fp };
	uint64_t gone = fp_test_drops(&t, "rx_port_gone");
	uint8_t in[64 * 20] = { 0 }, out[16];
	struct rte_mbuf *m[20];
	uint32_t lens[20], len;
	struct fp_port *p;
	struct fp_err err;
	uint16_t no;

	for (int i = 0; i < 20; i++) {
		lens[i] = 64;
		in[64 * i] = (uint8_t)i;
	}
	s.n_rxq = 4;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), gone); // none were queued
	CHECK_EQ(add(fp, s, &no, &err), 0);
	p = fp_port_get(fp, no);
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 7), 7);
	for (uint16_t q = 0, n = 0; q < 4; q++) {
		n = p->ops->rx(p, q, m, 20);
		CHECK_EQ(p->ops->tx(p, 0, m, n), n);
	}
	CHECK_EQ(fp_ring_collect(fp, no, out, sizeof(out), &len, 1), -EMSGSIZE); // held apart
	CHECK_EQ(fp_ring_inject(fp, no, in, lens, 20), 20);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone") - gone, 27);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void exhausted_pool(struct fp *fp)
{
	struct rte_mempool *pool = fp_test_pool(fp);
	static struct rte_mbuf *all[8192];
	uint8_t in[60] = { 0 };
	uint32_t len = 60, n = 0;
	struct fp_port_stats st;
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, spec(FP_PORT_RING, "r"), &no, &err), 0);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(pool)))
		n++;
	CHECK_EQ(fp_ring_inject(fp, no, in, &len, 1), 0);
	CHECK_EQ(fp_port_stats(fp, no, &st), 0);
	CHECK_EQ(st.rx_dropped, 1);
	rte_pktmbuf_free_bulk(all, n);
	CHECK_EQ(fp_ring_inject(fp, no, in, &len, 1), 1);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void settings(struct fp *fp)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 }, group[6] = { 3, 1 }, zero[6];
	struct fp_port_spec s = spec(FP_PORT_RING, "r");
	struct fp_port_info info;
	struct fp_err err;
	uint16_t no;

	s.mtu = 9000;
	CHECK_EQ(add(fp, s, &no, &err), 0);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK_EQ(info.mtu, 9000);
	CHECK_EQ(fp_port_get(fp, no)->max_frame, 9018);
	CHECK(!strcmp(info.name, "r") && !strcmp(info.driver, "ring") && info.link_up);
	CHECK_EQ(fp_port_set_mtu(fp, no, 2000, &err), 0);
	CHECK_EQ(fp_port_set_mtu(fp, no, 67, &err), -EINVAL);
	CHECK_EQ(fp_port_set_mtu(fp, no, 65536, &err), -EINVAL);
	CHECK_EQ(fp_port_set_mac(fp, no, mac, &err), 0);
	CHECK_EQ(fp_port_set_mac(fp, no, group, &err), -EADDRNOTAVAIL);
	CHECK_EQ(fp_port_set_mac(fp, no, zero, &err), -EADDRNOTAVAIL);
	CHECK_EQ(fp_port_set_up(fp, no, 1, &err), -EOPNOTSUPP);
	CHECK_EQ(fp_port_set_upcall_limit(fp, no, 7), 0);
	CHECK_EQ(fp_port_get(fp, no)->upcall_limit, 7);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK(info.mtu == 2000 && !memcmp(info.mac, mac, 6));
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_port_info(fp, no, &info), -ENODEV);
	CHECK_EQ(fp_port_set_upcall_limit(fp, no, 7), -ENODEV);
}

static int stop;

static void *reader(void *arg)
{
	struct fp_port_stats st;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		fp_port_stats(arg, 1, &st);
	return NULL;
}

// Statistics from another thread while ports come and go (ASan judges).
static void statistics_beside_removal(struct fp *fp)
{
	struct fp_err err;
	pthread_t t;
	uint16_t no;

	CHECK_EQ(pthread_create(&t, NULL, reader, fp), 0);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(add(fp, spec(FP_PORT_RING, "r"), &no, &err), 0);
		CHECK_EQ(fp_port_del(fp, no, &err), 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
}

int main(void)
{
	struct fp *fp = fp_test_open();

	RUN(names_and_numbers, fp);
	RUN(bad_specs, fp);
	RUN(all_numbers_used, fp);
	RUN(tunnel_vnis, fp);
	RUN(frames_of_all_sizes, fp);
	RUN(collect_keeps_what_does_not_fit, fp);
	RUN(queues_keep_flows_apart, fp);
	RUN(full_rings, fp);
	RUN(packets_of_a_port_that_goes, fp);
	RUN(exhausted_pool, fp);
	RUN(settings, fp);
	RUN(statistics_beside_removal, fp);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
