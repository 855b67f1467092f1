/* HTTP against a server in the same loop, which does as it is told. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "koowatchd/loop/http.h"
#include "unit/loop/http-server.h"

#define MAX_ANSWER 1000
#define OK(body_length, body) "HTTP/1.1 200 OK\r\nContent-Length: " #body_length "\r\n\r\n" body

struct fixture {
        struct ev_loop *loop;
        struct http *http;
        struct server server;
};

/* What came of a request. */
struct result {
        struct fixture *fixture;
        unsigned calls;
        enum http_outcome outcome;
        long status, connect_status;
        char error[512];
        char body[MAX_ANSWER + 1];
        size_t body_length, n_headers;
        char header[64]; /* X-Test */
        double seconds;
        struct http_transfer *transfer;
        struct result *then; /* is posted from inside the call ... */
        struct result *stop; /* ... or cancelled */
        unsigned turn;       /* of the loop, in which it was called */
        bool slow;           /* the call takes a second */
};

static time_t skipped; /* seconds that have passed for libcurl and libev, and for nobody else */
static time_t drift;   /* seconds that CLOCK_MONOTONIC is ahead of CLOCK_MONOTONIC_RAW besides */

/* Instead of libc's, for the program and the libraries that it is linked with. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, clock, ret);

        if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW)
                ret->tv_sec += skipped;
        if (clock == CLOCK_MONOTONIC)
                ret->tv_sec += drift;
        return r;
}

static void post(struct fixture *f, struct result *r);

static void on_done(void *userdata, const struct http_answer *answer) {
        struct result *r = userdata;
        const char *header = http_header(answer, "x-TEST");

        r->calls++;
        r->turn = ev_iteration(r->fixture->loop);
        skipped += r->slow;
        r->outcome = answer->outcome;
        r->status = answer->status;
        r->connect_status = answer->connect_status;
        (void) snprintf(r->error, sizeof(r->error), "%s", answer->error ? answer->error : "");
        (void) snprintf(r->header, sizeof(r->header), "%s", header ? header : "");
        assert_true(answer->body_length <= MAX_ANSWER);
        memcpy(r->body, answer->body, answer->body_length + 1);
        r->body_length = answer->body_length;
        r->n_headers = answer->n_headers;
        r->seconds = answer->seconds;
        assert_true((answer->outcome == HTTP_ANSWERED) == !answer->error);
        assert_true(r->seconds >= 0);
        if (r->then)
                post(r->fixture, r->then);
        if (r->stop)
                http_cancel(STEAL_PTR(r->stop->transfer));
}

static void post_to(struct fixture *f, struct result *r, const struct http_request *request) {
        unsigned calls = r->calls;

        r->fixture = f;
        assert_int_equal(http_post(f->http, request, on_done, r, &r->transfer), 0);
        assert_int_equal(r->calls, calls); /* never from inside */
}

static void post(struct fixture *f, struct result *r) {
        static const char *const headers[] = {"Content-Type: application/json", "X-A: b", NULL};

        post_to(f, r,
                &(struct http_request){.url = f->server.url,
                                       .headers = headers,
                                       .body = "{\"a\":1}",
                                       .body_length = 7});
}

/* A request that is waited for. */
static void ask(struct fixture *f, struct result *r) {
        *r = (struct result){};
        post(f, r);
        LOOP_UNTIL(f->loop, r->calls > 0);
        assert_int_equal(r->calls, 1);
}

#define SCRIPT(f, ...)                                     \
        static const struct step steps_[] = {__VA_ARGS__}; \
        server_script(&(f)->server, steps_, ARRAY_LEN(steps_))

static int set_up(void **state) {
        static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                              "all_proxy",  "ALL_PROXY",   "no_proxy",
                                              "NO_PROXY"};
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
                (void) unsetenv(proxies[i]);
        f->loop = ev_loop_new(EVFLAG_AUTO);
        assert_non_null(f->loop);
        server_start(&f->server, f->loop);
        assert_int_equal(http_new(f->loop, MAX_ANSWER, &f->http), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        http_free(f->http);
        server_stop(&f->server);
        ev_loop_destroy(f->loop);
        free(f);
        return 0;
}

