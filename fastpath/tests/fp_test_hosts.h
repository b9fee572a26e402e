// Hosts for tests of kernel-facing ports: child processes, each in a network
// namespace of its own, that run commands and carry TCP, and a forwarder between
// two ports.
#ifndef FP_TEST_HOSTS_H
#define FP_TEST_HOSTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fp_test_env.h"

struct fp_test_host {
	pid_t pid;
	int in, out; // orders to it, answers from it
};

// Before EAL starts: forks.
void fp_test_host_start(struct fp_test_host *h);
void fp_test_host_stop(struct fp_test_host *h);
// Gives an order without waiting:
//   "sh COMMAND", "serve4|serve6 PORT BYTES" (waits for one connection that brings
//   these bytes of the pattern, and acknowledges), "send ADDRESS PORT BYTES".
void fp_test_host_order(struct fp_test_host *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// Whether an answer is there; then its status (0: done as ordered).
bool fp_test_host_answered(struct fp_test_host *h);
int fp_test_host_answer(struct fp_test_host *h);
// Both at once.
int fp_test_host_sh(struct fp_test_host *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// "send" by the calling process.
int fp_test_tcp_send(const char *address, int port, uint32_t bytes);

struct fp_test_wire {
	struct fp *fp;
	struct fp_port *a, *b;
	bool soft; // do all pending work in software before tx
	uint64_t long_frames, pending, vlan, not_taken, refused;
};

// Moves what is there in both directions once.
void fp_test_wire_turn(struct fp_test_wire *w);
// Until both hosts have answered, at most 30 s. Returns the sum of their statuses.
int fp_test_wire_run(struct fp_test_wire *w, struct fp_test_host *x, struct fp_test_host *y);

#endif
