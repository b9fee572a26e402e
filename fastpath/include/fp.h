// fastpath: Skua's data plane, as cgo sees it.
//
// One struct fp per process holds ports, lcores, tables and upcalls. Functions
// return 0 (or a count) or -errno; those that take a struct fp_err also say what
// was asked, what was found and what to do. Nothing here calls back into Go.
//
// Threads: a lcore is a pinned pthread that runs the packet loop; the
// housekeeping lcore runs the same loop for kernel-facing ports, sleeps when they
// are idle, does their system calls and rings the upcall eventfd. All functions
// that change ports, lcores or tables, fp_upcall_answer and fp_packet_out are
// serialised by the caller (one writer).
// Functions marked "any thread" may run beside everything else.
//
// Ownership: packets never leave C. Buffers that the caller passes are read or
// filled within the call. Ids of flows are index + generation and never reused.
#ifndef FP_H
#define FP_H

#include <stddef.h>
#include <stdint.h>

#include "fp_action.h"
#include "fp_key.h"

struct fp;

#define FP_ERR_SIZE 512
#define FP_NAME_SIZE 64
#define FP_DEVARGS_SIZE 256
#define FP_MAX_PORTS 1024
#define FP_MAX_LCORES 32
#define FP_MAX_QUEUES 16
#define FP_NO_PORT 0xffff

struct fp_err {
	char text[FP_ERR_SIZE];
};

// ---- EAL -------------------------------------------------------------------

// Send DPDK's log lines to fd, one text line each, "<level>" in front where DPDK
// tells it (rte_log.h's numbers). Before fp_eal_init.
int fp_log_open(int fd, struct fp_err *err);
// Set DPDK's log level (1 EMERG .. 8 DEBUG) for a component pattern ("lib.eal", "*").
int fp_log_level(const char *pattern, uint32_t level);
// Start EAL with the given arguments (argv[0] included). Once per process. The
// calling thread becomes EAL's main lcore and must stay alive.
int fp_eal_init(int argc, char **argv, struct fp_err *err);
// Release EAL's memory and files.
int fp_eal_cleanup(void);
// Number of NUMA sockets with memory or lcores.
int fp_eal_sockets(void);
// TSC ticks per second.
uint64_t fp_tsc_hz(void);
// TSC now, to tell how long ago a used_tsc was.
uint64_t fp_tsc(void);
// DPDK's version text.
const char *fp_dpdk_version(void);

// ---- Context ---------------------------------------------------------------

struct fp_config {
	uint32_t max_flows;         // 0: 1048576; rounded up to a power of two
	uint32_t emc_entries;       // per lcore; 0: 65536; power of two
	uint32_t n_mbufs;           // per socket, at least 256; 0: 32768
	uint32_t mbuf_room;         // data bytes per mbuf without headroom; 0: 2048
	uint32_t max_masks;         // 0: 64
	uint32_t upcall_ring;       // upcalls outstanding per lcore; 0: 2048
	uint32_t upcall_timeout_ms; // 0: 5000
	int socket;                 // NUMA socket of the first mempool; -1: any
	int no_shortcut;            // 1: single-pass tunnel termination off
	char isa[16];               // "", "generic", "avx2", "avx512": force a build of the loop
};

int fp_open(const struct fp_config *cfg, struct fp **out, struct fp_err *err);
// Stop lcores, close ports, free everything. Returns the number of packet buffers
// that were not given back (0 when all is well) or -errno.
int fp_close(struct fp *fp);
// "generic", "avx2" or "avx512": the build of the loop in use.
const char *fp_isa(const struct fp *fp);
// Turn single-pass tunnel termination on (1) or off (0) while traffic passes.
int fp_set_shortcut(struct fp *fp, int on);
// Return once every lcore has gone through a whole loop turn. Any thread.
int fp_sync(struct fp *fp);

