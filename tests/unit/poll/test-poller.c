/* The poller with an account of its own, on a clock and with answers that the test makes. */
#include <errno.h>

#include "common/config.h"
#include "koowatchd/poll/poller.h"
#include "unit/fake-http.h"
#include "unit/fake-time.h"
#include "unit/support.h"

#define POLLS 8
#define PROBE_MAX (2 * USEC_MINUTE)
#define SEC USEC_SEC
#define ANOTHERS "{\"code\":0,\"jobInfo\":{\"taskId\":\"9\",\"status\":1}}"

struct fixture {
        struct timers *timers;
        struct http *http;
        struct poller *poller;
        struct account *account, *other;
        struct account_config settings;
        struct poll polls[POLLS];
        char ids[POLLS][8];
        usec_t delay;     /* that on_answer returns */
        char asked[4096]; /* a digit a request, the poll's */
        char told[512];   /* "ID:CLASS " for each answer that was the task's */
        unsigned n_polled, n_refresh, n_attempts;
        usec_t attempt_at, refresh_at; /* until when the account is held up */
};

static int index_of(struct fixture *f, const struct poll *p) {
        return (int) (p - f->polls);
}

static void on_ask(void *userdata, struct poll *p, struct koodrive_query *query) {
        struct fixture *f = userdata;
        int i = index_of(f, p);
        size_t n = strlen(f->asked);

        assert_true(n + 1 < sizeof(f->asked));
        (void) snprintf(f->asked + n, 2, "%d", i);
        query->task_id = f->ids[i];
        query->share_id = "1689765568237837824";
}

static usec_t on_answer(void *userdata, struct poll *p, const struct koodrive_answer *answer,
                        usec_t now) {
        struct fixture *f = userdata;
        size_t n = strlen(f->told);

        assert_int_equal(now, clock_boot());
        assert_true(poll_is_started(p));
        (void) snprintf(f->told + n, sizeof(f->told) - n, "%d:%s ", index_of(f, p),
                        koodrive_class_name(answer->disposition.class));
        return f->delay;
}

static usec_t on_attempt(void *userdata, struct account *account) {
        struct fixture *f = userdata;

        assert_ptr_equal(account, f->account);
        assert_int_equal(account_state(account), ACCOUNT_UNAUTHORIZED);
        f->n_attempts++;
        return f->attempt_at;
}

static usec_t on_refresh_due(void *userdata, struct account *account) {
        struct fixture *f = userdata;

        assert_ptr_equal(account, f->account);
        f->n_refresh++;
        if (f->refresh_at == 0)
                assert_true(account_refresh_sent(account, clock_boot()) == 0);
        return f->refresh_at;
}

static void on_polled(void *userdata, struct poll *p, const struct koodrive_answer *answer,
                      const char *trace_id, double seconds) {
        struct fixture *f = userdata;

        (void) p;
        (void) answer;
        (void) trace_id;
        assert_true(seconds >= 0);
        f->n_polled++;
}

static void on_changed(void *userdata, struct account *account, unsigned held) {
        (void) userdata;
        (void) account;
        (void) held;
}

static struct account *make_account(struct fixture *f) {
        struct account *account;

        assert_int_equal(account_new(&f->settings, PROBE_MAX, on_changed, f, &account), 0);
        assert_int_equal(account_set_secret(account, "token", NULL, clock_boot()), 0);
        assert_int_equal(poller_add_account(f->poller, account), 0);
        return account;
}

