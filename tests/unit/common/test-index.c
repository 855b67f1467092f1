/* The index: against a plain list of what is in it, over thousands of random steps. */
#include "common/index.h"
#include "common/util.h"
#include "unit/support.h"

struct object {
        char key[16];
        bool in;
};

static uint64_t object_hash(const void *object) {
        return hash_text(((const struct object *) object)->key, HASH_START);
}

/* All in one place, the last one: every probe goes past every other object. */
static uint64_t same_hash(const void *object) {
        (void) object;
        return UINT32_MAX;
}

static bool object_has_key(const void *object, const void *key) {
        return streq(((const struct object *) object)->key, key);
}

static size_t count_all(const struct index *index) {
        size_t at = 0, n = 0;
        const struct object *o;

        while ((o = index_next(index, &at))) {
                assert_true(o->in);
                n++;
        }
        return n;
}

static void play(uint64_t (*hash)(const void *object), size_t steps) {
        static struct object objects[200];
        uint64_t seed = 20261128;
        struct index index;
        size_t in = 0;

        index_init(&index, hash);
        for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
                objects[i].in = false;
                (void) snprintf(objects[i].key, sizeof(objects[i].key), "task-%zu", i);
        }
        while (steps-- > 0) {
                struct object *o = &objects[random_next(&seed) % ARRAY_LEN(objects)];
                struct object *asked = &objects[random_next(&seed) % ARRAY_LEN(objects)];

                if (o->in)
                        index_remove(&index, o);
                else
                        assert_int_equal(index_add(&index, o), 0);
                in += o->in ? (size_t) -1 : 1;
                o->in = !o->in;
                assert_int_equal(index.count, in);
                assert_ptr_equal(index_find(&index, hash(asked), object_has_key, asked->key),
                                 asked->in ? asked : NULL);
                if (steps % 64 == 0)
                        assert_int_equal(count_all(&index), in);
        }
        index_clear(&index);
}

static size_t hashed;

static uint64_t counted_hash(const void *number) {
        hashed++;
        return hash_number(*(const uint32_t *) number, HASH_START);
}

static bool is_number(const void *number, const void *other) {
        return *(const uint32_t *) number == *(const uint32_t *) other;
}

/* Adding one of many never goes through all of them. */
static void test_grows_in_parts(void **state) {
        enum { COUNT = 100000 };
        CLEANUP(freep) uint32_t *numbers = calloc(COUNT, sizeof(*numbers));
        struct index index;
        size_t most = 0;

        (void) state;
        assert_non_null(numbers);
        index_init(&index, counted_hash);
        for (uint32_t i = 0; i < COUNT; i++) {
                numbers[i] = i;
                hashed = 0;
                assert_int_equal(index_add(&index, &numbers[i]), 0);
                most = MAX(most, hashed);
        }
        assert_in_range(most, 2, COUNT / 100);
        for (uint32_t i = 0; i < COUNT; i++)
                assert_ptr_equal(index_find(&index, counted_hash(&i), is_number, &i), &numbers[i]);
        for (uint32_t i = 0; i < COUNT; i += 2)
                index_remove(&index, &numbers[i]);
        for (uint32_t i = 0; i < COUNT; i++)
                assert_ptr_equal(index_find(&index, counted_hash(&i), is_number, &i),
                                 i % 2 ? &numbers[i] : NULL);
        index_clear(&index);
}

static void test_random_steps(void **state) {
        (void) state;
        play(object_hash, 20000);
}

static void test_colliding_keys(void **state) {
        (void) state;
        play(same_hash, 4000);
}

static void test_empty(void **state) {
        struct object o = {.key = "photos"};
        struct index index;
        size_t at = 0;

        (void) state;
        index_init(&index, object_hash);
        assert_null(index_find(&index, object_hash(&o), object_has_key, o.key));
        index_remove(&index, &o);
        assert_null(index_next(&index, &at));
        index_clear(&index);
}

static void test_texts_hash_in_their_order(void **state) {
        (void) state;
        assert_true(hash_text("b", hash_text("a", HASH_START)) !=
                    hash_text("a", hash_text("b", HASH_START)));
        assert_true(hash_text("a", HASH_START) == hash_text("a", HASH_START));
}

/* Whoever is not in it, though another one has the same hash, leaves it as it is. */
static void test_remove_what_is_not_there(void **state) {
        struct object in = {.key = "a"}, out = {.key = "a"}, other = {.key = "b"};
        struct index index;

        (void) state;
        index_init(&index, same_hash);
        index_remove(&index, &out);
        assert_int_equal(index_add(&index, &in), 0);
        index_remove(&index, &out);
        index_remove(&index, &other);
        assert_int_equal(index.count, 1);
        index_clear(&index);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_steps),
                cmocka_unit_test(test_colliding_keys),
                cmocka_unit_test(test_grows_in_parts),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_texts_hash_in_their_order),
                cmocka_unit_test(test_remove_what_is_not_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
