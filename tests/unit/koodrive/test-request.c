/*
 * KooDrive's requests, to the last byte
 *
 * The signatures were computed elsewhere, from canonical requests that were written
 * out by hand.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>

#include "koowatchd/koodrive/request.h"
#include "unit/support.h"

#define TASK "1689768877770401664"
#define SHARE "1689765568237837824"
#define KDSTOKEN "aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c"
#define USER "1505084218764547200"
#define AGENT "carrier-a"
#define TOKEN "Bearer+c69b0f40334782d560bb154032cf22ef43d671843c4ffbad"
#define SECRET "013b4daf12f4099a6eb74e2708000cb7a418409192f3e149"
#define APP_ID "demo-app-0001"
#define APP_SECRET "0123456789abcdef0123456789abcdef"
#define NOW (1747708152 * USEC_SEC) /* 2025-05-20 02:29:12 */

#define TRACE_SEED \
        { 0x00, 0x01, 0x9f, 0xff, [28] = 0xa5 }
#define TRACE_ID       \
        "00019fff"     \
        "000000000000" \
        "000000000000" \
        "000000000000" \
        "000000000000" \
        "a5"

static const unsigned char trace_seed[KOODRIVE_TRACE_SEED_LENGTH] = TRACE_SEED;

static const struct koodrive_query by_token = {
        .who = {.endpoint = "https://drive.example.com:8443/prefix", .authorization = TOKEN},
        .task_id = TASK,
        .share_id = SHARE,
        .date = NOW,
        .trace_seed = TRACE_SEED,
};

static const struct koodrive_query by_app = {
        .who =
                {
                        .endpoint = "https://drive.example.com",
                        .user_id = USER,
                        .app_id = APP_ID,
                        .app_secret = APP_SECRET,
                        .signed_headers = "x-date;x-user-id",
                },
        .task_id = TASK,
        .share_id = SHARE,
        .kdstoken = KDSTOKEN,
        .date = NOW,
        .trace_seed = TRACE_SEED,
};

static void assert_headers(const struct koodrive_request *r, const char *const *expected) {
        size_t n = 0;

        for (; r->headers[n] && expected[n]; n++)
                assert_string_equal(r->headers[n], expected[n]);
        if (r->headers[n] || expected[n])
                fail_msg("header %zu: \"%s\", not \"%s\"", n, r->headers[n] ? r->headers[n] : "",
                         expected[n] ? expected[n] : "");
}

/* With a token */

static void test_task_in_full(void **state) {
        static const char *const headers[] = {
                "Authorization: " TOKEN,
                "Content-Type: application/json",
                "X-Date: 20250520T022912Z",
                "X-Traceid: " TRACE_ID,
                "X-User-Id: " USER,
                "X-Hw-Agentname: " AGENT,
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query q = by_token;

        (void) state;
        q.who.user_id = USER;
        q.who.agent_name = AGENT;
        q.kdstoken = KDSTOKEN;
        assert_int_equal(koodrive_request_task(&q, &r), 0);
        assert_string_equal(r.url, "https://drive.example.com:8443/prefix"
                                   "/koodrive/ose/v1/share/taskDetail");
        assert_string_equal(r.body, "{\"taskId\":\"" TASK "\",\"shareId\":\"" SHARE
                                    "\",\"kdstoken\":\"" KDSTOKEN "\"}");
        assert_headers(&r, headers);
        assert_string_equal(r.trace_id, TRACE_ID);
        assert_int_equal(strlen(r.trace_id), 58);
}

static void test_task_at_least(void **state) {
        static const char *const headers[] = {
                "Authorization: " TOKEN,
                "Content-Type: application/json",
                "X-Date: 20250520T022912Z",
                "X-Traceid: " TRACE_ID,
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {}, empty = {};
        struct koodrive_query q = by_token;

        (void) state;
        assert_int_equal(koodrive_request_task(&q, &r), 0);
        assert_string_equal(r.body, "{\"taskId\":\"" TASK "\",\"shareId\":\"" SHARE "\"}");
        assert_headers(&r, headers);

        q.who.user_id = q.who.agent_name = "";
        assert_int_equal(koodrive_request_task(&q, &empty), 0);
        assert_headers(&empty, headers);
}

/* Whatever there is to sign with: a token goes as it is. */
static void test_token_is_never_signed(void **state) {
        static const char *const tokens[] = {"Bearer+10f88", "AT 3b91", "bearer x",
                                             "6ebb/+==", " x "};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
                CLEANUP(freep) char *expected = str_printf("Authorization: %s", tokens[i]);
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
                struct koodrive_query q = by_app;

                q.who.authorization = tokens[i];
                assert_int_equal(koodrive_request_task(&q, &r), 0);
                assert_string_equal(r.headers[0], expected);
        }
}

static void test_date(void **state) {
        static const struct {
                usec_t date;
                const char *expected;
        } cases[] = {
                {0, "X-Date: 19700101T000000Z"},
                {951782399 * USEC_SEC + 999999, "X-Date: 20000228T235959Z"},
                {951782400 * USEC_SEC, "X-Date: 20000229T000000Z"},
                {4102444800 * USEC_SEC, "X-Date: 21000101T000000Z"},
                {253402300799 * USEC_SEC, "X-Date: 99991231T235959Z"},
        };
        struct koodrive_request none;
        struct koodrive_query q = by_token;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};

                q.date = cases[i].date;
                assert_int_equal(koodrive_request_task(&q, &r), 0);
                assert_string_equal(r.headers[2], cases[i].expected);
        }

        q.date = 253402300800 * USEC_SEC; /* the year 10000 has no place in it */
        assert_int_equal(koodrive_request_task(&q, &none), -EINVAL);
}