static int set_up(void **state) {
        static char name[] = "eu-1", endpoint[] = "https://drive.example.com", headers[] = "x-date";
        struct fixture *f = calloc(1, sizeof(*f));
        const struct poller_handler handler = {on_ask,         on_answer, on_attempt,
                                               on_refresh_due, on_polled, f};

        assert_non_null(f);
        time_reset();
        f->delay = 10 * SEC;
        f->settings = (struct account_config){
                .name = name,
                .endpoint = endpoint,
                .signed_headers = headers,
                .rate_limit = {1000, USEC_MSEC},
                .max_in_flight = POLLS,
        };
        assert_int_equal(timers_new(NULL, &f->timers), 0);
        assert_int_equal(http_new(NULL, 0, &f->http), 0);
        assert_int_equal(poller_new(f->timers, f->http, &handler, &f->poller), 0);
        f->account = make_account(f);
        for (int i = 0; i < POLLS; i++) {
                (void) snprintf(f->ids[i], sizeof(f->ids[i]), "%d", 1000 + i);
                memset(&f->polls[i], 0xff, sizeof(f->polls[i])); /* its owner's, from anywhere */
                assert_int_equal(poll_open(f->poller, &f->polls[i]), 0);
                assert_false(poll_is_started(&f->polls[i]));
        }
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        for (int i = 0; i < POLLS; i++)
                poll_close(f->poller, &f->polls[i]);
        assert_int_equal(poller_in_flight(f->poller), 0);
        poller_remove_account(f->poller, f->account);
        poller_remove_account(f->poller, f->other);
        poller_free(f->poller);
        account_free(f->account);
        account_free(f->other);
        http_free(f->http); /* all requests were cancelled */
        timers_free(f->timers);
        free(f);
        return 0;
}

/* Other limits, for the account as it is. */
static void limit(struct fixture *f, unsigned max_in_flight, struct rate_limit rate) {
        f->settings.max_in_flight = max_in_flight;
        f->settings.rate_limit = rate;
        assert_int_equal(account_configure(f->account, &f->settings, PROBE_MAX), 0);
}

static void start(struct fixture *f, int i, usec_t due, usec_t interval) {
        poll_start(f->poller, &f->polls[i], f->account, due, interval);
}

/* Lets time pass; 0: what is due now runs. */
static void pass(struct fixture *f, usec_t span) {
        time_pass(f->timers, span);
}

static int task_of(const struct fixture *f, unsigned number) {
        return f->asked[number] - '0';
}

static void answer_text(struct fixture *f, unsigned number, long status, const char *text) {
        fake_http_answer(
                f->http, number,
                &(struct http_answer){.status = status, .body = text, .body_length = strlen(text)});
}

static void answer_good(struct fixture *f, unsigned number) {
        CLEANUP(freep)
        char *text = str_printf("{\"code\":0,\"jobInfo\":{\"taskId\":\"%s\",\"status\":1}}",
                                f->ids[task_of(f, number)]);

        answer_text(f, number, 200, text);
}

static void answer_nothing(struct fixture *f, unsigned number, enum http_outcome outcome) {
        fake_http_answer(
                f->http, number,
                &(struct http_answer){.outcome = outcome, .error = "no answer", .body = ""});
}

static void answer_all(struct fixture *f) {
        while (fake_http_waiting(f->http) > 0)
                answer_good(f, fake_http_oldest(f->http));
}

/* The account's first request goes alone: after it, others may. */
static void warm_up(struct fixture *f) {
        start(f, 0, clock_boot(), SEC);
        pass(f, 0);
        assert_int_equal(fake_http_waiting(f->http), 1);
        answer_all(f);
        poll_stop(f->poller, &f->polls[0]);
        f->told[0] = f->asked[0] = '\0';
        f->n_polled = 0;
}

/* The request that is the nth since warm_up(), by number. */
static unsigned nth(const struct fixture *f, unsigned n) {
        return fake_http_posted(f->http) - (unsigned) strlen(f->asked) + n;
}

/* answer_*() by the place in f->asked, after warm_up() has emptied that. */
static void good(struct fixture *f, unsigned n) {
        CLEANUP(freep)
        char *text = str_printf("{\"code\":0,\"jobInfo\":{\"taskId\":\"%s\",\"status\":1}}",
                                f->ids[task_of(f, n)]);

        answer_text(f, nth(f, n), 200, text);
}

static void good_all(struct fixture *f) {
        while (fake_http_waiting(f->http) > 0)
                good(f, fake_http_oldest(f->http) - nth(f, 0));
}

