// What the files about lcores share.
#ifndef FP_LCORE_INTERNAL_H
#define FP_LCORE_INTERNAL_H

#include "lcore.h"

void fp_lcore_free(struct fp_lcore *lc);
// Ends a lcore's thread and waits for it.
void fp_lcore_join(struct fp_lcore *lc);
// Of a lcore that does not run: drops the packets in its rings.
void fp_lcore_drop_handoff(struct fp_lcore *lc);
void fp_lcore_drop_commands(struct fp_lcore *lc);
// Of a lcore that does not run: drops held packets and makes its upcalls anew.
int fp_upcalls_reset(struct fp_lcore *lc);

#endif
