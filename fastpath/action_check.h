// Checking the flat action lists that Go hands over, before they are compiled.
#ifndef FP_ACTION_CHECK_H
#define FP_ACTION_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "fp.h"

// Where the parts of a tunnel's outer header stand.
struct fp_tnl_layout {
	uint16_t l3, l4;
	bool v6;
};

// Checks every record of a list; 0, or -EINVAL with the record's place and what
// was expected in err.
int fp_action_check(const uint8_t *actions, size_t n, struct fp_err *err);

// Finds the parts of a header: Ethernet, at most one VLAN tag, IPv4 without
// options or IPv6 without extension headers, UDP, VXLAN. 0 or -EINVAL.
int fp_action_tnl_layout(const struct fp_act_tnl_push *push, struct fp_tnl_layout *out);

#endif
