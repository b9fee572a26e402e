// The secret of the keyed hash, and the hash of byte strings.
#include "hash.h"

#include <sys/random.h>
#include <time.h>

uint64_t fp_hash_secret[4];

void fp_hash_init(void)
{
	if (fp_hash_secret[0])
		return;
	if (getrandom(fp_hash_secret, sizeof(fp_hash_secret), 0) != sizeof(fp_hash_secret)) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		for (int i = 0; i < 4; i++)
			fp_hash_secret[i] = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) *
					    (0x9e3779b97f4a7c15 + 2 * (uint64_t)i);
	}
	for (int i = 0; i < 4; i++)
		fp_hash_secret[i] |= 1;
}

uint64_t fp_hash_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t h = fp_hash_mum(n ^ fp_hash_secret[0], fp_hash_secret[1]);
	uint8_t line[64];

	for (; n >= 64; n -= 64, b += 64)
		h = fp_hash_line(h, b);
	if (n) {
		memset(line, 0, sizeof(line));
		memcpy(line, b, n);
		h = fp_hash_line(h, line);
	}
	return h;
}
