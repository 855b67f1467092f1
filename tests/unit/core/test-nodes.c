/* What is said of the nodes of a fleet, and of tasks that another one polls. */
#include <json-c/json.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchd/account/accounts.h"
#include "koowatchd/control/control.h"
#include "koowatchd/loop/dirwatch.h"
#include "koowatchd/membership.h"
#include "koowatchd/store/node-list.h"
#include "koowatchd/task/enrollment.h"
#include "koowatchd/task/registry-handler.h"
#include "koowatchd/trouble.h"
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
        bool is_elsewhere; /* the account is another node's */
        char *told;        /* "added photos " of each change */
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
        free(f->told);
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
        assert_string_equal(f->message, "the database does not answer this node (the database is "
                                        "away); ask another one, or see koowatchctl store status");
}

/* Whoever asks gets an answer, and what comes later harms nobody. */
static void test_a_database_that_does_not_answer(void **state) {
        struct fixture *f = *state;

        ask(f, "Nodes", "[]");
        core_pass(f->core, 5 * SEC);
        assert_int_equal(f->answers, 1);
        assert_string_equal(
                f->message,
                "the database does not answer this node (nothing for 5 s); ask another one, "
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

/* ---- tasks ---- */

static bool is_ours(void *userdata, const char *account) {
        (void) account;
        return !((const struct fixture *) userdata)->is_elsewhere;
}

static void on_task(void *userdata, enum registry_change change, const char *name) {
        static const char *const words[] = {
                [REGISTRY_ADDED] = "added",
                [REGISTRY_CHANGED] = "changed",
                [REGISTRY_REMOVED] = "removed",
        };
        struct fixture *f = userdata;
        char *longer = str_printf("%s%s %s ", f->told, words[change], name);

        assert_non_null(longer);
        free(f->told);
        f->told = longer;
}

static struct account *find_account(void *userdata, const char *name) {
        const struct fixture *f = userdata;

        return streq(name, "default") ? f->core->account : NULL;
}

static void do_nothing(void *userdata) {
        (void) userdata;
}

static void on_invalid(void *userdata, const char *text) {
        (void) text;
        ((struct fixture *) userdata)->core->invalid++;
}

/* A registry that asks here who polls; the store is one that tells at once. */
static int set_up_tasks(void **state) {
        struct fixture *f;
        struct registry_handler handler;

        assert_int_equal(set_up(state), 0);
        f = *state;
        control_free(f->control);
        open_control(f, f->core->store);
        assert_int_equal(str_replace(&f->told, ""), 0);
        handler = registry_enrollment(f->core->registry)->handler;
        handler.on_dirty = (struct callback){commit_request, f->core->commit};
        handler.on_status = (struct callback){do_nothing, NULL};
        handler.find_account = find_account;
        handler.is_ours = is_ours;
        handler.on_invalid = on_invalid;
        handler.on_task = on_task;
        handler.userdata = f;
        registry_set_handler(f->core->registry, &handler);
        return 0;
}

static void ask_through(struct fixture *f, const char *method, const char *arguments) {
        ask(f, method, arguments);
        core_pass(f->core, 100 * USEC_MSEC);
        assert_int_equal(f->answers, 1);
}

static void assert_said(struct fixture *f, const char *expected) {
        assert_null(f->message);
        assert_non_null(strstr(text_of(f->result), expected));
}

static void assert_not_said(struct fixture *f, const char *text) {
        assert_null(f->message);
        assert_null(strstr(text_of(f->result), text));
}

static void look(struct fixture *f) {
        core_pass(f->core, 15 * SEC);
        node_list_look(f->nodes, clock_boot());
        node_store_tell(&f->store, 0);
}

/* A file of another node. */
static struct store_source source_of(const char *node, const char *name, const char *task_id) {
        static char path[128], text[128];

        (void) snprintf(path, sizeof(path), "/etc/koowatch/tasks.d/%s.task", name);
        (void) snprintf(text, sizeof(text), "[Task]\nTaskId=%s\nShareId=7\n", task_id);
        return (struct store_source){
                .node = node,
                .path = path,
                .account = "default",
                .text = text,
                .inode = 7,
                .mtime_ns = 7,
                .removes_finished = true,
        };
}

static void put_remote(struct fixture *f, const char *node, const char *name, const char *task_id) {
        struct store_source source = source_of(node, name, task_id);

        assert_int_equal(registry_put_remote(f->core->registry, &source), 0);
        core_pass(f->core, SEC);
}

static void drop_remote(struct fixture *f, const char *node, const char *name) {
        struct store_source source = source_of(node, name, "");

        source.is_gone = true;
        assert_int_equal(registry_put_remote(f->core->registry, &source), 0);
        core_pass(f->core, SEC);
}

static void test_a_task_that_another_node_polls(void **state) {
        struct fixture *f = *state;

        f->is_elsewhere = true;
        core_put(f->core, "high", "photos", "t1");
        core_scan(f->core);
        ask_through(f, "Get", "[\"photos\"]");
        assert_said(f, "\"state\":\"pending\"");
        assert_not_said(f, "\"reason\"");
        node_store_put(&f->store, "b", "default");
        look(f);
        ask_through(f, "Get", "[\"photos\"]");
        assert_said(f, "\"reason\":\"node b polls account default\",\"node\":\"b\"");
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"node\":\"b\"");
        ask_through(f, "Poll", "[\"photos\"]");
        assert_string_equal(f->message, "task photos is not polled here: node b polls account "
                                        "default; ask there");
        node_store_clear(&f->store);
        look(f);
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"reason\":\"no node polls account default\"");
        assert_not_said(f, "\"node\"");
}

