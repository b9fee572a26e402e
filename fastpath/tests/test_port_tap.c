// Taps: this process's own network namespace is the host on the kernel's side.
//
//   kernel: t0 ==tap== [port a] forwarder [port b] y0 --veth-- y1 host y
#include "fp_test.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"
#include "fp_test_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_internal.h"
#include "vnet.h"

#define TCP_BYTES 4000000

static struct fp_test_host y;
static uint8_t buf[FP_TEST_FRAME_MAX];

static int add(struct fp *fp, uint32_t kind, const char *name, uint16_t *no, struct fp_err *err,
	       struct fp_port_spec s)
{
	s.kind = kind;
	s.no = FP_NO_PORT;
	snprintf(s.name, sizeof(s.name), "%s", name);
	err->text[0] = 0;
	return fp_port_add(fp, &s, no, err);
}

static struct fp_port *open_port(struct fp *fp, uint32_t kind, const char *name)
{
	struct fp_err err;
	uint16_t no;
	int rc = add(fp, kind, name, &no, &err, (struct fp_port_spec){ 0 });

	MUST(rc == 0, "(%s)", err.text);
	return fp_port_get(fp, no);
}

static struct fp_port *open_tap(struct fp *fp)
{
	struct fp_port *p = open_port(fp, FP_PORT_TAP, "t0");

	MUST(!fp_test_sh("ip addr add 10.9.0.1/24 dev t0 && "
			 "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:99 dev t0"));
	return p;
}

static void close_port(struct fp *fp, struct fp_port *p)
{
	struct fp_err err;

	CHECK_EQ(fp_port_del(fp, p->no, &err), 0);
	CHECK_EQ(if_nametoindex("t0"), 0); // the tap is gone with its port
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static struct rte_mbuf *next_udp(struct fp_port *p)
{
	struct pollfd fd = { .fd = p->ops->poll_fd(p, 0), .events = POLLIN };
	struct rte_mbuf *m;

	while (1) {
		while (p->ops->rx(p, 0, &m, 1) == 1) {
			if (m->data_len >= 38 &&
			    fp_test_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 36)) == 9000)
				return m;
			rte_pktmbuf_free(m);
		}
		if (poll(&fd, 1, 2000) != 1)
			return NULL;
	}
}

static int udp_send(uint32_t bytes, int segment)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9000) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	if (segment)
		setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	rc = sendto(fd, buf, bytes, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)bytes ? 0 :
											       -1;
	close(fd);
	return rc;
}

static void up_at_once(struct fp *fp)
{
	struct fp_port_info info;
	struct fp_port *p = open_tap(fp);
	uint8_t zero[6] = { 0 };

	CHECK_EQ(fp_port_info(fp, p->no, &info), 0);
	CHECK(info.link_up && info.ifindex == (int)if_nametoindex("t0"));
	CHECK(!strcmp(info.driver, "tun"), "(%s)", info.driver);
	CHECK_EQ(info.mtu, 1500);
	CHECK(memcmp(info.mac, zero, 6) != 0);
	CHECK(p->kernel && p->takes_pending);
	close_port(fp, p);
}

static void settings(struct fp *fp)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 8, 8 };
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, FP_PORT_TAP, "t0", &no, &err, (struct fp_port_spec){ .mtu = 9000 }), 0);
	CHECK_EQ(fp_port_get(fp, no)->max_frame, 9018);
	CHECK_EQ(fp_test_sh("ip link show t0 | grep -q 'mtu 9000'"), 0);
	CHECK_EQ(fp_port_set_mac(fp, no, mac, &err), 0);
	CHECK_EQ(fp_test_sh("ip link show t0 | grep -q 02:00:00:00:08:08"), 0);
	CHECK_EQ(fp_port_set_up(fp, no, 0, &err), 0);
	CHECK_EQ(fp_test_sh("ip link show t0 up | grep -q t0"), 256); // not listed
	close_port(fp, fp_port_get(fp, no));
}

