/*
 * Classes of answers: every row of the tables, and the order in which they are asked
 *
 * The codes are written out here a second time, so that a row that gets lost, moves
 * or comes in unasked is seen.
 */
#include <ctype.h>
#include <limits.h>

#include "koowatchd/koodrive/class.h"
#include "unit/support.h"

#define TEXT_MAX 70
#define ADVICE_MAX 90

#define TRANSIENT KOODRIVE_TRANSIENT
#define RETRY_LIMITED KOODRIVE_RETRY_LIMITED
#define REJECTED KOODRIVE_REJECTED
#define UNREACHABLE KOODRIVE_UNREACHABLE
#define MISCONFIGURED KOODRIVE_MISCONFIGURED
#define THROTTLED KOODRIVE_THROTTLED
#define UNAUTHORIZED KOODRIVE_UNAUTHORIZED

struct code_case {
        unsigned code;
        enum koodrive_class class;
        const char *text; /* must be in it */
        enum koodrive_account_doubt may_be_account;
        unsigned tries;
        usec_t span, pause;
};

#define FIVE_TRIES .tries = 5, .span = 600 * USEC_SEC
#define SETTINGS .may_be_account = KOODRIVE_MAYBE_SETTINGS
#define CREDENTIAL .may_be_account = KOODRIVE_MAYBE_CREDENTIAL

static const struct code_case service_cases[] = {
        {13000101, REJECTED, "KooDrive refused the request as invalid", SETTINGS},
        {13000102, REJECTED, "a parameter", SETTINGS},
        {13000201, TRANSIENT, "KooDrive reported an internal error"},
        {13000301, RETRY_LIMITED, "the space is missing", FIVE_TRIES},
        {13000302, REJECTED, "not in that space"},
        {13000303, REJECTED, "not in the recycle bin"},
        {13000304, RETRY_LIMITED, "target directory is in a bad state", FIVE_TRIES},
        {13000305, REJECTED, "target directory is in the recycle bin"},
        {13000306, REJECTED, "the file is in the recycle bin"},
        {13000307, RETRY_LIMITED, "directories contain each other", FIVE_TRIES},
        {13000308, RETRY_LIMITED, "metadata", FIVE_TRIES},
        {13000309, RETRY_LIMITED, "not found", .tries = 3, .span = 60 * USEC_SEC},
        {13000310, REJECTED, "directories are nested too deeply"},
        {13000311, REJECTED, "not enough space"},
        {13000312, REJECTED, "the file is already in the target directory"},
        {13000401, REJECTED, "upload was not found"},
        {13000402, REJECTED, "integrity"},
        {13000403, RETRY_LIMITED, "status could not be changed", FIVE_TRIES},
        {13000404, REJECTED, "parent directory"},
        {13000405, REJECTED, "a file with that name already exists"},
        {13000406, REJECTED, "this operation is not possible for a directory"},
        {13000407, RETRY_LIMITED, "download address", FIVE_TRIES},
        {13000408, RETRY_LIMITED, "download of the file failed", FIVE_TRIES},
        {13000409, REJECTED, "upload of the file failed"},
        {13000410, REJECTED, "the user has no permission for this space", SETTINGS},
        {13000411, REJECTED, "not in this space"},
        {13000412, REJECTED, "not active"},
        {13000413, REJECTED, "not supported"},
        {13000414, REJECTED, "search is missing"},
};

