// A network interface of the kernel, as ioctls see it (netdevice(7)). Used by the
// kernel-facing ports for everything that is not a packet.
#ifndef FP_KERNEL_IF_H
#define FP_KERNEL_IF_H

#include <stdbool.h>
#include <stdint.h>

#include "fp.h"

struct fp_kernel_if {
	int ctl;     // socket of the network namespace in which the interface was opened
	int ifindex; // stays the interface's through renames
};

// Opens ctl and finds the interface. All return 0 or -errno.
int fp_kernel_if_open(struct fp_kernel_if *k, const char *name);
void fp_kernel_if_close(struct fp_kernel_if *k);
int fp_kernel_if_mtu(const struct fp_kernel_if *k, uint32_t *mtu);
int fp_kernel_if_set_mtu(const struct fp_kernel_if *k, uint32_t mtu);
int fp_kernel_if_mac(const struct fp_kernel_if *k, uint8_t mac[6]);
int fp_kernel_if_set_mac(const struct fp_kernel_if *k, const uint8_t mac[6]);
int fp_kernel_if_set_up(const struct fp_kernel_if *k, bool up);
// Fills link_up, promisc, link_mbps, ifindex and driver. Of an interface that is
// gone: link_up and ifindex 0.
int fp_kernel_if_info(const struct fp_kernel_if *k, struct fp_port_info *out);

#endif
