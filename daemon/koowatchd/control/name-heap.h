#pragma once
/*
 * Name heap: the smallest names of those that are offered
 *
 * Names are copied. The order is that of their bytes.
 */
#include <stdbool.h>
#include <stddef.h>

struct name_heap {
        char **names; /* a heap with the largest first; sorted, once name_heap_sort() was called */
        size_t count, wanted, allocated;
};

/* wanted: at least 1. */
void name_heap_init(struct name_heap *heap, size_t wanted);
/* It is as after name_heap_init(). */
void name_heap_clear(struct name_heap *heap);

/* Returns 0 or -ENOMEM. */
int name_heap_offer(struct name_heap *heap, const char *name);
void name_heap_sort(struct name_heap *heap);
/* Whether larger names may have been offered. */
bool name_heap_is_full(const struct name_heap *heap);
