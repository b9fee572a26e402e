// Actions as Go hands them over: a flat list of records, each a header and a
// body, each a multiple of four bytes long and naturally aligned. fp_flow_put
// and fp_packet_out check every length and compile the list to a program; no
// record outlives the call. An empty list drops (drop reason flow_drop).
//
// A set action carries a value and a mask for a whole header; only bits whose
// mask bit is set change. Checksums are patched (RFC 1624); a UDP checksum of
// zero stays zero.
#ifndef FP_ACTION_H
#define FP_ACTION_H

#include <stdint.h>

enum fp_act_type {
	FP_ACT_OUTPUT = 1,   // struct fp_act_u32: datapath port
	FP_ACT_PUSH_VLAN,    // struct fp_act_push_vlan
	FP_ACT_POP_VLAN,     // header only
	FP_ACT_SET_ETH,      // struct fp_act_set_eth
	FP_ACT_SET_IPV4,     // struct fp_act_set_ipv4
	FP_ACT_SET_IPV6,     // struct fp_act_set_ipv6
	FP_ACT_SET_TP,       // struct fp_act_set_tp: TCP or UDP ports
	FP_ACT_SET_ICMP,     // struct fp_act_set_icmp: ICMP or ICMPv6
	FP_ACT_SET_ARP,      // struct fp_act_set_arp
	FP_ACT_SET_ND,       // struct fp_act_set_nd
	FP_ACT_SET_MARK,     // struct fp_act_set_u32
	FP_ACT_SET_PRIORITY, // struct fp_act_set_u32
	FP_ACT_TNL_PUSH,     // struct fp_act_tnl_push
	FP_ACT_TNL_POP,      // struct fp_act_u32: tunnel port
	FP_ACT_RECIRC,       // struct fp_act_u32: recirculation id
	FP_ACT_USERSPACE,    // struct fp_act_userspace
	FP_ACT_DROP,         // header only: explicit drop; ends the list
	FP_ACT_CLONE,        // header, then a nested list that runs on a copy of the packet
};

struct fp_act_hdr {
	uint16_t type; // enum fp_act_type
	uint16_t len;  // bytes with this header, a multiple of 4
};

struct fp_act_u32 {
	struct fp_act_hdr h;
	uint32_t value;
};

struct fp_act_push_vlan {
	struct fp_act_hdr h;
	uint16_t be_tpid;
	uint16_t be_tci; // with FP_VLAN_CFI set
};

struct fp_act_set_eth {
	struct fp_act_hdr h;
	uint8_t dst[6], src[6]; // in the order of the wire
	uint8_t dst_mask[6], src_mask[6];
};

struct fp_act_set_ipv4 {
	struct fp_act_hdr h;
	uint32_t be_src, be_dst, be_src_mask, be_dst_mask;
	uint8_t tos, ttl, tos_mask, ttl_mask;
};

struct fp_act_set_ipv6 {
	struct fp_act_hdr h;
	uint8_t src[16], dst[16], src_mask[16], dst_mask[16];
	uint32_t be_label, be_label_mask;
	uint8_t tclass, hlimit, tclass_mask, hlimit_mask;
};

struct fp_act_set_tp {
	struct fp_act_hdr h;
	uint8_t proto; // 6 or 17; packets of another protocol stay as they are
	uint8_t zero[3];
	uint16_t be_src, be_dst, be_src_mask, be_dst_mask;
};

struct fp_act_set_icmp {
	struct fp_act_hdr h;
	uint8_t type, code, type_mask, code_mask;
	uint8_t v6; // 1: ICMPv6
	uint8_t zero[3];
};

struct fp_act_set_arp {
	struct fp_act_hdr h;
	uint32_t be_sip, be_tip, be_sip_mask, be_tip_mask;
	uint16_t be_op, be_op_mask;
	uint8_t sha[6], tha[6], sha_mask[6], tha_mask[6];
};

struct fp_act_set_nd {
	struct fp_act_hdr h;
	uint8_t target[16], target_mask[16];
	uint8_t sll[6], tll[6], sll_mask[6], tll_mask[6];
};

struct fp_act_set_u32 {
	struct fp_act_hdr h;
	uint32_t value, mask;
};

#define FP_TNL_HDR_MAX 128 // longest prebuilt outer header

enum fp_tnl_type {
	FP_TNL_VXLAN = 4, // OVS_VPORT_TYPE_VXLAN, as flow text shows it
};

// Puts an outer header in front of the packet; as in Open vSwitch the actions
// behind it (an output, usually) go on with the encapsulated packet and out_port
// is information for people only. header is the whole outer header, Ethernet to
// VXLAN, with the lengths, the UDP source port and checksums zero; the data path
// fills them. A UDP checksum that is not zero asks for one (Open vSwitch's
// udp(csum=...)). UDP source port: from the inner packet's 5-tuple hash (RFC 7348
// section 5), 32768 to 61000.
struct fp_act_tnl_push {
	struct fp_act_hdr h;
	uint32_t tnl_port;
	uint32_t out_port;
	uint16_t tnl_type;   // enum fp_tnl_type
	uint16_t header_len; // bytes used of header, at most FP_TNL_HDR_MAX
	uint8_t header[];    // padded to a multiple of 4
};

// The packet is handed to Go with reason FP_UPCALL_ACTION; the cookie comes
// back verbatim. The actions behind it go on with the packet.
struct fp_act_userspace {
	struct fp_act_hdr h;
	uint32_t pid;
	uint16_t cookie_len; // bytes, at most FP_COOKIE_MAX
	uint16_t zero;
	uint8_t cookie[]; // padded to a multiple of 4
};

#define FP_COOKIE_MAX 64

#endif
