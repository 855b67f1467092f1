/*
 * Random walks over what can come to an account, in which it must neither fall silent for good
 * nor send more than it may.
 */
#include "unit/account/account-fixture.h"

#define FLIGHTS 8

struct flight {
        usec_t sent, arrives; /* arrives 0: none */
        uint64_t generation;
        unsigned number; /* of the requests that the walk has sent before */
        unsigned task;
        const struct koodrive_disposition *disposition;
        bool stamp_refused;
        usec_t retry_after;
};

static double draw_random(uint64_t *seed) {
        return (double) (random_next(seed) % 1000000) / 1000000;
}

static struct flight *free_flight(struct flight *flights) {
        struct flight *flight = flights;

        while (flight->arrives > 0)
                flight++;
        return flight;
}

#define STEPS 15000
#define ROW 3                            /* refusals that may come in a row, ... */
#define LONGEST_PAUSE (70 * USEC_MINUTE) /* an hour and its jitter */

/* What the walk knows of the account without looking into it. */
struct walk {
        struct fixture *f;
        uint64_t seed;
        const char *secret; /* what was set last; NULL: none */
        unsigned n_tasks, failure_kind;
        bool strict, retired;

        struct flight flights[FLIGHTS];
        unsigned judgements;    /* answers that were one */
        bool corrected;         /* the clock was, and there was none since */
        char asked[16];         /* the token that the refresh under way was sent with */
        usec_t refresh_arrives; /* 0: none is under way */

        usec_t sends[16]; /* the last of them, polls and refreshes; a ring as long as the rate */
        usec_t row[ROW];  /* when the last refusals in a row were asked for */
        unsigned n_sends, n_row;
        unsigned known;   /* requests sent until the account learnt something: they are no news */
        unsigned changed; /* requests sent until a secret or the settings changed */
        usec_t paused;    /* until then as asked for */
        usec_t renewed;   /* when a refresh brought a token that nothing has proved; 0: never */
};

static unsigned dice(struct walk *w, unsigned n) {
        return (unsigned) (random_next(&w->seed) % n);
}

static void forget_row(struct walk *w) {
        w->n_row = 0;
        w->corrected = false;
        w->renewed = 0;
}

/* An admin has changed something: all begins again. */
static void note_change(struct walk *w) {
        forget_row(w);
        w->changed = w->n_sends;
}

static void note_send(struct walk *w, bool is_refresh) {
        struct rate_limit limit = w->f->settings.rate_limit;
        usec_t *slot = &w->sends[w->n_sends % limit.count];

        if (w->n_sends >= limit.count && (!is_refresh || w->strict))
                assert_true(w->f->now - *slot > limit.period);
        *slot = w->f->now;
        w->n_sends++;
}

/* More than that many refusals of one credential in a row, and the gateway locks it. */
static void note_refusal(struct walk *w, const struct flight *flight, bool is_corrected) {
        if (flight->number < w->known || flight->number < w->changed)
                return; /* under way when that was not known yet */
        w->known = w->n_sends;
        if (is_corrected)
                return;
        if (w->n_row >= ROW)
                assert_true(flight->sent - w->row[w->n_row % ROW] >= SILENCE);
        w->row[w->n_row++ % ROW] = flight->sent;
}

/* KooDrive itself has looked at the request, and found the account well. */
static bool is_judgement(const struct koodrive_disposition *disposition,
                         enum account_verdict verdict) {
        return disposition->class == KOODRIVE_TASK ||
               (disposition->by_koodrive &&
                disposition->may_be_account != KOODRIVE_MAYBE_CREDENTIAL &&
                verdict == ACCOUNT_VERDICT_NOT_ACCOUNT);
}

/* Answers as they come in one kind of failure, and what comes in between. */
static const struct koodrive_disposition *draw_meaning(struct walk *w) {
        static const struct koodrive_disposition *const all[] = {
                &good,        &refused,       &locked,    &throttled,     &quota_used,
                &unreachable, &misconfigured, &malformed, &own_failure,   &not_found,
                &rejected,    &too_large,     &suspect,   &bad_parameter, &suspect_by_koodrive,
        };
        static const unsigned usual[] = {0, 1, 1, 3, 5, 12, 13};

        if (w->failure_kind == ARRAY_LEN(usual))
                return all[dice(w, ARRAY_LEN(all))];
        if (dice(w, 10) == 0)
                return all[dice(w, ARRAY_LEN(all))];
        return all[usual[w->failure_kind]];
}

