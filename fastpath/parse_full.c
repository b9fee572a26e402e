// The parser for every packet. Each function reads one layer, after checking that
// it lies within both the frame's first segment and what the layer around allows.
#include <rte_byteorder.h>

#include "parse.h"

#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TYPE_IP4 0x0800
#define TYPE_IP6 0x86dd
#define TYPE_ARP 0x0806
#define TYPE_RARP 0x8035

struct cursor {
	const uint8_t *p; // the frame's first byte
	uint32_t at;      // of the next header
	uint32_t end;     // of what the layers so far allow
	uint32_t have;    // readable bytes: of the first segment
};

static bool has(const struct cursor *c, uint32_t n)
{
	return c->at + n <= c->end && c->at + n <= c->have;
}

static uint32_t left(const struct cursor *c)
{
	return c->end - c->at;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)fp_load_be16(p);
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

// The rare fields' line, zeroed when it is first used.
static struct fp_key_misc *misc(struct fp_key *key)
{
	if (!(key->base.lines & FP_LINE_MISC)) {
		key->base.lines |= FP_LINE_MISC;
		memset(&key->misc, 0, sizeof(key->misc));
	}
	return &key->misc;
}

static void parse_tags(struct cursor *c, struct fp_key *key)
{
	for (int n = 0; n < 2; n++) {
		const uint8_t *p = c->p + c->at;

		if (!has(c, 6))
			return;
		uint16_t tpid = be16(p);

		if (tpid != TYPE_VLAN && tpid != TYPE_QINQ)
			return;
		uint16_t tci = fp_load16(p + 2) | rte_cpu_to_be_16(FP_VLAN_CFI);

		if (n == 0) {
			key->base.be_vlan_tpid = fp_load16(p);
			key->base.be_vlan_tci = tci;
		} else {
			misc(key)->be_cvlan_tpid = fp_load16(p);
			key->misc.be_cvlan_tci = tci;
		}
		c->at += 4;
	}
}

// Reads the Ethernet type; false: 802.2 without SNAP, nothing more to read.
static bool parse_type(struct cursor *c, struct fp_key *key)
{
	static const uint8_t snap[6] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };
	const uint8_t *p = c->p + c->at;

	key->base.be_eth_type = fp_load16(p);
	c->at += 2;
	if (be16(p) >= 0x0600)
		return true;
	p = c->p + c->at;
	if (has(c, 8) && memcmp(p, snap, 6) == 0 && be16(p + 6) >= 0x0600) {
		key->base.be_eth_type = fp_load16(p + 6);
		c->at += 8;
		return true;
	}
	key->base.be_eth_type = rte_cpu_to_be_16(FP_ETH_TYPE_NONE);
	return false;
}

static void parse_arp(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	static const uint8_t ether_ip4[6] = { 0, 1, 8, 0, 6, 4 };
	const uint8_t *p = c->p + c->at;

	if (!has(c, 28) || memcmp(p, ether_ip4, 6) != 0)
		return;
	at->arp = true;
	at->l3 = (uint16_t)c->at;
	key->base.ip_proto = p[6] ? 0 : p[7];
	key->base.be_ip_src = load32(p + 14);
	key->base.be_ip_dst = load32(p + 24);
	memcpy(misc(key)->arp_sha, p + 8, 6);
	memcpy(key->misc.arp_tha, p + 18, 6);
}

// True: L4 follows.
static bool parse_ip4(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	const uint8_t *p = c->p + c->at;

	if (!has(c, 20))
		return false;
	uint32_t hl = 4 * (p[0] & 15U), total = be16(p + 2);

	if (hl < 20 || hl > left(c) || total > left(c) || hl > total)
		return false;
	at->ip = 4;
	at->l3 = (uint16_t)c->at;
	c->end = c->at + total;
	key->base.be_ip_src = load32(p + 12);
	key->base.be_ip_dst = load32(p + 16);
	key->base.ip_proto = p[9];
	key->base.ip_tos = p[1];
	key->base.ip_ttl = p[8];
	uint16_t frag = be16(p + 6);

	if (frag & 0x3fff)
		key->base.ip_frag = FP_FRAG_ANY | (frag & 0x1fff ? FP_FRAG_LATER : 0);
	c->at += hl;
	return !(key->base.ip_frag & FP_FRAG_LATER);
}