static void test_a_task_whose_file_another_node_has(void **state) {
        struct fixture *f = *state;

        put_remote(f, "b", "photos", "t1");
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"file\":\"b:\\/etc\\/koowatch\\/tasks.d\\/photos.task\"");
        ask_through(f, "Poll", "[\"photos\"]");
        assert_null(f->message);
        ask_through(f, "Remove", "[\"photos\"]");
        assert_string_equal(f->message, "its file is on node b: remove it there "
                                        "(b:/etc/koowatch/tasks.d/photos.task)");
        core_pass(f->core, 3 * SEC);
        core_answer(f->core, "t1", 2);
        ask_through(f, "Get", "[\"photos\"]");
        assert_said(f, "\"state\":\"finished\"");
        ask_through(f, "Redeliver", "[\"photos\", {\"Reread\": true}]");
        assert_string_equal(f->message, "the file of task photos is on node b: only that one can "
                                        "read it again");
}

/* A name stands for one task: this node's, else the first other one's. */
static void test_files_of_one_name(void **state) {
        struct fixture *f = *state;

        put_remote(f, "c", "photos", "t3");
        put_remote(f, "b", "photos", "t2");
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"taskId\":\"t2\"");
        assert_not_said(f, "\"taskId\":\"t3\"");
        core_put(f->core, "high", "photos", "t1");
        core_scan(f->core);
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"taskId\":\"t1\"");
        assert_not_said(f, "\"taskId\":\"t2\"");
        assert_int_equal(registry_count(f->core->registry).pending, 3);
        assert_int_equal(str_replace(&f->told, ""), 0);
        core_remove(f->core, "high", "photos");
        core_scan(f->core);
        core_pass(f->core, SEC);
        assert_string_equal(f->told, "changed photos ");
        drop_remote(f, "b", "photos");
        ask_through(f, "Get", "[\"photos\"]");
        assert_said(f, "\"taskId\":\"t3\"");
        assert_int_equal(str_replace(&f->told, ""), 0);
        drop_remote(f, "c", "photos");
        assert_string_equal(f->told, "removed photos ");
        ask_through(f, "Get", "[\"photos\"]");
        assert_non_null(f->message);
}

/* Whoever copies a task file to all nodes has made no mistake. */
static void test_one_task_on_two_nodes(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *heard = NULL;

        core_put(f->core, "high", "photos", "t1");
        core_scan(f->core);
        core_listen(f->core);
        put_remote(f, "b", "images", "t1");
        put_remote(f, "b", "copy", "t2");
        core_put(f->core, "high", "original", "t2"); /* takes over */
        core_scan(f->core);
        core_pass(f->core, SEC);
        heard = core_heard(f->core);
        assert_string_equal(heard, "");
        assert_int_equal(registry_count(f->core->registry).invalid, 0);
        assert_int_equal(registry_count(f->core->registry).pending, 2);
        assert_int_equal(f->core->invalid, 0);
        ask_through(f, "List", "[{}, \"\", 0]");
        assert_said(f, "\"name\":\"original\"");
        assert_said(f, "\"name\":\"photos\"");
        assert_not_said(f, "images");
        assert_not_said(f, "copy");
        drop_remote(f, "b", "images");
        drop_remote(f, "b", "copy");
        assert_int_equal(registry_count(f->core->registry).invalid, 0);
}

/* ---- what is wrong ---- */

struct accounts_fixture {
        struct fixture *f;
        char token_file[DIRECTORY_MAX + 16];
        struct account_config settings[2];
        struct config config;
        struct ev_loop *loop;
        struct dirwatch *dirwatch;
        struct accounts *accounts;
        struct membership *membership;
};

static int on_added(void *userdata, struct account *account) {
        (void) userdata;
        (void) account;
        return 0;
}

static void ignore(void *userdata, struct account *account) {
        (void) userdata;
        (void) account;
}

static void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        (void) failed_requests;
        ignore(userdata, account);
}

