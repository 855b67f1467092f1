/* Requests, answers and accounts, while one allocation after the other fails. */
#include <errno.h>
#include <json-c/json.h>

#include "common/config.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/identity.h"
#include "koowatchd/account/rate-limit.h"
#include "koowatchd/account/token-refresh.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/koodrive/signature.h"
#include "koowatchd/loop/content-coding.h"
#include "koowatchd/loop/heap.h"
#include "koowatchd/report/event.h"
#include "koowatchd/store/store-batch.h"
#include "koowatchd/task/task.h"
#include "unit/short-memory.h"
#include "unit/support.h"

static char name[] = "eu-1", endpoint[] = "https://drive.example.com", headers[] = "x-date",
            agent[] = "carrier", app[] = "app";

static const struct account_config by_token = {
        .name = name,
        .endpoint = endpoint,
        .agent_name = agent,
        .signed_headers = headers,
        .token_scheme = TOKEN_SCHEME_BEARER,
        .rate_limit = {100, USEC_SEC},
        .max_in_flight = 8,
};

static void test_requests(void **state) {
        const struct koodrive_identity who = {.endpoint = endpoint, .authorization = "Bearer 0123"};
        struct koodrive_query query = {
                .who = who, .task_id = "1", .share_id = "2", .kdstoken = "3", .date = USEC_DAY};
        const unsigned char seed[KOODRIVE_TRACE_SEED_LENGTH] = {0};
        struct koodrive_request request;

        (void) state;
        assert_short_memory(koodrive_request_task(&query, &request),
                            koodrive_request_clear(&request));
        query.who = (struct koodrive_identity){.endpoint = endpoint,
                                               .user_id = "4",
                                               .agent_name = agent,
                                               .app_id = app,
                                               .app_secret = "secret",
                                               .signed_headers = "x-date;x-user-id"};
        assert_short_memory(koodrive_request_task(&query, &request),
                            koodrive_request_clear(&request));
        assert_short_memory(
                koodrive_request_refresh(&who, REFRESH_CARRIER, "secret", seed, &request),
                koodrive_request_clear(&request));
        assert_short_memory(
                koodrive_request_refresh(&who, REFRESH_SESSION, "secret", seed, &request),
                koodrive_request_clear(&request));
}

static void test_signature(void **state) {
        const struct signature_header signed_headers[] = {{"x-date", "20250520T022912Z"}};
        const struct signature_request request = {
                .method = "POST",
                .path = "/a",
                .query = "b=1&a=2",
                .headers = signed_headers,
                .n_headers = 1,
                .body = "c",
                .body_length = 1,
        };
        char hash[SIGNATURE_LENGTH + 1], *authorization;

        (void) state;
        assert_short_memory(signature_hash_request(&request, hash), (void) 0);
        assert_short_memory(signature_make(&request, "secret", hash), (void) 0);
        assert_short_memory(signature_authorize(&request, app, "secret", &authorization),
                            free(authorization));
}

static void on_changed(void *userdata, struct account *account, unsigned failed_requests) {
        (void) userdata;
        (void) account;
        (void) failed_requests;
}

static void test_account(void **state) {
        struct account_config other = by_token;
        struct account *account;

        (void) state;
        assert_short_memory(account_new(&by_token, USEC_MINUTE, on_changed, NULL, &account),
                            (void) 0);
        assert_short_memory(account_set_secret(account, "token", NULL, USEC_DAY), (void) 0);
        assert_string_equal(account_identity(account).authorization, "Bearer token");
        other.rate_limit.count = 7;
        other.token_scheme = TOKEN_SCHEME_VERBATIM;
        assert_short_memory(account_configure(account, &other, USEC_MINUTE), (void) 0);
        assert_string_equal(account_identity(account).authorization, "token");
        assert_short_memory(account_set_refresh_secret(account, "refresh", USEC_DAY), (void) 0);
        assert_string_equal(account_refresh_secret(account), "refresh");
        account_free(account);
}