/* The local time zone has no say. */
static void test_date_is_utc(void **state) {
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};

        (void) state;
        assert_int_equal(setenv("TZ", "XXX-8", 1), 0);
        assert_int_equal(koodrive_request_task(&by_token, &r), 0);
        assert_int_equal(unsetenv("TZ"), 0);
        assert_string_equal(r.headers[2], "X-Date: 20250520T022912Z");
}

/* Whatever printable ASCII the token consists of, the body is JSON that means it. */
static void test_quotes(void **state) {
        static const char odd[] = "\"},{\\/\\u0041 '~";
        static const char *const names[] = {"taskId", "shareId", "kdstoken"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
                const char *values[] = {TASK, SHARE, KDSTOKEN};
                struct koodrive_query q = by_token;
                json_object *body, *value;

                values[i] = odd;
                q.task_id = values[0];
                q.share_id = values[1];
                q.kdstoken = values[2];
                assert_int_equal(koodrive_request_task(&q, &r), 0);
                body = json_tokener_parse(r.body);
                assert_non_null(body);
                assert_int_equal(json_object_object_length(body), 3);
                for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                        assert_true(json_object_object_get_ex(body, names[k], &value));
                        assert_string_equal(json_object_get_string(value), values[k]);
                }
                json_object_put(body);
        }
}

static void test_slashes_are_plain(void **state) {
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query q = by_token;

        (void) state;
        q.kdstoken = "a/b+c==";
        assert_int_equal(koodrive_request_task(&q, &r), 0);
        assert_non_null(strstr(r.body, "\"kdstoken\":\"a/b+c==\"}"));
}

/* json-c's own, and how often it was asked: it is not, where nothing needs escaping. */
static unsigned made_objects;

json_object *json_object_new_object(void) {
        static json_object *(*original)(void);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "json_object_new_object");
        made_objects++;
        return original();
}

