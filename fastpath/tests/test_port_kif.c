// Kernel interfaces by name: real veth pairs, real hosts.
//
//   host x                    this process                  host y
//   x1 --veth-- x0 [port a] == forwarder == [port b] y0 --veth-- y1
#include "fp_test.h"
#include "fp_test_core.h"
#include "fp_test_env.h"
#include "fp_test_frame.h"
#include "fp_test_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_internal.h"
#include "vnet.h"

#define TCP_BYTES 4000000

static struct fp_test_host x, y;
static uint8_t buf[FP_TEST_FRAME_MAX];

static int add(struct fp *fp, const char *name, uint16_t *no, struct fp_err *err,
	       struct fp_port_spec s)
{
	s.kind = FP_PORT_KIF;
	s.no = FP_NO_PORT;
	snprintf(s.name, sizeof(s.name), "%s", name);
	err->text[0] = 0;
	return fp_port_add(fp, &s, no, err);
}

static struct fp_port *open_port(struct fp *fp, const char *name)
{
	struct fp_err err;
	uint16_t no;
	int rc = add(fp, name, &no, &err, (struct fp_port_spec){ 0 });

	MUST(rc == 0, "(%s)", err.text);
	return fp_port_get(fp, no);
}

static void close_port(struct fp *fp, struct fp_port *p)
{
	struct fp_err err;

	CHECK_EQ(fp_port_del(fp, p->no, &err), 0);
	CHECK_EQ(fp_test_in_use(fp), 0);
}

// Waits for frames at most 2 s; skips what the kernel sends of its own accord (IPv6
// neighbour discovery) unless it goes to UDP port 9000.
static struct rte_mbuf *next_udp(struct fp_port *p, uint32_t ofs)
{
	struct pollfd fd = { .fd = p->ops->poll_fd(p, 0), .events = POLLIN };
	struct rte_mbuf *m;

	while (1) {
		while (p->ops->rx(p, 0, &m, 1) == 1) {
			if (m->data_len >= ofs + 4 &&
			    fp_test_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, ofs + 2)) == 9000)
				return m;
			rte_pktmbuf_free(m);
		}
		if (poll(&fd, 1, 2000) != 1)
			return NULL;
	}
}

// A pair t0 - t1 in this namespace, t1 with an address and a neighbour. Without IPv6, whose
// own frames come when they like, and with the link up: the kernel says so a little later.
static void pair_up(void)
{
	MUST(!fp_test_sh(
		"ip link add t0 type veth peer name t1 && ip addr add 10.9.0.1/24 dev t1 && "
		"for f in /proc/sys/net/ipv6/conf/t[01]/disable_ipv6; do "
		"[ ! -w $f ] || echo 1 >$f; done && "
		"ip link set t0 up && ip link set t1 up && "
		"ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:99 dev t1"));
	MUST(!fp_test_sh("for i in $(seq 500); do "
			 "[ $(ip -o link show up | grep -c ' t[01]@.* state UP ') = 2 ] && exit; "
			 "sleep 0.01; done; exit 1"));
}

