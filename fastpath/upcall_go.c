// Upcalls: the side that Go calls. Receiving and answering each have a lock of
// their own so that either may run on any thread; no lcore ever takes them.
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "command.h"
#include "lcore_internal.h"
#include "parse.h"
#include "upcall.h"

static pthread_mutex_t recv_lock = PTHREAD_MUTEX_INITIALIZER;

int fp_upcall_fd(struct fp *fp)
{
	return fp->upcall_fd;
}

// Copies one slot out. False: it did not fit. *gone: it had timed out.
static bool take(struct fp_lcore *lc, uint32_t i, struct fp_upcall *out, uint8_t *buf, size_t size,
		 size_t *used, uint32_t snap, bool *gone)
{
	struct fp_slot *s = &lc->up->slots[i - 1];
	uint32_t queued = FP_SLOT_QUEUED;

	*gone = !__atomic_compare_exchange_n(&s->state, &queued, FP_SLOT_READING, false,
					     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	if (*gone)
		return true;
	struct rte_mbuf *m = s->head;
	uint32_t len = m->pkt_len, cap = RTE_MIN(len, snap);

	if (*used + cap + s->cookie_len > size) {
		__atomic_store_n(&s->state, FP_SLOT_QUEUED, __ATOMIC_RELEASE);
		return false;
	}
	memset(out, 0, sizeof(*out));
	out->key = s->key;
	out->lcore = lc->id;
	out->in_port = s->key.base.in_port;
	out->reason = s->reason;
	out->pid = s->pid;
	out->hash = s->flow_hash;
	out->pkt_len = len;
	out->cap_len = cap;
	out->data_ofs = (uint32_t)*used;
	const void *data = rte_pktmbuf_read(m, 0, cap, buf + *used);

	if (data && data != buf + *used)
		memcpy(buf + *used, data, cap);
	*used += cap;
	out->cookie_len = s->cookie_len;
	out->cookie_ofs = (uint32_t)*used;
	memcpy(buf + *used, s->cookie, s->cookie_len);
	*used += s->cookie_len;
	if (s->reason == FP_UPCALL_MISS)
		out->token = (uint64_t)s->seq << 32 | i;
	__atomic_store_n(&s->state, FP_SLOT_READ, __ATOMIC_RELEASE);
	if (s->reason == FP_UPCALL_ACTION)
		rte_ring_sp_enqueue_elem(lc->up->from_go, &i, sizeof(i));
	return true;
}

int fp_upcall_recv(struct fp *fp, struct fp_upcall *out, int n, uint8_t *buf, size_t size,
		   uint32_t snap)
{
	uint64_t bells;
	size_t used = 0;
	int got = 0;

	pthread_mutex_lock(&recv_lock);
	if (read(fp->upcall_fd, &bells, sizeof(bells)) < 0 && errno != EAGAIN && errno != EINTR) {
		int rc = -errno;

		pthread_mutex_unlock(&recv_lock);
		return rc;
	}
	__atomic_store_n(&fp->rung, 0, __ATOMIC_SEQ_CST);
	for (int k = 0; k < FP_MAX_LCORES && got < n; k++) {
		struct fp_lcore *lc = fp->lcores[(k + fp->recv_from) % FP_MAX_LCORES];
		uint32_t i;

		while (lc && got < n) {
			bool gone;

			// A slot that did not fit stays the first of the next call.
			if (lc->up_first)
				i = lc->up_first;
			else if (rte_ring_sc_dequeue_elem(lc->up->to_go, &i, sizeof(i)) != 0)
				break;
			lc->up_first = 0;
			if (!take(lc, i, &out[got], buf, size, &used, snap, &gone)) {
				lc->up_first = i;
				n = got;
				break;
			}
			got += !gone;
		}
	}
	fp->recv_from++;
	pthread_mutex_unlock(&recv_lock);
	return got;
}

int fp_upcalls_reset(struct fp_lcore *lc)
{
	struct fp_upcalls *fresh = fp_upcalls_new(lc->fp, lc->id, lc->socket), *old = lc->up;

	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&recv_lock);
	lc->up = fresh;
	lc->up_first = 0;
	pthread_mutex_unlock(&recv_lock);
	memset(lc->port_upcalls, 0, sizeof(lc->port_upcalls));
	fp_upcalls_free(lc, old);
	__atomic_store_n(&lc->c.held_packets, 0, __ATOMIC_RELAXED);
	return 0;
}

int fp_upcall_answer(struct fp *fp, struct fp_verdict *v, int n, const uint8_t *actions,
		     size_t actions_size)
{
	int done = 0;

	fp_command_collect(fp);
	for (int i = 0; i < n; i++) {
		struct fp_command c = { .kind = FP_COMMAND_VERDICT, .token = v[i].token };
		struct fp_lcore *lc = v[i].lcore < FP_MAX_LCORES ? fp->lcores[v[i].lcore] : NULL;

		c.verdict = v[i].kind;
		v[i].rc = -EINVAL;
		if (!lc || v[i].kind < FP_VERDICT_REINJECT || v[i].kind > FP_VERDICT_DROP)
			continue;
		if (v[i].kind == FP_VERDICT_EXECUTE) {
			if (v[i].act_ofs > actions_size ||
			    v[i].act_len > actions_size - v[i].act_ofs)
				continue;
			v[i].rc = fp_prog_get(fp->flows->progs, actions + v[i].act_ofs,
					      v[i].act_len, &c.prog, NULL);
			if (v[i].rc < 0)
				continue;
		}
		v[i].rc = fp_command_send(lc, &c);
		if (v[i].rc == 0)
			done++;
		else if (c.prog)
			fp_flow_retire_now(fp, c.prog);
	}
	return done;
}