/* Without leading zeros: 303 is APIG.0303. APIG.0201 has a test of its own. */
static const struct code_case gateway_cases[] = {
        {101, MISCONFIGURED, "the gateway does not know this address"},
        {103, UNREACHABLE, "the gateway is misconfigured"},
        {104, UNREACHABLE, "the gateway is misconfigured"},
        {105, UNREACHABLE, "the gateway is misconfigured"},
        {106, MISCONFIGURED, "the gateway cannot forward this request"},
        {107, UNREACHABLE, "the gateway is misconfigured"},
        {202, UNREACHABLE, "the gateway cannot reach KooDrive"},
        {203, UNREACHABLE, "in time"},
        {204, MISCONFIGURED, "TLS"},
        {205, MISCONFIGURED, "client certificate"},
        {301, UNAUTHORIZED, "IAM"},
        {302, UNAUTHORIZED, "user may not"},
        {303, UNAUTHORIZED, "signature"},
        {304, UNAUTHORIZED, "app may not"},
        {305, UNAUTHORIZED, "credential was refused"},
        {306, UNAUTHORIZED, "access to the API"},
        {307, UNAUTHORIZED, "renewed"},
        {308, THROTTLED, "too many requests"},
        {310, UNAUTHORIZED, "project"},
        {311, UNAUTHORIZED, "debugging"},
        {312, UNAUTHORIZED, "third party"},
        {313, UNAUTHORIZED, "third party"},
        {314, UNAUTHORIZED, "locked out", .pause = 360 * USEC_SEC},
        {401, MISCONFIGURED, "the gateway cannot determine the address of this machine"},
        {402, MISCONFIGURED, "not allowed"},
        {404, MISCONFIGURED, "the gateway may not access its backend"},
        {405, MISCONFIGURED, "app is not allowed"},
        {501, THROTTLED, "quota", .pause = 600 * USEC_SEC},
        {502, THROTTLED, "frozen", .pause = 600 * USEC_SEC},
        {601, UNREACHABLE, "the gateway reported an internal error"},
        {602, MISCONFIGURED, "the gateway refused the request as invalid"},
        {605, UNREACHABLE, "resolve"},
        {606, UNREACHABLE, "the gateway reported an internal error"},
        {607, MISCONFIGURED, "protocol"},
        {608, UNREACHABLE, "the gateway reported an internal error"},
        {609, UNREACHABLE, "the gateway reported an internal error"},
        {610, UNREACHABLE, "the backend of the gateway is down"},
        {611, UNREACHABLE, "the gateway reported an internal error"},
        {612, UNREACHABLE, "the gateway reported an internal error"},
        {613, UNREACHABLE, "check credentials now"},
        {615, UNREACHABLE, "the gateway cannot reach its authentication service"},
        {616, UNREACHABLE, "the gateway cannot reach its authentication service"},
        {617, UNREACHABLE, "the gateway cannot reach its authentication service"},
        {705, UNREACHABLE, "the gateway reported an internal error"},
        {802, UNAUTHORIZED, "region"},
        {1001, UNAUTHORIZED, "refresh token has expired"},
        {1002, UNAUTHORIZED, "the token has expired"},
        {1003, UNAUTHORIZED, "another app"},
        {1004, UNAUTHORIZED, "app does not exist"},
        {1005, UNAUTHORIZED, "credential was refused"},
        {1006, UNAUTHORIZED, "credential was refused"},
        {1007, UNAUTHORIZED, "credential was refused"},
        {1008, UNAUTHORIZED, "credential was refused"},
        {1009, UNAUTHORIZED, "id or secret"},
        {2201, UNAUTHORIZED, "id or secret"},
        {2202, UNAUTHORIZED, "refresh token is not valid"},
        {2203, UNAUTHORIZED, "the token is not valid"},
        {2204, UNAUTHORIZED, "the authentication method was refused"},
        {2205, UNAUTHORIZED, "the authentication method was refused"},
        {2206, UNAUTHORIZED, "the authentication method was refused"},
        {2207, UNAUTHORIZED, "the authentication method was refused"},
        {2208, UNAUTHORIZED, "the authentication method was refused"},
        {2209, UNAUTHORIZED, "the authentication method was refused"},
        {2210, UNAUTHORIZED, "the authentication method was refused"},
        {2211, UNAUTHORIZED, "the authentication method was refused"},
        {2212, UNAUTHORIZED, "the authentication method was refused"},
        {2213, UNAUTHORIZED, "the authentication method was refused"},
};

/* Everything that an answer can be. */
static const long statuses[] = {0,   200, 204, 302, 400, 401, 403, 404, 405, 407, 408, 413,
                                414, 429, 494, 499, 500, 502, 503, 504, 599, 600, -1};

static bool is_clause(const char *text, size_t max) {
        size_t n = strlen(text);

        for (size_t i = 0; i < n; i++)
                if (!isprint((unsigned char) text[i]))
                        return false;
        return n > 0 && n <= max && text[0] != ' ' && text[n - 1] != ' ' && text[n - 1] != '.';
}