static usec_t draw_latency(struct walk *w) {
        static const usec_t choices[] = {USEC_MSEC, 30 * USEC_MSEC, USEC_SEC, 30 * USEC_SEC};

        return 1 + choices[dice(w, ARRAY_LEN(choices))] * (1 + dice(w, 100)) / 100;
}

/* ---- what the walk does ---- */

static void walk_send(struct walk *w) {
        struct flight *flight = free_flight(w->flights);
        struct fixture *f = w->f;
        usec_t hints[] = {-1, -1, 0, USEC_SEC, USEC_MINUTE, 3 * USEC_HOUR};

        assert_non_null(account_secret(f->account));
        assert_true(f->now >= w->paused);
        if (account_is_probing(f->account))
                assert_int_equal(account_in_flight(f->account), 0);
        assert_true(account_in_flight(f->account) < f->settings.max_in_flight);
        *flight = (struct flight){
                .sent = f->now,
                .arrives = f->now + draw_latency(w),
                .task = dice(w, w->n_tasks),
                .disposition = draw_meaning(w),
                .stamp_refused = dice(w, 4) == 0,
                .retry_after = hints[dice(w, ARRAY_LEN(hints))],
                .generation = account_sent(f->account, f->now),
                .number = w->n_sends,
        };
        note_send(w, false);
}

static void check_verdict(struct walk *w, const struct koodrive_answer *answer,
                          enum account_verdict verdict) {
        switch (answer->disposition.class) {
        case KOODRIVE_TASK:
                assert_int_equal(verdict, ACCOUNT_VERDICT_NOT_ACCOUNT);
                break;
        case KOODRIVE_THROTTLED:
                assert_int_equal(verdict, ACCOUNT_VERDICT_BACKOFF);
                break;
        case KOODRIVE_UNAUTHORIZED:
                /* Unless it is one task's alone. */
                if (verdict == ACCOUNT_VERDICT_NOT_ACCOUNT)
                        assert_int_equal(account_state(w->f->account), ACCOUNT_OK);
                break;
        default:
                assert_int_not_equal(verdict, ACCOUNT_VERDICT_RETRY_NOW);
        }
        if (verdict == ACCOUNT_VERDICT_RETRY_NOW) {
                assert_true(answer->stamp_refused);
                assert_false(w->corrected);
                w->corrected = true;
        }
}

static void walk_answer(struct walk *w, struct flight *flight) {
        struct koodrive_answer answer = answer_of(flight->disposition);
        enum account_state before = account_state(w->f->account);
        struct fixture *f = w->f;
        enum account_verdict verdict;

        if (answer.disposition.class == KOODRIVE_UNAUTHORIZED)
                answer.stamp_refused = flight->stamp_refused;
        if (answer.disposition.class == KOODRIVE_THROTTLED)
                answer.retry_after = flight->retry_after;
        if (dice(w, 2) || (answer.stamp_refused && !w->strict))
                answer.date = 1747708152 * USEC_SEC + f->now;
        flight->arrives = 0;
        f->only_task = w->n_tasks == 1;
        f->random = draw_random(&w->seed);
        verdict = answered_with(f, flight->generation, flight->task, &answer);
        check_verdict(w, &answer, verdict);

        if (is_judgement(flight->disposition, verdict)) {
                w->judgements++;
                if (!w->strict || flight->number >= w->changed)
                        forget_row(w);
        } else if (answer.disposition.class == KOODRIVE_UNAUTHORIZED) {
                note_refusal(w, flight, verdict == ACCOUNT_VERDICT_RETRY_NOW);
        } else if (!w->strict && (verdict == ACCOUNT_VERDICT_NOT_ACCOUNT ||
                                  account_state(f->account) != ACCOUNT_UNAUTHORIZED)) {
                w->n_row = 0;
        }
        if (account_state(f->account) != before ||
            (answer.disposition.class == KOODRIVE_THROTTLED && flight->number >= w->known))
                w->known = w->n_sends;
        if (before != ACCOUNT_THROTTLED && account_state(f->account) == ACCOUNT_THROTTLED)
                w->paused = f->now + MIN(answer.retry_after, USEC_HOUR);
}

