// Arenas on anonymous memory that asks for transparent huge pages.
#include "arena.h"

#include <stdint.h>
#include <sys/mman.h>

#define ALIGN (2UL << 20)

static size_t whole(size_t size)
{
	return (size + ALIGN - 1) & ~(ALIGN - 1);
}

void *fp_arena_new(size_t size)
{
	size_t len = whole(size);
	// One more huge page than asked for leaves room to align the start.
	uint8_t *raw = mmap(NULL, len + ALIGN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (raw == MAP_FAILED)
		return NULL;
	uint8_t *start = (uint8_t *)(((uintptr_t)raw + ALIGN - 1) & ~(ALIGN - 1));

	if (start > raw)
		munmap(raw, (size_t)(start - raw));
	if (raw + ALIGN > start)
		munmap(start + len, (size_t)(raw + ALIGN - start));
	madvise(start, len, MADV_HUGEPAGE); // only speed is lost if refused
	return start;
}

void fp_arena_free(void *p, size_t size)
{
	if (p)
		munmap(p, whole(size));
}