static void pair_down(void)
{
	fp_test_sh("ip link del t0 2>/dev/null");
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

static void checksum_is_pending(struct fp *fp)
{
	struct fp_port *p;
	struct rte_mbuf *m;

	pair_up();
	p = open_port(fp, "t0");
	CHECK(p->kernel && p->takes_pending);
	CHECK_EQ(udp_send(100, 0), 0);
	m = next_udp(p, 34);
	MUST(m != NULL);
	CHECK_EQ(m->ol_flags & FP_MBUF_PENDING, FP_MBUF_CSUM);
	CHECK_EQ(m->port, p->no);
	CHECK(fp_test_judge(rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len) != NULL);
	CHECK_EQ(fp_csum_fill(m), 0);
	CHECK(fp_test_judge(rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len) == NULL);
	rte_pktmbuf_free(m);
	close_port(fp, p);
	pair_down();
}

static void long_frame_comes_as_chain(struct fp *fp)
{
	struct rte_mbuf *m, *out[FP_GSO_MAX_SEGS];
	struct fp_port *p;
	int n;

	pair_up();
	p = open_port(fp, "t0");
	CHECK_EQ(udp_send(60000, 1400), 0);
	m = next_udp(p, 34);
	MUST(m != NULL);
	CHECK_EQ(m->pkt_len, 60042);
	CHECK(m->nb_segs > 20 && rte_mbuf_check(m, 1, &(const char *){ NULL }) == 0);
	CHECK_EQ(m->ol_flags & FP_MBUF_PENDING, FP_MBUF_PENDING);
	CHECK_EQ(fp_vnet(m)->gso_type, FP_GSO_UDP_L4);
	CHECK_EQ(fp_vnet(m)->gso_size, 1400);
	n = fp_gso_segment(fp_test_pool(fp), m, out, FP_GSO_MAX_SEGS);
	CHECK_EQ(n, 43);
	for (int i = 0; i < n; i++)
		CHECK(!fp_test_judge(buf, fp_test_bytes(out[i], buf)));
	rte_pktmbuf_free_bulk(out, n > 0 ? n : 0);
	close_port(fp, p);
	pair_down();
}

// Sent with its tag in the frame, a frame arrives with the tag beside it.
static void vlan_tag_is_put_back(struct fp *fp)
{
	static const struct fp_test_spec spec = { .vlan = true,
						  .proto = IPPROTO_UDP,
						  .payload = 3000 };
	static struct fp_test_frame frame;
	struct fp_port *p, *peer;
	struct rte_mbuf *m;

	for (int gso = 0; gso < 2; gso++) {
		pair_up();
		MUST(!fp_test_sh("ip link set t0 mtu 9000 && ip link set t1 mtu 9000"));
		p = open_port(fp, "t0");
		peer = open_port(fp, "t1");
		fp_test_build(&frame, &spec);
		frame.b[frame.l4 + 2] = 9000 >> 8;
		frame.b[frame.l4 + 3] = 9000 & 255;
		m = fp_test_chain(fp_test_pool(fp), frame.b, frame.len, 500);
		m->ol_flags = gso ? FP_MBUF_PENDING : FP_MBUF_CSUM;
		*fp_vnet(m) = (struct fp_vnet){ .csum_start = 38,
						.csum_offset = 6,
						.gso_size = 1000,
						.gso_type = FP_GSO_UDP_L4 };
		CHECK_EQ(peer->ops->tx(peer, 0, &m, 1), 1);
		m = next_udp(p, 38);
		MUST(m != NULL);
		CHECK_EQ(fp_test_bytes(m, buf), frame.len);
		CHECK(!memcmp(buf, frame.b, frame.len));
		CHECK_EQ(fp_vnet(m)->csum_start, 38);
		CHECK_EQ(m->ol_flags & FP_MBUF_PENDING, gso ? FP_MBUF_PENDING : FP_MBUF_CSUM);
		rte_pktmbuf_free(m);
		CHECK_EQ(fp_port_del(fp, peer->no, NULL), 0);
		close_port(fp, p);
		pair_down();
	}
}

// Not our own frames, and not what the interface sends.
static void outgoing_is_ignored(struct fp *fp)
{
	static const uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
					   0,    0,    0,    0,    1,    0x88, 0xb5 };
	struct rte_mbuf *m;
	struct fp_port *p;

	pair_up();
	p = open_port(fp, "t0");
	m = fp_test_chain(fp_test_pool(fp), frame, 60, 13);
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 1);
	usleep(20000);
	while (p->ops->rx(p, 0, &m, 1) == 1) {
		CHECK(fp_test_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12)) != 0x88b5);
		rte_pktmbuf_free(m);
	}
	close_port(fp, p);
	pair_down();
}