static void test_an_answer_and_what_was_sent(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f,
               {"HTTP/1.1 201 Created\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nab\0cd",
                sizeof("HTTP/1.1 201 Created\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nab\0cd") -
                        1});
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(r.status, 201);
        assert_int_equal(r.connect_status, 0);
        assert_string_equal(r.header, "yes");
        assert_int_equal(r.n_headers, 2);
        assert_int_equal(r.body_length, 5);
        assert_memory_equal(r.body, "ab\0cd", 6);

        assert_non_null(str_after(f->server.last, "POST /api HTTP/1.1\r\n"));
        assert_non_null(strstr(f->server.last, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(f->server.last, "\r\nX-A: b\r\n"));
        assert_non_null(
                strstr(f->server.last, "\r\nUser-Agent: koowatch/" KOOWATCH_VERSION "\r\n"));
        assert_non_null(strstr(f->server.last, "\r\n\r\n{\"a\":1}"));
}

static void test_a_redirect_is_an_answer(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: "
                   "0\r\n\r\n"});
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(r.status, 307);
        assert_int_equal(f->server.requests, 1);
}

static void test_interim_answers_are_passed_over(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {"HTTP/1.1 103 Early Hints\r\nX-Test: early\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nX-Test: final\r\nContent-Length: 2\r\n\r\nok"});
        ask(f, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.header, "final");
        assert_string_equal(r.body, "ok");
}

static void test_headers_beyond_the_limit_are_left_out(void **state) {
        struct fixture *f = *state;
        static char text[8192];
        static struct step step = {.say = text};
        size_t n =
                (size_t) snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        struct result r;

        for (int i = 0; i < HTTP_HEADERS_MAX + 10; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "X-%d: v\r\n", i);
        (void) snprintf(text + n, sizeof(text) - n, "X-Test: late\r\n\r\n");
        server_script(&f->server, &step, 1);
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(r.n_headers, HTTP_HEADERS_MAX);
        assert_string_equal(r.header, "");
}

static void test_a_kept_connection_is_used_again(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {OK(3, "one")}, {OK(3, "two")});
        ask(f, &r);
        assert_string_equal(r.body, "one");
        ask(f, &r);
        assert_string_equal(r.body, "two");
        assert_int_equal(f->server.accepted, 1);
        assert_int_equal(f->server.requests, 2);
}

static void test_a_second_request_from_inside_the_call(void **state) {
        struct fixture *f = *state;
        struct result second = {}, first = {.then = &second};

        SCRIPT(f, {OK(3, "one")}, {OK(3, "two")});
        post(f, &first);
        LOOP_UNTIL(f->loop, second.calls > 0);
        assert_string_equal(first.body, "one");
        assert_string_equal(second.body, "two");
        loop_turn(f->loop);
        assert_int_equal(first.calls, 1);
        assert_int_equal(second.calls, 1);
}

static void test_nobody_listens(void **state) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        CLEANUP(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct fixture *f = *state;
        struct result r;

        assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
        (void) snprintf(f->server.url, sizeof(f->server.url), "http://127.0.0.1:%u/",
                        ntohs(address.sin_port));
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_int_equal(r.status, 0);
        assert_non_null(strstr(r.error, "connect"));
}

/* libcurl would ask again by itself: no request goes out twice. */
static void test_a_kept_connection_that_ends_is_dropped(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {OK(3, "one")}, {.close = true}, {OK(5, "three")});
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_DROPPED);
        assert_int_equal(r.status, 0);
        assert_string_not_equal(r.error, "");
        assert_int_equal(f->server.requests, 2);
        ask(f, &r);
        assert_string_equal(r.body, "three");
        assert_int_equal(f->server.requests, 3);
}

static void test_a_new_connection_that_ends_is_no_drop(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {.close = true});
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_int_equal(f->server.requests, 1);
}

/* Something of an answer came: to ask again at once would help nobody. */
static void test_a_kept_connection_that_ends_within_an_answer_is_no_drop(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {OK(3, "one")},
               {.say = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", .close = true});
        ask(f, &r);
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_int_equal(f->server.requests, 2);
}

static void test_a_kept_connection_that_ends_within_the_headers_is_no_drop(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {OK(3, "one")}, {.say = "HTTP/1.1 200 OK\r\nContent-", .close = true});
        ask(f, &r);
        ask(f, &r);
        assert_int_not_equal(r.outcome, HTTP_DROPPED);
        assert_int_equal(f->server.requests, 2);
}

