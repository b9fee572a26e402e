// Drop reasons as an enum; the list is include/fp_drop.def.
#ifndef FP_DROP_H
#define FP_DROP_H

#include "fp.h"

enum fp_drop {
#define FP_DROP(name, text, why) FP_DROP_##name,
#include "fp_drop.def"
#undef FP_DROP
	FP_N_DROPS
};

_Static_assert(FP_N_DROPS <= FP_DROP_MAX, "fp_lcore_stats has room for every drop reason");

#endif
