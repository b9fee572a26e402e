// A second link on the mbuf, for queues of packets that may have several segments.
#ifndef FP_MBUF_NEXT_H
#define FP_MBUF_NEXT_H

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

extern int fp_mbuf_next_offset;

int fp_mbuf_next_register(void); // 0 or -errno

static inline struct rte_mbuf **fp_mbuf_next(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, fp_mbuf_next_offset, struct rte_mbuf **);
}

#endif