struct fp_memory {
	uint64_t mbufs_total, mbufs_in_use; // packet buffers, all sockets
	uint64_t mbuf_alloc_failed;
	uint64_t flow_bytes;  // flows, their key lines and their counters on all lcores
	uint64_t table_bytes; // hash tables and masks
	uint64_t prog_bytes;  // compiled actions
	uint64_t cache_bytes; // exact-match and tunnel caches, all lcores
	uint64_t flows, masks, progs;
};
int fp_memory(struct fp *fp, struct fp_memory *out); // any thread

// ---- Ports -----------------------------------------------------------------

enum fp_port_kind {
	FP_PORT_ETHDEV = 1, // DPDK device by devargs, or one that is already attached
	FP_PORT_KIF,        // kernel interface by name (packet socket with vnet headers)
	FP_PORT_TAP,        // tap made by Skua
	FP_PORT_TUNNEL,     // tunnel termination (vxlan); takes no packets itself
	FP_PORT_RING,       // pair of rings that fp_ring_* fill and drain: tests and tools
};

struct fp_port_spec {
	uint32_t kind;                       // enum fp_port_kind
	uint16_t no;                         // datapath port number asked for, FP_NO_PORT: any
	uint16_t n_rxq, n_txq, n_rxd, n_txd; // 0: default
	uint32_t mtu;                        // 0: leave
	uint32_t upcall_limit;               // outstanding upcalls; 0: default
	uint16_t tnl_udp_port;               // TUNNEL: destination port, host order
	uint16_t tnl_flags;                  // TUNNEL: FP_TNL_*
	char name[FP_NAME_SIZE];             // port's name; KIF, TAP: the interface's
	char devargs[FP_DEVARGS_SIZE];       // ETHDEV: "net_pcap0,rx_pcap=..." or "0000:03:00.0"
};

enum {
	FP_TNL_ANY_VNI = 1 << 0, // every VNI is terminated, else those of fp_tnl_vni
	FP_TNL_GBP = 1 << 1,     // group policy extension enabled
	FP_TNL_GPE = 1 << 2,     // generic protocol extension enabled (place only)
};

// Adds a port. Its rx queues are polled once fp_lcore_set_rxqs names them.
int fp_port_add(struct fp *fp, const struct fp_port_spec *spec, uint16_t *no, struct fp_err *err);
// Removes a port under load: its queues leave their lcores first, packets that
// are queued for it are dropped by name.
int fp_port_del(struct fp *fp, uint16_t no, struct fp_err *err);

struct fp_port_info {
	uint32_t kind;
	uint16_t no, n_rxq, n_txq;
	uint16_t tnl_udp_port;
	uint32_t mtu;
	uint8_t mac[6];
	uint8_t link_up, promisc;
	uint32_t link_mbps; // 0: unknown
	int socket;
	int ifindex; // 0: none
	char name[FP_NAME_SIZE];
	char driver[FP_NAME_SIZE];
	char devargs[FP_DEVARGS_SIZE];
};
int fp_port_info(struct fp *fp, uint16_t no, struct fp_port_info *out);
// Fills out with up to n port numbers in ascending order, returns how many exist.
int fp_port_list(struct fp *fp, uint16_t *out, int n);
int fp_port_set_mtu(struct fp *fp, uint16_t no, uint32_t mtu, struct fp_err *err);
int fp_port_set_mac(struct fp *fp, uint16_t no, const uint8_t mac[6], struct fp_err *err);
int fp_port_set_up(struct fp *fp, uint16_t no, int up, struct fp_err *err);
int fp_port_set_upcall_limit(struct fp *fp, uint16_t no, uint32_t limit);

struct fp_port_stats {
	uint64_t rx_packets, rx_bytes, rx_dropped, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_dropped, tx_errors;
	uint64_t upcalls, upcalls_lost; // misses handed to Go; refused by ring or limit
};
int fp_port_stats(struct fp *fp, uint16_t no, struct fp_port_stats *out); // any thread