static void walk_refresh(struct walk *w) {
        assert_true(w->refresh_arrives == 0);
        assert_false(w->retired);
        assert_non_null(account_refresh_secret(w->f->account));
        if (w->renewed > 0)
                assert_true(w->f->now - w->renewed >= SILENCE);
        (void) snprintf(w->asked, sizeof(w->asked), "%s", account_secret(w->f->account));
        assert_int_equal(account_refresh_sent(w->f->account, w->f->now), 0);
        note_send(w, true);
        w->refresh_arrives = w->f->now + draw_latency(w);
}

static void walk_refreshed(struct walk *w) {
        static char tokens[][8] = {"new-1", "new-2", "new-3"};
        const struct koodrive_disposition *disposition = draw_meaning(w);
        struct koodrive_session session = {.answer = answer_of(disposition), .lifetime = -1};
        const char *secret = account_secret(w->f->account);
        bool overtaken = secret && !streq(secret, w->asked), is_new;

        w->refresh_arrives = 0;
        if (w->failure_kind == 0 || dice(w, 3) == 0)
                session.answer = answer_of(&good);
        if (session.answer.disposition.class == KOODRIVE_TASK) {
                session.token = tokens[dice(w, ARRAY_LEN(tokens))];
                session.lifetime = dice(w, 2) ? 30 * USEC_MINUTE : -1;
        }
        is_new = account_refreshed(w->f->account, w->f->now, &session) & ACCOUNT_TOOK_TOKEN;
        assert_int_equal(is_new,
                         session.token && !overtaken && w->f->settings.refresh != REFRESH_NONE);
        if (is_new) {
                note_change(w);
                w->secret = session.token;
                w->renewed = w->f->now;
        }
}

static void walk_set_secret(struct walk *w) {
        static const char *const secrets[] = {"one", "two", "three"};
        bool goes = dice(w, 4) == 0;

        /* What is under way then is another test's. */
        if (goes && !w->strict && account_in_flight(w->f->account) > 0)
                return;
        w->secret = goes ? NULL : secrets[dice(w, ARRAY_LEN(secrets))];
        if (w->secret && account_secret(w->f->account) &&
            streq(account_secret(w->f->account), w->secret))
                return;
        set_secret(w->f, w->secret);
        if (w->secret) {
                w->paused = 0;
        }
        note_change(w);
}

static void walk_reload(struct walk *w) {
        w->retired = dice(w, 5) == 0;
        w->f->settings.refresh = dice(w, 4) ? REFRESH_CARRIER : REFRESH_NONE;
        w->f->settings.auth = dice(w, 8) ? AUTH_TOKEN : AUTH_APP;
        configure(w->f);
        if (w->retired)
                account_retire(w->f->account);
        note_change(w);
}

static void walk_event(struct walk *w) {
        static const char *const renewals[] = {"r-1", "r-2", NULL};

        w->f->now++; /* later than all that was done before */
        switch (dice(w, 5)) {
        case 0:
                walk_set_secret(w);
                break;
        case 1:
                set_renewal(w->f, renewals[dice(w, ARRAY_LEN(renewals))]);
                note_change(w);
                break;
        case 2:
                walk_reload(w);
                break;
        case 3:
                w->n_tasks = 1 + dice(w, TASKS - 1);
                break;
        default:
                w->failure_kind = dice(w, 8);
        }
}

/* It sends something by itself, within the longest of all pauses, or waits for an event. */
static void check_not_stuck(const struct walk *w) {
        const struct fixture *f = w->f;
        usec_t next = MIN(account_next(f->account), account_refresh_at(f->account));

        if (!w->secret) {
                assert_int_equal(account_state(f->account), ACCOUNT_UNAUTHORIZED);
                assert_int_equal(account_next(f->account), USEC_INFINITY);
        } else if (!w->retired && account_in_flight(f->account) == 0 && w->refresh_arrives == 0) {
                assert_true(next <= f->now + LONGEST_PAUSE);
        }
}