static void test_what_is_put_together_without_json_c(void **state) {
        static const struct {
                const char *task_id, *share_id, *kdstoken;
                bool is_plain;
        } cases[] = {
                {TASK, SHARE, KDSTOKEN, true},      {TASK, SHARE, NULL, true},
                {"a-._+/=Z", "9", "a/b+c==", true}, {"a\"", SHARE, NULL, false},
                {TASK, "a\\b", NULL, false},        {TASK, SHARE, "a b", false},
                {TASK, SHARE, "\n", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
                struct koodrive_query q = by_token;

                q.task_id = cases[i].task_id;
                q.share_id = cases[i].share_id;
                q.kdstoken = cases[i].kdstoken;
                made_objects = 0;
                assert_int_equal(koodrive_request_task(&q, &r), 0);
                if ((made_objects == 0) != cases[i].is_plain)
                        fail_msg("row %zu: %s", i, r.body);
        }
}

/* Signed for an app */

static void assert_signed(const struct koodrive_query *q, const char *names,
                          const char *signature) {
        CLEANUP(freep)
        char *expected = str_printf("Authorization: HMAC-SHA256 AppId=" APP_ID
                                    ",SignedHeaders=%s,Signature=%s",
                                    names, signature);
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query copy = *q;

        copy.who.signed_headers = names;
        assert_int_equal(koodrive_request_task(&copy, &r), 0);
        assert_string_equal(r.headers[0], expected);
}

static void test_signed_in_full(void **state) {
        static const char *const headers[] = {
                "Authorization: HMAC-SHA256 AppId=" APP_ID ",SignedHeaders=x-date;x-user-id,"
                "Signature=49fe9851ad8ea80de6860768c08938b29f244d89df4355e1fc0532b5cec92009",
                "Content-Type: application/json",
                "X-Date: 20250520T022912Z",
                "X-Traceid: " TRACE_ID,
                "X-User-Id: " USER,
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};

        (void) state;
        assert_int_equal(koodrive_request_task(&by_app, &r), 0);
        assert_string_equal(r.url, "https://drive.example.com/koodrive/ose/v1/share/taskDetail");
        assert_headers(&r, headers);
}

static void test_signed_with_date(void **state) {
        struct koodrive_query q = by_app;

        (void) state;
        q.who.string_to_sign = STRING_TO_SIGN_WITH_DATE;
        assert_signed(&q, "x-date;x-user-id",
                      "0a39fcd025448a1b97f6d143435160030b964de69525b26ec9d3a5492a93ac33");
}

static void test_signed_without_kdstoken(void **state) {
        struct koodrive_query q = by_app;

        (void) state;
        q.kdstoken = NULL;
        assert_signed(&q, "x-date;x-user-id",
                      "dcecd0f782dcc992b1f81afd3df24670b131941fb9f82c02cfeeb578fba57e64");
}

static void test_signed_path(void **state) {
        static const struct {
                const char *endpoint, *signature;
        } cases[] = {
                {"https://drive.example.com/prefix",
                 "f16624b9d4b1d5f30ab20f4f54113a862d512faf664a6cdb0e10855669f926cb"},
                {"https://drive.example.com:8443/prefix",
                 "f16624b9d4b1d5f30ab20f4f54113a862d512faf664a6cdb0e10855669f926cb"},
                {"https://drive.example.com/a%20b/~c",
                 "09069337066d47918a1bd13023379af17727021b9e7e9b3c8e223d89c476af1d"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_query q = by_app;

                q.who.endpoint = cases[i].endpoint;
                assert_signed(&q, "x-date;x-user-id", cases[i].signature);
        }
}

/* As libcurl sends it: a port only where it is not the scheme's own. */
static void test_signed_host(void **state) {
        static const struct {
                const char *endpoint, *signature;
        } cases[] = {
                {"https://intl.myhuaweicloud-koodrive.com",
                 "f1678df576bd12b85727f515f33a81962d57c05e268f8e8cb7a71c9570535a26"},
                {"https://drive.example.com",
                 "f3473bb682d4c0506837f9e31e55abb6b1aa6532e8953632c6b7dc4aa4a06985"},
                {"https://drive.example.com:443",
                 "f3473bb682d4c0506837f9e31e55abb6b1aa6532e8953632c6b7dc4aa4a06985"},
                {"https://drive.example.com:8443",
                 "66bfb5c886959ccd1e33b99132e81916a1ea33481deecb3af0d705cd61063502"},
                {"https://drive.example.com:8443/prefix",
                 "cba48ef018e870ebed90d900d1844f7ea9605f856fbf31a3ce93b57acba0dd45"},
                {"https://drive.example.com:80",
                 "76641bf0447203aa1f5f832024ea440f7a8c65ad534818beb70837bbe1868879"},
                {"http://127.0.0.1",
                 "02fa2fc32e3320b8cbf27089d6ed49ef520d18de503bb0d1ef646f38d3d15fae"},
                {"http://127.0.0.1:80",
                 "02fa2fc32e3320b8cbf27089d6ed49ef520d18de503bb0d1ef646f38d3d15fae"},
                {"http://127.0.0.1:443",
                 "d44acf4809198a8789c23613e31d91f5ed3d2eb0798e4df1ec193972d50c73c9"},
                {"http://127.0.0.1:8080",
                 "e7c62f7bffbf7bc29637bc76b91f58dee861139e8d5b51f98e6e4995291908f2"},
                {"https://[::1]",
                 "baa44c2c6968fb4a7e74ffc591ee7f3e1d8ef943efe22f0366a57231aafff7ae"},
                {"https://[::1]:443",
                 "baa44c2c6968fb4a7e74ffc591ee7f3e1d8ef943efe22f0366a57231aafff7ae"},
                {"https://[::1]:8443",
                 "96576de42f085586335a609ae90c18e2c8e48e278c39e3ed67034855f123a0c2"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_query q = by_app;

                q.who.endpoint = cases[i].endpoint;
                assert_signed(&q, "host;x-date;x-user-id", cases[i].signature);
        }
}

static void test_signed_headers(void **state) {
        static const struct {
                const char *names, *signature;
        } cases[] = {
                {"x-date", "3cc62ab425beb71be82df65207493ad54b194b378d9b3b9503610b3575383494"},
                {"content-type;x-date;x-user-id",
                 "e8414959ea438417bf3e4fbf22c7eb98465b5d74b6a54b5d4137f63ca2014e2b"},
                {"x-date;x-traceid;x-user-id",
                 "0f302bb54b82279f2cf98e416e8d407cf2431d1a83fc1b90ccfdf334cf34e369"},
                {"x-date;x-hw-agentname;x-user-id",
                 "33d6b5428f48845f1ed1423bd1b3287f049c5c3daad3fd007db3eef6920a99d2"},
        };
        struct koodrive_query q = by_app;

        (void) state;
        q.who.agent_name = AGENT;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_signed(&q, cases[i].names, cases[i].signature);
}

static void test_all_headers_signed(void **state) {
        static const char names[] = "content-type;host;x-date;x-hw-agentname;x-traceid;x-user-id";
        struct koodrive_query q = by_app;

        (void) state;
        q.who.endpoint = "https://drive.example.com:8443/prefix";
        q.who.agent_name = AGENT;
        assert_signed(&q, names,
                      "7e4e6e57c6d5545b799da3f68ee7bbfc45e43109d56d9ef3caab7f5321ac1521");
        q.who.string_to_sign = STRING_TO_SIGN_WITH_DATE;
        assert_signed(&q, names,
                      "100f27f91bbb6c8e5791ffa43f72feff46bef7b43f1425760db01c40118e715b");
}

/* A signature over something that the server does not see would be refused for ever. */
static void test_cannot_be_signed(void **state) {
        static const struct {
                const char *names, *user_id, *endpoint;
        } cases[] = {
                {.names = "x-date;x-user-id"},
                {.names = "x-date;x-user-id", .user_id = ""},
                {.names = "x-date;x-hw-agentname;x-user-id", .user_id = USER},
                {.names = "x-date;x-session-id", .user_id = USER},
                {.names = "authorization;x-date", .user_id = USER},
                {.names = "content-length", .user_id = USER},
                {.names = "x-dat", .user_id = USER},
                {.names = "x-dates", .user_id = USER},
                {.names = "x-date;;x-user-id", .user_id = USER},
                {.names = ";x-date", .user_id = USER},
                {.names = "x-date,x-user-id", .user_id = USER},
                {.names = "x-date;x-date;x-date;x-date;x-date;x-date;x-date;x-date;x-date",
                 .user_id = USER},
                {.names = "x-date", .endpoint = "drive.example.com"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_query q = by_app;
                struct koodrive_request r;
                int error;

                q.who.signed_headers = cases[i].names;
                q.who.user_id = cases[i].user_id;
                if (cases[i].endpoint)
                        q.who.endpoint = cases[i].endpoint;
                error = koodrive_request_task(&q, &r);
                if (error != -EINVAL)
                        fail_msg("\"%s\": %d", cases[i].names, error);
        }
}

static void test_host_over_the_limit(void **state) {
        static const size_t lengths[] = {319, 320, 321, 1000};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
                CLEANUP(freep) char *host = calloc(1, lengths[i] + 1), *endpoint = NULL;
                CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
                struct koodrive_query q = by_app;

                assert_non_null(host);
                memset(host, 'a', lengths[i]);
                endpoint = str_printf("https://%s/prefix", host);
                q.who.endpoint = endpoint;
                q.who.signed_headers = "host;x-date";
                assert_int_equal(koodrive_request_task(&q, &r), i == 0 ? 0 : -EINVAL);
        }
}

/* For a new token */

static void test_refresh_carrier(void **state) {
        static const char *const headers[] = {
                "Authorization: " TOKEN, "Content-Type: application/json", "X-Traceid: " TRACE_ID,
                "X-User-Id: " USER,      "X-Hw-Agentname: " AGENT,         NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_identity who = by_token.who;

        (void) state;
        who.user_id = USER;
        who.agent_name = AGENT;
        assert_int_equal(koodrive_request_refresh(&who, REFRESH_CARRIER, SECRET, trace_seed, &r),
                         0);
        assert_string_equal(r.url, "https://drive.example.com:8443/prefix"
                                   "/koodrive/ose/v1/auth/refreshToken");
        assert_string_equal(r.body, "{\"refreshToken\":\"" SECRET "\"}");
        assert_headers(&r, headers);
        assert_string_equal(r.trace_id, TRACE_ID);
}

static void test_refresh_session(void **state) {
        static const char *const headers[] = {
                "Authorization: " TOKEN,  "X-Traceid: " TRACE_ID,  "X-User-Id: " USER,
                "X-Hw-Agentname: " AGENT, "X-Session-Id: " SECRET, NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_identity who = by_token.who;

        (void) state;
        who.user_id = USER;
        who.agent_name = AGENT;
        assert_int_equal(koodrive_request_refresh(&who, REFRESH_SESSION, SECRET, trace_seed, &r),
                         0);
        assert_string_equal(r.url, "https://drive.example.com:8443/prefix"
                                   "/koodrive/ose/v1/session/refresh");
        assert_string_equal(r.body, "");
        assert_headers(&r, headers);
        assert_string_equal(r.trace_id, TRACE_ID);
}

static void test_refresh_at_least(void **state) {
        static const char *const carrier[] = {
                "Authorization: " TOKEN,
                "Content-Type: application/json",
                "X-Traceid: " TRACE_ID,
                NULL,
        };
        static const char *const session[] = {
                "Authorization: " TOKEN,
                "X-Traceid: " TRACE_ID,
                "X-Session-Id: " SECRET,
                NULL,
        };
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {}, s = {};

        (void) state;
        assert_int_equal(
                koodrive_request_refresh(&by_token.who, REFRESH_CARRIER, SECRET, trace_seed, &r),
                0);
        assert_headers(&r, carrier);
        assert_int_equal(
                koodrive_request_refresh(&by_token.who, REFRESH_SESSION, SECRET, trace_seed, &s),
                0);
        assert_headers(&s, session);
}

static void test_refresh_quotes(void **state) {
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};

        (void) state;
        assert_int_equal(
                koodrive_request_refresh(&by_token.who, REFRESH_CARRIER, "a\"\\/b", trace_seed, &r),
                0);
        assert_string_equal(r.body, "{\"refreshToken\":\"a\\\"\\\\/b\"}");
}

/* What is left behind */

/*
 * Whether the end of text is still where it was, be that memory freed or not: asked of the
 * kernel, as a sanitizer lets nobody look there. An allocator may have used the beginning;
 * one that blanks by itself (MALLOC_PERTURB_, as meson sets it) hides what this looks for,
 * which the sanitizer's does not.
 */
static bool is_left(int memory, uintptr_t address, const char *text) {
        size_t skip = strlen(text) / 2, length = strlen(text) - skip;
        CLEANUP(freep) char *found = malloc(length);

        assert_non_null(found);
        return pread(memory, found, length, (off_t) (address + skip)) == (ssize_t) length &&
               memcmp(found, text + skip, length) == 0;
}

static void test_clear_blanks(void **state) {
        static const char authorization[] = "Authorization: " TOKEN;
        static const char session[] = "X-Session-Id: " SECRET;
        static const char body[] = "{\"refreshToken\":\"" SECRET "\"}";
        CLEANUP(closep) int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        struct koodrive_request r = {}, empty = {};
        uintptr_t first, second;

        (void) state;
        if (memory < 0)
                skip();
        assert_int_equal(
                koodrive_request_refresh(&by_token.who, REFRESH_SESSION, SECRET, trace_seed, &r),
                0);
        first = (uintptr_t) r.headers[0];
        second = (uintptr_t) r.headers[2];
        assert_true(is_left(memory, first, authorization));
        assert_true(is_left(memory, second, session));
        koodrive_request_clear(&r);
        assert_false(is_left(memory, first, authorization));
        assert_false(is_left(memory, second, session));

        assert_int_equal(
                koodrive_request_refresh(&by_token.who, REFRESH_CARRIER, SECRET, trace_seed, &r),
                0);
        first = (uintptr_t) r.body;
        assert_true(is_left(memory, first, body));
        koodrive_request_clear(&r);
        assert_false(is_left(memory, first, body));
        assert_memory_equal(&r, &empty, sizeof(r));
}

static void test_clear_twice(void **state) {
        struct koodrive_request r = {}, empty = {};

        (void) state;
        koodrive_request_clear(&r);
        assert_int_equal(koodrive_request_task(&by_app, &r), 0);
        koodrive_request_clear(&r);
        koodrive_request_clear(&r);
        assert_memory_equal(&r, &empty, sizeof(r));
}

/* json-c's own, which has memory for so many strings; negative: for all. */
static int strings_left = -1;

json_object *json_object_new_string(const char *text) {
        static json_object *(*original)(const char *text);

        if (!original)
                *(void **) &original = dlsym(RTLD_NEXT, "json_object_new_string");
        if (strings_left == 0)
                return NULL;
        strings_left -= strings_left > 0;
        return original(text);
}

/* It lacks no member, and has none that is null. */
static void test_no_memory_for_a_member(void **state) {
        CLEANUP(koodrive_request_clear) struct koodrive_request r = {};
        struct koodrive_query q = by_token;

        (void) state;
        q.task_id = "~"; /* for json-c */
        for (strings_left = 0; strings_left < 2;) {
                int left = strings_left;

                assert_int_equal(koodrive_request_task(&q, &r), -ENOMEM);
                koodrive_request_clear(&r);
                strings_left = left + 1;
        }
        assert_int_equal(koodrive_request_task(&q, &r), 0);
        strings_left = -1;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_task_in_full),
                cmocka_unit_test(test_task_at_least),
                cmocka_unit_test(test_token_is_never_signed),
                cmocka_unit_test(test_date),
                cmocka_unit_test(test_date_is_utc),
                cmocka_unit_test(test_quotes),
                cmocka_unit_test(test_slashes_are_plain),
                cmocka_unit_test(test_what_is_put_together_without_json_c),
                cmocka_unit_test(test_signed_in_full),
                cmocka_unit_test(test_signed_with_date),
                cmocka_unit_test(test_signed_without_kdstoken),
                cmocka_unit_test(test_signed_path),
                cmocka_unit_test(test_signed_host),
                cmocka_unit_test(test_signed_headers),
                cmocka_unit_test(test_all_headers_signed),
                cmocka_unit_test(test_cannot_be_signed),
                cmocka_unit_test(test_host_over_the_limit),
                cmocka_unit_test(test_refresh_carrier),
                cmocka_unit_test(test_refresh_session),
                cmocka_unit_test(test_refresh_at_least),
                cmocka_unit_test(test_refresh_quotes),
                cmocka_unit_test(test_clear_blanks),
                cmocka_unit_test(test_clear_twice),
                cmocka_unit_test(test_no_memory_for_a_member),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