// Terminate (on = 1) or stop terminating a VNI on a tunnel port without FP_TNL_ANY_VNI.
int fp_tnl_vni(struct fp *fp, uint16_t port, uint32_t vni, int on);

// FP_PORT_RING: hand n frames to the port as if received (whole frames, back to
// back in buf, lens[i] bytes each); returns how many were taken.
int fp_ring_inject(struct fp *fp, uint16_t port, const uint8_t *buf, const uint32_t *lens, int n);
// FP_PORT_RING: take up to n frames that were sent to the port.
int fp_ring_collect(struct fp *fp, uint16_t port, uint8_t *buf, size_t size, uint32_t *lens, int n);

// ---- Lcores ----------------------------------------------------------------

enum {
	FP_LCORE_HOUSEKEEPING = 1 << 0, // not pinned, sleeps, does kernel ports' system calls
};

struct fp_rxq {
	uint16_t port, queue;
};

// Starts a lcore on cpu (-1 with FP_LCORE_HOUSEKEEPING: anywhere). Exactly one
// housekeeping lcore must exist before a kernel-facing port is added.
int fp_lcore_start(struct fp *fp, int cpu, uint32_t flags, uint16_t *id, struct fp_err *err);
int fp_lcore_stop(struct fp *fp, uint16_t id);
// Replaces the lcore's list of receive queues; returns once the lcore uses the
// new list and no longer touches the old one. Traffic on the others goes on.
int fp_lcore_set_rxqs(struct fp *fp, uint16_t id, const struct fp_rxq *rxqs, int n,
		      struct fp_err *err);

#define FP_DROP_MAX 64 // room for drop counters

// Stages of the packet loop, in the order of a packet's way.
enum fp_stage {
	FP_STAGE_RX = 0,
	FP_STAGE_PARSE,
	FP_STAGE_CLASSIFY,
	FP_STAGE_ACT, // without sending
	FP_STAGE_TX,
	FP_N_STAGES
};

struct fp_lcore_stats {
	uint16_t id;
	uint16_t housekeeping;
	int32_t cpu, socket;
	uint64_t rx_packets, rx_batches, tx_packets, tx_batches;
	uint64_t emc_hits, masked_hits, masked_visits; // masked_visits: masks looked at
	uint64_t misses, upcalls_sent, upcalls_lost;
	uint64_t recirculations, shortcut_pops;
	uint64_t busy_cycles, idle_cycles, turns, sleeps;
	uint64_t held_packets; // waiting for an upcall's answer now
	// Of lcore 0 with those of the writer: packets that were queued when their port went.
	uint64_t drops[FP_DROP_MAX];
	// Cycles of each stage in sampled bursts (one of FP_SAMPLE_BURSTS polls), and the
	// packets of those bursts. The time stamps themselves cost about 1 cycle a packet
	// there; a burst of over 200 us, in which the thread lost its CPU, does not count.
	uint64_t stage_cycles[FP_N_STAGES];
	uint64_t stage_packets;
};

// A prime, so that every queue of a list has its turn.
#define FP_SAMPLE_BURSTS 257
// Snapshot by relaxed loads. Any thread.
int fp_lcore_stats(struct fp *fp, uint16_t id, struct fp_lcore_stats *out);
int fp_lcore_list(struct fp *fp, uint16_t *out, int n);

// Name and explanation of drop reason i, NULL past the last.
const char *fp_drop_name(int i);
const char *fp_drop_text(int i);

// ---- Flows -----------------------------------------------------------------

enum {
	FP_PUT_CREATE = 1 << 0, // refuse (-EEXIST) if a flow with this masked key exists
	FP_PUT_MODIFY = 1 << 1, // refuse (-ENOENT) if none exists; neither bit: either
	FP_PUT_NARROW = 1 << 2, // key is a packet's whole key: when the masks are used up
				// take a mask in use that compares more bits
	FP_PUT_ZERO_STATS = 1 << 3,
};