static void test_a_connection_that_ends_while_nobody_uses_it(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {OK(3, "one")}, {OK(3, "two")});
        ask(f, &r);
        server_hang_up(&f->server);
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(f->server.accepted, 2);
}

static void test_a_body_up_to_the_limit_and_beyond(void **state) {
        struct fixture *f = *state;
        static char fits[2000], over[2000], chunks[4000];
        static struct step steps[] = {{.say = fits}, {.say = over}, {.say = chunks}};
        size_t n = 0;
        struct result r;

        (void) snprintf(fits, sizeof(fits), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d",
                        MAX_ANSWER, MAX_ANSWER, 0);
        (void) snprintf(over, sizeof(over), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d",
                        MAX_ANSWER + 1, MAX_ANSWER + 1, 0);
        n = (size_t) snprintf(chunks, sizeof(chunks),
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 11; i++)
                n += (size_t) snprintf(chunks + n, sizeof(chunks) - n, "64\r\n%0100d\r\n", 0);
        (void) snprintf(chunks + n, sizeof(chunks) - n, "0\r\n\r\n");
        server_script(&f->server, steps, ARRAY_LEN(steps));

        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(r.body_length, MAX_ANSWER);
        for (int i = 0; i < 2; i++) {
                ask(f, &r);
                assert_int_equal(r.outcome, HTTP_MALFORMED);
                assert_string_equal(r.error, "the answer is too long");
        }
}

static void test_what_is_no_http(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {.say = "220 mail.example.com ESMTP\r\n", .close = true},
               {.say = "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", .close = true},
               {.say = "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", .close = true});
        for (size_t i = 0; i < 3; i++) {
                ask(f, &r);
                assert_int_equal(r.outcome, HTTP_MALFORMED);
                assert_string_not_equal(r.error, "");
        }
}

static void test_headers_without_end(void **state) {
        struct fixture *f = *state;
        static char text[700 * 1024];
        static struct step step = {.say = text, .close = true};
        struct result r;

        (void) snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nX-Test: %0*d",
                        (int) sizeof(text) - 40, 0);
        server_script(&f->server, &step, 1);
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_string_not_equal(r.error, "");
        assert_string_equal(r.header, "");
}

static void test_broken_compression(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f,
               {"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: "
                "3\r\n\r\n\x78\x9c\xff"},
               {"HTTP/1.1 500 Oh\r\nContent-Encoding: deflate\r\nContent-Length: "
                "3\r\n\r\n\x78\x9c\xff"});
        ask(f, &r);
        assert_int_equal(r.outcome, HTTP_MALFORMED);
        ask(f, &r); /* the status says enough */
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(r.status, 500);
}

/* The loop's clock may be ahead of libcurl's, which has nothing to do yet when it is called. */
static void test_a_timeout_on_another_clock(void **state) {
        struct fixture *f = *state;
        struct result silent = {};

        SCRIPT(f, {});
        post(f, &silent);
        LOOP_UNTIL(f->loop, f->server.requests == 1);
        drift += 31;
        for (int i = 0; i < 10; i++)
                loop_turn(f->loop);
        skipped += 31;
        LOOP_UNTIL(f->loop, silent.calls > 0);
        assert_int_equal(silent.outcome, HTTP_UNREACHABLE);
}

/* The silent connection's neighbours are not used any more either. */
static void test_a_timeout_retires_all_connections(void **state) {
        struct fixture *f = *state;
        struct result idle = {}, silent = {}, slow = {}, after = {};

        SCRIPT(f, {.say = OK(1, "a"), .hold = true}, {}, {.say = OK(1, "c"), .hold = true},
               {OK(1, "d")});
        post(f, &idle);
        LOOP_UNTIL(f->loop, f->server.requests == 1);
        post(f, &silent);
        LOOP_UNTIL(f->loop, f->server.requests == 2);
        assert_int_equal(server_go_on(&f->server), 1);
        LOOP_UNTIL(f->loop, idle.calls > 0);
        assert_int_equal(f->server.open, 2);

        skipped += 20;
        loop_turn(f->loop);
        assert_int_equal(silent.calls, 0);
        post(f, &slow); /* on the idle one: young when the silent one's time is up */
        LOOP_UNTIL(f->loop, f->server.requests == 3);
        assert_int_equal(f->server.accepted, 2);

        skipped += 11;
        LOOP_UNTIL(f->loop, silent.calls > 0);
        assert_int_equal(silent.outcome, HTTP_UNREACHABLE);
        assert_int_equal(silent.status, 0);
        assert_true(silent.seconds > 30);
        assert_int_equal(slow.calls, 0);

        post(f, &after);
        LOOP_UNTIL(f->loop, after.calls > 0);
        assert_int_equal(after.outcome, HTTP_ANSWERED);
        assert_int_equal(f->server.accepted, 3);

        assert_int_equal(server_go_on(&f->server), 1); /* it may end in peace */
        LOOP_UNTIL(f->loop, slow.calls > 0);
        assert_int_equal(slow.outcome, HTTP_ANSWERED);
        LOOP_UNTIL(f->loop, f->server.open == 1); /* and then the old ones are closed */
}

