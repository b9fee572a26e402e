// DPDK devices, on drivers that need no hardware: net_null, net_pcap, net_ring.
#include "fp_test.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "port_internal.h"

static int add(struct fp *fp, const char *name, const char *devargs, uint16_t *no,
	       struct fp_err *err, struct fp_port_spec s)
{
	s.kind = FP_PORT_ETHDEV;
	s.no = FP_NO_PORT;
	snprintf(s.name, sizeof(s.name), "%s", name);
	snprintf(s.devargs, sizeof(s.devargs), "%s", devargs);
	err->text[0] = 0;
	return fp_port_add(fp, &s, no, err);
}

static void null_device(struct fp *fp)
{
	struct rte_mbuf *m[32];
	struct fp_port_stats st;
	struct fp_port_info info;
	struct fp_port *p;
	struct fp_err err;
	uint16_t no = 0;

	CHECK_EQ(add(fp, "n0", "net_null0,size=100", &no, &err, (struct fp_port_spec){ 0 }), 0);
	MUST(no, "(%s)", err.text);
	p = fp_port_get(fp, no);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK(!strcmp(info.driver, "net_null"), "(%s)", info.driver);
	CHECK(!strcmp(info.devargs, "net_null0,size=100"));
	CHECK_EQ(info.n_rxq, 1);
	CHECK_EQ(info.n_txq, FP_MAX_LCORES);
	CHECK_EQ(info.mtu, 1500);
	CHECK_EQ(p->max_frame, 1518);
	CHECK(info.link_up);
	CHECK_EQ(p->ops->rx(p, 0, m, 32), 32);
	CHECK_EQ(m[0]->pkt_len, 100);
	CHECK_EQ(p->ops->tx(p, 5, m, 32), 32);
	CHECK_EQ(fp_port_stats(fp, no, &st), 0);
	CHECK_EQ(st.rx_packets, 32);
	CHECK_EQ(st.tx_packets, 32);
	CHECK_EQ(fp_port_set_up(fp, no, 1, &err), 0);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(rte_eth_dev_count_avail(), 0); // detached
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void devices_that_do_not_exist(struct fp *fp)
{
	static const char *const bad[] = { "net_nosuch0",
					   "0000:99:00.0",
					   "net_pcap9,rx_pcap=/nonexistent",
					   "net_pcap8,no_such_key=1",
					   "==",
					   "" };
	struct fp_err err;
	uint16_t no;

	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		CHECK(add(fp, "bad", bad[i], &no, &err, (struct fp_port_spec){ 0 }) < 0, "(%s)",
		      bad[i]);
		CHECK(strstr(err.text, "port bad"), "(%s)", err.text);
		CHECK(!bad[i][0] || (strstr(err.text, bad[i]) && strstr(err.text, "rte_dev_probe")),
		      "(%s)", err.text);
		CHECK_EQ(rte_eth_dev_count_avail(), 0);
		CHECK_EQ(fp_port_list(fp, NULL, 0), 0);
	}
}

// What fails after the device was attached detaches it again.
static void failed_open_leaves_nothing(struct fp *fp)
{
	struct fp_port_info info;
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, "n0", "net_null0", &no, &err, (struct fp_port_spec){ .mtu = 20 }),
		 -EINVAL);
	CHECK(strstr(err.text, "MTU 20 is not between"), "(%s)", err.text);
	CHECK_EQ(rte_eth_dev_count_avail(), 0);
	CHECK_EQ(add(fp, "r0", "net_ring0", &no, &err, (struct fp_port_spec){ .n_txq = 20 }),
		 -EINVAL);
	CHECK(strstr(err.text, "transmit queues"), "(%s)", err.text);
	CHECK_EQ(rte_eth_dev_count_avail(), 0);
	CHECK_EQ(add(fp, "n0", "net_null0", &no, &err, (struct fp_port_spec){ .mtu = 9000 }), 0);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK_EQ(info.mtu, 9000);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void one_device_one_port(struct fp *fp)
{
	struct fp_err err;
	uint16_t a, b;

	CHECK_EQ(add(fp, "a", "net_null0", &a, &err, (struct fp_port_spec){ 0 }), 0);
	CHECK_EQ(add(fp, "b", "net_null0,size=9", &b, &err, (struct fp_port_spec){ 0 }), -EBUSY);
	CHECK(strstr(err.text, "the device is port a's"), "(%s)", err.text);
	CHECK_EQ(rte_eth_dev_count_avail(), 1); // a's device is still there
	CHECK_EQ(add(fp, "b", "net_null1", &b, &err, (struct fp_port_spec){ 0 }), 0);
	CHECK_EQ(fp_port_del(fp, a, &err), 0);
	CHECK_EQ(rte_eth_dev_count_avail(), 1);
	CHECK_EQ(fp_port_del(fp, b, &err), 0);
	CHECK_EQ(rte_eth_dev_count_avail(), 0);
}

// A device that somebody else attached stays attached, and can be taken again.
static void device_that_is_there_already(struct fp *fp)
{
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(rte_dev_probe("net_null5,size=77"), 0);
	for (int i = 0; i < 2; i++) {
		struct rte_mbuf *m;
		struct fp_port *p;

		CHECK_EQ(add(fp, "n5", "net_null5", &no, &err, (struct fp_port_spec){ .n_rxq = 2 }),
			 0);
		p = fp_port_get(fp, no);
		CHECK_EQ(p->ops->rx(p, 1, &m, 1), 1);
		CHECK_EQ(m->pkt_len, 77);
		rte_pktmbuf_free(m);
		CHECK_EQ(fp_port_del(fp, no, &err), 0);
		CHECK_EQ(rte_eth_dev_count_avail(), 1);
	}
	CHECK_EQ(fp_test_in_use(fp), 0);
}

