// A data plane that terminates tunnels, for the tests of the short cut.
#ifndef FP_TEST_POP_H
#define FP_TEST_POP_H

#include <stdbool.h>

#include "fp_test_core.h"

// A data plane that pops everything from port 1 and sends what was inside to port 2.
struct pop {
	struct fp_test_core t;
	uint64_t outer, inner; // flows
	struct fp_lcore_stats was;
	uint64_t packets, bytes, in_packets, in_bytes; // what the flows are to show
	bool cut, v6, vlan;
};

// Opens it with a build of the loop ("": the best) and the short cut on or off.
void pop_open(struct pop *r, const char *isa, bool cut);
// Puts the outer flow: all of port 1 is popped. Returns its id.
uint64_t pop_flow(struct pop *r);
// Checks that the named drop reason grew by n since the last call and no other did;
// name NULL: none.
void expect_drops(struct pop *r, const char *what, const char *name, uint64_t n);
// Packets that took the short cut so far.
uint64_t pops(struct pop *r);

#endif