/* This node can poll "eu"; "us" is configured without a token. */
static int set_up_membership(void **state) {
        static const struct accounts_handler handler = {
                .on_added = on_added,
                .on_removed = ignore,
                .on_changed = on_changed,
                .on_ready = ignore,
                .on_settings_changed = ignore,
        };
        static char eu[] = "eu", us[] = "us", endpoint[] = "https://drive.example.com";
        struct accounts_fixture *a = calloc(1, sizeof(*a));
        struct core *c;

        assert_non_null(a);
        assert_int_equal(set_up((void **) &a->f), 0);
        c = a->f->core;
        (void) snprintf(a->token_file, sizeof(a->token_file), "%s/token", c->directory);
        assert_int_equal(replace_file(a->token_file, "secret\n", 7, 0600), 0);
        a->settings[0] = (struct account_config){.name = eu, .token_file = a->token_file};
        a->settings[1] = (struct account_config){.name = us};
        a->config = (struct config){.accounts = a->settings, .n_accounts = 2};
        for (size_t i = 0; i < ARRAY_LEN(a->settings); i++) {
                a->settings[i].endpoint = endpoint;
                a->settings[i].max_in_flight = 8;
                a->settings[i].line = i + 1;
                a->settings[i].rate_limit = (struct rate_limit){.count = 10, .period = SEC};
        }
        a->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(a->loop);
        assert_int_equal(dirwatch_new(a->loop, &a->dirwatch), 0);
        assert_int_equal(
                accounts_new(c->timers, a->dirwatch, c->http, c->directory, &handler, &a->accounts),
                0);
        assert_int_equal(accounts_configure(a->accounts, &a->config), 0);
        assert_int_equal(membership_new(&(struct membership_modules){.store = &a->f->store.store,
                                                                     .accounts = a->accounts,
                                                                     .registry = c->registry,
                                                                     .deliveries = c->deliveries,
                                                                     .nodes = a->f->nodes},
                                        &a->membership),
                         0);
        membership_start(a->membership);
        *state = a;
        return 0;
}

static int tear_down_membership(void **state) {
        struct accounts_fixture *a = *state;

        membership_free(a->membership);
        accounts_free(a->accounts);
        dirwatch_free(a->dirwatch);
        ev_loop_destroy(a->loop);
        (void) tear_down((void **) &a->f);
        free(a);
        return 0;
}

/* The sentences that name nodes or sessions, a line each. */
static void assert_trouble(struct accounts_fixture *a, const char *expected) {
        const struct core *c = a->f->core;
        CLEANUP(json_object_putp) json_object *list = NULL;
        char text[512] = "";
        unsigned failing;

        list = trouble_list(
                &(struct trouble_sources){
                        .accounts = a->accounts,
                        .commit = c->commit,
                        .deliveries = c->deliveries,
                        .poller = c->poller,
                        .registry = c->registry,
                        .membership = a->membership,
                },
                clock_boot(), &failing);
        assert_non_null(list);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                const char *sentence = json_object_get_string(json_object_array_get_idx(list, i));

                if (strstr(sentence, " node "))
                        (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n",
                                        sentence);
        }
        assert_string_equal(text, expected);
}

/* As the store says every 3 s; the nodes are asked for every 15 s. */
static void look_as_member(struct accounts_fixture *a) {
        struct node_store *s = &a->f->store;

        core_pass(a->f->core, 15 * SEC);
        s->handler.on_look(s->handler.userdata);
        node_store_tell(s, 0);
}

static void test_an_account_that_no_node_polls(void **state) {
        struct accounts_fixture *a = *state;
        struct node_store *s = &a->f->store;

        assert_false(membership_has_session(a->membership));
        assert_trouble(a, "this node has no session in the database, it polls nothing\n");
        s->handler.on_begun(s->handler.userdata);
        assert_true(membership_has_session(a->membership));
        assert_trouble(a, "");
        node_store_put(s, "a", "eu");
        look_as_member(a);
        assert_int_equal(s->served, 1);
        assert_trouble(a, "");
        look_as_member(a);
        assert_trouble(a, "no node polls account us, this one has no token for it\n");
        s->n = 0;
        look_as_member(a);
        look_as_member(a);
        assert_trouble(a, "no node polls account us, this one has no token for it\n"
                          "no node polls account eu\n");
        s->handler.on_account(s->handler.userdata, "eu"); /* known before the next look */
        assert_trouble(a, "no node polls account us, this one has no token for it\n");
        node_store_put(s, "b", "us");
        look_as_member(a);
        assert_trouble(a, "");
        assert_int_equal(membership_count(a->membership).held, 1);
}

int main(void) {
#define MEMBER(name) cmocka_unit_test_setup_teardown(name, set_up_membership, tear_down_membership)
#define TASKS(name) cmocka_unit_test_setup_teardown(name, set_up_tasks, tear_down)
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_nodes_are_listed),
                TEST(test_a_database_that_fails),
                TEST(test_a_database_that_does_not_answer),
                TEST(test_the_end_while_the_database_is_asked),
                TEST(test_there_is_no_fleet),
                TASKS(test_a_task_that_another_node_polls),
                TASKS(test_a_task_whose_file_another_node_has),
                TASKS(test_files_of_one_name),
                TASKS(test_one_task_on_two_nodes),
                MEMBER(test_an_account_that_no_node_polls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
