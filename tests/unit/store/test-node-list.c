/* What is known of the nodes of a fleet, and when it is asked for. */
#include <errno.h>

#include "koowatchd/store/node-list.h"
#include "unit/store/node-store.h"
#include "unit/support.h"

#define SEC USEC_SEC

struct fixture {
        struct node_store store;
        struct node_list *list;
        struct node_list_waiter waiter;
        unsigned told;
        int error;
};

static void on_told(struct node_list_waiter *waiter, int error) {
        struct fixture *f = container_of(waiter, struct fixture, waiter);

        f->told++;
        f->error = error;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        node_store_init(&f->store);
        f->waiter.on_told = on_told;
        assert_int_equal(node_list_new(&f->store.store, &f->list), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        node_list_free(f->list);
        free(f);
        return 0;
}

/* Looks at that time, and is told if it asks. */
static void look(struct fixture *f, usec_t now) {
        unsigned asked = f->store.asked;

        node_list_look(f->list, now);
        if (f->store.asked > asked)
                node_store_tell(&f->store, 0);
}

static void assert_owner(const struct fixture *f, const char *account, const char *name) {
        const struct store_node *node = node_list_owner(f->list, account);

        if (!name)
                assert_null(node);
        else
                assert_string_equal(node->name, name);
}

static void test_what_it_is_told(void **state) {
        struct fixture *f = *state;

        assert_false(node_list_is_known(f->list));
        assert_null(node_list_self(f->list));
        node_store_put(&f->store, "a", "default photos");
        node_store_put(&f->store, "b", "other");
        f->store.nodes[1].is_mine = true;
        node_store_put(&f->store, "c", "lost");
        f->store.nodes[2].is_alive = false;
        look(f, 0);
        assert_true(node_list_is_known(f->list));
        assert_int_equal(node_list_count(f->list), 3);
        assert_string_equal(node_list_get(f->list, 2)->name, "c");
        assert_string_equal(node_list_self(f->list)->name, "b");
        assert_owner(f, "default", "a");
        assert_owner(f, "photos", "a");
        assert_owner(f, "other", "b");
        assert_owner(f, "photo", NULL);
        assert_owner(f, "lost", NULL);
}

static void test_it_asks_every_15_s(void **state) {
        struct fixture *f = *state;

        look(f, 100 * SEC);
        look(f, 114 * SEC);
        assert_int_equal(f->store.asked, 1);
        look(f, 115 * SEC);
        assert_int_equal(f->store.asked, 2);
}

static void test_it_asks_once_at_a_time(void **state) {
        struct fixture *f = *state;

        node_list_look(f->list, 0);
        node_list_look(f->list, 60 * SEC);
        node_list_ask(f->list, &f->waiter);
        assert_int_equal(f->store.asked, 1);
        node_store_tell(&f->store, 0);
        assert_int_equal(f->told, 1);
        assert_int_equal(f->error, 0);
}

/* What was known stays, and the next look asks again. */
static void test_the_store_fails(void **state) {
        struct fixture *f = *state;

        node_list_look(f->list, 0);
        node_store_tell(&f->store, -EIO);
        assert_false(node_list_is_known(f->list));
        node_store_put(&f->store, "a", "default");
        look(f, 3 * SEC);
        assert_owner(f, "default", "a");
        node_list_ask(f->list, &f->waiter);
        node_store_tell(&f->store, -EIO);
        assert_int_equal(f->error, -EIO);
        assert_owner(f, "default", "a");
}

static void test_who_waits_may_leave(void **state) {
        struct fixture *f = *state;

        node_list_ask(f->list, &f->waiter);
        node_list_leave(&f->waiter);
        node_store_tell(&f->store, 0);
        assert_int_equal(f->told, 0);
}

/* Between the death of a node and the takeover nobody polls, and nothing is wrong. */
static void test_an_account_is_left_when_two_looks_find_it_so(void **state) {
        struct fixture *f = *state;

        look(f, 0);
        assert_false(node_list_is_left(f->list, "default"));
        node_list_ask(f->list, &f->waiter);
        node_store_tell(&f->store, 0);
        assert_false(node_list_is_left(f->list, "default"));
        look(f, 15 * SEC);
        assert_true(node_list_is_left(f->list, "default"));
        node_store_put(&f->store, "a", "default");
        look(f, 30 * SEC);
        assert_false(node_list_is_left(f->list, "default"));
        node_store_clear(&f->store);
        look(f, 45 * SEC);
        assert_false(node_list_is_left(f->list, "default"));
        look(f, 60 * SEC);
        assert_true(node_list_is_left(f->list, "default"));
}

static void test_there_is_no_fleet(void **state) {
        (void) state;
        node_list_look(NULL, 0);
        assert_false(node_list_is_known(NULL));
        assert_int_equal(node_list_count(NULL), 0);
        assert_null(node_list_self(NULL));
        assert_null(node_list_owner(NULL, "default"));
        assert_false(node_list_is_left(NULL, "default"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_what_it_is_told),
                TEST(test_it_asks_every_15_s),
                TEST(test_it_asks_once_at_a_time),
                TEST(test_the_store_fails),
                TEST(test_who_waits_may_leave),
                TEST(test_an_account_is_left_when_two_looks_find_it_so),
                TEST(test_there_is_no_fleet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
