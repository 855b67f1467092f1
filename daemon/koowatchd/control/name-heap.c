#include "koowatchd/control/name-heap.h"

#include <errno.h>

#include "common/util.h"

void name_heap_init(struct name_heap *heap, size_t wanted) {
        *heap = (struct name_heap){.wanted = wanted};
}

void name_heap_clear(struct name_heap *heap) {
        for (size_t i = 0; i < heap->count; i++)
                free(heap->names[i]);
        free(heap->names);
        name_heap_init(heap, heap->wanted);
}

bool name_heap_is_full(const struct name_heap *heap) {
        return heap->count == heap->wanted;
}

static bool is_larger(const struct name_heap *heap, size_t a, size_t b) {
        return strcmp(heap->names[a], heap->names[b]) > 0;
}

static void swap(struct name_heap *heap, size_t a, size_t b) {
        char *name = heap->names[a];

        heap->names[a] = heap->names[b];
        heap->names[b] = name;
}

static void sift_up(struct name_heap *heap, size_t i) {
        for (; i > 0 && is_larger(heap, i, (i - 1) / 2); i = (i - 1) / 2)
                swap(heap, i, (i - 1) / 2);
}

static void sift_down(struct name_heap *heap) {
        size_t i = 0, child;

        while ((child = 2 * i + 1) < heap->count) {
                if (child + 1 < heap->count && is_larger(heap, child + 1, child))
                        child++;
                if (!is_larger(heap, child, i))
                        return;
                swap(heap, i, child);
                i = child;
        }
}

static int make_room(struct name_heap *heap) {
        size_t size = MIN(MAX(heap->allocated * 2, (size_t) 64), heap->wanted);
        char **longer;

        if (heap->count < heap->allocated)
                return 0;
        longer = reallocarray(heap->names, size, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        heap->names = longer;
        heap->allocated = size;
        return 0;
}

int name_heap_offer(struct name_heap *heap, const char *name) {
        char *own;

        if (name_heap_is_full(heap)) {
                if (strcmp(name, heap->names[0]) >= 0)
                        return 0;
                own = strdup(name);
                if (!own)
                        return -ENOMEM;
                free(heap->names[0]);
                heap->names[0] = own;
                sift_down(heap);
                return 0;
        }
        if (make_room(heap) < 0)
                return -ENOMEM;
        heap->names[heap->count] = strdup(name);
        if (!heap->names[heap->count])
                return -ENOMEM;
        sift_up(heap, heap->count++);
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void name_heap_sort(struct name_heap *heap) {
        if (heap->count > 1)
                qsort(heap->names, heap->count, sizeof(*heap->names), compare);
}