// Walks IPv6's extension headers. False: the chain is cut.
static bool parse_ip6_chain(struct cursor *c, uint8_t *next, uint8_t *frag, struct fp_layout *at)
{
	for (;;) {
		uint8_t kind = *next;
		const uint8_t *p = c->p + c->at;
		uint32_t len;

		if (kind != 0 && kind != 43 && kind != 60 && kind != 51 && kind != 44)
			return true;
		if (!has(c, 8))
			return false;
		if (kind == 44)
			len = 8;
		else
			len = kind == 51 ? (p[1] + 2U) * 4 : (p[1] + 1U) * 8;
		if (len > left(c))
			return false;
		if (kind == 43 && p[3])
			at->routing_left = true;
		if (kind == 44 && be16(p + 2)) {
			*frag = FP_FRAG_ANY;
			if (be16(p + 2) & 0xfff8) {
				*frag |= FP_FRAG_LATER;
				return true; // the protocol stays 44
			}
		}
		*next = p[0];
		c->at += len;
	}
}

// True: L4 follows.
static bool parse_ip6(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	const uint8_t *p = c->p + c->at;

	if (!has(c, 40) || be16(p + 4) + 40U > left(c))
		return false;
	at->ip = 6;
	at->l3 = (uint16_t)c->at;
	c->end = c->at + 40 + be16(p + 4);
	key->base.lines |= FP_LINE_IP6;
	memset(&key->ip6, 0, sizeof(key->ip6));
	memcpy(key->ip6.src, p + 8, 32);
	c->at += 40;
	uint8_t next = p[6], frag = 0;

	if (!parse_ip6_chain(c, &next, &frag, at)) {
		at->chain_cut = true;
		return false;
	}
	key->ip6.be_label = load32(p) & rte_cpu_to_be_32(0xfffff);
	key->base.ip_proto = next;
	key->base.ip_tos = (uint8_t)(be16(p) >> 4);
	key->base.ip_ttl = p[7];
	key->base.ip_frag = frag;
	return !(frag & FP_FRAG_LATER);
}

// Neighbour discovery behind an ICMPv6 header at c->at.
static void parse_nd(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	static const uint8_t none[6];
	const uint8_t *p = c->p + c->at;

	misc(key)->be_nd_reserved = load32(p + 4);
	c->at += 8;
	if (!has(c, 16))
		return;
	if (!(key->base.lines & FP_LINE_IP6)) {
		key->base.lines |= FP_LINE_IP6;
		memset(&key->ip6, 0, sizeof(key->ip6));
	}
	memcpy(key->ip6.nd_target, c->p + c->at, 16);
	at->nd = true;
	c->at += 16;
	while (has(c, 8)) {
		p = c->p + c->at;
		uint32_t len = p[1] * 8U;
		uint8_t *to = NULL;

		if (len == 0 || len > left(c))
			break;
		if (len == 8 && p[0] == 1)
			to = key->ip6.nd_sll;
		else if (len == 8 && p[0] == 2)
			to = key->ip6.nd_tll;
		if (to && memcmp(to, none, 6) != 0) {
			memset(key->ip6.nd_target, 0, 16 + 6 + 6);
			at->nd = false;
			break;
		}
		if (to) {
			memcpy(to, p + 2, 6);
			if (!key->misc.nd_opt_type)
				key->misc.nd_opt_type = p[0];
		}
		c->at += len;
	}
	at->nd_end = (uint16_t)c->at;
}