static void test_when_it_is_due_and_again(void **state) {
        struct fixture *f = *state;

        start(f, 0, clock_boot() + 5 * SEC, 5 * SEC);
        pass(f, 5 * SEC - 1);
        assert_string_equal(f->asked, "");
        pass(f, 1);
        assert_string_equal(f->asked, "0");
        assert_int_equal(poller_in_flight(f->poller), 1);
        pass(f, USEC_MINUTE); /* for as long as it takes, once */
        assert_string_equal(f->asked, "0");

        f->delay = 7 * SEC;
        answer_good(f, 0);
        assert_string_equal(f->told, "0:task ");
        assert_int_equal(f->n_polled, 1);
        assert_int_equal(poller_in_flight(f->poller), 0);
        pass(f, 7 * SEC - 1);
        assert_string_equal(f->asked, "0");
        pass(f, 7 * SEC / 100);
        assert_string_equal(f->asked, "00");
}

/* What is due within a hundredth of its delay: it goes on the same wake-up, and never early. */
static void test_polls_share_an_instant(void **state) {
        struct fixture *f = *state;
        usec_t least[2];

        f->delay = 100 * SEC;
        for (int i = 0; i < 2; i++) {
                start(f, i, clock_boot(), SEC);
                pass(f, 0);
                answer_good(f, i);
                least[i] = clock_boot() + f->delay;
                pass(f, 100 * USEC_MSEC);
        }
        for (int i = 0; i < 2; i++)
                assert_in_range(f->polls[i].timer.node.key, least[i], least[i] + SEC);
        assert_int_equal(f->polls[0].timer.node.key, f->polls[1].timer.node.key);
}

static void test_until_the_owner_says_stop(void **state) {
        struct fixture *f = *state;

        start(f, 0, clock_boot(), SEC);
        pass(f, 0);
        f->delay = POLL_STOP;
        answer_good(f, 0);
        assert_false(poll_is_started(&f->polls[0]));
        pass(f, USEC_DAY);
        assert_string_equal(f->asked, "0");
}

static void test_the_most_overdue_in_proportion_goes_first(void **state) {
        struct fixture *f = *state;
        usec_t lag;

        warm_up(f);
        limit(f, 1, f->settings.rate_limit);
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        start(f, 2, clock_boot() + SEC, 100 * SEC);
        start(f, 3, clock_boot() + 3 * SEC, 2 * SEC);
        start(f, 4, clock_boot() + 2 * SEC, 10 * SEC);
        pass(f, 10 * SEC); /* 9 % of its interval, 350 %, 80 % */
        assert_string_equal(f->asked, "1");
        assert_int_equal(poller_lag(f->poller, clock_boot()), 9 * SEC);
        assert_ptr_equal(poller_overloaded(f->poller, clock_boot(), &lag), f->account);
        assert_int_equal(lag, 9 * SEC);
        for (unsigned i = 0; i < 3; i++)
                good(f, i);
        assert_string_equal(f->asked, "1342");
        assert_int_equal(poller_lag(f->poller, clock_boot()), 0);
        assert_null(poller_overloaded(f->poller, clock_boot(), &lag));
}

static void test_no_more_than_the_rate_allows(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        pass(f, USEC_MINUTE);
        limit(f, POLLS, (struct rate_limit){2, 10 * SEC});
        f->delay = USEC_HOUR;
        for (int i = 1; i < 7; i++)
                start(f, i, clock_boot(), SEC);
        for (unsigned period = 1; period <= 3; period++) {
                pass(f, SEC);
                assert_int_equal(strlen(f->asked), 2 * period);
                good_all(f);
                pass(f, 9 * SEC);
                assert_int_equal(strlen(f->asked), 2 * period);
                pass(f, SEC / 5); /* a window is a little wider than the period */
        }
}

static void test_no_more_than_may_be_in_flight(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        limit(f, 3, f->settings.rate_limit);
        for (int i = 1; i < 6; i++)
                start(f, i, clock_boot() + i, SEC);
        pass(f, SEC);
        assert_string_equal(f->asked, "123");
        assert_int_equal(poller_in_flight(f->poller), 3);
        good(f, 1);
        assert_string_equal(f->asked, "1234");
        assert_int_equal(poller_in_flight(f->poller), 3);
        answer_nothing(f, nth(f, 0), HTTP_MALFORMED);
        assert_string_equal(f->asked, "12345");
        pass(f, USEC_MINUTE);
        assert_int_equal(fake_http_waiting(f->http), 3);
}

