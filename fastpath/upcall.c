// Upcalls: the lcore's side.
#include "upcall.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "arena.h"
#include "exec.h"
#include "mbuf_next.h"
#include "parse.h"
#include "slow.h"

#define QUEUE_MAX 64   // packets held for one key
#define ATTEMPTS_MAX 4 // answers after which a packet that misses again is dropped
#define SCAN 32        // slots that one tidy looks at

static struct rte_ring *ring(uint16_t lcore, const char *what, const void *of, unsigned int n,
			     int socket)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "fp%u%s%x", lcore, what, (uint32_t)(uintptr_t)of);
	return rte_ring_create_elem(name, 4, n, socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

struct fp_upcalls *fp_upcalls_new(struct fp *fp, uint16_t lcore, int socket)
{
	struct fp_upcalls *u = calloc(1, sizeof(*u));
	uint32_t n = fp->cfg.upcall_ring;

	if (!u)
		return NULL;
	u->n_slots = n;
	u->bucket_mask = rte_align32pow2(n) * 2 - 1;
	u->held_max = fp->cfg.n_mbufs / 4;
	u->timeout = rte_get_tsc_hz() / 1000 * fp->cfg.upcall_timeout_ms;
	u->slots = fp_arena_new((size_t)n * sizeof(struct fp_slot));
	u->buckets = calloc(u->bucket_mask + 1, sizeof(*u->buckets));
	u->to_go = ring(lcore, "up", u, rte_align32pow2(n + 1), socket);
	u->from_go = ring(lcore, "down", u, rte_align32pow2(n + 1), socket);
	if (!u->slots || !u->buckets || !u->to_go || !u->from_go) {
		fp_upcalls_free(NULL, u);
		return NULL;
	}
	return u;
}

void fp_upcalls_free(struct fp_lcore *lc, struct fp_upcalls *u)
{
	if (!u)
		return;
	for (uint32_t i = 0; u->slots && i < u->n_used; i++) {
		struct rte_mbuf *m = u->slots[i].head;

		while (m) {
			struct rte_mbuf *next = *fp_mbuf_next(m);

			fp_drop(lc, m, FP_DROP_STOPPED);
			m = next;
		}
	}
	fp_arena_free(u->slots, (size_t)u->n_slots * sizeof(struct fp_slot));
	free(u->buckets);
	rte_ring_free(u->to_go);
	rte_ring_free(u->from_go);
	free(u);
}

static uint32_t slot_new(struct fp_upcalls *u)
{
	uint32_t i = u->free_head;

	if (i) {
		u->free_head = u->slots[i - 1].next;
		return i;
	}
	return u->n_used < u->n_slots ? ++u->n_used : 0;
}

static void slot_free(struct fp_lcore *lc, uint32_t i)
{
	struct fp_upcalls *u = lc->up;
	struct fp_slot *s = &u->slots[i - 1];

	lc->port_upcalls[s->key.base.in_port % FP_MAX_PORTS]--;
	s->head = s->tail = NULL;
	s->n = 0;
	s->seq++;
	s->next = u->free_head;
	u->free_head = i;
	__atomic_store_n(&s->state, FP_SLOT_FREE, __ATOMIC_RELEASE);
}

static void key_copy(struct fp_key *to, const struct fp_key *from)
{
	to->base = from->base;
	for (int n = 1; n < FP_KEY_LINES; n++) {
		uint8_t *t = (uint8_t *)to + n * FP_LINE_SIZE;

		if (from->base.lines & (1 << (n - 1)))
			memcpy(t, (const uint8_t *)from + n * FP_LINE_SIZE, FP_LINE_SIZE);
		else
			memset(t, 0, FP_LINE_SIZE);
	}
}

static bool key_same(const struct fp_key *a, const struct fp_key *b)
{
	if (a->base.lines != b->base.lines || memcmp(&a->base, &b->base, FP_BASE_COMPARED) != 0)
		return false;
	for (int n = 1; n < FP_KEY_LINES; n++) {
		if ((a->base.lines & (1 << (n - 1))) &&
		    memcmp((const uint8_t *)a + n * FP_LINE_SIZE,
			   (const uint8_t *)b + n * FP_LINE_SIZE, FP_LINE_SIZE) != 0)
			return false;
	}
	return true;
}

static void hold(struct fp_lcore *lc, struct fp_slot *s, struct rte_mbuf *m)
{
	*fp_mbuf_next(m) = NULL;
	if (s->tail)
		*fp_mbuf_next(s->tail) = m;
	else
		s->head = m;
	s->tail = m;
	s->n++;
	fp_add(&lc->c.held_packets, 1);
}

bool fp_upcall_join(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
		    const struct fp_md *md)
{
	struct fp_upcalls *u = lc->up;
	uint32_t hash = fp_key_hash(key);

	for (uint32_t i = u->buckets[hash & u->bucket_mask]; i; i = u->slots[i - 1].next) {
		struct fp_slot *s = &u->slots[i - 1];

		if (s->hash != hash || !key_same(&s->key, key))
			continue;
		s->md.depth = RTE_MAX(s->md.depth, md->depth);
		if (s->n >= QUEUE_MAX || lc->c.held_packets >= u->held_max)
			fp_drop(lc, m, FP_DROP_UPCALL_QUEUE);
		else
			hold(lc, s, m);
		return true;
	}
	return false;
}

// Counts and drops an upcall that cannot be made.
static void lose(struct fp_lcore *lc, struct rte_mbuf *m, uint16_t port, enum fp_drop why)
{
	fp_add(&lc->c.upcalls_lost, 1);
	fp_add(&lc->port_upcalls_lost[port], 1);
	fp_drop(lc, m, why);
}

// Takes a slot for a packet and puts it into the ring to Go; 0: refused and dropped.
static uint32_t send_up(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
			const struct fp_md *md, uint32_t reason)
{
	struct fp_upcalls *u = lc->up;
	uint16_t no = key->base.in_port % FP_MAX_PORTS;
	const struct fp_port *port = fp_port_get(lc->fp, no);
	uint32_t limit = port && port->upcall_limit ? port->upcall_limit : u->n_slots / 4;

	if (lc->port_upcalls[no] >= limit) {
		lose(lc, m, no, FP_DROP_UPCALL_LIMIT);
		return 0;
	}
	uint32_t i = lc->c.held_packets < u->held_max ? slot_new(u) : 0;

	if (!i) {
		lose(lc, m, no, FP_DROP_UPCALL_LOST);
		return 0;
	}
	struct fp_slot *s = &u->slots[i - 1];

	key_copy(&s->key, key);
	s->md = *md;
	s->reason = reason;
	s->hash = fp_key_hash(key);
	s->flow_hash = fp_key_flow_hash(key);
	s->born = lc->now;
	s->cookie_len = 0;
	s->pid = 0;
	lc->port_upcalls[no]++;
	hold(lc, s, m);
	fp_add(&lc->c.upcalls_sent, 1);
	fp_add(&lc->port_upcalls_sent[no], 1);
	return i;
}

// Publishes a filled slot. The ring has room for every slot.
static void publish(struct fp_upcalls *u, uint32_t i)
{
	__atomic_store_n(&u->slots[i - 1].state, FP_SLOT_QUEUED, __ATOMIC_RELEASE);
	rte_ring_sp_enqueue_elem(u->to_go, &i, sizeof(i));
}

// Counts a pending miss that the tunnel short cut could overtake.
static void count_udp(struct fp_upcalls *u, const struct fp_key *key, int n)
{
	const struct fp_key_base *b = &key->base;

	if (b->ip_proto == 17 && !b->recirc_id && !(b->lines & FP_LINE_TUN))
		u->pending_udp[fp_upcall_udp_bucket(b->in_port, b->be_tp_dst)] += (uint16_t)n;
}

void fp_upcall_miss(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_key *key,
		    const struct fp_md *md)
{
	struct fp_upcalls *u = lc->up;

	if (md->attempts >= ATTEMPTS_MAX) {
		fp_drop(lc, m, FP_DROP_UPCALL_LOOP);
		return;
	}
	uint32_t i = send_up(lc, m, key, md, FP_UPCALL_MISS);

	if (!i)
		return;
	struct fp_slot *s = &u->slots[i - 1];
	uint32_t *bucket = &u->buckets[s->hash & u->bucket_mask];

	s->next = *bucket;
	*bucket = i;
	u->n_pending++;
	count_udp(u, &s->key, 1);
	publish(u, i);
}

void fp_upcall_action(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_md *md,
		      const struct fp_act_userspace *a)
{
	struct fp_key key __attribute__((aligned(64)));

	if (fp_parse_full(m, md, &key, NULL) < 0) {
		fp_drop(lc, m, FP_DROP_ETH_TRUNCATED);
		return;
	}
	uint32_t i = send_up(lc, m, &key, md, FP_UPCALL_ACTION);

	if (!i)
		return;
	struct fp_slot *s = &lc->up->slots[i - 1];

	s->pid = a->pid;
	s->cookie_len = a->cookie_len;
	memcpy(s->cookie, a->cookie, a->cookie_len);
	publish(lc->up, i);
}

static void unlink_slot(struct fp_upcalls *u, uint32_t i)
{
	uint32_t *at = &u->buckets[u->slots[i - 1].hash & u->bucket_mask];

	while (*at != i)
		at = &u->slots[*at - 1].next;
	*at = u->slots[i - 1].next;
	u->n_pending--;
	count_udp(u, &u->slots[i - 1].key, -1);
}

// Takes the packets out of a slot and gives the slot back.
static struct rte_mbuf *empty(struct fp_lcore *lc, uint32_t i, struct fp_md *md)
{
	struct fp_slot *s = &lc->up->slots[i - 1];
	struct rte_mbuf *m = s->head;

	*md = s->md;
	__atomic_store_n(&lc->c.held_packets, lc->c.held_packets - s->n, __ATOMIC_RELAXED);
	if (s->reason == FP_UPCALL_MISS)
		unlink_slot(lc->up, i);
	slot_free(lc, i);
	return m;
}

void fp_upcall_answered(struct fp_lcore *lc, uint64_t token, enum fp_verdict_kind kind,
			const struct fp_prog *prog)
{
	struct fp_upcalls *u = lc->up;
	uint32_t i = (uint32_t)token;
	struct fp_slot *s = i && i <= u->n_used ? &u->slots[i - 1] : NULL;
	uint32_t read = FP_SLOT_READ;
	struct fp_md md;

	if (!s || s->seq != (uint32_t)(token >> 32) || s->reason != FP_UPCALL_MISS ||
	    !__atomic_compare_exchange_n(&s->state, &read, FP_SLOT_FREE, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return; // it timed out before
	struct rte_mbuf *m = empty(lc, i, &md);

	md.attempts++;
	while (m) {
		struct rte_mbuf *next = *fp_mbuf_next(m);
		struct fp_md own = md;

		if (kind == FP_VERDICT_REINJECT)
			fp_packet_slow(lc, m, &own);
		else if (kind == FP_VERDICT_EXECUTE)
			fp_exec(lc, prog, m, &own);
		else
			fp_drop(lc, m, FP_DROP_UPCALL_VERDICT);
		m = next;
	}
}

// Drops a slot's packets if nobody reads them now.
static void expire(struct fp_lcore *lc, uint32_t i)
{
	struct fp_slot *s = &lc->up->slots[i - 1];
	uint32_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
	struct fp_md md;

	if (state != FP_SLOT_QUEUED && state != FP_SLOT_READ)
		return;
	if (!__atomic_compare_exchange_n(&s->state, &state, FP_SLOT_FREE, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	struct rte_mbuf *m = empty(lc, i, &md);

	while (m) {
		struct rte_mbuf *next = *fp_mbuf_next(m);

		fp_drop(lc, m, FP_DROP_UPCALL_TIMEOUT);
		m = next;
	}
}

void fp_upcall_tidy(struct fp_lcore *lc)
{
	struct fp_upcalls *u = lc->up;
	struct fp_md md;
	uint32_t i;

	while (rte_ring_sc_dequeue_elem(u->from_go, &i, sizeof(i)) == 0) {
		struct rte_mbuf *m = empty(lc, i, &md);

		rte_pktmbuf_free(m); // delivered: no drop
	}
	for (uint32_t n = 0; n < SCAN && n < u->n_used; n++) {
		if (++u->scan > u->n_used)
			u->scan = 1;
		const struct fp_slot *s = &u->slots[u->scan - 1];

		if (__atomic_load_n(&s->state, __ATOMIC_RELAXED) != FP_SLOT_FREE &&
		    lc->now - s->born > u->timeout)
			expire(lc, u->scan);
	}
}

bool fp_upcall_waiting(const struct fp_lcore *lc)
{
	return rte_ring_count(lc->up->to_go) != 0;
}
