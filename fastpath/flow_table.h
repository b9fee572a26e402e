// The flow table's writer side: indices, key lines, hash slots, masks. Only the
// writer calls these.
#ifndef FP_FLOW_TABLE_H
#define FP_FLOW_TABLE_H

#include "flow.h"

uint32_t fp_flow_index_new(struct fp_flow_table *t); // 0: table full
void fp_flow_index_free(struct fp_flow_table *t, uint32_t i);
uint8_t *fp_flow_lines_new(struct fp_flow_table *t, int n); // NULL: no room
void fp_flow_lines_free(struct fp_flow_table *t, uint8_t *p, int n);
int fp_flow_slot_put(struct fp *fp, struct fp_flow_table *t, uint32_t hash, uint32_t index);
void fp_flow_slot_del(struct fp_flow_table *t, uint32_t hash, uint32_t index);

// Gives a program's reference back; it is freed by fp_flow_reclaim, which is called
// after a grace period.
void fp_flow_retire(struct fp_flow_table *t, struct fp_prog *p);
void fp_flow_reclaim(struct fp_flow_table *t);

// Finds or makes the mask of a put. With narrow and no place for a new mask, takes
// the mask in use that compares the fewest bits beyond it, or the exact one.
int fp_mask_get(struct fp *fp, struct fp_flow_table *t, const struct fp_key *mask, bool narrow,
		struct fp_mask **out, struct fp_err *err);
// Counts a flow in or out of a mask. A mask without flows leaves the list at the
// next fp_mask_collect.
void fp_mask_ref(struct fp_mask *m, const struct fp_key *key);
void fp_mask_unref(struct fp_mask *m, const struct fp_key *key);
// Frees masks without flows and sorts the rest by hits, most first.
void fp_mask_collect(struct fp *fp, struct fp_flow_table *t);

#endif
