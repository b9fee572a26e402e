#include "fp_test_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <fcntl.h>
#include <unistd.h>

#include "vnet.h"

// Byte i of what TCP carries.
static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 2654435761u >> 24);
}

static void set_timeouts(int fd)
{
	struct timeval t = { .tv_sec = 20 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static int tcp_serve(int family, int port, uint32_t bytes)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int l = socket(family, SOCK_STREAM, 0), one = 1, c, rc = 1;
	static uint8_t buf[1 << 16];
	uint32_t got = 0;

	set_timeouts(l);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, family == AF_INET6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
		 family == AF_INET6 ? sizeof(a6) : sizeof(a4)) ||
	    listen(l, 1))
		return 2;
	c = accept(l, NULL, NULL);
	close(l);
	if (c < 0)
		return 3;
	set_timeouts(c);
	while (got < bytes) {
		ssize_t n = read(c, buf, sizeof(buf));

		if (n <= 0)
			goto out;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(got++))
				goto out;
	}
	rc = write(c, "k", 1) == 1 ? 0 : 4;
out:
	close(c);
	return rc;
}

int fp_test_tcp_send(const char *address, int port, uint32_t bytes)
{
	struct addrinfo *ai, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	static uint8_t buf[1 << 16];
	char service[8], ack = 0;
	uint32_t sent = 0;
	int fd = -1;

	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(address, service, &hints, &ai))
		return 10;
	for (int i = 0; i < 100; i++) { // the server may not be there yet
		fd = socket(ai->ai_family, SOCK_STREAM, 0);
		set_timeouts(fd);
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
			break;
		close(fd);
		fd = -1;
		usleep(50000);
	}
	freeaddrinfo(ai);
	if (fd < 0)
		return 11;
	while (sent < bytes) {
		uint32_t n = RTE_MIN(bytes - sent, (uint32_t)sizeof(buf));
		ssize_t k;

		for (uint32_t i = 0; i < n; i++)
			buf[i] = pattern(sent + i);
		k = write(fd, buf, n);
		if (k <= 0)
			break;
		sent += k;
	}
	if (read(fd, &ack, 1) != 1)
		ack = 0;
	close(fd);
	return ack == 'k' ? 0 : 12;
}

static int obey(char *order)
{
	char address[64];
	uint32_t bytes;
	int port;

	if (!strncmp(order, "sh ", 3))
		return system(order + 3) ? 20 : 0;
	if (sscanf(order, "serve4 %d %u", &port, &bytes) == 2)
		return tcp_serve(AF_INET, port, bytes);
	if (sscanf(order, "serve6 %d %u", &port, &bytes) == 2)
		return tcp_serve(AF_INET6, port, bytes);
	if (sscanf(order, "send %63s %d %u", address, &port, &bytes) == 3)
		return fp_test_tcp_send(address, port, bytes);
	return 21;
}

static void live(int in, int out)
{
	char order[512];
	FILE *f = fdopen(in, "r");
	int ready = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL); // no host outlives the test
	signal(SIGPIPE, SIG_IGN);
	if (unshare(CLONE_NEWNET) || system("ip link set lo up"))
		ready = 30;
	if (write(out, &ready, sizeof(ready)) < 0)
		_exit(1);
	while (f && fgets(order, sizeof(order), f)) {
		int status;

		order[strcspn(order, "\n")] = 0;
		status = obey(order);
		if (status)
			fprintf(stderr, "host: \"%s\": status %d\n", order, status);
		if (write(out, &status, sizeof(status)) < 0)
			break;
	}
	_exit(0);
}

void fp_test_host_start(struct fp_test_host *h)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		abort();
	h->pid = fork();
	if (h->pid == 0) {
		close(in[1]);
		close(out[0]);
		live(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	h->in = in[1];
	h->out = out[0];
	if (fp_test_host_answer(h))
		abort();
}

void fp_test_host_stop(struct fp_test_host *h)
{
	// A host that was started later holds our end of its pipe, too: no end of file.
	kill(h->pid, SIGTERM);
	waitpid(h->pid, NULL, 0);
	close(h->in);
	close(h->out);
}

static void order(struct fp_test_host *h, const char *fmt, va_list ap)
{
	char text[512];
	int n = vsnprintf(text, sizeof(text) - 1, fmt, ap);

	text[n++] = '\n';
	if (write(h->in, text, n) != n)
		abort();
}

void fp_test_host_order(struct fp_test_host *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	order(h, fmt, ap);
	va_end(ap);
}

bool fp_test_host_answered(struct fp_test_host *h)
{
	struct pollfd p = { .fd = h->out, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

int fp_test_host_answer(struct fp_test_host *h)
{
	int status;

	return read(h->out, &status, sizeof(status)) == sizeof(status) ? status : 40;
}

int fp_test_host_sh(struct fp_test_host *h, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fp_test_host_order(h, "sh %s", text);
	return fp_test_host_answer(h);
}

static void hand_on(struct fp_test_wire *w, struct fp_port *to, struct rte_mbuf **m, int n)
{
	int sent = n ? to->ops->tx(to, 0, m, n) : 0;

	w->not_taken += n - sent;
	rte_pktmbuf_free_bulk(m + sent, n - sent);
}

static void soften(struct fp_test_wire *w, struct fp_port *to, struct rte_mbuf *m)
{
	struct rte_mbuf *segs[FP_GSO_MAX_SEGS];
	int n = 1;

	segs[0] = m;
	if (m->ol_flags & FP_MBUF_GSO)
		n = fp_gso_segment(fp_test_pool(w->fp), m, segs, FP_GSO_MAX_SEGS);
	else if (fp_csum_fill(m) < 0)
		n = -1;
	if (n < 0) {
		w->refused++;
		rte_pktmbuf_free(m);
		return;
	}
	hand_on(w, to, segs, n);
}

static void one_way(struct fp_test_wire *w, struct fp_port *from, struct fp_port *to)
{
	struct rte_mbuf *m[32];
	int n = from->ops->rx(from, 0, m, 32);

	for (int i = 0; i < n; i++) {
		w->long_frames += m[i]->pkt_len > 4000;
		w->pending += !!(m[i]->ol_flags & FP_MBUF_PENDING);
		w->vlan += *rte_pktmbuf_mtod_offset(m[i], uint16_t *, 12) == htons(0x8100);
		if (w->soft)
			soften(w, to, m[i]);
	}
	if (!w->soft)
		hand_on(w, to, m, n);
}

void fp_test_wire_turn(struct fp_test_wire *w)
{
	one_way(w, w->a, w->b);
	one_way(w, w->b, w->a);
}

int fp_test_wire_run(struct fp_test_wire *w, struct fp_test_host *x, struct fp_test_host *y)
{
	time_t end = time(NULL) + 30;

	while (!fp_test_host_answered(x) || (y && !fp_test_host_answered(y))) {
		struct pollfd p[2] = { { .fd = w->a->ops->poll_fd(w->a, 0), .events = POLLIN },
				       { .fd = w->b->ops->poll_fd(w->b, 0), .events = POLLIN } };

		fp_test_wire_turn(w);
		poll(p, 2, 10);
		if (time(NULL) > end)
			return 50; // the hosts' own timeouts come before this
	}
	return fp_test_host_answer(x) + (y ? fp_test_host_answer(y) : 0);
}