static void test_stopped_in_flight(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        limit(f, 1, f->settings.rate_limit);
        start(f, 1, clock_boot(), SEC);
        start(f, 2, clock_boot() + 1, SEC);
        start(f, 3, clock_boot() + 2, SEC);
        pass(f, SEC);
        assert_string_equal(f->asked, "1");
        poll_stop(f->poller, &f->polls[1]);
        assert_string_equal(f->asked, "12"); /* its place is free at once */
        assert_false(fake_http_waits(f->http, nth(f, 0)));
        assert_int_equal(account_in_flight(f->account), 1);

        poll_stop(f->poller, &f->polls[3]); /* in the queue */
        poll_stop(f->poller, &f->polls[3]); /* is left alone */
        good(f, 1);
        assert_string_equal(f->told, "2:task ");
        poll_stop(f->poller, &f->polls[2]); /* waiting */
        pass(f, USEC_DAY);
        assert_string_equal(f->asked, "12");
        assert_int_equal(account_in_flight(f->account), 0);
}

static void test_started_again_in_flight(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        start(f, 1, clock_boot() + SEC, SEC);
        assert_int_equal(fake_http_waiting(f->http), 0);
        pass(f, SEC);
        assert_string_equal(f->asked, "11");
        assert_int_equal(fake_http_waiting(f->http), 1);
}

static void test_brought_forward(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        poll_now(f->poller, &f->polls[1], clock_boot()); /* idle: is left alone */
        start(f, 1, clock_boot() + 10 * USEC_MINUTE, 10 * USEC_MINUTE);
        pass(f, SEC);
        poll_now(f->poller, &f->polls[1], clock_boot());
        pass(f, 0);
        assert_string_equal(f->asked, "1");
        f->delay = 10 * USEC_MINUTE;
        good(f, 0);
        assert_string_equal(f->told, "1:task ");
        pass(f, 10 * USEC_MINUTE - 1);
        assert_string_equal(f->asked, "1");
}

/* It was asked with what is not true any more. */
static void test_brought_forward_in_flight(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        start(f, 1, clock_boot(), USEC_MINUTE);
        pass(f, 0);
        poll_now(f->poller, &f->polls[1], clock_boot());
        answer_text(f, nth(f, 0), 200, ANOTHERS); /* a fault, of which the owner is not told */
        assert_string_equal(f->told, "");
        assert_int_equal(f->n_polled, 1);
        pass(f, 0);
        assert_string_equal(f->asked, "11");
        answer_text(f, nth(f, 1), 200, ANOTHERS); /* it is, now */
        assert_string_equal(f->told, "1:transient ");

        f->told[0] = '\0';
        pass(f, f->delay + f->delay / 100);
        assert_string_equal(f->asked, "111");
        poll_now(f->poller, &f->polls[1], clock_boot());
        good(f, 2); /* the task's state is what it is, whoever asked */
        assert_string_equal(f->told, "1:task ");
        pass(f, f->delay - 1);
        assert_string_equal(f->asked, "111");
}

static void test_dropped_once_and_twice(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        for (unsigned round = 0; round < 2; round++) {
                f->told[0] = f->asked[0] = '\0';
                f->n_polled = 0;
                start(f, 1, clock_boot(), USEC_MINUTE);
                pass(f, 0);
                answer_nothing(f, nth(f, 0), HTTP_DROPPED);
                assert_int_equal(f->n_polled, 0);
                assert_int_equal(account_in_flight(f->account), 0);
                pass(f, 0);
                assert_string_equal(f->asked, "11"); /* at once */
                answer_nothing(f, nth(f, 1), HTTP_DROPPED);
                assert_int_equal(f->n_polled, 1); /* that is a failure */
                assert_string_equal(f->told, "1:unreachable ");
                pass(f, SEC);
                assert_string_equal(f->asked, "11");
                pass(f, USEC_MINUTE);
                assert_string_equal(f->asked, "111");
                good(f, 2); /* and then once is nothing again */
                assert_string_equal(f->told, "1:unreachable 1:task ");
                poll_stop(f->poller, &f->polls[1]);
                pass(f, USEC_HOUR);
        }
}

