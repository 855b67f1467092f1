/* An outage, with a poller that asks about many tasks. */
#include "unit/account/account-fixture.h"

#define MANY 100
#define INTERVAL (10 * USEC_SEC)
#define FLIGHTS 8

struct flight {
        usec_t sent, arrives; /* arrives 0: none */
        uint64_t generation;
        unsigned task;
        const struct koodrive_disposition *disposition;
};

struct outage {
        struct fixture *f;
        usec_t begin, end, latency;
        uint64_t seed;
        struct {
                usec_t due, asked;
                bool in_flight;
        } tasks[MANY];
        int task_ids[MANY];
        struct flight flights[FLIGHTS];
        unsigned during;      /* requests sent while nobody was there */
        usec_t first_after;   /* when the first was sent after that; 0: none yet */
        usec_t last, longest; /* when the last was sent, and the longest silence */
};

static double draw_random(uint64_t *seed) {
        return (double) (random_next(seed) % 1000000) / 1000000;
}

/* As the poller does: when it probes tasks take turns, else the most overdue goes first. */
static int next_task(const struct outage *o) {
        bool turns = account_is_probing(o->f->account);
        int best = -1;

        for (int i = 0; i < MANY; i++) {
                if (o->tasks[i].in_flight || o->tasks[i].due > o->f->now)
                        continue;
                if (best < 0 || (turns ? o->tasks[i].asked < o->tasks[best].asked
                                       : o->tasks[i].due < o->tasks[best].due))
                        best = i;
        }
        return best;
}

static struct flight *free_flight(struct flight *flights) {
        struct flight *flight = flights;

        while (flight->arrives > 0)
                flight++;
        return flight;
}

static void outage_send(struct outage *o, int task) {
        usec_t now = o->f->now;
        bool down = now >= o->begin && now < o->end;

        *free_flight(o->flights) = (struct flight){
                .sent = now,
                .arrives = now + o->latency,
                .generation = account_sent(o->f->account, now),
                .task = (unsigned) task,
                .disposition = down ? &unreachable : &good,
        };
        o->tasks[task].in_flight = true;
        o->tasks[task].asked = now;
        o->during += down;
        if (now >= o->end && o->first_after == 0)
                o->first_after = now;
        if (down && o->last > 0)
                o->longest = MAX(o->longest, now - o->last);
        o->last = now;
}

static void outage_answer(struct outage *o, struct flight *flight) {
        struct koodrive_answer answer = answer_of(flight->disposition);
        enum account_verdict verdict;

        verdict = account_answered(o->f->account, &(struct account_reply){
                                                          .generation = flight->generation,
                                                          .received = o->f->now,
                                                          .answer = &answer,
                                                          .task = &o->task_ids[flight->task],
                                                          .random = draw_random(&o->seed),
                                                  });
        o->tasks[flight->task].in_flight = false;
        o->tasks[flight->task].due =
                o->f->now + (verdict == ACCOUNT_VERDICT_NOT_ACCOUNT && flight->disposition == &good
                                     ? INTERVAL
                                     : 2 * USEC_SEC);
        flight->arrives = 0;
}

/* Does all that happens now. Returns when something happens next. */
static usec_t outage_step(struct outage *o) {
        usec_t next = USEC_INFINITY;
        int task;

        for (size_t i = 0; i < FLIGHTS; i++)
                if (o->flights[i].arrives > 0 && o->flights[i].arrives <= o->f->now)
                        outage_answer(o, &o->flights[i]);
        while ((task = next_task(o)) >= 0 && may_send(o->f))
                outage_send(o, task);

        if (task >= 0)
                next = account_next(o->f->account);
        for (size_t i = 0; i < FLIGHTS; i++)
                if (o->flights[i].arrives > 0)
                        next = MIN(next, o->flights[i].arrives);
        for (size_t i = 0; i < MANY; i++)
                if (o->tasks[i].due > o->f->now)
                        next = MIN(next, o->tasks[i].due);
        return next;
}

/* An outage of that length, some time after the start; the account is well when it is over. */
static void outage_run(struct outage *o, struct fixture *f, usec_t phase, usec_t length,
                       usec_t latency) {
        *o = (struct outage){
                .f = f,
                .begin = f->now + USEC_MINUTE + phase,
                .latency = latency,
                .seed = (uint64_t) (phase + latency),
        };
        o->end = o->begin + length;
        for (int i = 0; i < MANY; i++)
                o->tasks[i].due = f->now + i * INTERVAL / MANY;
        while (o->first_after == 0 || f->now < o->first_after + USEC_SEC) {
                usec_t next = outage_step(o);

                assert_true(next > f->now && next < USEC_INFINITY);
                f->now = next;
        }
        assert_int_equal(account_state(f->account), ACCOUNT_OK);
}

static const struct rate_limit usual_rate = {10, USEC_SEC};
static const usec_t latencies[] = {USEC_MSEC, 20 * USEC_MSEC, 100 * USEC_MSEC};

static void test_outage_of_a_minute(void **state) {
        for (unsigned i = 0; i < 60; i++) {
                struct outage o;

                assert_int_equal(set_up(state), 0);
                ((struct fixture *) *state)->settings.rate_limit = usual_rate;
                configure(*state);
                outage_run(&o, *state, i * 777 * USEC_MSEC, USEC_MINUTE,
                           latencies[i % ARRAY_LEN(latencies)]);
                assert_in_range(o.during, 3, 12);
                assert_in_range(o.first_after - o.end, 0, 30 * USEC_SEC);
                assert_int_equal(tear_down(state), 0);
        }
}

/* The longest pause is the one that was allowed, and one probe goes in each. */
static void test_outage_of_hours(void **state) {
        struct fixture *f = *state;
        struct outage o;

        f->settings.rate_limit = usual_rate;
        configure(f);
        outage_run(&o, f, 0, 12 * USEC_HOUR, latencies[1]);
        assert_in_range(o.longest, PROBE_MAX, PROBE_MAX * 11 / 10 + o.latency);
        assert_in_range(o.during, 300, 12 * 30 + 40);
        assert_in_range(o.first_after - o.end, 0, PROBE_MAX * 11 / 10 + o.latency);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outage_of_a_minute),
                TEST(test_outage_of_hours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
