// Checking the flat action lists that Go hands over.
#include "action_check.h"

#include <errno.h>
#include <string.h>

#include "fp_internal.h"

#define MAX_NESTING 4
#define MAX_ACTIONS_BYTES 32768

int fp_action_tnl_layout(const struct fp_act_tnl_push *push, struct fp_tnl_layout *out)
{
	const uint8_t *h = push->header;
	uint16_t len = push->header_len, l3 = 14;

	if (len > FP_TNL_HDR_MAX || len < 14 + 20 + 8 + 8)
		return -EINVAL;
	uint16_t type = (uint16_t)(h[12] << 8 | h[13]);

	if (type == 0x8100 || type == 0x88a8) {
		type = (uint16_t)(h[16] << 8 | h[17]);
		l3 = 18;
	}
	if (type == 0x0800) {
		if (len != l3 + 20 + 8 + 8 || h[l3] != 0x45 || h[l3 + 9] != 17)
			return -EINVAL;
		out->l4 = (uint16_t)(l3 + 20);
		out->v6 = false;
	} else if (type == 0x86dd) {
		if (len != l3 + 40 + 8 + 8 || h[l3] >> 4 != 6 || h[l3 + 6] != 17)
			return -EINVAL;
		out->l4 = (uint16_t)(l3 + 40);
		out->v6 = true;
	} else {
		return -EINVAL;
	}
	out->l3 = l3;
	return 0;
}

// Least length of a record of a type; 0: no such type.
static size_t least(uint16_t type)
{
	static const uint16_t sizes[] = {
		[FP_ACT_OUTPUT] = sizeof(struct fp_act_u32),
		[FP_ACT_PUSH_VLAN] = sizeof(struct fp_act_push_vlan),
		[FP_ACT_POP_VLAN] = sizeof(struct fp_act_hdr),
		[FP_ACT_SET_ETH] = sizeof(struct fp_act_set_eth),
		[FP_ACT_SET_IPV4] = sizeof(struct fp_act_set_ipv4),
		[FP_ACT_SET_IPV6] = sizeof(struct fp_act_set_ipv6),
		[FP_ACT_SET_TP] = sizeof(struct fp_act_set_tp),
		[FP_ACT_SET_ICMP] = sizeof(struct fp_act_set_icmp),
		[FP_ACT_SET_ARP] = sizeof(struct fp_act_set_arp),
		[FP_ACT_SET_ND] = sizeof(struct fp_act_set_nd),
		[FP_ACT_SET_MARK] = sizeof(struct fp_act_set_u32),
		[FP_ACT_SET_PRIORITY] = sizeof(struct fp_act_set_u32),
		[FP_ACT_TNL_PUSH] = sizeof(struct fp_act_tnl_push),
		[FP_ACT_TNL_POP] = sizeof(struct fp_act_u32),
		[FP_ACT_RECIRC] = sizeof(struct fp_act_u32),
		[FP_ACT_USERSPACE] = sizeof(struct fp_act_userspace),
		[FP_ACT_DROP] = sizeof(struct fp_act_hdr),
		[FP_ACT_CLONE] = sizeof(struct fp_act_hdr),
	};

	return type < sizeof(sizes) / sizeof(sizes[0]) ? sizes[type] : 0;
}

static int check_body(const struct fp_act_hdr *h, size_t at, struct fp_err *err)
{
	const struct fp_act_u32 *u = (const void *)h;
	const struct fp_act_tnl_push *push = (const void *)h;
	const struct fp_act_userspace *user = (const void *)h;
	const struct fp_act_set_tp *tp = (const void *)h;
	struct fp_tnl_layout layout;

	switch (h->type) {
	case FP_ACT_OUTPUT:
	case FP_ACT_TNL_POP:
		if (u->value >= FP_MAX_PORTS)
			return fp_fail(err, -EINVAL,
				       "action at byte %zu: port %u, at most %u is possible", at,
				       u->value, FP_MAX_PORTS - 1);
		return 0;
	case FP_ACT_SET_TP:
		if (tp->proto != 6 && tp->proto != 17)
			return fp_fail(err, -EINVAL,
				       "action at byte %zu: ports of protocol %u, only TCP (6) and "
				       "UDP (17) can be set",
				       at, tp->proto);
		return 0;
	case FP_ACT_TNL_PUSH:
		if (sizeof(*push) + push->header_len > h->len)
			return fp_fail(err, -EINVAL,
				       "tnl_push at byte %zu: header of %u bytes in a record of %u",
				       at, push->header_len, h->len);
		if (push->tnl_type != FP_TNL_VXLAN)
			return fp_fail(
				err, -EINVAL,
				"tnl_push at byte %zu: tunnel type %u, only VXLAN (4) is known", at,
				push->tnl_type);
		if (fp_action_tnl_layout(push, &layout) < 0)
			return fp_fail(err, -EINVAL,
				       "tnl_push at byte %zu: header of %u bytes is not "
				       "Ethernet[/VLAN]/IPv4|IPv6/UDP/VXLAN",
				       at, push->header_len);
		return 0;
	case FP_ACT_USERSPACE:
		if (user->cookie_len > FP_COOKIE_MAX || sizeof(*user) + user->cookie_len > h->len)
			return fp_fail(
				err, -EINVAL,
				"userspace at byte %zu: cookie of %u bytes, at most %u and the "
				"record's length are possible",
				at, user->cookie_len, FP_COOKIE_MAX);
		return 0;
	default:
		return 0;
	}
}

static int check(const uint8_t *actions, size_t n, size_t from, int depth, struct fp_err *err)
{
	for (size_t at = 0; at < n;) {
		const struct fp_act_hdr *h = (const void *)(actions + at);

		if (n - at < sizeof(*h) || h->len < sizeof(*h) || h->len % 4 || h->len > n - at)
			return fp_fail(
				err, -EINVAL,
				"action at byte %zu: record does not fit into the list's %zu "
				"bytes",
				from + at, n);
		size_t min = least(h->type);

		if (!min)
			return fp_fail(err, -EINVAL, "action at byte %zu: type %u is not known",
				       from + at, h->type);
		if (h->len < min)
			return fp_fail(err, -EINVAL,
				       "action at byte %zu: type %u has %u bytes, needs %zu",
				       from + at, h->type, h->len, min);
		int rc;

		if (h->type == FP_ACT_CLONE) {
			if (depth == MAX_NESTING)
				return fp_fail(err, -EINVAL,
					       "action at byte %zu: clones nested deeper than %d",
					       from + at, MAX_NESTING);
			rc = check((const uint8_t *)(h + 1), h->len - sizeof(*h),
				   from + at + sizeof(*h), depth + 1, err);
		} else {
			rc = check_body(h, from + at, err);
		}
		if (rc < 0)
			return rc;
		at += h->len;
	}
	return 0;
}

int fp_action_check(const uint8_t *actions, size_t n, struct fp_err *err)
{
	if (n > MAX_ACTIONS_BYTES)
		return fp_fail(err, -E2BIG, "actions of %zu bytes, at most %d are possible", n,
			       MAX_ACTIONS_BYTES);
	if ((uintptr_t)actions % 4)
		return fp_fail(err, -EINVAL, "actions do not start on a multiple of 4 bytes");
	return check(actions, n, 0, 0, err);
}
