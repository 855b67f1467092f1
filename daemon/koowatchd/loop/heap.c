#include "koowatchd/loop/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"

int heap_reserve(struct heap *heap) {
        if (heap->reserved == heap->size) {
                size_t size = heap->size ? heap->size * 2 : 64;
                struct heap_node **nodes;

                if (size > UINT32_MAX)
                        return -ENOMEM;
                nodes = reallocarray(heap->nodes, size, sizeof(*nodes));
                if (!nodes)
                        return -ENOMEM;
                heap->nodes = nodes;
                heap->size = size;
        }
        heap->reserved++;
        return 0;
}

void heap_unreserve(struct heap *heap) {
        assert(heap->reserved > heap->count);
        heap->reserved--;
}

static void place(struct heap *heap, size_t i, struct heap_node *node) {
        heap->nodes[i] = node;
        node->place = (uint32_t) i + 1;
}

static void sift_up(struct heap *heap, size_t i, struct heap_node *node) {
        while (i > 0) {
                size_t parent = (i - 1) / 2;

                if (heap->nodes[parent]->key <= node->key)
                        break;
                place(heap, i, heap->nodes[parent]);
                i = parent;
        }
        place(heap, i, node);
}

static void sift_down(struct heap *heap, size_t i, struct heap_node *node) {
        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= heap->count)
                        break;
                if (child + 1 < heap->count &&
                    heap->nodes[child + 1]->key < heap->nodes[child]->key)
                        child++;
                if (node->key <= heap->nodes[child]->key)
                        break;
                place(heap, i, heap->nodes[child]);
                i = child;
        }
        place(heap, i, node);
}

void heap_put(struct heap *heap, struct heap_node *node, int64_t key) {
        if (!heap_has(node)) {
                assert(heap->count < heap->reserved);
                node->key = key;
                sift_up(heap, heap->count++, node);
        } else if (key < node->key) {
                node->key = key;
                sift_up(heap, node->place - 1, node);
        } else {
                node->key = key;
                sift_down(heap, node->place - 1, node);
        }
}

void heap_remove(struct heap *heap, struct heap_node *node) {
        struct heap_node *last;
        size_t i;

        if (!heap_has(node))
                return;

        i = node->place - 1;
        node->place = 0;
        last = heap->nodes[--heap->count];
        if (last == node)
                return;

        /* The last one may belong above or below the hole. */
        if (i > 0 && last->key < heap->nodes[(i - 1) / 2]->key)
                sift_up(heap, i, last);
        else
                sift_down(heap, i, last);
}

struct heap_node *heap_first(const struct heap *heap) {
        return heap->count > 0 ? heap->nodes[0] : NULL;
}

void heap_clear(struct heap *heap) {
        free(heap->nodes);
        *heap = (struct heap){};
}