static void down_and_gone(struct fp *fp)
{
	static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct rte_mbuf *m, *got;
	struct fp_port_info info;
	struct fp_err err;
	struct fp_port *p;

	pair_up();
	p = open_port(fp, "t0");
	CHECK_EQ(fp_port_info(fp, p->no, &info), 0);
	CHECK(info.link_up && info.ifindex > 0 && !strcmp(info.driver, "veth"), "(%s)",
	      info.driver);
	CHECK_EQ(fp_port_set_up(fp, p->no, 0, &err), 0);
	CHECK_EQ(fp_port_info(fp, p->no, &info), 0);
	CHECK(!info.link_up && info.ifindex);
	m = fp_test_chain(fp_test_pool(fp), frame, 60, 60);
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 0); // not taken
	for (int i = 0; i < 5; i++)
		while (p->ops->rx(p, 0, &got, 1))
			rte_pktmbuf_free(got);
	CHECK_EQ(fp_port_set_up(fp, p->no, 1, &err), 0);
	usleep(50000);
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 1); // the same packet, once it is up again
	CHECK_EQ(udp_send(10, 0), 0);
	m = next_udp(p, 34);
	CHECK(m != NULL, "(does not receive after down and up)");
	rte_pktmbuf_free(m);
	pair_down();
	m = fp_test_chain(fp_test_pool(fp), frame, 60, 60);
	CHECK_EQ(p->ops->tx(p, 0, &m, 1), 0);
	rte_pktmbuf_free(m);
	for (int i = 0; i < 5; i++)
		while (p->ops->rx(p, 0, &got, 1))
			rte_pktmbuf_free(got);
	// Nothing may keep the housekeeping lcore awake.
	CHECK_EQ(poll(&(struct pollfd){ .fd = p->ops->poll_fd(p, 0), .events = POLLIN }, 1, 0), 0);
	CHECK_EQ(fp_port_info(fp, p->no, &info), 0);
	CHECK(!info.link_up && !info.ifindex);
	CHECK_EQ(fp_port_set_mtu(fp, p->no, 1400, &err), -ENODEV);
	CHECK(strstr(err.text, "it is gone"), "(%s)", err.text);
	close_port(fp, p);
}

static void refused_names(struct fp *fp)
{
	struct fp_err err;
	uint16_t no;

	CHECK_EQ(add(fp, "nosuch0", &no, &err, (struct fp_port_spec){ 0 }), -ENODEV);
	CHECK(strstr(err.text, "nosuch0") && strstr(err.text, "does not exist"), "(%s)", err.text);
	CHECK_EQ(add(fp, "a-name-that-is-too-long-for-it", &no, &err, (struct fp_port_spec){ 0 }),
		 -ENAMETOOLONG);
	pair_up();
	CHECK_EQ(add(fp, "t0", &no, &err, (struct fp_port_spec){ .n_rxq = 2 }), -EINVAL);
	CHECK(strstr(err.text, "has one"), "(%s)", err.text);
	CHECK_EQ(add(fp, "t0", &no, &err, (struct fp_port_spec){ .mtu = 65535 * 2 }), -EINVAL);
	CHECK(strstr(err.text, "MTU"), "(%s)", err.text);
	MUST(!fp_test_sh("ip tuntap add dev tun9 mode tun"));
	CHECK_EQ(add(fp, "tun9", &no, &err, (struct fp_port_spec){ 0 }), -EPROTOTYPE);
	CHECK(strstr(err.text, "not Ethernet"), "(%s)", err.text);
	fp_test_sh("ip link del tun9");
	pair_down();
	CHECK_EQ(fp_test_in_use(fp), 0);
}

static void settings(struct fp *fp)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 7, 7 };
	struct fp_port_info info;
	struct fp_err err;
	struct fp_port *p;
	uint16_t no;

	pair_up();
	CHECK_EQ(add(fp, "t0", &no, &err, (struct fp_port_spec){ .mtu = 1400 }), 0);
	p = fp_port_get(fp, no);
	CHECK_EQ(p->mtu, 1400);
	CHECK_EQ(fp_test_sh("ip link show t0 | grep -q 'mtu 1400'"), 0);
	CHECK_EQ(fp_port_set_mac(fp, no, mac, &err), 0);
	CHECK_EQ(fp_test_sh("ip link show t0 | grep -q 02:00:00:00:07:07"), 0);
	CHECK_EQ(fp_test_sh("ip -d link show t0 | grep -q 'promiscuity 1'"), 0);
	// What changes behind our back is seen when somebody looks.
	CHECK_EQ(fp_test_sh("ip link set t0 mtu 2000"), 0);
	CHECK_EQ(fp_port_info(fp, no, &info), 0);
	CHECK(info.mtu == 2000 && p->max_frame == 2018 && info.promisc);
	CHECK(!memcmp(info.mac, mac, 6));
	CHECK_EQ(
		fp_test_sh(
			"ip link set t0 down && ip link set t0 name t0new && ip link set t0new up"),
		0);
	CHECK_EQ(fp_port_set_mtu(fp, no, 1300, &err), 0); // by index, not by name
	CHECK_EQ(fp_test_sh("ip link show t0new | grep -q 'mtu 1300'"), 0);
	close_port(fp, p);
	CHECK_EQ(fp_test_sh("ip -d link show t0new | grep -q 'promiscuity 0'"), 0);
	fp_test_sh("ip link del t0new");
}