static void test_what_is_asked_again_counts_for_the_rate(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        pass(f, USEC_MINUTE);
        limit(f, POLLS, (struct rate_limit){1, 10 * SEC});
        start(f, 1, clock_boot(), USEC_MINUTE);
        pass(f, 0);
        answer_nothing(f, nth(f, 0), HTTP_DROPPED);
        pass(f, 10 * SEC);
        assert_string_equal(f->asked, "1");
        pass(f, SEC);
        assert_string_equal(f->asked, "11");
}

static void test_nothing_starts_while_draining(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        start(f, 2, clock_boot() + SEC, SEC);
        pass(f, 0);
        poller_drain(f->poller);
        assert_int_equal(poller_in_flight(f->poller), 1);
        good(f, 0);
        assert_string_equal(f->told, "1:task "); /* it is not lost */
        assert_int_equal(poller_in_flight(f->poller), 0);
        pass(f, USEC_HOUR);
        poller_kick(f->poller, f->account);
        poller_probe(f->poller, f->account);
        assert_string_equal(f->asked, "1");
}

static void test_a_probe_when_nobody_is_due(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        f->delay = USEC_HOUR;
        for (int i = 1; i < 4; i++) {
                start(f, i, clock_boot(), USEC_HOUR);
                pass(f, SEC);
        }
        good_all(f);
        assert_string_equal(f->asked, "123");

        poller_probe(f->poller, f->account);
        assert_string_equal(f->asked, "1231"); /* who was asked about longest ago */
        good(f, 3);
        pass(f, USEC_MINUTE);
        assert_string_equal(f->asked, "1231"); /* it is well: that is enough */
}

static void test_three_probes_when_nobody_answers(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        f->delay = USEC_HOUR;
        for (int i = 1; i < 6; i++) {
                start(f, i, clock_boot(), USEC_HOUR);
                pass(f, SEC);
        }
        good_all(f);
        f->asked[0] = '\0';
        poller_probe(f->poller, f->account);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(strlen(f->asked), i + 1); /* one after the other */
                answer_nothing(f, nth(f, i), HTTP_UNREACHABLE);
        }
        assert_string_equal(f->asked, "123"); /* each the next one in turn */
        assert_int_equal(account_state(f->account), ACCOUNT_UNREACHABLE);
}

static void test_a_token_is_kept_alive(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        f->delay = 10 * USEC_HOUR;
        start(f, 1, clock_boot(), USEC_HOUR);
        start(f, 2, clock_boot() + SEC, USEC_HOUR);
        pass(f, SEC);
        good_all(f);
        assert_string_equal(f->asked, "12");
        pass(f, 14 * USEC_MINUTE - SEC);
        assert_string_equal(f->asked, "12");
        pass(f, 2 * SEC);
        assert_string_equal(f->asked, "121");
        good_all(f);
        pass(f, 15 * USEC_MINUTE);
        assert_string_equal(f->asked, "1212");
}

static void test_nobody_pays_for_an_account_that_is_unreachable(void **state) {
        struct fixture *f = *state;
        size_t before;

        warm_up(f);
        for (int i = 1; i < 5; i++)
                start(f, i, clock_boot() + i, 5 * SEC);
        pass(f, SEC);
        assert_string_equal(f->asked, "1234");
        for (unsigned i = 0; i < 4; i++)
                answer_nothing(f, nth(f, i), HTTP_UNREACHABLE);
        /* The first two may have been the tasks' own trouble. */
        assert_string_equal(f->told, "1:unreachable 2:unreachable ");
        assert_int_equal(f->n_polled, 4);
        f->told[0] = '\0';
        assert_int_equal(account_state(f->account), ACCOUNT_UNREACHABLE);

        for (unsigned i = 4; i < 8; i++) { /* one at a time, each about the next one */
                before = strlen(f->asked);
                pass(f, PROBE_MAX);
                assert_int_equal(strlen(f->asked), before + 1);
                assert_int_equal(fake_http_waiting(f->http), 1);
                if (i < 7)
                        answer_nothing(f, nth(f, i), HTTP_UNREACHABLE);
        }
        for (char task = '1'; task <= '4'; task++)
                assert_non_null(strchr(f->asked + 4, task));
        good(f, 7);
        assert_non_null(str_after(f->told + 1, ":task "));
        assert_int_equal(account_state(f->account), ACCOUNT_OK);
        pass(f, 3 * SEC);
        assert_int_equal(fake_http_waiting(f->http), 3); /* the others, together */
}