static void test_no_call_after_cancel(void **state) {
        struct fixture *f = *state;
        struct result r = {}, early = {};

        SCRIPT(f, {}, {OK(2, "ok")});
        post(f, &early);
        http_cancel(early.transfer); /* nothing has gone out */
        post(f, &r);
        LOOP_UNTIL(f->loop, f->server.requests == 1);
        http_cancel(r.transfer);
        LOOP_UNTIL(f->loop, f->server.open == 0); /* the connection is of no use any more */
        assert_int_equal(r.calls + early.calls, 0);
        http_cancel(NULL);

        ask(f, &r); /* in a transfer that is used again */
        assert_int_equal(r.outcome, HTTP_ANSWERED);
        assert_int_equal(early.calls, 0);
}

/* Both answers have come when the first call ends the other transfer. */
static void test_cancel_from_inside_another_call(void **state) {
        struct fixture *f = *state;
        struct result a = {}, b = {};

        a.stop = &b;
        b.stop = &a;
        SCRIPT(f, {.say = OK(1, "a"), .hold = true}, {.say = OK(1, "b"), .hold = true});
        post(f, &a);
        post(f, &b);
        LOOP_UNTIL(f->loop, f->server.requests == 2);
        assert_int_equal(server_go_on(&f->server), 2);
        LOOP_UNTIL(f->loop, a.calls + b.calls > 0);
        loop_turn(f->loop);
        assert_int_equal(a.calls + b.calls, 1);
}

static void test_a_request_that_could_not_be_made(void **state) {
        struct fixture *f = *state;
        struct result a = {.fixture = f}, b = {.fixture = f}, c = {.fixture = f};

        a.stop = &b;
        assert_int_equal(http_fail(f->http, "it is Monday", on_done, &b, &b.transfer), 0);
        assert_int_equal(http_fail(f->http, "it is Monday", on_done, &c, &c.transfer), 0);
        assert_int_equal(http_fail(f->http, "it is Monday", on_done, &a, &a.transfer), 0);
        http_cancel(c.transfer);
        assert_int_equal(a.calls + b.calls, 0);
        LOOP_UNTIL(f->loop, a.calls > 0);
        loop_turn(f->loop);
        assert_int_equal(a.outcome, HTTP_UNREACHABLE);
        assert_string_equal(a.error, "it is Monday");
        assert_int_equal(a.status, 0);
        assert_int_equal(b.calls + c.calls, 0);
}

/* In a transfer that was one that could not be made. */
static void test_a_request_after_one_that_could_not_be_made(void **state) {
        struct fixture *f = *state;
        struct result a = {.fixture = f}, b = {.fixture = f}, c = {};

        SCRIPT(f, {.say = OK(2, "ok"), .hold = true});
        assert_int_equal(http_fail(f->http, "a", on_done, &a, &a.transfer), 0);
        LOOP_UNTIL(f->loop, a.calls > 0);
        post(f, &c);
        LOOP_UNTIL(f->loop, f->server.requests == 1);
        assert_int_equal(http_fail(f->http, "b", on_done, &b, &b.transfer), 0);
        LOOP_UNTIL(f->loop, b.calls > 0);
        loop_turn(f->loop);
        assert_int_equal(c.calls, 0);
        assert_int_equal(server_go_on(&f->server), 1);
        LOOP_UNTIL(f->loop, c.calls > 0);
        assert_int_equal(c.outcome, HTTP_ANSWERED);
}

struct echo {
        struct fixture *fixture;
        unsigned calls;
};

/* Fails again and again, each time from inside the call. */
static void on_echo(void *userdata, const struct http_answer *answer) {
        struct echo *e = userdata;
        struct http_transfer *transfer;

        (void) answer;
        e->calls++;
        assert_int_equal(http_fail(e->fixture->http, "again", on_echo, e, &transfer), 0);
}