static void exhausted_pool(struct fp *fp)
{
	static struct rte_mbuf *all[8192];
	struct fp_port_stats st;
	struct rte_mbuf *m;
	struct fp_port *p;
	uint32_t n = 0;

	pair_up();
	p = open_port(fp, "t0");
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(fp_test_pool(fp))))
		n++;
	for (int i = 0; i < 5; i++)
		CHECK_EQ(udp_send(100, 0), 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(p->ops->rx(p, 0, &m, 1), 0);
	CHECK_EQ(fp_port_stats(fp, p->no, &st), 0);
	CHECK(st.rx_dropped >= 5, "(%llu)", (unsigned long long)st.rx_dropped);
	// One buffer: enough for a head, not for a long frame.
	rte_pktmbuf_free(all[--n]);
	CHECK_EQ(udp_send(9000, 1400), 0);
	CHECK_EQ(p->ops->rx(p, 0, &m, 1), 0);
	rte_pktmbuf_free_bulk(all, n);
	CHECK_EQ(udp_send(9000, 1400), 0);
	m = next_udp(p, 34);
	CHECK(m && m->pkt_len == 9042);
	rte_pktmbuf_free(m);
	close_port(fp, p);
	pair_down();
}

// A queueing discipline that is full: what it refuses is not taken.
static void full_queue(struct fp *fp)
{
	static const uint8_t frame[1000] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct rte_mbuf *m[32];
	struct fp_port_stats st;
	struct fp_port *p;
	uint16_t sent;

	pair_up();
	MUST(!fp_test_sh("tc qdisc add dev t0 root tbf rate 8kbit burst 2000 limit 5000"));
	p = open_port(fp, "t0");
	for (int i = 0; i < 32; i++)
		m[i] = fp_test_chain(fp_test_pool(fp), frame, sizeof(frame), 300);
	sent = p->ops->tx(p, 0, m, 32);
	CHECK(sent >= 3 && sent < 15, "(%u)", sent);
	CHECK_EQ(p->ops->tx(p, 0, m + sent, 32 - sent), 0);
	rte_pktmbuf_free_bulk(m + sent, 32 - sent);
	CHECK_EQ(fp_port_stats(fp, p->no, &st), 0);
	CHECK_EQ(st.tx_packets, sent);
	CHECK_EQ(st.tx_bytes, sent * 1000);
	close_port(fp, p);
	pair_down();
}

// A frame that the interface does not take is an error of that frame alone.
static void too_long_for_the_interface(struct fp *fp)
{
	static uint8_t frame[5000] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct rte_mbuf *m[5];
	struct fp_port_stats st;
	struct fp_port *p;

	pair_up();
	p = open_port(fp, "t0");
	for (int i = 0; i < 5; i++)
		m[i] = fp_test_chain(fp_test_pool(fp), frame, i & 1 ? 5000 : 100, 3000);
	CHECK_EQ(p->ops->tx(p, 0, m, 5), 5);
	CHECK_EQ(fp_port_stats(fp, p->no, &st), 0);
	CHECK_EQ(st.tx_packets, 3);
	CHECK_EQ(st.tx_errors, 2);
	CHECK_EQ(st.tx_bytes, 300);
	close_port(fp, p);
	pair_down();
}