static void parse_l4(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	const uint8_t *p = c->p + c->at;
	struct fp_key_base *b = &key->base;

	at->l4 = (uint16_t)c->at;
	switch (b->ip_proto) {
	case 6:
		at->l4_read = has(c, 20);
		if (at->l4_read)
			b->be_tcp_flags = fp_load16(p + 12) & rte_cpu_to_be_16(0x0fff);
		break;
	case 17:
		at->l4_read = has(c, 8);
		break;
	case 132:
		at->l4_read = has(c, 12);
		break;
	case 1:
	case 58:
		at->l4_read = has(c, 8);
		if (!at->l4_read)
			return;
		b->be_tp_src = rte_cpu_to_be_16(p[0]);
		b->be_tp_dst = rte_cpu_to_be_16(p[1]);
		if (b->ip_proto == 58 && (p[0] == 135 || p[0] == 136) && p[1] == 0)
			parse_nd(c, key, at);
		return;
	default:
		return;
	}
	if (at->l4_read) {
		b->be_tp_src = fp_load16(p);
		b->be_tp_dst = fp_load16(p + 2);
	}
}

static void parse_l3(struct cursor *c, struct fp_key *key, struct fp_layout *at)
{
	bool l4 = false;

	switch (rte_be_to_cpu_16(key->base.be_eth_type)) {
	case TYPE_IP4:
		l4 = parse_ip4(c, key, at);
		break;
	case TYPE_IP6:
		l4 = parse_ip6(c, key, at);
		break;
	case TYPE_ARP:
	case TYPE_RARP:
		parse_arp(c, key, at);
		break;
	}
	at->end = c->end;
	if (l4)
		parse_l4(c, key, at);
}

int fp_parse_full(const struct rte_mbuf *m, const struct fp_md *md, struct fp_key *key,
		  struct fp_layout *at)
{
	struct cursor c = {
		.p = rte_pktmbuf_mtod(m, const uint8_t *),
		.end = m->pkt_len,
		.have = m->data_len,
	};
	struct fp_layout own;

	if (c.end < 14 || c.have < 14)
		return -1;
	if (!at)
		at = &own;
	memset(at, 0, sizeof(*at));
	memset(&key->base, 0, sizeof(key->base));
	key->base.in_port = md->in_port;
	key->base.recirc_id = md->recirc_id;
	key->base.pkt_mark = md->pkt_mark;
	if (md->skb_priority)
		misc(key)->skb_priority = md->skb_priority;
	if (md->has_tun) {
		key->base.lines |= FP_LINE_TUN;
		key->tun = md->tun;
	}
	memcpy(key->base.eth_dst, c.p, 12);
	c.at = 12;
	parse_tags(&c, key);
	at->type_at = (uint16_t)c.at;
	at->end = c.end;
	if (parse_type(&c, key))
		parse_l3(&c, key, at);
	return 0;
}

// Whether a key's packet had a good IP header.
static bool is_ip(const struct fp_key *key)
{
	uint16_t type = key->base.be_eth_type;

	if (type == rte_cpu_to_be_16(TYPE_IP6))
		return key->base.lines & FP_LINE_IP6;
	return type == rte_cpu_to_be_16(TYPE_IP4);
}

uint32_t fp_key_flow_hash(const struct fp_key *key)
{
	const uint64_t *w = (const void *)key;

	if (!is_ip(key))
		return (uint32_t)fp_crc64(fp_crc64(0x5bd1e995, w[2]), w[3] & 0x0000ffffffffffffULL);
	if (!(key->base.lines & FP_LINE_IP6))
		return fp_base_flow_hash(w);
	const uint64_t *a = (const void *)&key->ip6;
	uint64_t x = fp_crc64(fp_crc64(0x5bd1e995, a[0]), a[1]);
	uint64_t y = fp_crc64(fp_crc64(x, a[2]), a[3]);

	return (uint32_t)fp_crc64(y, w[5] & 0xffffffff0000ff00ULL);
}

uint32_t fp_key_hash(const struct fp_key *key)
{
	const uint64_t *w = (const void *)key;
	uint64_t h = fp_base_hash(w);

	for (int n = 1; n < FP_KEY_LINES; n++) {
		if (!(key->base.lines & (1 << (n - 1))))
			continue;
		for (int i = 0; i < FP_LINE_SIZE / 8; i++)
			h = fp_crc64(h, w[n * (FP_LINE_SIZE / 8) + i]);
	}
	return (uint32_t)h;
}