/* What was in force stays so. */
static void test_parts_of_an_account(void **state) {
        struct identity identity = {};
        struct rate_limiter rate = {};
        struct token_refresh refresh = {};

        (void) state;
        assert_int_equal(identity_set_settings(&identity, &by_token), 0);
        assert_int_equal(identity_set_secret(&identity, "old"), 0);
        for (unsigned n = 1;; n++) {
                memory_fail(n);
                (void) identity_set_secret(&identity, "new");
                if (!memory_end())
                        break;
                assert_string_equal(identity.secret, "old");
                assert_string_equal(identity.authorization, "Bearer old");
        }
        assert_string_equal(identity.secret, "new");
        identity_clear(&identity);

        assert_short_memory(rate_limiter_set_limit(&rate, (struct rate_limit){3, USEC_SEC}),
                            (void) 0);
        memory_fail(1);
        assert_int_equal(rate_limiter_set_limit(&rate, (struct rate_limit){5, USEC_SEC}), -ENOMEM);
        assert_true(memory_end());
        assert_int_equal(rate.limit.count, 3);
        rate_limiter_clear(&rate);

        assert_int_equal(token_refresh_set_secret(&refresh, "old"), 1);
        memory_fail(1);
        assert_int_equal(token_refresh_set_secret(&refresh, "new"), -ENOMEM);
        assert_true(memory_end());
        assert_string_equal(refresh.secret, "old");
        assert_short_memory(token_refresh_sent(&refresh, "token", REFRESH_CARRIER), (void) 0);
        token_refresh_clear(&refresh);
        token_refresh_clear(&refresh);
        assert_null(refresh.secret);
}

static void on_fault(void *userdata, bool is_error, unsigned line, const char *text) {
        (void) userdata;
        (void) is_error;
        fail_msg("%u: %s", line, text);
}

static void test_task(void **state) {
        static const char text[] = "[Task]\nTaskId=1\nShareId=2\nAccount=a\nHook=b c\n"
                                   "KdsToken=d\nDescription=e\n[Variables]\nF=g\nH=i\n";
        struct task *task;

        (void) state;
        assert_short_memory(task_parse(text, strlen(text), on_fault, NULL, &task), task_free(task));
}

static int add_all(struct store_batch *batch) {
        const struct store_key key = {"a", "1", "2"};
        const struct store_task task = {};
        const struct store_delivery delivery = {.settled = "[]"};
        int r = store_batch_put_task(batch, &key, "b", &task);

        if (r == 0)
                r = store_batch_drop_task(batch, &key, 1);
        if (r == 0)
                r = store_batch_miss_task(batch, &key, 1);
        if (r == 0)
                r = store_batch_put_event(batch, "c", "{}", NULL, 1);
        if (r == 0)
                r = store_batch_put_delivery(batch, "c", &delivery);
        return r == 0 ? store_batch_prune(batch, 2, 1) : r;
}

static int make_batch(void) {
        CLEANUP(store_batch_freep) struct store_batch *batch = store_batch_new();

        return batch ? add_all(batch) : -ENOMEM;
}

static void test_batch(void **state) {
        (void) state;
        assert_short_memory(make_batch(), (void) 0);
}

static int make_event(json_object **ret) {
        static const char *const variables[] = {"A=b", "C=d", NULL};
        const struct koodrive_answer answer = {.progress = 40, .type = 1};
        const struct event_task task = {
                .name = "photos",
                .account = name,
                .task_id = "1",
                .share_id = "2",
                .file = "/etc/photos.task",
                .hooks = "a b",
                .variables = variables,
                .registered = USEC_DAY,
                .finished = 2 * USEC_DAY,
                .polls = 3,
                .outcome = OUTCOME_COMPLETED,
                .answer = &answer,
                .download_url = "https://example.com/a.zip",
        };

        *ret = event_of_task(EVENT_FINISHED, "id", &task);
        return *ret ? 0 : -ENOMEM;
}