// net_pcap: what comes in from a file goes out to another, chains included.
static void pcap_in_pcap_out(struct fp *fp)
{
	static const uint32_t sizes[] = { 60, 1514, 5000, 9000 };
	char in[] = "/tmp/skua-test-in-XXXXXX", out[] = "/tmp/skua-test-out-XXXXXX";
	static uint8_t frame[9000], want[16384], got[16384];
	char devargs[FP_DEVARGS_SIZE];
	struct rte_mbuf *m[8];
	struct fp_port_stats st;
	struct fp_port *p;
	struct fp_err err;
	size_t a, b;
	uint16_t no;
	FILE *f;
	void *pcap;
	int n = 0;

	close(mkstemp(in));
	close(mkstemp(out));
	pcap = fp_test_pcap_open(in);
	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		for (uint32_t k = 0; k < sizes[i]; k++)
			frame[k] = (uint8_t)rand();
		fp_test_pcap_put(pcap, frame, sizes[i]);
	}
	fp_test_pcap_close(pcap);
	snprintf(devargs, sizeof(devargs), "net_pcap0,rx_pcap=%s,tx_pcap=%s", in, out);
	CHECK_EQ(add(fp, "p0", devargs, &no, &err, (struct fp_port_spec){ 0 }), 0);
	p = fp_port_get(fp, no);
	MUST(p != NULL, "(%s)", err.text);
	for (int turn = 0; turn < 8; turn++)
		n += p->ops->rx(p, 0, m + n, 8 - n);
	CHECK_EQ(n, RTE_DIM(sizes));
	CHECK(m[3]->nb_segs > 1 && m[3]->pkt_len == 9000);
	CHECK_EQ(p->ops->tx(p, 0, m, n), n);
	CHECK_EQ(fp_port_stats(fp, no, &st), 0);
	CHECK_EQ(st.rx_packets, n);
	CHECK_EQ(st.tx_packets, n);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	// Both files hold the same frames behind the file header and time stamps.
	f = fopen(in, "r");
	a = fread(want, 1, sizeof(want), f);
	fclose(f);
	f = fopen(out, "r");
	b = fread(got, 1, sizeof(got), f);
	fclose(f);
	CHECK_EQ(a, b);
	for (size_t i = 0, at = 24 + 16; i < RTE_DIM(sizes); at += sizes[i++] + 16)
		CHECK(!memcmp(want + at, got + at, sizes[i]), "(frame %zu)", i);
	unlink(in);
	unlink(out);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void limits_of_the_device(struct fp *fp)
{
	struct rte_eth_rxq_info q;
	struct fp_err err;
	uint16_t no;

	// Descriptors beyond the device's limits are brought into them.
	CHECK_EQ(add(fp, "n", "net_null0", &no, &err,
		     (struct fp_port_spec){ .n_rxd = 65535, .n_txd = 1, .n_rxq = 4 }),
		 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp_port_get(fp, no)->ethdev, 3, &q) == 0 ||
			 rte_eth_rx_queue_info_get(fp_port_get(fp, no)->ethdev, 3, &q) == -ENOTSUP,
		 1);
	CHECK_EQ(fp_port_get(fp, no)->n_rxq, 4);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
}

static void exhausted_pool(struct fp *fp)
{
	static struct rte_mbuf *all[8192], *m[32];
	struct fp_port *p;
	struct fp_err err;
	uint32_t n = 0;
	uint16_t no;

	CHECK_EQ(add(fp, "n", "net_null0", &no, &err, (struct fp_port_spec){ 0 }), 0);
	p = fp_port_get(fp, no);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(fp_test_pool(fp))))
		n++;
	CHECK_EQ(p->ops->rx(p, 0, m, 32), 0);
	rte_pktmbuf_free_bulk(all, n);
	CHECK_EQ(p->ops->rx(p, 0, m, 32), 32);
	rte_pktmbuf_free_bulk(m, 32);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void settings(struct fp *fp)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct fp_port_info info;
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, "n", "net_null0", &no, &err, (struct fp_port_spec){ 0 }), 0);
	CHECK_EQ(fp_port_set_mac(fp, no, mac, &err), 0);
	CHECK_EQ(fp_port_set_mtu(fp, no, 4000, &err), 0);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK(!memcmp(info.mac, mac, 6));
	CHECK_EQ(info.mtu, 4000);
	CHECK_EQ(fp_port_set_up(fp, no, 0, &err), -ENOTSUP);
	CHECK(strstr(err.text, "rte_eth_dev_set_link_down"), "(%s)", err.text);
	CHECK_EQ(fp_port_del(fp, no, &err), 0);
}

int main(void)
{
	struct fp *fp = fp_test_open();

	RUN(null_device, fp);
	RUN(devices_that_do_not_exist, fp);
	RUN(failed_open_leaves_nothing, fp);
	RUN(one_device_one_port, fp);
	RUN(pcap_in_pcap_out, fp);
	RUN(limits_of_the_device, fp);
	RUN(exhausted_pool, fp);
	RUN(settings, fp);
	RUN(device_that_is_there_already, fp);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