static void test_one_failure_after_the_other_does_not_stop_the_loop(void **state) {
        struct echo e = {.fixture = *state};
        struct http_transfer *transfer;

        assert_int_equal(http_fail(e.fixture->http, "again", on_echo, &e, &transfer), 0);
        LOOP_UNTIL(e.fixture->loop, e.calls >= 3); /* each turn returns */
}

static void test_what_libcurl_refuses_ends_from_the_loop(void **state) {
        static const char *const no_headers[] = {NULL};
        const size_t length = 8000001; /* over its limit for any text */
        CLEANUP(freep) char *url = malloc(length + 1);
        struct fixture *f = *state;
        struct result r = {};

        assert_non_null(url);
        memset(url, 'a', length);
        url[length] = '\0';
        post_to(f, &r, &(struct http_request){.url = url, .headers = no_headers, .body = ""});
        LOOP_UNTIL(f->loop, r.calls > 0);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_non_null(str_after(r.error, "libcurl did not accept the request: "));
}

static void test_other_protocols_are_not_spoken(void **state) {
        static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
                                           "gopher://127.0.0.1/"};
        static const char *const no_headers[] = {NULL};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
                struct result r = {};

                post_to(f, &r,
                        &(struct http_request){.url = urls[i], .headers = no_headers, .body = ""});
                LOOP_UNTIL(f->loop, r.calls > 0);
                assert_int_not_equal(r.outcome, HTTP_ANSWERED);
                assert_int_equal(r.body_length, 0);
        }
        assert_int_equal(f->server.accepted, 0);
}

static void test_a_ca_file_that_is_not_there(void **state) {
        static const char *const no_headers[] = {NULL};
        struct fixture *f = *state;
        CLEANUP(freep) char *url = str_printf("https%s", f->server.url + strlen("http"));
        struct result r = {};

        post_to(f, &r,
                &(struct http_request){
                        .url = url, .headers = no_headers, .body = "", .ca_file = "/nonexistent"});
        LOOP_UNTIL(f->loop, r.calls > 0);
        assert_int_equal(r.outcome, HTTP_CA_FILE_UNUSABLE);
        assert_int_equal(f->server.requests, 0);
}

static void ask_through_proxy(struct fixture *f, struct result *r) {
        static const char *const no_headers[] = {NULL};

        *r = (struct result){};
        post_to(f, r,
                &(struct http_request){.url = "https://koodrive.example/api",
                                       .headers = no_headers,
                                       .body = "",
                                       .proxy = f->server.url});
        LOOP_UNTIL(f->loop, r->calls > 0);
        assert_int_equal(r->outcome, HTTP_UNREACHABLE);
        assert_non_null(str_after(f->server.last, "CONNECT koodrive.example:443 "));
}

