#include "koowatchd/store-postgresql/pg-session.h"

#include <errno.h>

#include "common/random.h"
#include "koowatchd/store-postgresql/pg-pipe.h"
#include "koowatchd/store/store-backend.h"

#define LOOK_PERIOD (3 * USEC_SEC)
#define LOOK_SPREAD (1 * USEC_SEC)
/* Whoever has many accounts leaves new ones to those that have fewer. */
#define LOOK_PATIENCE (100 * USEC_MSEC)
#define LOOK_PATIENCE_MAX (1 * USEC_SEC)
/* Between two looks, however often others notify. */
#define LOOK_PAUSE (200 * USEC_MSEC)

struct served {
        char *account;
        bool was_found; /* by the look under way */
        bool is_had, is_told;
};

static void submit(struct pg_session *s, enum pg_statement statement,
                   const struct pg_callbacks *callbacks, const struct pg_arguments *arguments) {
        struct pg_job *job = pg_job_new(statement, callbacks, arguments);

        if (!job)
                pg_callbacks_fail(statement, callbacks, -ENOMEM);
        else if (statement == PG_BEAT)
                pg_pipe_submit_first(s->pipe, job);
        else
                pg_pipe_submit(s->pipe, job);
}

static bool is_on(const struct pg_session *s) {
        return s->has_begun && !s->is_over && !s->is_leaving;
}

/* ---- what is told ---- */

static void tell_soon(struct pg_session *s) {
        if (s->has_handler)
                timer_arm(s->timers, &s->tell, clock_boot());
}

/* The caller frees it; NULL: there is none, or no memory for it. */
static char *next_untold(struct pg_session *s) {
        for (size_t i = 0; i < s->n_served; i++) {
                struct served *served = &s->served[i];
                char *account = served->is_had && !served->is_told ? strdup(served->account) : NULL;

                if (!account)
                        continue;
                served->is_told = true;
                return account;
        }
        return NULL;
}

/* Each of them may set another handler, serve other accounts, or leave. */
static void on_tell_timer(struct timer *timer, usec_t now) {
        struct pg_session *s = container_of(timer, struct pg_session, tell);
        char *account;

        (void) now;
        if (s->is_over && !s->told_over && !s->is_leaving) {
                s->told_over = true;
                s->handler.on_over(s->handler.userdata, s->why);
                return;
        }
        if (is_on(s) && !s->told_begun) {
                s->told_begun = true;
                s->handler.on_begun(s->handler.userdata);
        }
        while (is_on(s) && (account = next_untold(s))) {
                s->handler.on_account(s->handler.userdata, account);
                free(account);
        }
        if (is_on(s) && s->has_looked) {
                s->has_looked = false;
                s->handler.on_look(s->handler.userdata);
        }
}

void pg_session_over(struct pg_session *s, const char *why) {
        timer_disarm(s->timers, &s->beat);
        timer_disarm(s->timers, &s->look);
        s->is_over = true;
        (void) snprintf(s->why, sizeof(s->why), "%s", why);
        if (s->is_leaving)
                return;
        if (s->has_handler)
                on_tell_timer(&s->tell, 0);
        else
                store_report_reach(s->store, -ESTALE);
}

/* ---- beats ---- */

static void advance_beat(struct pg_session *s);

static void on_beat(void *userdata, bool is_good, const char *why) {
        struct pg_session *s = userdata;

        if (is_good)
                pg_lease_confirm(&s->lease);
        else
                pg_pipe_stop(s->pipe, why);
}

static void on_beat_end(void *userdata, int error) {
        struct pg_session *s = userdata;

        s->is_beating = false;
        s->has_failed = error < 0 && error != -ENOTCONN; /* the next one may do better */
        if (!s->is_over)
                advance_beat(s);
}

static void give_up(struct pg_session *s) {
        char why[PG_ERROR_MAX];

        if (s->has_failed)
                (void) snprintf(why, sizeof(why), "no good answer from the database for 13 s: %s",
                                pg_pipe_error(s->pipe));
        else
                (void) snprintf(why, sizeof(why), "no answer from the database for 13 s");
        why[utf8_whole(why, strlen(why))] = '\0';
        pg_pipe_stop(s->pipe, why);
}

static void advance_beat(struct pg_session *s) {
        const struct pg_callbacks callbacks = {
                .done = on_beat_end, .on.beat = on_beat, .userdata = s};
        const usec_t now = clock_boot();

        if (pg_lease_is_over(&s->lease, now)) {
                give_up(s);
                return;
        }
        if (!s->is_beating && pg_lease_is_due(&s->lease, now)) {
                s->is_beating = true;
                pg_lease_beat(&s->lease, now);
                submit(s, PG_BEAT, &callbacks, &(struct pg_arguments){});
        }
        if (!s->is_over)
                timer_arm(s->timers, &s->beat, pg_lease_next(&s->lease, now));
}

static void on_beat_timer(struct timer *timer, usec_t now) {
        (void) now;
        advance_beat(container_of(timer, struct pg_session, beat));
}

/* ---- looks ---- */

static void look_at(struct pg_session *s, usec_t due) {
        if (!is_on(s))
                return;
        if (s->is_looking)
                s->look_again = true;
        else if (!timer_is_armed(&s->look) || due < s->look.node.key)
                timer_arm(s->timers, &s->look, due);
}

