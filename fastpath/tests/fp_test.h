// A small harness for the C tests: CHECK counts and reports, RUN runs a test
// function, fp_test_done prints the number of tests and gives main its result.
#ifndef FP_TEST_H
#define FP_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One set for a whole test program: what helpers in other files check counts too.
__attribute__((weak)) int fp_test_count, fp_test_checks, fp_test_failures;
__attribute__((weak)) const char *fp_test_name = "";

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		fp_test_checks++;                                                                  \
		if (!(cond)) {                                                                     \
			fp_test_failures++;                                                        \
			fprintf(stderr, "%s:%d: %s: %s ", __FILE__, __LINE__, fp_test_name,        \
				#cond);                                                            \
			fprintf(stderr, " " __VA_ARGS__);                                          \
			fputc('\n', stderr);                                                       \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		CHECK(got_ == want_, "(got %lld, want %lld)", got_, want_);                        \
	} while (0)

// For what makes going on pointless.
#define MUST(cond, ...)                                                                            \
	do {                                                                                       \
		int before_ = fp_test_failures;                                                    \
		CHECK(cond, __VA_ARGS__);                                                          \
		if (fp_test_failures != before_)                                                   \
			exit(1);                                                                   \
	} while (0)

#define RUN(fn, ...)                                                                               \
	do {                                                                                       \
		fp_test_count++;                                                                   \
		fp_test_name = #fn;                                                                \
		fn(__VA_ARGS__);                                                                   \
	} while (0)

static inline int fp_test_done(void)
{
	printf("%d tests, %d checks, %d failures\n", fp_test_count, fp_test_checks,
	       fp_test_failures);
	return fp_test_failures || !fp_test_count;
}

#endif