/* When something arrives or may be sent next; nothing does before now. */
static usec_t next_of(const struct walk *w) {
        usec_t next = account_refresh_at(w->f->account);

        if (!w->retired)
                next = MIN(next, account_next(w->f->account));
        if (w->refresh_arrives > 0)
                next = MIN(next, w->refresh_arrives);
        for (size_t i = 0; i < FLIGHTS; i++)
                if (w->flights[i].arrives > 0)
                        next = MIN(next, w->flights[i].arrives);
        return MAX(next, w->f->now);
}

static void walk_act(struct walk *w) {
        struct fixture *f = w->f;

        for (size_t i = 0; i < FLIGHTS; i++)
                if (w->flights[i].arrives > 0 && w->flights[i].arrives <= f->now)
                        walk_answer(w, &w->flights[i]);
        if (w->refresh_arrives > 0 && w->refresh_arrives <= f->now)
                walk_refreshed(w);
        if (account_refresh_at(f->account) <= f->now)
                walk_refresh(w);
        if (!w->retired && may_send(f))
                walk_send(w);
}

static void walk_step(struct walk *w) {
        usec_t next;

        if (dice(w, 50) == 0)
                walk_event(w);
        check_not_stuck(w);
        next = next_of(w);
        if (next == USEC_INFINITY)
                walk_event(w); /* only that can help */
        else
                w->f->now = next;
        if (dice(w, 5) == 0)
                w->f->now += draw_latency(w); /* nobody had anything to ask for a while */
        walk_act(w);
        assert_int_equal(str_empty(account_reason(w->f->account)),
                         account_state(w->f->account) == ACCOUNT_OK);
        w->f->changes[0] = '\0';
}

/* All is corrected: within the longest pause the account is ok again, and polls go. */
static void walk_home(struct walk *w) {
        struct fixture *f = w->f;
        usec_t begin;
        unsigned judgements = w->judgements;

        w->failure_kind = 0;
        if (w->retired || !w->secret) {
                w->retired = false;
                w->secret = "home";
                configure(f);
                set_secret(f, w->secret);
                w->paused = 0;
                note_change(w);
        }
        begin = f->now;
        while (account_state(f->account) != ACCOUNT_OK || w->judgements < judgements + 20) {
                check_not_stuck(w);
                f->now = next_of(w);
                walk_act(w);
                assert_true(f->now < begin + 4 * LONGEST_PAUSE);
        }
}

static void take_a_walk(void **state, uint64_t seed, bool strict) {
        static const struct rate_limit limits[] = {
                {10, USEC_SEC}, {3, USEC_SEC}, {1, 2 * USEC_SEC}, {16, USEC_MINUTE}};
        struct walk w = {.seed = seed * 0x9e3779b97f4a7c15U, .strict = strict, .n_tasks = 3};
        struct fixture *f;

        assert_int_equal(set_up_bare(state), 0);
        f = w.f = *state;
        f->settings.rate_limit = limits[seed % ARRAY_LEN(limits)];
        f->settings.refresh = REFRESH_CARRIER;
        configure(f);
        set_renewal(f, "r-1");
        w.secret = "one";
        set_secret(f, w.secret);
        for (unsigned i = 1; i <= STEPS; i++) {
                walk_step(&w);
                if (i % 500 == 0)
                        walk_home(&w);
        }
        assert_true(w.n_sends > STEPS / 10);
        assert_int_equal(tear_down(state), 0);
}

static void test_random_walks(void **state) {
        for (uint64_t seed = 1; seed <= 24; seed++)
                take_a_walk(state, seed, false);
}

/*
 * A secret that goes while requests are under way; refreshes within the rate; a stamp that is
 * refused where no time is given; refusals that only a judgement or a change ends the row of,
 * and no answer to what was sent before.
 */
static void test_strict_random_walks(void **state) {
        for (uint64_t seed = 1; seed <= 24; seed++)
                take_a_walk(state, seed, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_walks),
                cmocka_unit_test(test_strict_random_walks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
