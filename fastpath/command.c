// Commands to lcores: verdicts and packets from Go.
#include "command.h"

#include <errno.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "exec.h"
#include "flow_table.h"
#include "slow.h"
#include "upcall.h"

#define RUN_MAX 64 // commands that one call carries out
#define SEND_TRIES 1000

int fp_command_send(struct fp_lcore *lc, struct fp_command *c)
{
	for (int i = 0; i < SEND_TRIES; i++) {
		if (rte_ring_sp_enqueue_elem(lc->commands, c, sizeof(*c)) == 0)
			return 0;
		fp_command_collect(lc->fp);
		usleep(100);
	}
	return -EAGAIN;
}

static void run_packet(struct fp_lcore *lc, const struct fp_command *c)
{
	struct fp_md md = { .in_port = c->in_port, .recirc_id = c->recirc_id };

	if (c->prog)
		fp_exec(lc, c->prog, c->m, &md);
	else
		fp_packet_slow(lc, c->m, &md);
}

void fp_command_run(struct fp_lcore *lc)
{
	struct fp_command c;

	for (int i = 0; i < RUN_MAX; i++) {
		// Room for the program that comes back is sure before it is used.
		if (rte_ring_full(lc->garbage) ||
		    rte_ring_sc_dequeue_elem(lc->commands, &c, sizeof(c)) != 0)
			return;
		if (c.kind == FP_COMMAND_VERDICT)
			fp_upcall_answered(lc, c.token, c.verdict, c.prog);
		else
			run_packet(lc, &c);
		if (c.prog)
			rte_ring_sp_enqueue(lc->garbage, c.prog);
	}
}

void fp_flow_retire_now(struct fp *fp, struct fp_prog *p)
{
	fp_prog_free(fp_prog_put(fp->flows->progs, p));
}

void fp_command_collect(struct fp *fp)
{
	for (int i = 0; i < FP_MAX_LCORES; i++) {
		struct fp_lcore *lc = fp->lcores[i];
		void *p;

		// The same program may be in use by flows: only its last reference frees it,
		// and a flow that gives its own back waits for a grace period first.
		while (lc && rte_ring_sc_dequeue(lc->garbage, &p) == 0)
			fp_flow_retire(fp->flows, p);
	}
}

int fp_packet_out(struct fp *fp, struct fp_packet_out *out, int n, const uint8_t *buf, size_t size)
{
	struct fp_lcore *lc = fp->housekeeping ? fp->housekeeping : fp->lcores[0];
	int done = 0;

	fp_command_collect(fp);
	for (int i = 0; i < n; i++) {
		struct fp_packet_out *p = &out[i];
		struct fp_command c = {
			.kind = FP_COMMAND_PACKET,
			.in_port = p->in_port,
			.recirc_id = p->recirc_id,
		};

		p->rc = lc ? -EINVAL : -ENODEV;
		if (!lc || p->data_ofs > size || p->data_len > size - p->data_ofs ||
		    p->act_ofs > size || p->act_len > size - p->act_ofs || p->data_len < 14)
			continue;
		if (p->act_len) {
			p->rc = fp_prog_get(fp->flows->progs, buf + p->act_ofs, p->act_len, &c.prog,
					    NULL);
			if (p->rc < 0)
				continue;
		}
		c.m = fp_mbuf_from(lc->pool, buf + p->data_ofs, p->data_len);
		p->rc = c.m ? fp_command_send(lc, &c) : -ENOMEM;
		if (p->rc == 0) {
			done++;
			continue;
		}
		rte_pktmbuf_free(c.m);
		if (c.prog)
			fp_flow_retire_now(fp, c.prog);
	}
	return done;
}