/* Whose account was at fault does not wait for its own interval when that is over. */
static void test_soon_again_after_a_failure_of_the_account(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        f->delay = USEC_HOUR;
        start(f, 1, clock_boot(), USEC_HOUR);
        pass(f, SEC);
        answer_text(f, nth(f, 0), 401, "{}");
        assert_string_equal(f->told, "");
        assert_int_equal(account_set_secret(f->account, "another", NULL, clock_boot()), 0);
        poller_kick(f->poller, f->account);
        pass(f, SEC);
        assert_string_equal(f->asked, "1");
        pass(f, 2 * SEC);
        assert_string_equal(f->asked, "11");
}

static void test_silence_for_as_long_as_was_asked_for(void **state) {
        const struct http_header header = {"Retry-After", "60"};
        struct fixture *f = *state;

        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        start(f, 2, clock_boot() + SEC, SEC);
        pass(f, 0);
        fake_http_answer(f->http, nth(f, 0),
                         &(struct http_answer){
                                 .status = 429, .body = "", .headers = &header, .n_headers = 1});
        assert_int_equal(account_state(f->account), ACCOUNT_THROTTLED);
        assert_string_equal(f->told, "");
        pass(f, 60 * SEC - 1);
        assert_string_equal(f->asked, "1");
        pass(f, 7 * SEC); /* with its jitter */
        assert_true(strlen(f->asked) > 1);
}

static void test_nothing_without_a_credential(void **state) {
        struct fixture *f = *state;
        usec_t lag;

        assert_int_equal(account_set_secret(f->account, NULL, "it is gone", clock_boot()), 0);
        start(f, 0, clock_boot(), SEC);
        pass(f, USEC_DAY);
        assert_string_equal(f->asked, "");
        assert_int_equal(poller_lag(f->poller, clock_boot()), USEC_DAY);
        assert_null(poller_overloaded(f->poller, clock_boot(), &lag));
        assert_int_equal(lag, 0);
        assert_int_equal(account_set_secret(f->account, "another", NULL, clock_boot()), 0);
        poller_kick(f->poller, f->account);
        assert_string_equal(f->asked, "0");
}

static void test_a_refusal_asks_for_a_new_token(void **state) {
        struct fixture *f = *state;

        f->settings.refresh = REFRESH_SESSION;
        assert_int_equal(account_configure(f->account, &f->settings, PROBE_MAX), 0);
        assert_int_equal(account_set_refresh_secret(f->account, "session", clock_boot()), 0);
        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        answer_text(f, nth(f, 0), 401, "");
        pass(f, USEC_MINUTE);
        assert_int_equal(f->n_refresh, 1);
        assert_string_equal(f->asked, "1"); /* polls wait for its end */
}

/* Their credential is looked at first, and may have to settle. */
static void test_attempts_while_unauthorized_wait_for_the_credential(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        assert_int_equal(f->n_attempts, 0);
        answer_text(f, nth(f, 0), 401, "");
        assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
        *f->asked = '\0';
        f->attempt_at = clock_boot() + 10 * USEC_MINUTE;
        pass(f, 10 * USEC_MINUTE - 1);
        assert_int_equal(f->n_attempts, 1);
        assert_string_equal(f->asked, "");
        pass(f, 1);
        assert_int_equal(f->n_attempts, 2);
        assert_string_equal(f->asked, "1");
}

static void test_a_refresh_waits_for_the_credential(void **state) {
        struct fixture *f = *state;

        f->settings.refresh = REFRESH_SESSION;
        assert_int_equal(account_configure(f->account, &f->settings, PROBE_MAX), 0);
        assert_int_equal(account_set_refresh_secret(f->account, "session", clock_boot()), 0);
        warm_up(f);
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        f->refresh_at = clock_boot() + USEC_MINUTE;
        answer_text(f, nth(f, 0), 401, "");
        pass(f, USEC_MINUTE - 1);
        assert_in_range(f->n_refresh, 1, 2); /* a due poll may ask for it once more */
        f->refresh_at = 0;
        pass(f, 1);
        assert_in_range(f->n_refresh, 2, 3);
}

