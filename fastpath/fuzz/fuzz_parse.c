// libFuzzer target: the two parsers on any frame.
// Links: parse_full.c
//
// The first input byte says how much longer the packet is than its first segment;
// the others are the segment, at the very end of an allocation, so that a byte read
// too far is seen. When the loop's parser takes a frame, the full parser must make
// the same key and the same hashes of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is said of a frame's layout lies within the frame.
static void check_layout(const struct fp_layout *at, const struct rte_mbuf *m)
{
	MUST(at->end <= m->pkt_len);
	MUST(at->type_at >= 12 && at->type_at <= 20);
	MUST(!at->ip || at->l3 + (at->ip == 4 ? 20U : 40U) <= m->data_len);
	MUST(!at->arp || at->l3 + 28U <= m->data_len);
	MUST(!at->l4 || at->l4 <= at->end);
	MUST(!at->l4_read || (at->l4 + 8U <= m->data_len && at->l4 + 8U <= at->end));
	MUST(!at->nd || (at->nd_end >= at->l4 + 24U && at->nd_end <= at->end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fp_md md = { .in_port = 5 };
	static struct fp_key key;
	struct fp_key_base fast = { .in_port = 5 };
	struct fp_layout at;

	if (size < 1 || size > 4096)
		return -1;
	uint8_t *p = malloc(size - 1 ? size - 1 : 1);
	struct rte_mbuf m = { .buf_addr = p, .data_len = (uint16_t)(size - 1), .nb_segs = 1 };

	MUST(p);
	memcpy(p, data + 1, size - 1);
	m.pkt_len = m.data_len + data[0];
	m.nb_segs = data[0] ? 2 : 1;
	int rc = fp_parse_full(&m, &md, &key, &at);

	MUST(rc == (m.data_len < 14 ? -1 : 0));
	if (rc == 0)
		check_layout(&at, &m);
	if (fp_parse_ip4(p, m.data_len, m.pkt_len, &fast)) {
		const uint64_t *w = (const void *)&fast;

		MUST(rc == 0);
		MUST(memcmp(&fast, &key.base, FP_BASE_COMPARED) == 0);
		MUST(fp_base_flow_hash(w) == fp_key_flow_hash(&key));
		MUST(fp_base_hash(w) == fp_key_hash(&key));
	}
	free(p);
	return 0;
}
