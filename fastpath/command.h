// Commands from the writer to a lcore, and what comes back. One ring a lcore; the
// lcore looks at it between bursts.
#ifndef FP_COMMAND_H
#define FP_COMMAND_H

#include "lcore.h"

enum fp_command_kind {
	FP_COMMAND_VERDICT = 1, // answer to a miss
	FP_COMMAND_PACKET,      // packet-out: run prog, or classify without one
};

struct fp_command {
	uint32_t kind; // enum fp_command_kind
	uint32_t verdict;
	uint64_t token;
	struct fp_prog *prog; // with a reference; comes back through the garbage ring
	struct rte_mbuf *m;
	uint32_t recirc_id;
	uint16_t in_port, zero;
	uint64_t zero2[3];
};

_Static_assert(sizeof(struct fp_command) == 64, "a command is one cache line");

// Sends; waits a bounded time when the ring is full: -EAGAIN.
int fp_command_send(struct fp_lcore *lc, struct fp_command *c);
// Carries out what waits. The lcore's.
void fp_command_run(struct fp_lcore *lc);
// Gives back programs that lcores have done with. The writer's.
void fp_command_collect(struct fp *fp);
// Gives back a program that no lcore has seen.
void fp_flow_retire_now(struct fp *fp, struct fp_prog *p);

#endif