/* What every meaning keeps to, whatever it is. */
static struct koodrive_disposition classify(long status, const char *code) {
        struct koodrive_disposition m = koodrive_classify(status, code, KOODRIVE_BODY_OTHER);

        if (m.class <= KOODRIVE_TASK || m.class >= KOODRIVE_CLASSES)
                fail_msg("HTTP %ld, code \"%s\": class %d", status, code, (int) m.class);
        if (!m.text || !is_clause(m.text, TEXT_MAX))
                fail_msg("HTTP %ld, code \"%s\": text \"%s\"", status, code, m.text);
        if (m.advice && !is_clause(m.advice, ADVICE_MAX))
                fail_msg("HTTP %ld, code \"%s\": advice \"%s\"", status, code, m.advice);
        if ((m.tries > 0) != (m.class == RETRY_LIMITED) ||
            (m.span > 0) != (m.class == RETRY_LIMITED))
                fail_msg("HTTP %ld, code \"%s\": %u tries", status, code, m.tries);
        if (m.may_be_account != KOODRIVE_NOT_ACCOUNT && m.class != RETRY_LIMITED &&
            m.class != REJECTED && m.class != UNREACHABLE)
                fail_msg("HTTP %ld, code \"%s\": may_be_account", status, code);
        if (m.pause < 0 || (m.pause > 0 && m.class != THROTTLED && m.class != UNAUTHORIZED))
                fail_msg("HTTP %ld, code \"%s\": pause", status, code);
        return m;
}

static bool same_meaning(const struct koodrive_disposition *a,
                         const struct koodrive_disposition *b) {
        return a->class == b->class && a->may_be_account == b->may_be_account &&
               a->listed == b->listed && a->by_koodrive == b->by_koodrive && a->tries == b->tries &&
               a->span == b->span && a->pause == b->pause && streq(a->text, b->text) &&
               a->advice == b->advice;
}

/* A listed code means the same whatever the HTTP status is. */
static void check_listed(const char *code, const struct code_case *c, bool by_koodrive) {
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                struct koodrive_disposition m = classify(statuses[i], code);

                if (m.class != c->class || m.may_be_account != c->may_be_account ||
                    m.tries != c->tries || m.span != c->span || m.pause != c->pause ||
                    !strstr(m.text, c->text))
                        fail_msg("HTTP %ld, code %s: %s (%s)", statuses[i], code,
                                 koodrive_class_name(m.class), m.text);
                assert_true(m.listed);
                assert_int_equal(m.by_koodrive, by_koodrive);
        }
}

static void test_service_codes(void **state) {
        (void) state;
        assert_int_equal(ARRAY_LEN(service_cases), 29);
        for (size_t i = 0; i < ARRAY_LEN(service_cases); i++) {
                char code[16];

                (void) snprintf(code, sizeof(code), "%u", service_cases[i].code);
                check_listed(code, &service_cases[i], true);
        }
}

static void test_gateway_codes(void **state) {
        (void) state;
        assert_int_equal(ARRAY_LEN(gateway_cases), 67);
        for (size_t i = 0; i < ARRAY_LEN(gateway_cases); i++) {
                char code[16];

                (void) snprintf(code, sizeof(code), "APIG.%04u", gateway_cases[i].code);
                check_listed(code, &gateway_cases[i], false);
                (void) snprintf(code, sizeof(code), "APIGW.%04u", gateway_cases[i].code);
                check_listed(code, &gateway_cases[i], false);
        }
}

static bool is_in(const struct code_case *cases, size_t n, unsigned code) {
        for (size_t i = 0; i < n; i++)
                if (cases[i].code == code)
                        return true;
        return false;
}

static void test_no_other_code_is_listed(void **state) {
        (void) state;
        for (unsigned n = 0; n <= 9999; n++) {
                bool expected = n == 201 || is_in(gateway_cases, ARRAY_LEN(gateway_cases), n);
                char code[16];

                (void) snprintf(code, sizeof(code), "APIG.%04u", n);
                if (classify(400, code).listed != expected)
                        fail_msg("%s: %s", code, expected ? "not listed" : "listed");
                (void) snprintf(code, sizeof(code), "%u", n);
                assert_false(classify(400, code).listed);
        }
        for (unsigned n = 12999000; n <= 13002000; n++) {
                bool expected = is_in(service_cases, ARRAY_LEN(service_cases), n);
                char code[16];

                (void) snprintf(code, sizeof(code), "%u", n);
                if (classify(400, code).listed != expected)
                        fail_msg("%s: %s", code, expected ? "not listed" : "listed");
        }
}