// The housekeeping lcore reads the device, a pinned lcore drains the ring.
static void ring_to_a_pinned_lcore(struct fp *fp)
{
	struct fp_test_core t = { .fp = fp };
	uint64_t moved = fp_test_drops(&t, "rx_queue_moved");
	uint64_t gone = fp_test_drops(&t, "rx_port_gone");
	struct rte_mbuf *m[32];
	struct fp_port *p;
	int n = 0;

	pair_up();
	p = open_port(fp, "t0");
	CHECK_EQ(fp_port_kernel_pump(p, 0), 0);
	CHECK_EQ(fp_port_kernel_ring(fp, p, 1, true), -EINVAL);
	CHECK_EQ(fp_port_kernel_ring(fp, p, 0, true), 0);
	CHECK_EQ(fp_port_kernel_ring(fp, p, 0, true), 0);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(udp_send(100, 0), 0);
	CHECK_EQ(p->ops->rx(p, 0, m, 32), 0); // nobody has pumped yet
	CHECK(fp_port_kernel_pump(p, 0) > 0);
	CHECK(fp_port_kernel_pump(p, 0) > 0);
	CHECK_EQ(fp_port_kernel_pump(p, 0), 0);
	n = p->ops->rx(p, 0, m, 32);
	CHECK_EQ(n, 32);
	rte_pktmbuf_free_bulk(m, n);
	// The rest is given back with the ring, and counted.
	n = (int)rte_ring_count(p->rx_ring[0]);
	CHECK(n >= 8);
	CHECK_EQ(fp_port_kernel_ring(fp, p, 0, false), 0);
	CHECK(p->rx_ring[0] == NULL);
	CHECK_EQ(fp_test_drops(&t, "rx_queue_moved") - moved, n);
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone"), gone);
	CHECK_EQ(fp_port_kernel_ring(fp, p, 0, true), 0);
	CHECK_EQ(udp_send(100, 0), 0);
	CHECK_EQ(fp_port_kernel_pump(p, 0), 1);
	close_port(fp, p); // with a packet in the ring
	CHECK_EQ(fp_test_drops(&t, "rx_port_gone") - gone, 1);
	CHECK_EQ(fp_test_drops(&t, "rx_queue_moved") - moved, n);
	pair_down();
}

// A pump never reads more than the ring takes.
static void ring_that_is_full(struct fp *fp)
{
	struct rte_mbuf *m[32];
	struct fp_port *p;
	int pumped = 0, got = 0, n;

	pair_up();
	p = open_port(fp, "t0");
	CHECK_EQ(fp_port_kernel_ring(fp, p, 0, true), 0);
	for (int i = 0; i < 3000; i++)
		udp_send(10, 0);
	while ((n = fp_port_kernel_pump(p, 0)) > 0)
		pumped += n;
	while ((n = p->ops->rx(p, 0, m, 32)) > 0) {
		rte_pktmbuf_free_bulk(m, n);
		got += n;
	}
	CHECK_EQ(got, pumped);
	CHECK(pumped >= 3000);
	close_port(fp, p);
	pair_down();
}

// ---- hosts -----------------------------------------------------------------

static void hosts_up(void)
{
	MUST(!fp_test_sh("ip link add x0 type veth peer name x1 && ip link set x1 netns %d && "
			 "ip link add y0 type veth peer name y1 && ip link set y1 netns %d && "
			 "ip link set x0 up && ip link set y0 up",
			 x.pid, y.pid));
	MUST(!fp_test_host_sh(&x, "ip addr add 10.1.0.1/24 dev x1 && ip addr add fd01::1/64 dev x1 "
				  "nodad && ip link set x1 up"));
	MUST(!fp_test_host_sh(&y, "ip addr add 10.1.0.2/24 dev y1 && ip addr add fd01::2/64 dev y1 "
				  "nodad && ip link set y1 up"));
}

static void hosts_down(void)
{
	fp_test_sh("ip link del x0; ip link del y0");
	usleep(100000);
}

// TCP in both directions over what is set up, with pending work handed on and done.
static void tcp_both_ways(struct fp *fp, const char *to_x, const char *to_y, bool v6)
{
	struct fp_test_wire w = { .fp = fp };
	static int port = 5000;

	w.a = open_port(fp, "x0");
	w.b = open_port(fp, "y0");
	for (int i = 0; i < 4; i++) {
		struct fp_test_host *server = i & 1 ? &x : &y, *client = i & 1 ? &y : &x;

		w.soft = i & 2;
		w.long_frames = 0;
		fp_test_host_order(server, "serve%d %d %d", v6 ? 6 : 4, ++port, TCP_BYTES);
		fp_test_host_order(client, "send %s %d %d", i & 1 ? to_x : to_y, port, TCP_BYTES);
		CHECK_EQ(fp_test_wire_run(&w, &x, &y), 0);
		CHECK(w.long_frames > 10, "(offloads are off: the test shows nothing)");
	}
	CHECK_EQ(w.refused, 0);
	CHECK_EQ(fp_port_del(fp, w.a->no, NULL), 0);
	close_port(fp, w.b);
}

