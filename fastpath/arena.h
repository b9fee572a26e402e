// Arenas: arrays with a fixed address and a generous limit whose pages cost memory
// only once they are touched. Tables that grow live in them, so that a lcore never
// meets a table that moves and growing never copies.
#ifndef FP_ARENA_H
#define FP_ARENA_H

#include <stddef.h>

// Reserves size bytes of zeroed memory, 2 MB aligned; NULL when the address space
// or the process's limits do not have them. Bound to a NUMA socket by first touch.
void *fp_arena_new(size_t size);
void fp_arena_free(void *p, size_t size);

#endif
