// Running actions on one packet, the interpreted way.
#ifndef FP_EXEC_H
#define FP_EXEC_H

#include "lcore.h"
#include "md.h"

// Runs a program on a packet; takes the packet. md is the packet's metadata as of
// the lookup and may change on the way.
void fp_exec(struct fp_lcore *lc, const struct fp_prog *prog, struct rte_mbuf *m, struct fp_md *md);

// Rewrites: apply to the packet as it stands, or change nothing.
void fp_act_set_eth(struct rte_mbuf *m, const struct fp_act_set_eth *a);
void fp_act_set_ipv4(struct rte_mbuf *m, const struct fp_act_set_ipv4 *a);
void fp_act_set_ipv6(struct rte_mbuf *m, const struct fp_act_set_ipv6 *a);
void fp_act_set_tp(struct rte_mbuf *m, const struct fp_act_set_tp *a);
void fp_act_set_icmp(struct rte_mbuf *m, const struct fp_act_set_icmp *a);
void fp_act_set_arp(struct rte_mbuf *m, const struct fp_act_set_arp *a);
void fp_act_set_nd(struct rte_mbuf *m, const struct fp_act_set_nd *a);
void fp_act_pop_vlan(struct rte_mbuf *m);
int fp_act_push_vlan(struct rte_mbuf *m, const struct fp_act_push_vlan *a); // 0 or -1: no room

// Puts a tunnel's outer header in front of a packet that has no pending work.
// flow_hash is the packet's (fp_key_flow_hash). FP_N_DROPS: done; else why not, and
// the packet stays the caller's.
enum fp_drop fp_push(struct rte_mbuf *m, const struct fp_push *push, uint32_t flow_hash);

// Takes the outer headers off. FP_N_DROPS: done, md is the inner packet's, hdr_len
// bytes lie in front of it; else why not, and the packet stays the caller's.
enum fp_drop fp_pop(struct fp_lcore *lc, struct rte_mbuf *m, uint16_t tnl_port, struct fp_md *md,
		    uint32_t *hdr_len);

// ECN decapsulation (RFC 6040, as Linux does it). False: the packet must be dropped.
bool fp_ecn_decap(struct rte_mbuf *m, uint8_t outer);

// Whether the outer UDP checksum of a packet is right or need not be checked; udp
// is its offset, len what the UDP header says.
bool fp_udp_csum_ok(const struct rte_mbuf *m, uint32_t l3, uint32_t udp, uint32_t len, bool v6);

#endif