static void plain_tcp(struct fp *fp)
{
	hosts_up();
	tcp_both_ways(fp, "10.1.0.1", "10.1.0.2", false);
	tcp_both_ways(fp, "fd01::1", "fd01::2", true);
	hosts_down();
}

static void vlan_tcp(struct fp *fp)
{
	if (fp_test_sh("ip link add v0 type veth peer name v1 && "
		       "ip link add link v0 name v0.1 type vlan id 1 2>/dev/null")) {
		printf("the kernel has no VLAN devices: vlan_tcp is skipped\n");
		fp_test_sh("ip link del v0");
		return;
	}
	fp_test_sh("ip link del v0");
	hosts_up();
	MUST(!fp_test_host_sh(&x, "ip link add link x1 name v7 type vlan id 7 && "
				  "ip addr add 10.7.0.1/24 dev v7 && ip link set v7 up"));
	MUST(!fp_test_host_sh(&y, "ip link add link y1 name v7 type vlan id 7 && "
				  "ip addr add 10.7.0.2/24 dev v7 && ip link set v7 up"));
	tcp_both_ways(fp, "10.7.0.1", "10.7.0.2", false);
	hosts_down();
}

// The kernel's own VXLAN device at both ends: long frames with the outer header on.
static void vxlan_tcp(struct fp *fp, const char *options, bool underlay6)
{
	const char *lx = underlay6 ? "fd01::1" : "10.1.0.1",
		   *ly = underlay6 ? "fd01::2" : "10.1.0.2";

	hosts_up();
	MUST(!fp_test_host_sh(&x,
			      "ip link add vx type vxlan id 1111 dstport 4789 local %s remote %s "
			      "dev x1 %s && ip addr add 10.2.0.1/24 dev vx && "
			      "ip addr add fd02::1/64 dev vx nodad && ip link set vx up",
			      lx, ly, options));
	MUST(!fp_test_host_sh(&y,
			      "ip link add vx type vxlan id 1111 dstport 4789 local %s remote %s "
			      "dev y1 %s && ip addr add 10.2.0.2/24 dev vx && "
			      "ip addr add fd02::2/64 dev vx nodad && ip link set vx up",
			      ly, lx, options));
	tcp_both_ways(fp, "10.2.0.1", "10.2.0.2", false);
	tcp_both_ways(fp, "fd02::1", "fd02::2", true);
	hosts_down();
}

int main(void)
{
	struct fp *fp;
	int rc;

	fp_test_host_start(&x);
	fp_test_host_start(&y);
	fp = fp_test_open();
	rc = fp_test_netns();
	MUST(rc == 0, "(unshare: %s; this test needs root)", strerror(-rc));
	RUN(checksum_is_pending, fp);
	RUN(long_frame_comes_as_chain, fp);
	RUN(vlan_tag_is_put_back, fp);
	RUN(outgoing_is_ignored, fp);
	RUN(down_and_gone, fp);
	RUN(refused_names, fp);
	RUN(settings, fp);
	RUN(exhausted_pool, fp);
	RUN(full_queue, fp);
	RUN(too_long_for_the_interface, fp);
	RUN(ring_to_a_pinned_lcore, fp);
	RUN(ring_that_is_full, fp);
	RUN(plain_tcp, fp);
	RUN(vlan_tcp, fp);
	RUN(vxlan_tcp, fp, "noudpcsum", false);
	RUN(vxlan_tcp, fp, "udpcsum", false);
	RUN(vxlan_tcp, fp, "udp6zerocsumtx udp6zerocsumrx", true);
	RUN(vxlan_tcp, fp, "", true);
	fp_test_host_stop(&x);
	fp_test_host_stop(&y);
	CHECK_EQ(fp_test_close(fp), 0);
	return fp_test_done();
}