/* What the status alone says. */

struct status_case {
        long first, last;
        enum koodrive_class class;
        enum koodrive_account_doubt may_be_account;
        unsigned tries;
        usec_t span, pause;
        const char *text; /* must be in it */
};

static const struct status_case status_cases[] = {
        {200, 299, TRANSIENT, .text = "the answer contains no task"},
        {300, 399, TRANSIENT, .text = "a redirect, which is not followed"},
        {400, 400, UNREACHABLE, .text = "refused without a KooDrive code"},
        {401, 401, UNAUTHORIZED, .text = "the credential was refused"},
        {402, 402, UNREACHABLE, .text = "refused without a KooDrive code"},
        {403, 403, UNAUTHORIZED, .text = "access was refused"},
        {404, 404, MISCONFIGURED, .text = "the address does not exist"},
        {405, 405, UNREACHABLE, .text = "refused without a KooDrive code"},
        {406, 406, UNREACHABLE, .text = "refused without a KooDrive code"},
        {407, 407, MISCONFIGURED, .text = "proxy"},
        {408, 412, UNREACHABLE, .text = "refused without a KooDrive code"},
        {413, 414, UNREACHABLE, .text = "too large"},
        {415, 428, UNREACHABLE, .text = "refused without a KooDrive code"},
        {429, 429, THROTTLED, .text = "too many requests"},
        {430, 493, UNREACHABLE, .text = "refused without a KooDrive code"},
        {494, 494, UNREACHABLE, .text = "too large"},
        {495, 499, UNREACHABLE, .text = "refused without a KooDrive code"},
        {500, 599, UNREACHABLE, .text = "the service is not available"},
        {-1000, 199, TRANSIENT, .text = "HTTP status"},
        {600, 1000, TRANSIENT, .text = "HTTP status"},
        {LONG_MIN, LONG_MIN, TRANSIENT, .text = "HTTP status"},
        {LONG_MAX, LONG_MAX, TRANSIENT, .text = "HTTP status"},
};

static void check_status(long status, const struct status_case *c) {
        struct koodrive_disposition m = classify(status, ""), zero = classify(status, "0");

        if (m.class != c->class || m.may_be_account != c->may_be_account || m.tries != c->tries ||
            m.span != c->span || m.pause != c->pause || !strstr(m.text, c->text))
                fail_msg("HTTP %ld: %s (%s)", status, koodrive_class_name(m.class), m.text);
        assert_false(m.listed);
        assert_false(m.by_koodrive);
        assert_true(same_meaning(&zero, &m));
}

static void test_statuses(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(status_cases); i++) {
                long status = status_cases[i].first;

                check_status(status, &status_cases[i]);
                while (status != status_cases[i].last)
                        check_status(++status, &status_cases[i]);
        }
}

/* APIG.0201 stands for all that can go wrong with a request. */
static void test_gateway_code_that_leaves_it_to_the_status(void **state) {
        static const char *const codes[] = {"APIG.0201", "APIGW.0201"};
        static const struct {
                long status;
                enum koodrive_class class;
        } cases[] = {
                {400, RETRY_LIMITED}, {401, UNAUTHORIZED},  {413, RETRY_LIMITED},
                {414, RETRY_LIMITED}, {494, RETRY_LIMITED}, {500, UNREACHABLE},
                {502, UNREACHABLE},   {504, UNREACHABLE},   {200, UNREACHABLE},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
                        struct koodrive_disposition m = classify(cases[k].status, codes[i]);

                        if (m.class != cases[k].class)
                                fail_msg("HTTP %ld, %s: %s", cases[k].status, codes[i], m.text);
                        assert_true(m.listed);
                }
        }
}

/* Codes that no table has. */

struct order_case {
        long status;
        enum koodrive_class class;
};

