// Which build of the packet loop this CPU runs.
#include <errno.h>
#include <string.h>

#include "lcore.h"

#if defined(__x86_64__)
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
#endif

static bool always(void)
{
	return true;
}

static const struct {
	const char *name;
	bool (*runs)(void);
	void (*loop)(struct fp_lcore *);
} builds[] = {
#if defined(__x86_64__)
	{ "avx512", has_avx512, fp_loop_avx512 },
	{ "avx2", has_avx2, fp_loop_avx2 },
#endif
	{ "generic", always, fp_loop_generic },
};

const char *fp_isa_pick(const char *asked, void (**run)(struct fp_lcore *), struct fp_err *err)
{
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		if (asked[0] && strcmp(asked, builds[i].name) != 0)
			continue;
		if (builds[i].runs()) {
			*run = builds[i].loop;
			return builds[i].name;
		}
		fp_fail(err, -ENOTSUP,
			"the loop's build %s was asked for and this CPU does not run it",
			builds[i].name);
		if (asked[0])
			return NULL;
	}
	fp_fail(err, -ENOTSUP, "there is no build %s of the loop: generic, avx2 and avx512 exist",
		asked);
	return NULL;
}
