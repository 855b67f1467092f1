/* The entries that wait. */
#include <errno.h>

#include "common/log-backlog.h"
#include "unit/support.h"

static struct log_backlog backlog = LOG_BACKLOG_EMPTY(backlog);

static int push(const char *message) {
        return log_backlog_push(&backlog, &(struct log_record){.identifier = "test",
                                                               .level = LEVEL_INFO,
                                                               .message = message});
}

static int clear(void **state) {
        (void) state;
        while (log_backlog_first(&backlog))
                log_backlog_pop(&backlog);
        assert_int_equal(backlog.count, 0);
        assert_int_equal(backlog.bytes, 0);
        return 0;
}

static void test_order(void **state) {
        (void) state;
        assert_null(log_backlog_first(&backlog));
        assert_int_equal(push("one"), 0);
        assert_int_equal(push("two"), 0);
        assert_string_equal(log_backlog_first(&backlog)->message, "one");
        log_backlog_pop(&backlog);
        assert_int_equal(push("three"), 0);
        assert_string_equal(log_backlog_first(&backlog)->message, "two");
        log_backlog_pop(&backlog);
        assert_string_equal(log_backlog_first(&backlog)->message, "three");
}

/* Nothing that the caller lent is needed afterwards; empty fields take no room. */
static void test_copy(void **state) {
        char name[] = "KOO_A", value[] = "x\ny", id[] = "0123", message[] = "hello";
        struct log_field fields[] = {
                {name, value}, {"KOO_NONE", NULL}, {"KOO_EMPTY", ""}, {"KOO_B", "2"}};
        const struct log_record *r;

        (void) state;
        assert_int_equal(log_backlog_push(&backlog, &(struct log_record){.identifier = "test",
                                                                         .level = LEVEL_ERROR,
                                                                         .message_id = id,
                                                                         .message = message,
                                                                         .fields = fields,
                                                                         .count = 4}),
                         0);
        memset(name, 'z', 5);
        memset(value, 'z', 3);
        memset(id, 'z', 4);
        memset(message, 'z', 5);
        memset(fields, 0, sizeof(fields));
        r = log_backlog_first(&backlog);
        assert_int_equal(r->level, LEVEL_ERROR);
        assert_string_equal(r->identifier, "test");
        assert_string_equal(r->message_id, "0123");
        assert_string_equal(r->message, "hello");
        assert_int_equal(r->count, 2);
        assert_string_equal(r->fields[0].name, "KOO_A");
        assert_string_equal(r->fields[0].value, "x\ny");
        assert_string_equal(r->fields[1].name, "KOO_B");
        assert_string_equal(r->fields[1].value, "2");
}

static void test_bound_of_entries(void **state) {
        (void) state;
        for (size_t i = 0; i < LOG_BACKLOG_ENTRIES_MAX; i++)
                assert_int_equal(push("x"), 0);
        assert_int_equal(push("x"), -ENOBUFS);
        log_backlog_pop(&backlog);
        assert_int_equal(push("x"), 0);
        assert_int_equal(push("x"), -ENOBUFS);
}

static void test_bound_of_bytes(void **state) {
        CLEANUP(freep) char *text = malloc(100001);

        (void) state;
        assert_non_null(text);
        memset(text, 'x', 100000);
        text[100000] = '\0';
        while (push(text) == 0)
                assert_true(backlog.bytes <= LOG_BACKLOG_BYTES_MAX);
        assert_in_range(backlog.count, LOG_BACKLOG_BYTES_MAX / 100000 - 1,
                        LOG_BACKLOG_BYTES_MAX / 100000);
        assert_int_equal(push(text), -ENOBUFS);
        assert_int_equal(push("short"), 0);
        log_backlog_pop(&backlog);
        assert_int_equal(push(text), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_order, clear),
                cmocka_unit_test_teardown(test_copy, clear),
                cmocka_unit_test_teardown(test_bound_of_entries, clear),
                cmocka_unit_test_teardown(test_bound_of_bytes, clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