/* Eight digits that begin with 13 are KooDrive's own, whether they are documented or not. */
static void test_unlisted_codes(void **state) {
        static const char *const codes[] = {"13000100", "13000103", "13000202",
                                            "13000300", "13000313", "13000400",
                                            "13000415", "13000416", "13999999"};
        static const struct order_case cases[] = {
                {200, RETRY_LIMITED},      {302, RETRY_LIMITED}, {400, RETRY_LIMITED},
                {401, UNAUTHORIZED},       {403, RETRY_LIMITED}, {404, RETRY_LIMITED},
                {405, RETRY_LIMITED},      {407, RETRY_LIMITED}, {413, RETRY_LIMITED},
                {429, THROTTLED},          {494, RETRY_LIMITED}, {499, RETRY_LIMITED},
                {500, TRANSIENT},          {503, TRANSIENT},     {599, TRANSIENT},
                {600, RETRY_LIMITED},      {0, RETRY_LIMITED},   {LONG_MIN, RETRY_LIMITED},
                {LONG_MAX, RETRY_LIMITED},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                assert_true(koodrive_code_is_own(codes[i]));
                for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
                        struct koodrive_disposition m = classify(cases[k].status, codes[i]);

                        if (m.class != cases[k].class)
                                fail_msg("HTTP %ld, code %s: %s", cases[k].status, codes[i],
                                         m.text);
                        assert_false(m.listed);
                        assert_true(m.by_koodrive);
                        assert_true(m.overdue);
                        if (m.class != RETRY_LIMITED)
                                continue;
                        assert_string_equal(m.text, "refused with an undocumented code");
                        assert_int_equal(m.may_be_account, KOODRIVE_MAYBE_CREDENTIAL);
                        assert_int_equal(m.tries, 5);
                        assert_int_equal(m.span, 600 * USEC_SEC);
                }
        }
}

/* Codes of any other form are not KooDrive's word: none of them ever ends a task. */
static void test_foreign_codes(void **state) {
        static const char *const codes[] = {
                "1",
                "0303",
                "600",
                "099",
                "18000001",
                "-1",
                "-13000102",
                "+13000102",
                "00",
                " 0",
                "013000102",
                " 13000102",
                "13000102 ",
                "13000102\n",
                "13000102.0",
                "1300010",
                "130001020",
                "1300010x",
                "1300030:",
                "0x13000102",
                "1234567890123456789012345678901234567890",
                "18446744073722551718", /* 13000102 in the low 64 bits */
                "4307967398",           /* and in the low 32 */
                "APIG.30",
                "APIG.03033",
                "APIG.0303 ",
                " APIG.0303",
                "apig.0303",
                "Apig.0303",
                "APIG0303",
                "APIG_0303",
                "APIGX.0303",
                "APIGWW.0303",
                "XAPIG.0303",
                "APIG.",
                "APIG",
                "APIGW",
                "APIG.030x",
                "APIG.-303",
                "APIG.+303",
                "APIG. 303",
                "APIG.APIG.0303",
                "SVCSTG.0001",
                "NOT_FOUND",
                " ",
                "\xe6\x88\x90",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                assert_false(koodrive_code_is_own(codes[i]));
                assert_false(koodrive_code_is_success(codes[i]));
                for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
                        bool is_ok = statuses[k] >= 200 && statuses[k] <= 299;
                        struct koodrive_disposition m = classify(statuses[k], codes[i]);
                        struct koodrive_disposition plain = classify(statuses[k], "");

                        if (is_ok ? m.class != UNREACHABLE : !same_meaning(&m, &plain))
                                fail_msg("HTTP %ld, code \"%s\": %s", statuses[k], codes[i],
                                         m.text);
                        assert_false(m.overdue);
                }
        }
}

static void test_code_that_quotes_a_status(void **state) {
        static const struct {
                long status;
                const char *code;
                enum koodrive_class class;
        } cases[] = {
                {200, "200", TRANSIENT},    {200, "204", TRANSIENT},     {200, "401", UNAUTHORIZED},
                {200, "403", UNAUTHORIZED}, {200, "404", MISCONFIGURED}, {200, "429", THROTTLED},
                {200, "500", UNREACHABLE},  {200, "503", UNREACHABLE},   {200, "400", UNREACHABLE},
                {200, "413", UNREACHABLE},  {400, "401", UNAUTHORIZED},  {400, "200", UNREACHABLE},
                {500, "429", THROTTLED},    {401, "400", UNAUTHORIZED},  {429, "500", THROTTLED},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_disposition m = classify(cases[i].status, cases[i].code);

                if (m.class != cases[i].class)
                        fail_msg("HTTP %ld, code %s: %s (%s)", cases[i].status, cases[i].code,
                                 koodrive_class_name(m.class), m.text);
        }
}