static int make_account_event(json_object **ret) {
        *ret = event_of_account("id", name, "throttled", "it says so");
        return *ret ? 0 : -ENOMEM;
}

static int make_line(json_object *event, json_object *settled, char **ret) {
        *ret = event_line(event, &(struct event_attempt){.number = 1,
                                                         .settled = settled,
                                                         .node = name,
                                                         .fence = 1,
                                                         .run_until = USEC_SEC});
        return *ret ? 0 : -ENOMEM;
}

/* None of them is half an event. */
static void test_events(void **state) {
        json_object *event, *account, *settled = json_tokener_parse("[\"finished.d/a\"]");
        char *line;

        (void) state;
        assert_short_memory(make_account_event(&account), json_object_put(account));
        assert_short_memory(make_event(&event), (void) 0);
        assert_short_memory(make_line(event, settled, &line), (void) 0);
        assert_non_null(strstr(line, "\"settled\":[\"finished.d/a\"]"));
        assert_non_null(strstr(line, "\"variables\":{\"A\":\"b\",\"C\":\"d\"}"));
        free(line);
        json_object_put(event);
        json_object_put(settled);
}

/* No link is called a bad one because of that. */
static void test_link(void **state) {
        const char *problem;
        char *link;

        (void) state;
        assert_short_memory(link_check("https://example.com/a.zip", false, &problem),
                            assert_null(problem));
        assert_short_memory(link_check("http://example.com/a.zip", false, &problem),
                            assert_non_null(problem));
        assert_short_memory(link_clean(" https://example.com ", 21, &link, &problem),
                            assert_string_equal(link, "https://example.com"));
        free(link);
}

/* It is read as a whole, or it is to be asked for again. */
static void test_answer(void **state) {
        static const char body[] =
                "{\"code\":0,\"jobInfo\":{\"taskId\":\"1\",\"taskStatus\":2,\"taskType\":1,"
                "\"taskResultCode\":1,\"downloadUrl\":\"https://example.com/a.zip\"}}";
        const struct http_answer http = {.status = 200, .body = body, .body_length = strlen(body)};
        const struct koodrive_query query = {
                .who = {.endpoint = endpoint, .authorization = "Bearer 0123"},
                .task_id = "1",
                .share_id = "2"};
        json_tokener *tokener = koodrive_tokener_new();
        bool failed;

        (void) state;
        for (unsigned n = 1;; n++) {
                struct koodrive_answer a;

                memory_fail(n);
                koodrive_answer_read(&http, &query, tokener, USEC_DAY, &a);
                failed = memory_end();
                if (a.disposition.class == KOODRIVE_TASK)
                        assert_string_equal(a.download_url, "https://example.com/a.zip");
                else
                        assert_int_equal(a.disposition.class, KOODRIVE_TRANSIENT);
                koodrive_answer_clear(&a);
                if (!failed) {
                        assert_true(n > 1);
                        break;
                }
        }
        json_tokener_free(tokener);
}

static int decode(const char *body, size_t length) {
        CLEANUP(freep) char *text = NULL;
        const char *why;
        int r = content_decode("gzip", body, length, 100, &text, &length, &why);

        assert_true((r < 0) == (text == NULL));
        return MIN(r, 0);
}

static void test_loop(void **state) {
        static const char packed[] = "\x1f\x8b\x08\0\0\0\0\0\x02\x03\x4b\x04\0\x43\xbe\xb7\xe8"
                                     "\x01\0\0\0";
        struct heap heap = {};

        (void) state;
        assert_short_memory(decode(packed, sizeof(packed) - 1), (void) 0);
        assert_short_memory(heap_reserve(&heap), heap_clear(&heap));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests), cmocka_unit_test(test_signature),
                cmocka_unit_test(test_account),  cmocka_unit_test(test_parts_of_an_account),
                cmocka_unit_test(test_task),     cmocka_unit_test(test_batch),
                cmocka_unit_test(test_events),   cmocka_unit_test(test_link),
                cmocka_unit_test(test_answer),   cmocka_unit_test(test_loop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
