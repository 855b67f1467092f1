#pragma once
/*
 * Index: finds objects by a key that they hold themselves
 *
 * A hash table of pointers, open addressing with linear probing: an object costs 11 to 16
 * bytes here and no node of its own. It is made of parts that grow each by itself, so that
 * no addition among a million moves more than some thousands. The hash is seeded once a process,
 * so that names chosen by others cannot make it slow.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_PARTS 256 /* told apart by the highest eight bits of the hash */

struct index_part {
        void **slots;
        uint32_t count, size;
};

struct index {
        uint64_t (*hash)(const void *object); /* of the object's key */
        struct index_part *parts;             /* NULL before the first object */
        size_t count;
};

/* Whether the object's key is this one. */
typedef bool (*index_match_fn)(const void *object, const void *key);

/* A text's hash; more than one text: hash_text(b, hash_text(a, HASH_START)). */
#define HASH_START UINT64_C(0)
uint64_t hash_text(const char *text, uint64_t start);
uint64_t hash_number(uint64_t number, uint64_t start);

static inline void index_init(struct index *index, uint64_t (*hash)(const void *object)) {
        *index = (struct index){.hash = hash};
}
/* Frees the table; the objects belong to their owners. */
void index_clear(struct index *index);

/* The object whose key has this hash and matches key, or NULL. */
void *index_find(const struct index *index, uint64_t hash, index_match_fn match, const void *key);
/* Adds an object whose key is not in it yet. Returns 0 or -ENOMEM. */
int index_add(struct index *index, void *object);
/* An object that is not in it is left alone. Its key must still be what it was. */
void index_remove(struct index *index, void *object);

/*
 * Goes through all objects, in no order: *at begins as 0; NULL at the end. Nothing may be
 * added or removed in between.
 */
void *index_next(const struct index *index, size_t *at);
/*
 * Likewise through one part, from 0 to INDEX_PARTS - 1: an object stays in its part, so that
 * between parts others may be added and removed.
 */
void *index_next_in(const struct index *index, unsigned part, size_t *at);
