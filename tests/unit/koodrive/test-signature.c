/*
 * The signature: the reference's own vectors, and canonical requests spelt out
 *
 * The hexadecimal numbers were computed elsewhere. Where a canonical request is
 * spelt out, sha256_hex() may be used to compare, since it is held to such numbers.
 */
#include <errno.h>

#include "koowatchd/koodrive/signature.h"
#include "unit/support.h"

#define APP_ID "demo-app-0001"
#define SECRET "0123456789abcdef0123456789abcdef"
#define PATH "/koodrive/ose/v1/share/taskDetail"
#define DATE "20250520T022912Z"
#define USER "1505084218764547200"
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define A_HASH "b612c7e8f4c0962109f66a60b7ff9b6b6494a9bab03e13d4a2a4c72ac898a744"
#define A_SIGNATURE "49fe9851ad8ea80de6860768c08938b29f244d89df4355e1fc0532b5cec92009"
#define A_WITH_DATE "0a39fcd025448a1b97f6d143435160030b964de69525b26ec9d3a5492a93ac33"
#define B_SIGNATURE "f1678df576bd12b85727f515f33a81962d57c05e268f8e8cb7a71c9570535a26"

static const char task_body[] =
        "{\"taskId\":\"1689768877770401664\","
        "\"shareId\":\"1689765568237837824\","
        "\"kdstoken\":\"aea2968ec8cfac338cd4647f071c44644c491d0a2039cd6c\"}";

static const struct signature_header two_headers[] = {{"X-Date", DATE}, {"X-User-Id", USER}};

static const struct signature_header three_headers[] = {
        {"Host", "intl.myhuaweicloud-koodrive.com"}, {"X-Date", DATE}, {"X-User-Id", USER}};

static const struct signature_header padded_headers[] = {
        {"X-Date", DATE}, {"X-User-Id", " " USER " "}, {"X-Hw-Agentname", "carrier-a"}};

static const struct signature_request request_a = {
        .method = "POST",
        .path = PATH,
        .headers = two_headers,
        .n_headers = ARRAY_LEN(two_headers),
        .body = task_body,
        .body_length = sizeof(task_body) - 1,
};

static const struct signature_request request_c = {
        .method = "GET",
        .path = "/koodrive/ose/v1/jobs",
        .query = "limit=10&offset=0&status=1",
        .headers = two_headers,
        .n_headers = ARRAY_LEN(two_headers),
};

static struct signature_request with_headers(const struct signature_header *headers, size_t n) {
        struct signature_request request = request_a;

        request.headers = headers;
        request.n_headers = n;
        return request;
}

static void assert_hash(const struct signature_request *request, const char *expected) {
        char hash[SIGNATURE_LENGTH + 1];

        assert_int_equal(signature_hash_request(request, hash), 0);
        assert_string_equal(hash, expected);
}

static void assert_signature(const struct signature_request *request, const char *secret,
                             const char *expected) {
        char signature[SIGNATURE_LENGTH + 1];

        assert_int_equal(signature_make(request, secret, signature), 0);
        assert_string_equal(signature, expected);
}

static void assert_canonical(const struct signature_request *request, const char *expected) {
        char hash[SIGNATURE_LENGTH + 1];

        assert_int_equal(sha256_hex(expected, strlen(expected), hash), 0);
        assert_hash(request, hash);
}

static void assert_authorization(const struct signature_request *request, const char *expected) {
        CLEANUP(freep) char *text = NULL;

        assert_int_equal(signature_authorize(request, APP_ID, SECRET, &text), 0);
        assert_string_equal(text, expected);
}