static void test_accounts_do_not_wait_for_each_other(void **state) {
        struct fixture *f = *state;

        f->other = make_account(f);
        assert_int_equal(account_set_secret(f->account, NULL, "it is gone", clock_boot()), 0);
        start(f, 0, clock_boot(), SEC);
        poll_start(f->poller, &f->polls[1], f->other, clock_boot(), SEC);
        pass(f, SEC);
        assert_string_equal(f->asked, "1");
        assert_int_equal(account_in_flight(f->other), 1);
        assert_int_equal(account_in_flight(f->account), 0);
        poll_start(f->poller, &f->polls[1], f->account, clock_boot(), SEC); /* moves over */
        assert_int_equal(account_in_flight(f->other), 0);
        pass(f, USEC_HOUR);
        assert_string_equal(f->asked, "1");
}

static void test_a_request_that_cannot_be_written(void **state) {
        static char unknown[] = "x-unknown", app_id[] = "app";
        struct fixture *f = *state;

        f->settings.auth = AUTH_APP;
        f->settings.app_id = app_id;
        f->settings.signed_headers = unknown;
        assert_int_equal(account_configure(f->account, &f->settings, PROBE_MAX), 0);
        assert_int_equal(account_set_secret(f->account, "app-secret", NULL, clock_boot()), 0);
        start(f, 0, clock_boot(), SEC);
        pass(f, 0);
        assert_int_equal(fake_http_waiting(f->http), 1);
        assert_string_equal(fake_http_failure(f->http, 0), "the request cannot be built");
        answer_nothing(f, 0, HTTP_UNREACHABLE);
        assert_string_equal(f->told, "0:unreachable ");
        pass(f, USEC_MINUTE);
        assert_true(strlen(f->asked) > 1); /* it is tried again */
}

/* It waits for its interval, or for a second: memory is not to be asked for again and again. */
static void test_a_request_without_memory(void **state) {
        static const struct {
                usec_t interval, pause;
        } cases[] = {
                {10 * SEC, 10 * SEC},
                {SEC, SEC},
                {100 * USEC_MSEC, SEC},
        };
        struct fixture *f = *state;

        for (int i = 0; i < (int) ARRAY_LEN(cases); i++) {
                unsigned posted = fake_http_posted(f->http);

                fake_http_fail_next(f->http);
                start(f, i, clock_boot(), cases[i].interval);
                pass(f, cases[i].pause - 1);
                assert_int_equal(fake_http_posted(f->http), posted);
                pass(f, 1);
                assert_int_equal(fake_http_posted(f->http), posted + 1);
                poll_stop(f->poller, &f->polls[i]);
        }
}

