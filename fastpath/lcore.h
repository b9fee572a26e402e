// A lcore: its receive queues, its caches, its transmit buffers, its counters.
//
// Everything here belongs to the lcore's own thread unless a group says otherwise;
// groups with different writers stand on cache lines of their own.
#ifndef FP_LCORE_H
#define FP_LCORE_H

#include <pthread.h>
#include <stdbool.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "drop.h"
#include "flow.h"
#include "fp_internal.h"
#include "port.h"

#define FP_BURST 32
#define FP_RECIRC_MAX 6 // lookups of one packet behind the first, as Open vSwitch
#define FP_BATCH_AHEAD 4
#define FP_TX_BURST 32
#define FP_HANDOFF_RING 2048
#define FP_COMMAND_RING 4096
#define FP_TERM_ENTRIES 4096 // tunnel termination cache, per lcore
#define FP_WIDE_ENTRIES 8192 // exact-match cache for keys of more than one line

// A receive queue in a lcore's list. pump: the housekeeping lcore reads a kernel
// port's device for the pinned lcore that polls its ring.
struct fp_rx_entry {
	struct fp_port *port;
	uint16_t no, queue;
	bool pump;
};

struct fp_rx_list {
	int n;
	uint32_t serial; // differs from list to list
	struct fp_rx_entry rx[];
};

struct fp_tx_buffer {
	struct fp_port *port; // as of the first packet of this turn
	uint32_t max_frame;   // of port; 0 before the first packet, so that none passes
	uint16_t n;
	struct rte_mbuf *m[FP_TX_BURST];
};

// Exact-match cache entry for keys of several lines.
struct fp_wide {
	uint64_t priv; // flow index | generation << 32
	uint64_t hash;
	uint64_t zero[6];
	struct fp_key key;
};

struct fp_term;
struct fp_term_table;
struct fp_upcalls;

// Counters: written by the lcore, read by others with relaxed loads.
struct fp_lcore_counters {
	uint64_t rx_packets, rx_batches, tx_packets, tx_batches;
	uint64_t emc_hits, masked_hits, masked_visits;
	uint64_t misses, upcalls_sent, upcalls_lost;
	uint64_t recirculations, shortcut_pops;
	uint64_t busy_cycles, idle_cycles, turns, sleeps;
	uint64_t held_packets;
	uint64_t drops[FP_N_DROPS];
	uint64_t stage_cycles[FP_N_STAGES], stage_packets;
};

struct fp_batch {
	struct fp_key_base key[FP_BURST] __attribute__((aligned(64)));
	struct rte_mbuf *m[FP_BURST + FP_BATCH_AHEAD]; // the last one again behind the last
	struct fp_key_base *set[FP_BURST]; // where the exact-match cache would have the key
	uint32_t hash[FP_BURST];           // of a wide key
	uint32_t flow_hash[FP_BURST];      // of the 5-tuple, where the whole parser ran
	uint64_t priv[FP_BURST];           // flow index | generation << 32; 0: not in a cache
	struct fp_term *term[FP_BURST];    // the tunnel that was taken off, or NULL
	uint32_t slow; // bit a packet: the whole parser took it; flow_hash is set
	uint32_t wide; // the key has more lines, in fp_lcore.wide_key
	bool cut;      // term is set
};

struct fp_lcore {
	// Read by the lcore, written by the writer while it does not run.
	struct fp *fp;
	uint16_t id;
	bool housekeeping;
	int cpu, socket;
	uint32_t emc_mask; // of byte offsets of sets of two
	struct fp_key_base *emc;
	struct fp_wide *wide;
	struct fp_count *counts; // by flow index
	struct fp_flow_table *table;
	struct rte_mempool *pool;
	struct fp_term_table *term;
	struct fp_upcalls *up;
	void (*run)(struct fp_lcore *);
	uint64_t now; // TSC at the start of the turn
	uint32_t emc_turn;
	uint32_t unsampled; // polls since the last one that was timed
	bool sampling;      // this burst's stages are timed
	uint64_t sample[FP_N_STAGES];
	uint32_t between_turns; // busy turns between looks at commands
	uint32_t up_first;      // Go's: slot that did not fit its last receive
	uint16_t n_tx_active;
	uint16_t tx_active[FP_MAX_PORTS];
	struct fp_lcore_counters c __attribute__((aligned(64)));
	uint64_t mask_hits[FP_MAX_MASKS];
	struct fp_batch batch;
	struct fp_key wide_key[FP_BURST];
	struct fp_tx_buffer tx[FP_MAX_PORTS];
	uint16_t port_upcalls[FP_MAX_PORTS]; // outstanding
	uint64_t port_upcalls_sent[FP_MAX_PORTS], port_upcalls_lost[FP_MAX_PORTS];
	uint64_t port_tx_dropped[FP_MAX_PORTS];

	// Written by the writer, read by the lcore.
	struct fp_rx_list *rxqs __attribute__((aligned(64))); // RCU
	uint32_t stop;
	uint32_t shortcut;
	uint32_t term_epoch; // changes when tunnel terminations must be learnt again

	// Rings: producer and consumer as their names say.
	struct rte_ring *handoff
		__attribute__((aligned(64))); // this lcore -> lcore 0: packets to send
	struct rte_ring *commands;            // writer -> this lcore: struct fp_command
	struct rte_ring *garbage;             // this lcore -> writer: programs to give back

	// The housekeeping lcore's.
	int epoll_fd;
	uint32_t epoll_serial; // of the list whose descriptors epoll_fd holds
	uint64_t idle_since;   // TSC; 0: not idle
	uint32_t idle_turns;

	bool running; // the writer's
	pthread_t thread;
	int start_rc; // 1: starting, 0: runs, < 0: failed; under start_lock
	pthread_mutex_t start_lock;
	pthread_cond_t start_cond;
};

// The exact-match cache's set for a hash.
static inline struct fp_key_base *fp_emc_set(const struct fp_lcore *lc, uint32_t hash)
{
	return (struct fp_key_base *)(void *)((uint8_t *)lc->emc + (hash & lc->emc_mask));
}

static inline void fp_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// Frees a packet under a name.
static inline void fp_drop(struct fp_lcore *lc, struct rte_mbuf *m, enum fp_drop why)
{
	fp_add(&lc->c.drops[why], 1);
	rte_pktmbuf_free(m);
}

// The loop, one build per ISA.
void fp_loop_generic(struct fp_lcore *lc);
void fp_loop_avx2(struct fp_lcore *lc);
void fp_loop_avx512(struct fp_lcore *lc);

// Sets the loop's build from the configuration and the CPU: the ISA's name, or
// NULL with the cause in err.
const char *fp_isa_pick(const char *asked, void (**run)(struct fp_lcore *), struct fp_err *err);

void fp_lcore_clear_mask(struct fp_lcore *lc, uint16_t mask);
uint64_t fp_lcore_mask_hits(const struct fp_lcore *lc, uint16_t mask);

// Between bursts: commands, handed-over packets, upcall timeouts, the doorbell.
// Returns how much it did.
uint32_t fp_lcore_between(struct fp_lcore *lc);
// An idle turn of the housekeeping lcore: sleeps until something happens.
void fp_lcore_idle(struct fp_lcore *lc);

// One packet the long way: whole parse, caches or masked table, actions.
struct fp_md;
void fp_packet_slow(struct fp_lcore *lc, struct rte_mbuf *m, const struct fp_md *md);

#endif