static void test_a_proxy_that_refuses(void **state) {
        struct fixture *f = *state;
        struct result r;

        SCRIPT(f, {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
               {.say = "HTTP/1.1 200 Connection established\r\n\r\n", .close = true});
        ask_through_proxy(f, &r);
        assert_int_equal(r.connect_status, 403);
        ask_through_proxy(f, &r); /* it has agreed: what comes then is not its word */
        assert_int_equal(r.connect_status, 0);
}

static void test_no_error_shows_a_proxys_password(void **state) {
        static const char *const no_headers[] = {NULL};
        struct fixture *f = *state;
        struct result r = {};

        post_to(f, &r,
                &(struct http_request){.url = f->server.url,
                                       .headers = no_headers,
                                       .body = "",
                                       .proxy = "http://user:s3cret@host:s3cret"});
        LOOP_UNTIL(f->loop, r.calls > 0);
        assert_int_equal(r.outcome, HTTP_UNREACHABLE);
        assert_string_not_equal(r.error, "");
        assert_null(strstr(r.error, "s3cret"));
}

#define MANY 12

static void post_many(struct fixture *f, struct result results[static MANY]) {
        unsigned before = f->server.requests, calls = 0;

        for (size_t i = 0; i < MANY; i++) {
                results[i] = (struct result){};
                post(f, &results[i]);
        }
        LOOP_UNTIL(f->loop, f->server.requests == before + MANY);
        assert_int_equal(server_go_on(&f->server), MANY);
        for (size_t i = 0; i < MANY; i++) {
                LOOP_UNTIL(f->loop, results[i].calls > 0);
                assert_int_equal(results[i].outcome, HTTP_ANSWERED);
                calls += results[i].calls;
        }
        assert_int_equal(calls, MANY);
}

static void test_as_many_connections_stay_as_are_wanted(void **state) {
        static struct step steps[3 * MANY];
        struct result results[MANY];
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                steps[i] = (struct step){.say = OK(2, "ok"), .hold = true};
        server_script(&f->server, steps, ARRAY_LEN(steps));

        http_set_max_connections(f->http, MANY);
        post_many(f, results);
        post_many(f, results);
        assert_int_equal(f->server.accepted, MANY);
        assert_int_equal(f->server.open, MANY);

        http_set_max_connections(f->http, 3);
        post_many(f, results);
        LOOP_UNTIL(f->loop, f->server.open <= 3);
        assert_int_equal(f->server.open, 3);
}

/* What comes at once has a turn of the loop each when that takes long, and nothing is left over. */
static void test_a_turn_is_not_spent_on_answers_alone(void **state) {
        enum { COUNT = 5 };
        static struct step steps[COUNT];
        struct result results[COUNT] = {};
        struct fixture *f = *state;

        for (size_t i = 0; i < COUNT; i++) {
                steps[i] = (struct step){.say = OK(2, "ok"), .hold = true};
                results[i].slow = true;
        }
        server_script(&f->server, steps, COUNT);
        for (size_t i = 0; i < COUNT; i++)
                post(f, &results[i]);
        LOOP_UNTIL(f->loop, f->server.requests == COUNT);
        assert_int_equal(server_go_on(&f->server), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
                LOOP_UNTIL(f->loop, results[i].calls > 0);
                assert_int_equal(results[i].outcome, HTTP_ANSWERED);
                for (size_t k = 0; k < i; k++)
                        assert_int_not_equal(results[i].turn, results[k].turn);
        }
}

static void test_no_call_when_all_is_freed(void **state) {
        struct fixture *f = *state;
        struct result a = {}, b = {.fixture = f}, c = {};

        SCRIPT(f, {});
        post(f, &a);
        LOOP_UNTIL(f->loop, f->server.requests == 1);
        post(f, &c);
        assert_int_equal(http_fail(f->http, "x", on_done, &b, &b.transfer), 0);
        http_free(STEAL_PTR(f->http));
        LOOP_UNTIL(f->loop, f->server.open == 0);
        loop_turn(f->loop);
        assert_int_equal(a.calls + b.calls + c.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_an_answer_and_what_was_sent),
                TEST(test_a_redirect_is_an_answer),
                TEST(test_interim_answers_are_passed_over),
                TEST(test_headers_beyond_the_limit_are_left_out),
                TEST(test_a_kept_connection_is_used_again),
                TEST(test_a_second_request_from_inside_the_call),
                TEST(test_nobody_listens),
                TEST(test_a_kept_connection_that_ends_is_dropped),
                TEST(test_a_new_connection_that_ends_is_no_drop),
                TEST(test_a_kept_connection_that_ends_within_an_answer_is_no_drop),
                TEST(test_a_kept_connection_that_ends_within_the_headers_is_no_drop),
                TEST(test_a_connection_that_ends_while_nobody_uses_it),
                TEST(test_a_body_up_to_the_limit_and_beyond),
                TEST(test_what_is_no_http),
                TEST(test_headers_without_end),
                TEST(test_broken_compression),
                TEST(test_a_timeout_on_another_clock),
                TEST(test_a_timeout_retires_all_connections),
                TEST(test_no_call_after_cancel),
                TEST(test_cancel_from_inside_another_call),
                TEST(test_a_request_that_could_not_be_made),
                TEST(test_a_request_after_one_that_could_not_be_made),
                TEST(test_one_failure_after_the_other_does_not_stop_the_loop),
                TEST(test_what_libcurl_refuses_ends_from_the_loop),
                TEST(test_other_protocols_are_not_spoken),
                TEST(test_a_ca_file_that_is_not_there),
                TEST(test_a_proxy_that_refuses),
                TEST(test_no_error_shows_a_proxys_password),
                TEST(test_as_many_connections_stay_as_are_wanted),
                TEST(test_a_turn_is_not_spent_on_answers_alone),
                TEST(test_no_call_when_all_is_freed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