static void test_code_of_success(void **state) {
        static const char *const codes[] = {"",   "0",       "200",     "201",  "299", "OK",
                                            "ok", "Success", "SUCCESS", "NONE", "null"};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                struct koodrive_disposition m = classify(200, codes[i]), plain = classify(200, "");

                assert_true(koodrive_code_is_success(codes[i]));
                assert_true(same_meaning(&m, &plain));
        }
        assert_false(koodrive_code_is_success("300"));
        assert_false(koodrive_code_is_success("1"));
}

/* The gateway's code says that KooDrive has not answered; one that is not documented ends nothing.
 */
static void test_unlisted_gateway_codes(void **state) {
        static const char *const codes[] = {
                "APIG.0000", "APIG.0100",  "APIG.0102", "APIG.0108", "APIG.0200",  "APIG.0206",
                "APIG.0309", "APIG.0315",  "APIG.0403", "APIG.0503", "APIG.0603",  "APIG.0604",
                "APIG.0614", "APIGW.0618", "APIG.0801", "APIG.1000", "APIG.1010",  "APIG.2200",
                "APIG.2214", "APIG.9999",  "APIG.3030", "APIG.1300", "APIGW.9999",
        };
        static const struct order_case cases[] = {
                {400, UNREACHABLE}, {401, UNAUTHORIZED},  {403, UNAUTHORIZED}, {404, MISCONFIGURED},
                {405, UNREACHABLE}, {407, MISCONFIGURED}, {408, UNREACHABLE},  {413, UNREACHABLE},
                {414, UNREACHABLE}, {429, THROTTLED},     {494, UNREACHABLE},  {500, UNREACHABLE},
                {502, UNREACHABLE}, {599, UNREACHABLE},   {200, UNREACHABLE},  {302, UNREACHABLE},
                {399, UNREACHABLE}, {600, UNREACHABLE},   {0, UNREACHABLE},    {-1, UNREACHABLE},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
                        struct koodrive_disposition m = classify(cases[k].status, codes[i]);

                        if (m.class != cases[k].class)
                                fail_msg("HTTP %ld, code %s: %s (%s)", cases[k].status, codes[i],
                                         koodrive_class_name(m.class), m.text);
                        assert_false(m.listed);
                        assert_false(m.by_koodrive);
                }
        }
}

/* Pages and firewalls: whatever they are, no task ends for them, and no token is blamed. */
static void test_what_stands_in_front(void **state) {
        (void) state;
        for (long status = 200; status <= 499; status++) {
                static const enum koodrive_body bodies[] = {
                        KOODRIVE_BODY_PAGE, KOODRIVE_BODY_FIREWALL, KOODRIVE_BODY_FOREIGN_JSON,
                        KOODRIVE_BODY_OTHER};

                for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
                        struct koodrive_disposition m = koodrive_classify(status, "", bodies[i]);

                        assert_int_not_equal(m.class, REJECTED);
                        assert_int_not_equal(m.class, RETRY_LIMITED);
                        assert_false(m.overdue);
                }
        }
        for (size_t i = 0; i < 5; i++) {
                static const long blocked[] = {200, 400, 403, 405, 418};
                struct koodrive_disposition m =
                        koodrive_classify(blocked[i], "", KOODRIVE_BODY_FIREWALL);

                assert_int_equal(m.class, UNREACHABLE);
                assert_non_null(strstr(m.text, "firewall"));
                m = koodrive_classify(blocked[i], "", KOODRIVE_BODY_PAGE);
                assert_int_equal(m.class, UNREACHABLE);
                assert_non_null(strstr(m.text, "a web page"));
        }
        assert_int_equal(koodrive_classify(200, "", KOODRIVE_BODY_FOREIGN_JSON).class, UNREACHABLE);
        assert_int_equal(koodrive_classify(400, "", KOODRIVE_BODY_JSON).may_be_account,
                         KOODRIVE_MAYBE_CREDENTIAL);
        assert_int_equal(koodrive_classify(200, "400", KOODRIVE_BODY_JSON).may_be_account,
                         KOODRIVE_MAYBE_CREDENTIAL);
        assert_int_equal(koodrive_classify(400, "No", KOODRIVE_BODY_JSON).may_be_account,
                         KOODRIVE_NOT_ACCOUNT);
        /* The first status that is no success: a redirect, whatever page comes with it. */
        assert_int_equal(koodrive_classify(300, "", KOODRIVE_BODY_PAGE).class,
                         classify(300, "").class);
        assert_int_equal(koodrive_classify(401, "", KOODRIVE_BODY_PAGE).class, UNAUTHORIZED);
        assert_int_equal(koodrive_classify(429, "", KOODRIVE_BODY_PAGE).class, THROTTLED);
        /* A code says more than what it is wrapped in. */
        assert_int_equal(koodrive_classify(403, "13000306", KOODRIVE_BODY_PAGE).class, REJECTED);
}

