#pragma once
/*
 * A binary heap of embedded nodes, smallest key first
 *
 * The owner embeds a node and finds itself again by container_of(). Places are
 * reserved when an owner is made, so that moving in and out never fails.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
        int64_t key;
        uint32_t place; /* 1 + index in the array; 0: not in the heap */
};

struct heap {
        struct heap_node **nodes;
        size_t count, reserved, size;
};

/* Makes room for one node more, for as long as its owner lives. Returns 0 or -ENOMEM. */
int heap_reserve(struct heap *heap);
void heap_unreserve(struct heap *heap);

/* Inserts the node, or moves it when it is in already. */
void heap_put(struct heap *heap, struct heap_node *node, int64_t key);

/* A node that is not in is left alone. */
void heap_remove(struct heap *heap, struct heap_node *node);

static inline bool heap_has(const struct heap_node *node) {
        return node->place > 0;
}

/* The node with the smallest key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

/* Frees the array; the nodes belong to their owners. */
void heap_clear(struct heap *heap);