struct fp_flow_put {
	struct fp_key key, mask;   // out with FP_PUT_NARROW: mask is the one taken
	uint64_t id;               // out: the flow's id
	uint32_t flags;            // FP_PUT_*
	uint32_t act_ofs, act_len; // where its actions stand in the call's buffer
	int32_t rc;                // out: 0 or -errno of this flow
};

// Puts n flows, all-or-nothing each; rc per flow. Returns how many succeeded, or
// -errno if the call itself was wrong; err then names the first failure's cause.
int fp_flow_put(struct fp *fp, struct fp_flow_put *flows, int n, const uint8_t *actions,
		size_t actions_size, struct fp_err *err);

struct fp_flow_stats {
	uint64_t packets, bytes;
	uint64_t used_tsc;  // 0: never; TSC of the last packet
	uint16_t tcp_flags; // or of all, host order
	uint16_t zero;
	int32_t rc; // 0 or -ENOENT
};

// Removes flows; when the call returns no lcore uses them and final (n records,
// may be NULL) has their last counts. Returns how many were removed.
int fp_flow_del(struct fp *fp, const uint64_t *ids, int n, struct fp_flow_stats *final);
// Counts of n flows. Any thread that does not run beside fp_flow_del.
int fp_flow_stats(struct fp *fp, const uint64_t *ids, int n, struct fp_flow_stats *out);
// Number of flows.
uint32_t fp_flow_count(struct fp *fp);

struct fp_mask_info {
	uint32_t id, flows;
	uint64_t hits;
};
// Masks in the order in which packets visit them.
int fp_mask_list(struct fp *fp, struct fp_mask_info *out, int n);

// ---- Upcalls ---------------------------------------------------------------

enum fp_upcall_reason {
	FP_UPCALL_MISS = 1,
	FP_UPCALL_ACTION = 2,
};

struct fp_upcall {
	struct fp_key key; // whole key, full form
	uint64_t token;    // names the held packets of a miss; 0 for FP_UPCALL_ACTION
	uint16_t lcore;
	uint16_t in_port;
	uint32_t reason;
	uint32_t pid; // of the userspace action
	uint32_t hash;
	uint32_t pkt_len;           // of the packet
	uint32_t cap_len, data_ofs; // copied bytes and where they start in the call's buffer
	uint32_t cookie_len, cookie_ofs;
};

// eventfd that becomes readable when upcalls wait.
int fp_upcall_fd(struct fp *fp);
// Takes up to n upcalls, packet bytes (at most snap each) and cookies into buf.
// Packets of one flow come in order: the first packet of a flow is handed out, the
// ones behind it are held until the answer. Any one thread at a time.
int fp_upcall_recv(struct fp *fp, struct fp_upcall *out, int n, uint8_t *buf, size_t size,
		   uint32_t snap);

enum fp_verdict_kind {
	FP_VERDICT_REINJECT = 1, // classify the held packets again, in order
	FP_VERDICT_EXECUTE,      // run these actions on the held packets, in order
	FP_VERDICT_DROP,
};

struct fp_verdict {
	uint64_t token;
	uint16_t lcore;
	uint16_t kind;             // enum fp_verdict_kind
	uint32_t act_ofs, act_len; // EXECUTE
	int32_t rc;                // out: 0 or -errno
};
// Answers n misses. Every miss must be answered once; what is not answered in
// time is dropped as upcall_timeout.
int fp_upcall_answer(struct fp *fp, struct fp_verdict *v, int n, const uint8_t *actions,
		     size_t actions_size);

struct fp_packet_out {
	uint16_t in_port; // metadata of the packet
	uint16_t zero;
	uint32_t recirc_id;
	uint32_t data_ofs, data_len;
	uint32_t act_ofs, act_len; // act_len 0: classify the packet as if received
	int32_t rc;                // out
};
// Runs actions on packets that Go made, on the housekeeping lcore (or the first
// lcore where there is none), in order. Returns how many were taken.
int fp_packet_out(struct fp *fp, struct fp_packet_out *p, int n, const uint8_t *buf, size_t size);

#endif
