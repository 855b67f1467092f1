#include "common/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 16

static uint64_t hash_seed(void) {
        static uint64_t seed;

        while (seed == 0)
                arc4random_buf(&seed, sizeof(seed));
        return seed;
}

/* Spreads each bit over all of them. */
static uint64_t mix(uint64_t hash) {
        hash *= UINT64_C(0xd6e8feb86659fd93);
        return hash ^ hash >> 32;
}

uint64_t hash_text(const char *text, uint64_t start) {
        size_t left = strlen(text);
        uint64_t hash = start ^ hash_seed() ^ left, word;

        for (; left >= sizeof(word); text += sizeof(word), left -= sizeof(word)) {
                memcpy(&word, text, sizeof(word));
                hash = mix(hash ^ word);
        }
        word = 0;
        memcpy(&word, text, left);
        return mix(mix(hash ^ word));
}

uint64_t hash_number(uint64_t number, uint64_t start) {
        return mix(start ^ hash_seed() ^ number);
}

void index_clear(struct index *index) {
        free(index->slots);
        index->slots = NULL;
        index->count = index->size = 0;
}

void *index_find(const struct index *index, uint64_t hash, index_match_fn match, const void *key) {
        size_t mask = index->size - 1;

        if (index->size == 0)
                return NULL;
        for (size_t i = hash & mask; index->slots[i]; i = (i + 1) & mask)
                if (match(index->slots[i], key))
                        return index->slots[i];
        return NULL;
}

static void place_object(struct index *index, void *object) {
        size_t mask = index->size - 1, i = index->hash(object) & mask;

        while (index->slots[i])
                i = (i + 1) & mask;
        index->slots[i] = object;
}

static int grow(struct index *index) {
        struct index grown = *index;

        grown.size = index->size ? 2 * index->size : SIZE_MIN;
        grown.slots = calloc(grown.size, sizeof(void *));
        if (!grown.slots)
                return -ENOMEM;
        for (size_t i = 0; i < index->size; i++)
                if (index->slots[i])
                        place_object(&grown, index->slots[i]);
        free(index->slots);
        *index = grown;
        return 0;
}

int index_add(struct index *index, void *object) {
        if (index->count >= index->size - index->size / 4) {
                int r = grow(index);

                if (r < 0)
                        return r;
        }
        place_object(index, object);
        index->count++;
        return 0;
}

/* Objects that were pushed along by the one that goes move back, so that no probe ends early. */
void index_remove(struct index *index, void *object) {
        size_t mask = index->size - 1, hole, i;

        if (index->size == 0)
                return;
        hole = index->hash(object) & mask;
        while (index->slots[hole] != object) {
                if (!index->slots[hole])
                        return;
                hole = (hole + 1) & mask;
        }
        for (i = (hole + 1) & mask; index->slots[i]; i = (i + 1) & mask) {
                size_t home = index->hash(index->slots[i]) & mask;

                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        index->slots[hole] = index->slots[i];
                        hole = i;
                }
        }
        index->slots[hole] = NULL;
        index->count--;
}

void *index_next(const struct index *index, size_t *at) {
        while (*at < index->size) {
                void *object = index->slots[(*at)++];

                if (object)
                        return object;
        }
        return NULL;
}