static void refused_names(struct fp *fp)
{
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, FP_PORT_TAP, "lo", &no, &err, (struct fp_port_spec){ 0 }), -EEXIST);
	CHECK(strstr(err.text, "port lo") && strstr(err.text, "exists already"), "(%s)", err.text);
	CHECK_EQ(add(fp, FP_PORT_TAP, "a/b", &no, &err, (struct fp_port_spec){ 0 }), -EINVAL);
	CHECK_EQ(add(fp, FP_PORT_TAP, "tap%d", &no, &err, (struct fp_port_spec){ 0 }), -EINVAL);
	CHECK_EQ(add(fp, FP_PORT_TAP, "sixteen-letters-", &no, &err, (struct fp_port_spec){ 0 }),
		 -ENAMETOOLONG);
	// Somebody's persistent tap is not taken over.
	MUST(!fp_test_sh("ip tuntap add dev t0 mode tap"));
	CHECK_EQ(add(fp, FP_PORT_TAP, "t0", &no, &err, (struct fp_port_spec){ 0 }), -EEXIST);
	fp_test_sh("ip link del t0");
	// A tap that fails after it was made is gone.
	CHECK_EQ(add(fp, FP_PORT_TAP, "t0", &no, &err, (struct fp_port_spec){ .mtu = 10 }),
		 -EINVAL);
	CHECK_EQ(if_nametoindex("t0"), 0);
	CHECK_EQ(add(fp, FP_PORT_TAP, "t0", &no, &err, (struct fp_port_spec){ .n_rxq = 3 }),
		 -EINVAL);
	CHECK_EQ(if_nametoindex("t0"), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void checksum_is_pending(struct fp *fp)
{
	struct fp_port *p = open_tap(fp);
	struct rte_mbuf *m;

	CHECK_EQ(udp_send(100, 0), 0);
	m = next_udp(p);
	MUST(m != NULL);
	CHECK_EQ(m->ol_flags & FP_MBUF_PENDING, FP_MBUF_CSUM);
	CHECK_EQ(fp_csum_fill(m), 0);
	CHECK(!fp_test_judge(rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len));
	rte_pktmbuf_free(m);
	close_port(fp, p);
}

static void burst_of_frames(struct fp *fp)
{
	struct fp_port *p = open_tap(fp);
	struct rte_mbuf *m[32];
	struct fp_port_stats st;
	int n = 0, got;

	for (int i = 0; i < 100; i++)
		CHECK_EQ(udp_send(1000, 0), 0);
	while ((got = p->ops->rx(p, 0, m, 32)) > 0) {
		n += got;
		rte_pktmbuf_free_bulk(m, got);
	}
	CHECK(n >= 100, "(%d)", n);
	CHECK_EQ(fp_port_stats(fp, p->no, &st), 0);
	CHECK_EQ(st.rx_packets, n);
	CHECK(st.rx_bytes >= 100 * 1042);
	close_port(fp, p);
}

static void deleted_from_outside(struct fp *fp)
{
	static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct fp_port *p = open_tap(fp);
	struct pollfd fd = { .fd = p->ops->poll_fd(p, 0), .events = POLLIN };
	struct fp_port_info info;
	struct rte_mbuf *m, *got;

	CHECK_EQ(fp_port_set_up(fp, p->no, 0, NULL), 0);
	m = fp_test_chain(fp_test_pool(fp), frame, 60, 60);
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 0); // down: not taken
	CHECK_EQ(fp_test_sh("ip link del t0"), 0);
	for (int i = 0; i < 40; i++)
		while (p->ops->rx(p, 0, &got, 1))
			rte_pktmbuf_free(got);
	CHECK_EQ(poll(&fd, 1, 0), 0); // does not keep the housekeeping lcore awake
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 0);
	rte_pktmbuf_free(m);
	CHECK_EQ(fp_port_info(fp, p->no, &info), 0);
	CHECK(!info.link_up && !info.ifindex);
	close_port(fp, p);
}

static void exhausted_pool(struct fp *fp)
{
	static struct rte_mbuf *all[8192];
	struct fp_port *p = open_tap(fp);
	struct fp_port_stats st;
	struct rte_mbuf *m;
	uint32_t n = 0;

	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(fp_test_pool(fp))))
		n++;
	for (int i = 0; i < 5; i++)
		CHECK_EQ(udp_send(100, 0), 0);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(p->ops->rx(p, 0, &m, 1), 0);
	CHECK_EQ(fp_port_stats(fp, p->no, &st), 0);
	CHECK(st.rx_dropped >= 5, "(%llu)", (unsigned long long)st.rx_dropped);
	rte_pktmbuf_free_bulk(all, n);
	CHECK_EQ(udp_send(100, 0), 0);
	m = next_udp(p);
	CHECK(m != NULL);
	rte_pktmbuf_free(m);
	close_port(fp, p);
}

struct client {
	int port, status;
	bool done;
};

static void *client_run(void *arg)
{
	struct client *c = arg;

	c->status = fp_test_tcp_send("10.3.0.2", c->port, TCP_BYTES);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void tcp_through_tap(struct fp *fp)
{
	struct fp_test_wire w = { .fp = fp };

	MUST(!fp_test_sh("ip link add y0 type veth peer name y1 && ip link set y1 netns %d && "
			 "ip link set y0 up",
			 y.pid));
	MUST(!fp_test_host_sh(&y, "ip addr add 10.3.0.2/24 dev y1 && ip link set y1 up"));
	w.a = open_port(fp, FP_PORT_TAP, "t0");
	w.b = open_port(fp, FP_PORT_KIF, "y0");
	MUST(!fp_test_sh("ip addr add 10.3.0.1/24 dev t0"));
	for (int i = 0; i < 2; i++) {
		struct client c = { .port = 7000 + i };
		pthread_t t;

		w.soft = i;
		fp_test_host_order(&y, "serve4 %d %d", c.port, TCP_BYTES);
		CHECK_EQ(pthread_create(&t, NULL, client_run, &c), 0);
		CHECK_EQ(fp_test_wire_run(&w, &y, NULL), 0);
		while (!__atomic_load_n(&c.done, __ATOMIC_ACQUIRE))
			fp_test_wire_turn(&w);
		pthread_join(t, NULL);
		CHECK_EQ(c.status, 0);
		CHECK(w.long_frames > 10, "(offloads are off: the test shows nothing)");
	}
	CHECK_EQ(w.refused, 0);
	CHECK_EQ(fp_port_del(fp, w.b->no, NULL), 0);
	close_port(fp, w.a);
	fp_test_sh("ip link del y0");
}

int main(void)
{
	struct fp *fp;
	int rc;

	fp_test_host_start(&y);
	fp = fp_test_open();
	rc = fp_test_netns();
	MUST(rc == 0, "(unshare: %s; this test needs root)", strerror(-rc));
	RUN(up_at_once, fp);
	RUN(settings, fp);
	RUN(refused_names, fp);
	RUN(checksum_is_pending, fp);
	RUN(burst_of_frames, fp);
	RUN(deleted_from_outside, fp);
	RUN(exhausted_pool, fp);
	RUN(tcp_through_tap, fp);
	fp_test_host_stop(&y);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
