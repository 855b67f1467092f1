/* The heap of timers, against an array that is looked through. */
#include "fuzz/fuzz.h"
#include "koowatchd/loop/heap.h"

#define NODES 32
#define STEPS_MAX 400

struct model {
        int64_t keys[NODES];
        bool in[NODES];
};

static void check_first(const struct heap *heap, const struct heap_node *nodes,
                        const struct model *m) {
        const struct heap_node *first = heap_first(heap);
        size_t count = 0;

        for (size_t i = 0; i < NODES; i++) {
                REQUIRE(heap_has(&nodes[i]) == m->in[i]);
                if (!m->in[i])
                        continue;
                count++;
                REQUIRE(nodes[i].key == m->keys[i] && first && first->key <= m->keys[i]);
                REQUIRE(heap->nodes[nodes[i].place - 1] == &nodes[i]);
        }
        REQUIRE(count == heap->count && !first == (count == 0));
}

static void step(struct heap *heap, struct heap_node *nodes, struct model *m, struct bytes *b) {
        unsigned what = take(b, 8), i = take(b, NODES);
        struct heap_node *first = heap_first(heap);

        if (what == 0) {
                heap_remove(heap, &nodes[i]);
                m->in[i] = false;
        } else if (what == 1 && first) {
                m->in[first - nodes] = false;
                heap_remove(heap, first);
        } else {
                m->keys[i] = what == 2 ? take_int64(b) : (int64_t) take_byte(b);
                m->in[i] = true;
                heap_put(heap, &nodes[i], m->keys[i]);
        }
}

/* All that is left comes in order, and all of it. */
static void drain(struct heap *heap, struct heap_node *nodes, struct model *m) {
        int64_t last = INT64_MIN;
        struct heap_node *first;

        while ((first = heap_first(heap))) {
                REQUIRE(first->key >= last && m->in[first - nodes]);
                last = first->key;
                m->in[first - nodes] = false;
                heap_remove(heap, first);
        }
        check_first(heap, nodes, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct bytes b = {data, size};
        struct heap_node nodes[NODES] = {};
        struct model m = {};
        struct heap heap = {};

        for (size_t i = 0; i < NODES; i++)
                REQUIRE(heap_reserve(&heap) == 0);
        for (unsigned i = 0; b.left > 0 && i < STEPS_MAX; i++) {
                step(&heap, nodes, &m, &b);
                check_first(&heap, nodes, &m);
        }
        drain(&heap, nodes, &m);
        for (size_t i = 0; i < NODES; i++)
                heap_unreserve(&heap);
        heap_clear(&heap);
        return 0;
}