/* Whose fault a 5xx is: KooDrive's own is one task's trouble, silence behind the gateway is not. */
static void test_whose_fault(void **state) {
        static const struct {
                const char *code;
                enum koodrive_class class;
                const char *text;
        } cases[] = {
                {"", UNREACHABLE, "the service is not available"},
                {"0", UNREACHABLE, "the service is not available"},
                {"13000201", TRANSIENT, "KooDrive reported an internal error"},
                {"13000999", TRANSIENT, "KooDrive reported an internal error"},
                {"APIG.0601", UNREACHABLE, "the gateway reported an internal error"},
                {"APIG.0699", UNREACHABLE, "the service is not available"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct koodrive_disposition m = classify(500, cases[i].code);

                assert_int_equal(m.class, cases[i].class);
                assert_string_equal(m.text, cases[i].text);
        }
}

/* What an administrator reads of the most likely mistakes. */
static void test_advice_names_the_key(void **state) {
        static const struct {
                long status;
                const char *code, *key;
        } cases[] = {
                {302, "", "Endpoint="},
                {404, "", "Endpoint="},
                {404, "APIG.0101", "Endpoint="},
                {400, "APIG.0607", "Endpoint="},
                {401, "", "TokenFile="},
                {401, "APIG.0307", "TokenFile="},
                {401, "APIG.0303", "AppId="},
                {401, "APIG.0303", "SignedHeaders="},
                {429, "", "RateLimit="},
                {429, "APIG.0308", "RateLimit="},
                {407, "", "Proxy="},
                {403, "APIG.0402", "Proxy="},
                {400, "13000102", "UserId="},
                {400, "13000102", "AgentName="},
                {400, "13000309", "ShareId="},
                {400, "13000999", "KdsToken="},
        };
        struct koodrive_disposition m;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                m = classify(cases[i].status, cases[i].code);
                if (!m.advice || !strstr(m.advice, cases[i].key))
                        fail_msg("HTTP %ld, code \"%s\": \"%s\" lacks %s", cases[i].status,
                                 cases[i].code, m.advice ? m.advice : "", cases[i].key);
        }
        m = classify(400, "13000306");
        assert_string_equal(m.text, "the file is in the recycle bin");
        assert_string_equal(m.advice, "restore it, then register the task again");
}

static void test_class_names(void **state) {
        static const char *const names[] = {
                "task",        "transient",     "doubtful",  "rejected",
                "unreachable", "misconfigured", "throttled", "unauthorized",
        };

        (void) state;
        assert_int_equal(ARRAY_LEN(names), KOODRIVE_CLASSES);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_string_equal(koodrive_class_name((enum koodrive_class) i), names[i]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_service_codes),
                cmocka_unit_test(test_gateway_codes),
                cmocka_unit_test(test_no_other_code_is_listed),
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_gateway_code_that_leaves_it_to_the_status),
                cmocka_unit_test(test_unlisted_codes),
                cmocka_unit_test(test_foreign_codes),
                cmocka_unit_test(test_code_that_quotes_a_status),
                cmocka_unit_test(test_code_of_success),
                cmocka_unit_test(test_unlisted_gateway_codes),
                cmocka_unit_test(test_what_stands_in_front),
                cmocka_unit_test(test_whose_fault),
                cmocka_unit_test(test_advice_names_the_key),
                cmocka_unit_test(test_class_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
