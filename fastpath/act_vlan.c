// Pushing and popping VLAN tags.
#include "exec.h"
#include "vnet.h"

int fp_act_push_vlan(struct rte_mbuf *m, const struct fp_act_push_vlan *a)
{
	uint16_t tci = a->be_tci & ~rte_cpu_to_be_16(FP_VLAN_CFI);
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 4);

	if (!p)
		return -1;
	memmove(p, p + 4, 12);
	memcpy(p + 12, &a->be_tpid, 2);
	memcpy(p + 14, &tci, 2);
	if (m->ol_flags & FP_MBUF_PENDING)
		fp_vnet_shift(m, 4);
	return 0;
}

void fp_act_pop_vlan(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	if (m->data_len < 18 ||
	    !((p[12] == 0x81 && p[13] == 0x00) || (p[12] == 0x88 && p[13] == 0xa8)))
		return;
	memmove(p + 4, p, 12);
	rte_pktmbuf_adj(m, 4);
	if (m->ol_flags & FP_MBUF_PENDING)
		fp_vnet_shift(m, -4);
}