static void look_later(struct pg_session *s) {
        usec_t patience = 0;

        for (size_t i = 0; i < s->n_served && patience < LOOK_PATIENCE_MAX; i++)
                patience += s->served[i].is_had ? LOOK_PATIENCE : 0;
        look_at(s, clock_boot() + LOOK_PERIOD - LOOK_SPREAD + patience +
                           (usec_t) (random_share() * 2 * LOOK_SPREAD));
}

static void on_found(void *userdata, const char *account) {
        struct pg_session *s = userdata;

        for (size_t i = 0; i < s->n_served; i++)
                if (streq(s->served[i].account, account))
                        s->served[i].was_found = true;
}

/* Returns whether it has all that it had. A standby that has taken over may have forgotten some. */
static bool note_found(struct pg_session *s) {
        char why[PG_ERROR_MAX];

        for (size_t i = 0; i < s->n_served; i++) {
                struct served *served = &s->served[i];

                if (served->is_had && !served->was_found) {
                        (void) snprintf(why, sizeof(why), "another node has taken the account %s",
                                        served->account);
                        pg_pipe_stop(s->pipe, why);
                        return false;
                }
                served->is_had = served->was_found;
                served->was_found = false;
        }
        return true;
}

static void on_look_end(void *userdata, int error) {
        struct pg_session *s = userdata;
        bool is_stale = s->look_again;

        s->is_looking = s->look_again = false;
        if (!is_on(s))
                return;
        if (is_stale) {
                look_at(s, clock_boot());
                return;
        }
        if (error == 0) {
                if (!note_found(s))
                        return;
                s->has_looked = true;
                tell_soon(s);
        }
        look_later(s);
}

/* The caller frees it; NULL: memory is short. */
static char *join_served(const struct pg_session *s) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return NULL;
        for (size_t i = 0; i < s->n_served; i++)
                (void) fprintf(out, "%s%s", i > 0 ? "\n" : "", s->served[i].account);
        if (fclose(out) != 0)
                free(STEAL_PTR(text));
        return text;
}

static void on_look_timer(struct timer *timer, usec_t now) {
        struct pg_session *s = container_of(timer, struct pg_session, look);
        const struct pg_callbacks callbacks = {
                .done = on_look_end, .on.account = on_found, .userdata = s};
        CLEANUP(freep) char *accounts = join_served(s);

        if (!accounts) {
                look_later(s);
                return;
        }
        for (size_t i = 0; i < s->n_served; i++)
                s->served[i].was_found = false;
        s->is_looking = true;
        s->looked = now;
        submit(s, PG_LOOK, &callbacks, &(struct pg_arguments){.n_texts = 1, .texts = {accounts}});
}

void pg_session_notified(struct pg_session *s) {
        look_at(s, MAX(clock_boot(), s->looked + LOOK_PAUSE));
}

/* ---- accounts ---- */

static void free_served(struct served *served, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(served[i].account);
        free(served);
}

static void keep_state(const struct pg_session *s, struct served *served) {
        for (size_t i = 0; i < s->n_served; i++) {
                if (!streq(s->served[i].account, served->account))
                        continue;
                served->is_had = s->served[i].is_had;
                served->is_told = s->served[i].is_told;
        }
}

int pg_session_serve(struct pg_session *s, const char *const accounts[], size_t n) {
        struct served *served = calloc(MAX(n, 1), sizeof(*served));

        for (size_t i = 0; served && i < n; i++) {
                served[i].account = strdup(accounts[i]);
                if (!served[i].account) {
                        free_served(served, i);
                        return -ENOMEM;
                }
                keep_state(s, &served[i]);
        }
        if (!served)
                return -ENOMEM;
        free_served(s->served, s->n_served);
        s->served = served;
        s->n_served = n;
        look_at(s, clock_boot());
        return 0;
}

/* ---- the whole ---- */

void pg_session_ready(struct pg_session *s, usec_t asked) {
        pg_lease_renew(&s->lease, asked);
        if (!s->has_begun) {
                s->has_begun = true;
                tell_soon(s);
        }
        advance_beat(s);
        look_at(s, clock_boot()); /* notifications may have been lost */
}

void pg_session_set_handler(struct pg_session *s, const struct fleet_handler *handler) {
        s->handler = *handler;
        s->has_handler = true;
        tell_soon(s);
}

/* Until that has been written, which may take a while, it goes on to beat. */
void pg_session_leave(struct pg_session *s, store_done_fn on_done, void *userdata) {
        s->is_leaving = true;
        timer_disarm(s->timers, &s->look);
        submit(s, PG_LEAVE, &(struct pg_callbacks){.done = on_done, .userdata = userdata},
               &(struct pg_arguments){});
}

int pg_session_open(struct pg_session *s) {
        int r = timer_open(s->timers, &s->beat, on_beat_timer);

        if (r == 0)
                r = timer_open(s->timers, &s->look, on_look_timer);
        if (r == 0)
                r = timer_open(s->timers, &s->tell, on_tell_timer);
        return r;
}

void pg_session_close(struct pg_session *s) {
        timer_close(s->timers, &s->beat);
        timer_close(s->timers, &s->look);
        timer_close(s->timers, &s->tell);
        free_served(s->served, s->n_served);
}
