// What a packet carries from one lookup to the next beside its bytes.
#ifndef FP_MD_H
#define FP_MD_H

#include <stdbool.h>

#include "fp_key.h"

struct fp_md {
	uint32_t recirc_id;
	uint16_t in_port;
	uint8_t depth;    // lookups so far
	uint8_t attempts; // upcalls answered so far for this lookup
	bool has_tun;
	uint32_t pkt_mark, skb_priority;
	struct fp_key_tun tun; // with has_tun
};

#endif
