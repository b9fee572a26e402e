// Hash functions.
//
// The masked table and the intern tables use a keyed multiply-and-fold hash: who
// does not know the secret (drawn at start) cannot aim at one bucket. The packet
// loop's caches use CRC32 where the CPU has it: a collision there costs speed of
// one entry, never more.
#ifndef FP_HASH_H
#define FP_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern uint64_t fp_hash_secret[4];

// Draws the secret from the kernel; once, at fp_open.
void fp_hash_init(void);

static inline uint64_t fp_hash_mum(uint64_t a, uint64_t b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

// Adds one 64-byte line to h.
static inline uint64_t fp_hash_line(uint64_t h, const void *line)
{
	uint64_t w[8];

	memcpy(w, line, sizeof(w));
	uint64_t a = fp_hash_mum(w[0] ^ fp_hash_secret[0], w[1] ^ fp_hash_secret[1]);
	uint64_t b = fp_hash_mum(w[2] ^ fp_hash_secret[1], w[3] ^ fp_hash_secret[2]);
	uint64_t c = fp_hash_mum(w[4] ^ fp_hash_secret[2], w[5] ^ fp_hash_secret[3]);
	uint64_t d = fp_hash_mum(w[6] ^ fp_hash_secret[3], w[7] ^ fp_hash_secret[0]);

	return fp_hash_mum(h ^ a ^ (b << 1 | b >> 63), fp_hash_secret[0] ^ c ^ (d << 1 | d >> 63));
}

uint64_t fp_hash_bytes(const void *p, size_t n);

#endif
