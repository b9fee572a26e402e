// One step of the caches' hash: CRC32C where the CPU has it. The state is 32 bits in a
// 64-bit register, which saves the compiler from widening it at every step.
#ifndef FP_CRC_H
#define FP_CRC_H

#include <stdint.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
static inline uint64_t fp_crc64(uint64_t h, uint64_t v)
{
	return _mm_crc32_u64(h, v);
}
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static inline uint64_t fp_crc64(uint64_t h, uint64_t v)
{
	return __crc32cd((uint32_t)h, v);
}
#else
static inline uint64_t fp_crc64(uint64_t h, uint64_t v)
{
	unsigned __int128 r =
		(unsigned __int128)(v ^ h ^ 0x9e3779b97f4a7c15ULL) * 0xa0761d6478bd642fULL;

	return (uint32_t)(r >> 64) ^ (uint32_t)r;
}
#endif

#endif
