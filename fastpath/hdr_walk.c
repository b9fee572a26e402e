#include "hdr_walk.h"

#include <errno.h>
#include <netinet/in.h>

enum {
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_TEB = 0x6558, // Ethernet inside a tunnel
	GENEVE_PORT = 6081,
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// Ethernet and VLAN tags at *ofs; leaves *ofs at the network header.
static int walk_eth(const uint8_t *h, uint32_t len, uint32_t *ofs, uint16_t *type)
{
	*ofs += 12;
	for (;;) {
		if (*ofs + 2 > len)
			return -EINVAL;
		*type = be16(h + *ofs);
		*ofs += 2;
		if (*type != TYPE_VLAN && *type != TYPE_QINQ)
			return 0;
		*ofs += 2;
	}
}

static int walk_ip4(const uint8_t *h, uint32_t len, uint32_t l3, struct fp_hdr_level *lv)
{
	uint32_t ihl;

	if (l3 + 20 > len || h[l3] >> 4 != 4)
		return -EINVAL;
	ihl = (h[l3] & 15) * 4u;
	if (ihl < 20 || l3 + ihl > len)
		return -EINVAL;
	if (be16(h + l3 + 6) & 0x3fff) // MF and the offset
		return -EPROTONOSUPPORT;
	*lv = (struct fp_hdr_level){ .l3 = l3, .l4 = l3 + ihl, .proto = h[l3 + 9] };
	return 0;
}

static int walk_ip6(const uint8_t *h, uint32_t len, uint32_t l3, struct fp_hdr_level *lv)
{
	uint32_t ofs = l3 + 40;
	uint8_t next;

	if (ofs > len || h[l3] >> 4 != 6)
		return -EINVAL;
	next = h[l3 + 6];
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		uint32_t size;

		if (ofs + 8 > len)
			return -EINVAL;
		// With segments left the checksum covers another destination address.
		if (next == IPPROTO_ROUTING && h[ofs + 3])
			return -EPROTONOSUPPORT;
		size = (h[ofs + 1] + 1u) * 8;
		next = h[ofs];
		ofs += size;
	}
	if (next == IPPROTO_FRAGMENT)
		return -EPROTONOSUPPORT;
	if (ofs > len)
		return -EINVAL;
	*lv = (struct fp_hdr_level){ .l3 = l3, .l4 = ofs, .proto = next, .v6 = true };
	return 0;
}

// The UDP header at *ofs and the tunnel header behind it. Sets *type to what
// follows: TYPE_TEB for Ethernet, else an Ethernet type.
static int walk_tunnel(const uint8_t *h, uint32_t len, uint32_t *ofs, uint16_t *type)
{
	const uint8_t *tnl;

	if (*ofs + 16 > len)
		return -EINVAL;
	tnl = h + *ofs + 8;
	if (be16(h + *ofs + 2) == GENEVE_PORT) {
		*type = be16(tnl + 2);
		*ofs += 16 + (tnl[0] & 0x3f) * 4u;
		return 0;
	}
	*type = TYPE_TEB;
	*ofs += 16;
	if ((tnl[0] & 0x0c) == 0x0c && tnl[3] == 1) // VXLAN-GPE: I and P flags
		*type = TYPE_IP4;
	else if ((tnl[0] & 0x0c) == 0x0c && tnl[3] == 2)
		*type = TYPE_IP6;
	return 0;
}

int fp_hdr_walk(const uint8_t *h, uint32_t len, uint32_t wanted, struct fp_hdr_level *lv)
{
	uint16_t type = TYPE_TEB;
	uint32_t ofs = 0;
	int rc;

	for (int n = 0; n < FP_HDR_LEVELS; n++) {
		if (type == TYPE_TEB && (rc = walk_eth(h, len, &ofs, &type)) < 0)
			return rc;
		if (type == TYPE_IP4)
			rc = walk_ip4(h, len, ofs, &lv[n]);
		else if (type == TYPE_IP6)
			rc = walk_ip6(h, len, ofs, &lv[n]);
		else
			rc = -EPROTONOSUPPORT;
		if (rc < 0)
			return rc;
		if (wanted == FP_HDR_FIRST || lv[n].l4 == wanted)
			return n + 1;
		if (lv[n].l4 > wanted)
			return -EINVAL;
		if (lv[n].proto != IPPROTO_UDP)
			return -EPROTONOSUPPORT;
		ofs = lv[n].l4;
		rc = walk_tunnel(h, len, &ofs, &type);
		if (rc < 0)
			return rc;
	}
	return -EPROTONOSUPPORT;
}
