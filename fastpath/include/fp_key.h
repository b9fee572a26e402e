// The flow key and its mask.
//
// A key is five lines of 64 bytes. Line 0 holds what an IPv4 packet needs, also
// inside VXLAN once its tunnel endpoint has been interned to an id, so that the
// common case compares in one cache line. The other lines are for IPv6, for a
// tunnel that is not interned, for rare fields and for connection tracking;
// `lines` says which of them a key uses. A line that is not used counts as zeros.
//
// Two forms exist:
// - the full form, which Go and the masked table use: tun_ep and tun_tp_src are
//   zero and the tunnel's fields stand in the tunnel line;
// - the compact form, which only a lcore's exact-match cache uses: tun_ep is not
//   zero and stands for the whole tunnel line except the UDP source port.
//
// Fields named be* are in network byte order as they stand on the wire. A mask
// has the same layout; a set bit means that the bit is compared.
// internal/dp mirrors this layout in Go; a test in cgo/ holds the two together.
#ifndef FP_KEY_H
#define FP_KEY_H

#include <stdint.h>

#define FP_LINE_SIZE 64
#define FP_KEY_LINES 5
#define FP_KEY_SIZE (FP_LINE_SIZE * FP_KEY_LINES)

// Bytes of line 0 that are compared; the remaining eight are the cache's own.
#define FP_BASE_COMPARED 56

// Bits of fp_key_base.lines: the lines in use beside line 0.
enum fp_key_line {
	FP_LINE_IP6 = 1 << 0,
	FP_LINE_TUN = 1 << 1,
	FP_LINE_MISC = 1 << 2,
	FP_LINE_CT = 1 << 3,
};

// Bits of fp_key_base.ip_frag, as Open vSwitch's nw_frag.
enum {
	FP_FRAG_ANY = 1,
	FP_FRAG_LATER = 2,
};

// vlan_tci's "a tag is present" bit (the CFI bit, as Open vSwitch uses it).
#define FP_VLAN_CFI 0x1000

// eth_type of an 802.2 frame without SNAP, as Open vSwitch's FLOW_DL_TYPE_NONE.
#define FP_ETH_TYPE_NONE 0x05ff

// Bits of fp_key_tun.flags, as Open vSwitch's FLOW_TNL_F_*.
enum {
	FP_TUN_OAM = 1 << 0,
	FP_TUN_DF = 1 << 1,
	FP_TUN_CSUM = 1 << 2,
	FP_TUN_KEY = 1 << 3,
};

struct fp_key_base {
	uint32_t recirc_id; // host order
	uint16_t in_port;   // datapath port number, host order
	uint8_t lines;      // enum fp_key_line; never compared by a mask
	uint8_t zero0;
	uint32_t tun_ep;        // compact form only: id of the interned tunnel
	uint16_t be_tun_tp_src; // compact form only
	uint16_t zero1;
	uint8_t eth_dst[6];
	uint8_t eth_src[6];
	uint16_t be_eth_type; // the type behind all VLAN tags
	uint16_t be_vlan_tci; // 0: no tag; else with FP_VLAN_CFI set
	uint32_t be_ip_src;   // ARP: sender's address
	uint32_t be_ip_dst;   // ARP: target's address
	uint8_t ip_ttl;       // IPv6: hop limit
	uint8_t ip_proto;     // ARP: low byte of the opcode
	uint8_t ip_frag;
	uint8_t ip_tos;     // IPv6: traffic class; the order makes the loop's parser short
	uint16_t be_tp_src; // ICMP: type
	uint16_t be_tp_dst; // ICMP: code
	uint16_t be_tcp_flags;
	uint16_t be_vlan_tpid; // 0 without a tag
	uint32_t pkt_mark;     // host order
	uint64_t priv;         // cache's own; zero elsewhere
};

struct fp_key_ip6 {
	uint8_t src[16];
	uint8_t dst[16];
	uint32_t be_label; // 20 bits
	uint8_t nd_target[16];
	uint8_t nd_sll[6];
	uint8_t nd_tll[6];
};

struct fp_key_tun {
	uint8_t src[16]; // IPv4 as ::ffff:a.b.c.d
	uint8_t dst[16];
	uint64_t be_tun_id;
	uint16_t flags; // FP_TUN_*, host order
	uint8_t tos;
	uint8_t ttl;
	uint16_t be_tp_src;
	uint16_t be_tp_dst;
	uint16_t be_gbp_id;
	uint8_t gbp_flags;
	uint8_t gpe_flags;
	uint8_t gpe_np;
	uint8_t zero[11]; // place for ERSPAN and GTP-U
};

struct fp_key_misc {
	uint8_t arp_sha[6];
	uint8_t arp_tha[6];
	uint16_t be_cvlan_tpid; // the second VLAN tag
	uint16_t be_cvlan_tci;
	uint32_t be_mpls[3];
	uint32_t skb_priority; // host order
	uint32_t dp_hash;      // host order
	uint32_t be_packet_type;
	uint32_t be_nd_reserved;
	uint8_t nd_opt_type;
	uint8_t zero[19]; // place for IGMP and NSH
};

struct fp_key_ct {
	uint8_t state;
	uint8_t orig_proto;
	uint16_t zone; // host order
	uint32_t mark; // host order
	uint8_t label[16];
	uint8_t orig_src[16]; // IPv4 as ::ffff:a.b.c.d
	uint8_t orig_dst[16];
	uint16_t be_orig_tp_src;
	uint16_t be_orig_tp_dst;
	uint8_t zero[4];
};

struct fp_key {
	struct fp_key_base base;
	struct fp_key_ip6 ip6;
	struct fp_key_tun tun;
	struct fp_key_misc misc;
	struct fp_key_ct ct;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct fp_key_base) == FP_LINE_SIZE, "line 0 is one cache line");
_Static_assert(sizeof(struct fp_key_ip6) == FP_LINE_SIZE, "the IPv6 line is one cache line");
_Static_assert(sizeof(struct fp_key_tun) == FP_LINE_SIZE, "the tunnel line is one cache line");
_Static_assert(sizeof(struct fp_key_misc) == FP_LINE_SIZE, "the rare fields are one cache line");
_Static_assert(sizeof(struct fp_key_ct) == FP_LINE_SIZE, "the conntrack line is one cache line");
_Static_assert(sizeof(struct fp_key) == FP_KEY_SIZE, "a key has no padding between its lines");

#endif