/* Whatever happens in whatever order: the limits hold, and in the end everybody is asked about. */
static void test_a_random_walk(void **state) {
        static const struct rate_limit rate = {5, 10 * SEC};
        struct fixture *f = *state;
        uint64_t seed = 20250520;
        usec_t sent[4096];
        size_t n_sent = 0;

        limit(f, 3, rate);
        for (int step = 0; step < 3000; step++) {
                uint64_t random = random_next(&seed) >> 8;
                int i = (int) (random % POLLS);
                unsigned waiting = fake_http_waiting(f->http);

                f->delay = (usec_t) (random_next(&seed) % 20 + 1) * SEC;
                f->told[0] = '\0';
                switch (random / POLLS % 8) {
                case 0:
                        start(f, i, clock_boot() + f->delay, f->delay);
                        break;
                case 1:
                        poll_stop(f->poller, &f->polls[i]);
                        break;
                case 2:
                        poll_now(f->poller, &f->polls[i], clock_boot());
                        break;
                case 3:
                        if (waiting > 0)
                                answer_nothing(f, fake_http_oldest(f->http), HTTP_DROPPED);
                        break;
                case 4:
                        if (waiting > 0)
                                answer_text(f, fake_http_oldest(f->http), 500, "{}");
                        break;
                case 5:
                        poller_probe(f->poller, f->account);
                        break;
                default:
                        if (waiting > 0)
                                answer_good(f, fake_http_oldest(f->http));
                }
                pass(f, (usec_t) (random % 2000) * USEC_MSEC / 2);
                while (n_sent <
                       strlen(f->asked)) { /* noted late, never early: it is a lower bound */
                        assert_true(n_sent < ARRAY_LEN(sent));
                        sent[n_sent++] = clock_boot();
                }
                assert_int_equal(fake_http_waiting(f->http), poller_in_flight(f->poller));
                assert_int_equal(account_in_flight(f->account), poller_in_flight(f->poller));
                assert_true(poller_in_flight(f->poller) <= 3);
        }
        assert_true(n_sent > 300);
        for (size_t i = rate.count + 1; i < n_sent; i++) /* a step is shorter than a second */
                assert_true(sent[i] - sent[i - rate.count - 1] >= rate.period - SEC);

        f->delay = 5 * SEC;
        for (int i = 0; i < POLLS; i++)
                start(f, i, clock_boot(), 5 * SEC);
        f->told[0] = '\0';
        for (int i = 0; i < 60; i++) {
                answer_all(f);
                pass(f, 5 * SEC);
                if (strlen(f->told) > sizeof(f->told) / 2)
                        break;
        }
        for (int i = 0; i < POLLS; i++) {
                CLEANUP(freep) char *expected = str_printf("%d:task ", i);

                assert_non_null(strstr(f->told, expected));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* After an answer its share is one of the pause that came of it, not of the one before. */
static void test_overdue_in_proportion_to_the_new_interval(void **state) {
        struct fixture *f = *state;

        warm_up(f);
        limit(f, 1, f->settings.rate_limit);
        f->delay = 100 * SEC;
        start(f, 1, clock_boot(), SEC);
        pass(f, 0);
        good(f, 0);
        start(f, 2, clock_boot() + 99 * SEC, 10 * SEC);
        start(f, 3, clock_boot() + 98 * SEC, SEC);
        pass(f, 110 * SEC); /* 10 % of a hundred seconds, and 110 % of ten */
        assert_string_equal(f->asked, "13");
        good(f, 1);
        assert_string_equal(f->asked, "132");
}

static void test_no_timer_for_an_account(void **state) {
        struct fixture *f = *state;

        time_fail_next_open();
        assert_int_equal(poller_add_account(f->poller, f->account), -ENOMEM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_when_it_is_due_and_again),
                TEST(test_polls_share_an_instant),
                TEST(test_until_the_owner_says_stop),
                TEST(test_the_most_overdue_in_proportion_goes_first),
                TEST(test_no_more_than_the_rate_allows),
                TEST(test_no_more_than_may_be_in_flight),
                TEST(test_stopped_in_flight),
                TEST(test_started_again_in_flight),
                TEST(test_brought_forward),
                TEST(test_brought_forward_in_flight),
                TEST(test_dropped_once_and_twice),
                TEST(test_what_is_asked_again_counts_for_the_rate),
                TEST(test_nothing_starts_while_draining),
                TEST(test_a_probe_when_nobody_is_due),
                TEST(test_three_probes_when_nobody_answers),
                TEST(test_a_token_is_kept_alive),
                TEST(test_nobody_pays_for_an_account_that_is_unreachable),
                TEST(test_soon_again_after_a_failure_of_the_account),
                TEST(test_silence_for_as_long_as_was_asked_for),
                TEST(test_nothing_without_a_credential),
                TEST(test_a_refusal_asks_for_a_new_token),
                TEST(test_attempts_while_unauthorized_wait_for_the_credential),
                TEST(test_a_refresh_waits_for_the_credential),
                TEST(test_accounts_do_not_wait_for_each_other),
                TEST(test_a_request_that_cannot_be_written),
                TEST(test_a_request_without_memory),
                TEST(test_a_random_walk),
                TEST(test_overdue_in_proportion_to_the_new_interval),
                TEST(test_no_timer_for_an_account),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
