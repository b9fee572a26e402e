// A whole data plane on ring ports for tests: EAL, a context, one lcore that polls
// two ring ports (1 and 2), a tunnel port (3, UDP 4789, VNI 1111 alone).
#ifndef FP_TEST_CORE_H
#define FP_TEST_CORE_H

#include <stdint.h>

#include "fp.h"

struct fp_test_core {
	struct fp *fp;
	uint16_t lcore;
	int cpu;
};

// Starts EAL once per process.
void fp_test_core_eal(void);
// Opens a data plane with cfg (zero fields: small defaults) and starts its lcore.
void fp_test_core_open(struct fp_test_core *t, struct fp_config cfg);
// Checks that every packet buffer came back.
void fp_test_core_close(struct fp_test_core *t);

// A frame: Ethernet, IPv4 src 10.0.0.n, dst 10.0.1.1, UDP sport 1000 + n, dport 80,
// with payload bytes of which the first two are seq. Returns its length.
uint32_t fp_test_udp(uint8_t *p, uint16_t n, uint16_t seq, uint32_t payload);
// Puts outer Ethernet/IPv4/UDP/VXLAN (172.16.0.2 to 172.16.0.1, vni) in front.
uint32_t fp_test_vxlan(uint8_t *p, const uint8_t *inner, uint32_t len, uint32_t vni);

// Injects one frame into a ring port.
void fp_test_inject(struct fp_test_core *t, uint16_t port, const uint8_t *p, uint32_t len);
// Next frame sent to a ring port, waited for up to 20 seconds; its length, 0: none came.
uint32_t fp_test_collect(struct fp_test_core *t, uint16_t port, uint8_t *p, uint32_t size);
// Count of a drop reason by name, all lcores.
uint64_t fp_test_drops(struct fp_test_core *t, const char *name);

// Puts one flow; act may be NULL for an empty list. Returns rc, id in *id.
int fp_test_put(struct fp_test_core *t, const struct fp_key *key, const struct fp_key *mask,
		const void *act, uint32_t act_len, uint32_t flags, uint64_t *id);
// Key and mask of all packets of a port.
void fp_test_port_key(struct fp_key *key, struct fp_key *mask, uint16_t port);
// Outputs as an action.
struct fp_act_u32 fp_test_output(uint32_t port);
// Answers the next upcall (waits up to a second) with a verdict; its key in *key.
// 0 or -ETIMEDOUT.
int fp_test_answer(struct fp_test_core *t, enum fp_verdict_kind kind, struct fp_upcall *up);

#endif