static void test_sha256(void **state) {
        static const struct {
                const char *data;
                size_t length;
                const char *expected;
        } cases[] = {
                {NULL, 0, EMPTY_HASH},
                {"", 0, EMPTY_HASH},
                {"abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                {"\0\xff\n", 3, "712450d3c4a79eea9509e75dc1dacdeff58034df538536cfae2da882bd8a0c50"},
                {task_body, sizeof(task_body) - 1,
                 "2dfe1d9f4837395ce08a4557386bb179d5af9ebcfbd4c22d0fb916fa7e2b450f"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char hash[SIGNATURE_LENGTH + 1];

                assert_int_equal(sha256_hex(cases[i].data, cases[i].length, hash), 0);
                assert_string_equal(hash, cases[i].expected);
        }
}

static void test_vectors(void **state) {
        const struct signature_request b = with_headers(three_headers, ARRAY_LEN(three_headers));
        const struct signature_request d = with_headers(padded_headers, ARRAY_LEN(padded_headers));

        (void) state;
        assert_hash(&request_a, A_HASH);
        assert_signature(&request_a, SECRET, A_SIGNATURE);
        assert_hash(&b, "6fd641394c5c373efcb345f236f8444453c7e6b3d27b0f513dc930a1321be2c8");
        assert_signature(&b, SECRET, B_SIGNATURE);
        assert_hash(&request_c, "d2ba8e36bfa9ea90bc0d58ed34e8c806a2dfb17e2f5587ff6187d78c6a07eabb");
        assert_signature(&request_c, SECRET,
                         "baabddf851ab26e5581ef2405b794ad480d2d5c8974cc6636c7515b79741c3a6");
        assert_hash(&d, "4d6e4983ab019ceb263ec265b350d30f3dde4e46ad55a0fb285c64fb00c7869d");
        assert_signature(&d, SECRET,
                         "33d6b5428f48845f1ed1423bd1b3287f049c5c3daad3fd007db3eef6920a99d2");
}

/* The worked example of a gateway with the same rule: not computed by whoever wrote this. */
static void test_known_answer(void **state) {
        static const char secret[] =
                "8f8154ff07f7153eea59a2ba44b5fcfe443dba1e4c45f87c549e6a05f699145d";
        static const struct signature_header headers[] = {
                {"Host", "www.demo.com"},
                {"Content-Type", "application/json"},
                {"X-Gateway-Date", "20200605T104456Z"},
        };
        struct signature_request request = {
                .method = "GET",
                .path = "/demo/login",
                .query = "parm1=value1&parm2=",
                .headers = headers,
                .n_headers = ARRAY_LEN(headers),
        };

        (void) state;
        assert_hash(&request, "1ace9c4e12e4e322a506e3866a6e81e62c8f9ae674aca7966a55b9c6deb6ea00");
        assert_signature(&request, secret,
                         "dfdf9f2278d4c67b7c7dd0fab272db45edfa2a509dd4d8413e21160f84ee1c34");
        request.date = "20200605T104456Z";
        assert_hash(&request, "1ace9c4e12e4e322a506e3866a6e81e62c8f9ae674aca7966a55b9c6deb6ea00");
        assert_signature(&request, secret,
                         "3909cd0042fed21287e64b2436adb10ad12894c9beeb69f932efee872fd589ab");
}

static void test_canonical_request(void **state) {
        (void) state;
        assert_canonical(&request_a,
                         "POST\n" PATH "/\n\nx-date:" DATE "\nx-user-id:" USER
                         "\n\nx-date;x-user-id\n"
                         "2dfe1d9f4837395ce08a4557386bb179d5af9ebcfbd4c22d0fb916fa7e2b450f");
}

static void test_three_lines(void **state) {
        struct signature_request request = request_a;

        (void) state;
        request.date = DATE;
        assert_hash(&request, A_HASH);
        assert_signature(&request, SECRET, A_WITH_DATE);
}

static void test_typical_mistakes(void **state) {
        static const struct {
                const char *mistake, *signature;
        } mistakes[] = {
                {"no empty line behind the headers",
                 "fc615fca7b801c981538752618e63933b30fc8c3f79ad288966398d23dde93ef"},
                {"no slash behind the path",
                 "1b9bf7049c3d4e26677a8a9731104d50602dd333f6dfed01a38f48a956bbb9e4"},
                {"a line for the date", A_WITH_DATE},
                {"the hash of no body",
                 "6448f4e5503f707dc38cb6a2e7c7682b8f17e91a434c80943e383f3a649ac712"},
        };
        char signature[SIGNATURE_LENGTH + 1];

        (void) state;
        assert_int_equal(signature_make(&request_a, SECRET, signature), 0);
        for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
                if (streq(signature, mistakes[i].signature))
                        fail_msg("%s", mistakes[i].mistake);
}

static void test_header_order_and_case(void **state) {
        static const struct signature_header other[] = {
                {"x-USER-id", USER},
                {"HOST", "intl.myhuaweicloud-koodrive.com"},
                {"x-date", DATE},
        };
        const struct signature_request request = with_headers(other, ARRAY_LEN(other));

        (void) state;
        assert_signature(&request, SECRET, B_SIGNATURE);
}

/* In capitals, '_' would come behind the letters. */
static void test_header_names_sorted_in_lower_case(void **state) {
        static const struct signature_header headers[] = {
                {"XA", "1"}, {"X_B", "2"}, {"X-C", "3"}, {"X", "4"}, {"X-", "5"}};
        struct signature_request request = request_c;

        (void) state;
        request.query = NULL;
        request.headers = headers;
        request.n_headers = ARRAY_LEN(headers);
        assert_canonical(&request, "GET\n/koodrive/ose/v1/jobs/\n\n"
                                   "x:4\nx-:5\nx-c:3\nx_b:2\nxa:1\n\nx;x-;x-c;x_b;xa\n" EMPTY_HASH);
}

static void test_header_values(void **state) {
        static const struct signature_header headers[] = {
                {"A", "  two  blanks\tkept \t "}, {"B", ""}, {"C", " \t"}, {"D", "Case: Kept"}};
        struct signature_request request = request_c;

        (void) state;
        request.query = NULL;
        request.headers = headers;
        request.n_headers = ARRAY_LEN(headers);
        assert_canonical(&request,
                         "GET\n/koodrive/ose/v1/jobs/\n\n"
                         "a:two  blanks\tkept\nb:\nc:\nd:Case: Kept\n\na;b;c;d\n" EMPTY_HASH);
}

static void test_paths(void **state) {
        static const struct {
                const char *path, *expected;
        } cases[] = {
                {"", "/"},
                {"/", "/"},
                {"/a", "/a/"},
                {"/a/", "/a/"},
                {"/a//b", "/a//b/"},
                {"/AZaz09-._~", "/AZaz09-._~/"},
                {"/a b+c", "/a%20b%2Bc/"},
                {"/!$&'()*,;=:@", "/%21%24%26%27%28%29%2A%2C%3B%3D%3A%40/"},
                {"/\xc3\xa4\xff\x7f", "/%C3%A4%FF%7F/"},
                {"/%c3%A4%2b", "/%C3%A4%2B/"},
                {"/%41%7e%2D%5f", "/A~-_/"},
                {"/a%2fb%2F", "/a%2Fb%2F/"},
                {"/%00", "/%00/"},
                {"/%2541", "/%2541/"},
                {"/100%", "/100%25/"},
                {"/%4", "/%254/"},
                {"/%4/1", "/%254/1/"},
                {"/%g1%1g", "/%25g1%251g/"},
                {"/%G1%1G", "/%25G1%251G/"},
                {"/%%41", "/%25A/"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *expected = str_printf("GET\n%s\n\n\n\n" EMPTY_HASH, cases[i].expected);
                const struct signature_request request = {.method = "GET", .path = cases[i].path};

                assert_non_null(expected);
                assert_canonical(&request, expected);
        }
}

static void test_queries(void **state) {
        static const struct {
                const char *query, *expected;
        } cases[] = {
                {NULL, ""},
                {"", ""},
                {"a=1", "a=1"},
                {"a", "a="},
                {"a=", "a="},
                {"=1", "=1"},
                {"=", "="},
                {"&", ""},
                {"&b&&a&", "a=&b="},
                {"b=1&a=2&B=3", "B=3&a=2&b=1"},
                {"a=2&a=10&a=&a=1", "a=&a=1&a=10&a=2"},
                {"a=b&a=a&a=b", "a=a&a=b&a=b"},
                {"a1=x&a=y&a-=z&a%21=w", "a=y&a%21=w&a-=z&a1=x"},
                {"b=%3A&b=0&b=~", "b=%3A&b=0&b=~"},
                {":=1&0=2", "%3A=1&0=2"},
                {"a=b=c", "a=b%3Dc"},
                {"a=b/c?d", "a=b%2Fc%3Fd"},
                {"a+b=c+d", "a%2Bb=c%2Bd"},
                {"a b=c%20d", "a%20b=c%20d"},
                {"%61=%7e&%c3%a4=\xc3\xa4", "%C3%A4=%C3%A4&a=~"},
                {"a%3db=1%26c", "a%3Db=1%26c"},
                {"a=5%&b=%4&c=%zz", "a=5%25&b=%254&c=%25zz"},
                {"a=%4&1=b", "1=b&a=%254"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep)
                char *expected = str_printf("GET\n/p/\n%s\n\n\n" EMPTY_HASH, cases[i].expected);
                const struct signature_request request = {
                        .method = "GET", .path = "/p", .query = cases[i].query};

                assert_non_null(expected);
                assert_canonical(&request, expected);
        }
}

/* Wherever the text in the making has to grow. */
static void test_any_length(void **state) {
        char value[1024] = "";
        const struct signature_header header = {"A", value};
        const struct signature_request request = {
                .method = "GET", .path = "/p", .headers = &header, .n_headers = 1};

        (void) state;
        for (size_t i = 0; i < sizeof(value) - 1; i++) {
                CLEANUP(freep) char *expected = NULL;

                value[i] = 'v';
                expected = str_printf("GET\n/p/\n\na:%s\n\na\n" EMPTY_HASH, value);
                assert_non_null(expected);
                assert_canonical(&request, expected);
        }
}

/* The bytes of the body count, not what is text of them. */
static void test_bodies(void **state) {
        struct signature_request request = {.method = "PUT", .path = "/p"};

        (void) state;
        assert_canonical(&request, "PUT\n/p/\n\n\n\n" EMPTY_HASH);
        request.body = "";
        assert_canonical(&request, "PUT\n/p/\n\n\n\n" EMPTY_HASH);
        request.body = "\0\xff\n";
        request.body_length = 3;
        assert_canonical(
                &request,
                "PUT\n/p/\n\n\n\n712450d3c4a79eea9509e75dc1dacdeff58034df538536cfae2da882bd8a0c50");
}

/* HMAC hashes a key of more than 64 bytes; and one without any is a key. */
static void test_secrets(void **state) {
        (void) state;
        assert_signature(&request_a, SECRET SECRET SECRET,
                         "ea05655f9f509d7a4bd9a31edc0ceada0ff8a215905fd0eee8dbcc125c357c1d");
        assert_signature(&request_a, "",
                         "8b244360f5ed638e4db776d9406ea701c1dff18686cedae8448e892277ab9970");
}

static void test_authorization(void **state) {
        const struct signature_request b = with_headers(three_headers, ARRAY_LEN(three_headers));
        struct signature_request request = request_a;

        (void) state;
        assert_authorization(&request,
                             "HMAC-SHA256 AppId=" APP_ID ",SignedHeaders=x-date;x-user-id,"
                             "Signature=" A_SIGNATURE);
        assert_authorization(&b, "HMAC-SHA256 AppId=" APP_ID
                                 ",SignedHeaders=host;x-date;x-user-id,Signature=" B_SIGNATURE);
        request.date = DATE;
        assert_authorization(&request,
                             "HMAC-SHA256 AppId=" APP_ID ",SignedHeaders=x-date;x-user-id,"
                             "Signature=" A_WITH_DATE);
}

static void test_too_many_headers(void **state) {
        struct signature_header headers[SIGNATURE_HEADERS_MAX + 1];
        char names[SIGNATURE_HEADERS_MAX + 1][2], hash[SIGNATURE_LENGTH + 1];
        struct signature_request request = with_headers(headers, SIGNATURE_HEADERS_MAX);
        CLEANUP(freep) char *text = NULL;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
                (void) snprintf(names[i], sizeof(names[i]), "%c", (char) ('q' - i));
                headers[i] = (struct signature_header){names[i], "v"};
        }
        assert_int_equal(signature_authorize(&request, APP_ID, SECRET, &text), 0);
        assert_non_null(strstr(text, "=b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q,"));

        freep(&text);
        text = NULL;
        request.n_headers++;
        assert_int_equal(signature_hash_request(&request, hash), -EINVAL);
        assert_int_equal(signature_make(&request, SECRET, hash), -EINVAL);
        assert_int_equal(signature_authorize(&request, APP_ID, SECRET, &text), -EINVAL);
        assert_null(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sha256),
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_known_answer),
                cmocka_unit_test(test_canonical_request),
                cmocka_unit_test(test_three_lines),
                cmocka_unit_test(test_typical_mistakes),
                cmocka_unit_test(test_header_order_and_case),
                cmocka_unit_test(test_header_names_sorted_in_lower_case),
                cmocka_unit_test(test_header_values),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_queries),
                cmocka_unit_test(test_any_length),
                cmocka_unit_test(test_bodies),
                cmocka_unit_test(test_secrets),
                cmocka_unit_test(test_authorization),
                cmocka_unit_test(test_too_many_headers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
