// Names and explanations of the drop reasons.
#include "drop.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} drops[] = {
#define FP_DROP(name, text, why) { text, why },
#include "fp_drop.def"
#undef FP_DROP
};

const char *fp_drop_name(int i)
{
	return i >= 0 && i < FP_N_DROPS ? drops[i].name : NULL;
}

const char *fp_drop_text(int i)
{
	return i >= 0 && i < FP_N_DROPS ? drops[i].text : NULL;
}
