/* What is said of the nodes of a fleet, and of tasks that another one polls. */
#include <json-c/json.h>

#include "koowatchd/control/control.h"
#include "koowatchd/store/node-list.h"
#include "unit/core-fixture.h"
#include "unit/store/node-store.h"

#define SEC USEC_SEC

struct fixture {
        struct core *core;
        struct node_store store;
        struct node_list *nodes;
        struct control *control;
        unsigned answers;
        json_object *result;
        char *message;
};

static void open_control(struct fixture *f, struct store *store) {
        struct core *c = f->core;

        assert_int_equal(control_new(&(struct control_modules){.timers = c->timers,
                                                               .store = store,
                                                               .poller = c->poller,
                                                               .deliveries = c->deliveries,
                                                               .registry = c->registry,
                                                               .nodes = f->nodes},
                                     &f->control),
                         0);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        assert_int_equal(core_set_up((void **) &f->core), 0);
        node_store_init(&f->store);
        assert_int_equal(node_list_new(&f->store.store, &f->nodes), 0);
        open_control(f, &f->store.store);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        control_free(f->control);
        node_list_free(f->nodes);
        core_free(f->core);
        json_object_put(f->result);
        free(f->message);
        free(f);
        return 0;
}

static void on_answer(void *userdata, json_object *result, const char *error, const char *message) {
        struct fixture *f = userdata;

        (void) error;
        f->answers++;
        json_object_put(f->result);
        f->result = json_object_get(result);
        assert_int_equal(str_replace(&f->message, message), 0);
}

static void ask(struct fixture *f, const char *method, const char *arguments) {
        struct bus_call *call = NULL;

        f->answers = 0;
        assert_int_equal(bus_call_new(json_tokener_parse(arguments), on_answer, f, &call), 0);
        control_call(f->control, method, call);
}

static const char *text_of(json_object *object) {
        return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
}

static void test_nodes_are_listed(void **state) {
        struct fixture *f = *state;

        node_store_put(&f->store, "a", "default photos");
        f->store.nodes[0].is_mine = true;
        f->store.nodes[0].pending = 2;
        node_store_put(&f->store, "b", "");
        f->store.nodes[1].is_alive = false;
        f->store.nodes[1].since = USEC_INFINITY;
        ask(f, "Nodes", "[]");
        assert_int_equal(f->answers, 0);
        node_store_tell(&f->store, 0);
        assert_int_equal(f->answers, 1);
        json_object *nodes = json_object_array_get_idx(f->result, 0);
        json_object *first = json_object_array_get_idx(nodes, 0);

        assert_string_equal(json_object_get_string(json_object_object_get(first, "since")),
                            "2025-05-20T02:28:12Z");
        json_object_object_del(first, "since");
        assert_string_equal(text_of(nodes),
                            "[{\"name\":\"a\",\"version\":\"1.2\",\"alive\":true,\"isSelf\":true,"
                            "\"accounts\":[\"default\",\"photos\"],\"silentUsec\":1000000,"
                            "\"pendingDeliveries\":2},"
                            "{\"name\":\"b\",\"version\":\"1.2\",\"alive\":false,\"isSelf\":false,"
                            "\"silentUsec\":1000000,\"pendingDeliveries\":0}]");
}

static void test_a_database_that_fails(void **state) {
        struct fixture *f = *state;

        ask(f, "Nodes", "[]");
        node_store_tell(&f->store, -5);
        assert_string_equal(f->message, "the database is away");
}

/* Whoever asks gets an answer, and what comes later harms nobody. */
static void test_a_database_that_does_not_answer(void **state) {
        struct fixture *f = *state;

        ask(f, "Nodes", "[]");
        core_pass(f->core, 5 * SEC);
        assert_int_equal(f->answers, 1);
        assert_string_equal(f->message, "the database does not answer this node; ask another one, "
                                        "or see koowatchctl store status");
        node_store_tell(&f->store, 0);
        ask(f, "Nodes", "[]");
        node_store_tell(&f->store, 0);
        assert_int_equal(f->answers, 1);
        assert_null(f->message);
}

static void test_the_end_while_the_database_is_asked(void **state) {
        struct fixture *f = *state;

        ask(f, "Nodes", "[]");
        control_free(STEAL_PTR(f->control));
        assert_string_equal(f->message, "koowatchd is stopping");
}

static void test_there_is_no_fleet(void **state) {
        struct fixture *f = *state;

        control_free(f->control);
        open_control(f, f->core->store);
        ask(f, "Nodes", "[]");
        assert_non_null(strstr(f->message, "no node of a fleet"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_nodes_are_listed),
                TEST(test_a_database_that_fails),
                TEST(test_a_database_that_does_not_answer),
                TEST(test_the_end_while_the_database_is_asked),
                TEST(test_there_is_no_fleet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
