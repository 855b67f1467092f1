#include "common/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 4

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

/* ---- one part ---- */

/* By other bits of the hash than those that tell the part. */
static size_t home_of(const struct index_part *part, uint64_t hash) {
        return (hash & UINT32_MAX) * part->size >> 32;
}

static size_t next_slot(const struct index_part *part, size_t i) {
        return i + 1 < part->size ? i + 1 : 0;
}

/* The steps from one slot to another. */
static size_t distance(const struct index_part *part, size_t from, size_t to) {
        return to >= from ? to - from : to + part->size - from;
}

static void place_object(struct index_part *part, uint64_t hash, void *object) {
        size_t i = home_of(part, hash);

        while (part->slots[i])
                i = next_slot(part, i);
        part->slots[i] = object;
}

static int grow(const struct index *index, struct index_part *part) {
        struct index_part grown = *part;

        if (part->size > UINT32_MAX / 2)
                return -ENOMEM;
        grown.size = part->size > 0 ? part->size + part->size / 2 : SIZE_MIN;
        grown.slots = calloc(grown.size, sizeof(void *));
        if (!grown.slots)
                return -ENOMEM;
        for (size_t i = 0; i < part->size; i++)
                if (part->slots[i])
                        place_object(&grown, index->hash(part->slots[i]), part->slots[i]);
        free(part->slots);
        *part = grown;
        return 0;
}

/* ---- the whole ---- */

static struct index_part *part_of(const struct index *index, uint64_t hash) {
        return &index->parts[hash >> 56];
}

void index_clear(struct index *index) {
        for (size_t i = 0; index->parts && i < INDEX_PARTS; i++)
                free(index->parts[i].slots);
        free(index->parts);
        index->parts = NULL;
        index->count = 0;
}

void *index_find(const struct index *index, uint64_t hash, index_match_fn match, const void *key) {
        const struct index_part *part;

        if (index->count == 0)
                return NULL;
        part = part_of(index, hash);
        if (part->size == 0)
                return NULL;
        for (size_t i = home_of(part, hash); part->slots[i]; i = next_slot(part, i))
                if (match(part->slots[i], key))
                        return part->slots[i];
        return NULL;
}

int index_add(struct index *index, void *object) {
        uint64_t hash = index->hash(object);
        struct index_part *part;

        if (!index->parts)
                index->parts = calloc(INDEX_PARTS, sizeof(*index->parts));
        if (!index->parts)
                return -ENOMEM;
        part = part_of(index, hash);
        if (part->count >= part->size - part->size / 4) {
                int r = grow(index, part);

                if (r < 0)
                        return r;
        }
        place_object(part, hash, object);
        part->count++;
        index->count++;
        return 0;
}

/* Objects that were pushed along by the one that goes move back, so that no probe ends early. */
static void close_gap(const struct index *index, struct index_part *part, size_t hole) {
        for (size_t i = next_slot(part, hole); part->slots[i]; i = next_slot(part, i)) {
                size_t home = home_of(part, index->hash(part->slots[i]));

                if (distance(part, home, i) >= distance(part, hole, i)) {
                        part->slots[hole] = part->slots[i];
                        hole = i;
                }
        }
        part->slots[hole] = NULL;
}

void index_remove(struct index *index, void *object) {
        uint64_t hash = index->hash(object);
        struct index_part *part;
        size_t i;

        if (index->count == 0)
                return;
        part = part_of(index, hash);
        if (part->size == 0)
                return;
        for (i = home_of(part, hash); part->slots[i] != object; i = next_slot(part, i))
                if (!part->slots[i])
                        return;
        close_gap(index, part, i);
        part->count--;
        index->count--;
}

void *index_next_in(const struct index *index, unsigned n, size_t *at) {
        const struct index_part *part = index->parts ? &index->parts[n] : NULL;

        while (part && *at < part->size) {
                void *object = part->slots[(*at)++];

                if (object)
                        return object;
        }
        return NULL;
}

void *index_next(const struct index *index, size_t *at) {
        for (size_t n = *at >> 32; index->parts && n < INDEX_PARTS; *at = ++n << 32) {
                size_t slot = *at & UINT32_MAX;
                void *object = index_next_in(index, (unsigned) n, &slot);

                *at = n << 32 | slot;
                if (object)
                        return object;
        }
        return NULL;
}
