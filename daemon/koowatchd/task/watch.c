#include "koowatchd/task/watch.h"

#include <errno.h>

#include "common/config.h"
#include "common/crash-point.h"
#include "common/random.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/learnt-durations.h"
#include "koowatchd/deliver/delivery.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/poll/poller.h"
#include "koowatchd/report/event.h"
#include "koowatchd/report/metrics.h"
#include "koowatchd/store/store.h"
#include "koowatchd/task/registration.h"
#include "koowatchd/task/task-file.h"
#include "koowatchd/task/task-record.h"
#include "koowatchd/task/taskdir-file.h"
#include "koowatchd/task/taskdir.h"

#define FAULTS_REPORTED 3 /* in a row: what passes by itself is not reported */

struct watch {
        struct poll poll;
        struct task_state state;
        struct watch_subject *subject;
        /* Of struct registration; its since is the state's. */
        usec_t registered : 56;
        enum registration_times times : 4;
        bool running : 1;   /* counted as such */
        bool has_notes : 1; /* perhaps */
};

int watch_new(struct watch_subject *subject, struct watch **ret) {
        struct watch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        r = poll_open(subject->shared->poller, &w->poll);
        if (r < 0) {
                free(w);
                return r;
        }
        w->subject = subject;
        *ret = w;
        return 0;
}

static void set_running(struct watch *w, bool running) {
        w->subject->shared->running += (unsigned) running - (unsigned) w->running;
        w->running = running;
}

void watch_free(struct watch *w) {
        if (!w)
                return;
        set_running(w, false);
        if (w->has_notes)
                watch_notes_drop(&w->subject->shared->notes, w);
        poll_close(w->subject->shared->poller, &w->poll);
        free(w);
}

void watch_assign(struct watch *w, struct watch_subject *subject) {
        w->subject = subject;
}

/* ---- the registration ---- */

static struct registration registration_of(const struct watch *w) {
        return (struct registration){w->registered, w->state.registered, w->times};
}

static void set_registration(struct watch *w, const struct registration *r) {
        w->registered = r->wall;
        w->times = r->times;
        task_state_set_registered(&w->state, r->since);
}

/* What KooDrive's clock says of it, as soon as that is known. */
static void learn_time(struct watch *w, const struct account *account, usec_t now) {
        struct registration r = registration_of(w);
        usec_t wall;
        bool is_news;

        if (r.times == REGISTRATION_BOTH)
                return;
        wall = account_wall(account, now, clock_wall());
        if (wall < 0)
                return;
        is_news = registration_learn(&r, wall, now);
        set_registration(w, &r);
        if (is_news)
                w->subject->shared->on_registration(w->subject);
}

void watch_begin(struct watch *w, const struct account *account, const struct store_task *stored,
                 usec_t now) {
        struct registration r =
                stored ? registration_read(stored, w->subject->shared->boot, clock_wall(), now)
                       : registration_new(clock_wall(), now);

        task_state_init(&w->state, r.since, now);
        set_registration(w, &r);
        learn_time(w, account, now);
        if (stored && stored->refusals > 0) {
                task_state_set_refusals(&w->state, stored->refusals,
                                        registration_read_time(stored, stored->refused,
                                                               w->subject->shared->boot, now));
        }
}

void watch_write(const struct watch *w, struct store_task *ret) {
        struct registration r = registration_of(w);

        registration_write(&r, w->subject->shared->boot, ret);
        ret->refusals = w->state.refusals;
        ret->refused =
                ret->refusals > 0 ? registration_write_time(&r, task_state_refused(&w->state)) : 0;
}

/* ---- what is asked with, and how often ---- */

/* Fills the view, too. */
static struct task_limits limits_of(const struct watch *w, struct task_view *task) {
        struct task_limits limits = w->subject->shared->limits;

        task_record_view(w->subject->task, task);
        if (task->interval_min > 0)
                limits.interval.interval_min = task->interval_min;
        if (task->interval_max > 0)
                limits.interval.interval_max = task->interval_max;
        /* One of the two may be the task's and the other the configuration's: the task's holds. */
        if (limits.interval.interval_min > limits.interval.interval_max) {
                if (task->interval_max > 0)
                        limits.interval.interval_min = limits.interval.interval_max;
                else
                        limits.interval.interval_max = limits.interval.interval_min;
        }
        if (task->timeout > 0)
                limits.timeout = task->timeout;
        return limits;
}

/* The task's own Expect=, or what those before it have taken. */
static struct expected_end expected_end(const struct watch *w, const struct task_view *task,
                                        int type) {
        struct expected_duration expected = account_learnt(poll_account(&w->poll), type)->expected;

        if (task->expect > 0)
                expected = expected_duration_around(task->expect);
        return poll_interval_expect(&expected, w->state.registered);
}

/* One that had ended, or whose answers of before a restart are not known, tells nothing. */
static void learn_duration(const struct watch *w, const struct koodrive_answer *answer,
                           usec_t now) {
        if (answer->status == KOODRIVE_STATUS_COMPLETED &&
            answer->result != KOODRIVE_RESULT_FAILED && w->state.polls > 0 &&
            w->state.status != KOODRIVE_STATUS_COMPLETED)
                learnt_durations_add(account_learnt(poll_account(&w->poll), answer->type),
                                     poll_interval_last(&w->state.interval) - w->state.registered,
                                     now - w->state.registered);
}

void watch_start(struct watch *w, struct account *account, usec_t due) {
        struct task_view task;
        struct task_limits limits = limits_of(w, &task);

        if (account_is_configured(account))
                poll_start(w->subject->shared->poller, &w->poll, account, due,
                           limits.interval.interval_min);
}

void watch_stop(struct watch *w) {
        poll_stop(w->subject->shared->poller, &w->poll);
}

void watch_leave(struct watch *w) {
        watch_stop(w);
        set_running(w, false);
}

bool watch_is_started(const struct watch *w) {
        return poll_is_started(&w->poll);
}

bool watch_is_running(const struct watch *w) {
        return w->running;
}

void watch_retry(struct watch *w, usec_t now) {
        task_state_reset_failures(&w->state);
        poll_now(w->subject->shared->poller, &w->poll, now);
}

struct task_ref watch_ref(const struct watch *w, struct task_view *view) {
        task_record_view(w->subject->task, view);
        task_view_ids(view);
        return (struct task_ref){
                .name = w->subject->file->name,
                .account = view->account,
                .task_id = view->task_id,
                .share_id = view->share_id,
        };
}

void watch_poll(struct watch *w, usec_t now) {
        poll_now(w->subject->shared->poller, &w->poll, now);
}

/* ---- what is known of it ---- */

struct task_limits watch_limits(const struct watch *w) {
        struct task_view view;

        return limits_of(w, &view);
}

void watch_describe(const struct watch *w, struct watch_facts *ret) {
        struct task_limits limits = watch_limits(w);

        *ret = (struct watch_facts){
                .registered = w->registered,
                .deadline = usec_add(w->registered, limits.timeout),
                .next_poll = poll_due(&w->poll),
                .interval = poll_is_started(&w->poll) ? poll_interval_of(&w->poll) : 0,
                .status = (enum koodrive_status) w->state.status,
                .progress = w->state.progress,
                .type = w->state.type,
                .polls = w->state.polls,
        };
        if (w->has_notes)
                ret->failure = watch_notes_failure(&w->subject->shared->notes, w);
}

char *watch_samples(const struct watch *w) {
        return w->has_notes ? watch_notes_samples(&w->subject->shared->notes, w) : NULL;
}

/*
 * before: the progress that it had for so long. The first one is noted with the second: of a task
 * that waits nothing is kept.
 */
static void note_progress(struct watch *w, signed char before, usec_t age) {
        struct watch_notebook *notes = &w->subject->shared->notes;

        if (w->state.progress == before || w->state.progress < 0)
                return;
        if (before >= 0) {
                w->has_notes = true;
                if (!watch_notes_have_samples(notes, w))
                        watch_notes_add_sample(notes, w, clock_wall() - age, before);
                watch_notes_add_sample(notes, w, clock_wall(), w->state.progress);
        }
        w->subject->shared->on_progress(w->subject);
}

/* why NULL: it answers. */
static void note_failure(struct watch *w, const char *why) {
        w->has_notes |= why != NULL;
        if (w->has_notes)
                watch_notes_set_failure(&w->subject->shared->notes, w, why);
}

/* ---- events ---- */

/* By the clock that the registration is told by. */
static usec_t time_of_day(const struct watch *w) {
        usec_t wall = clock_wall(),
               known = account_wall(poll_account(&w->poll), clock_boot(), wall);

        return known < 0 ? wall : known;
}

/* Of one that KooDrive says has ended; -1: not known. */
static usec_t detection_delay(const struct watch *w, const struct koodrive_answer *answer) {
        usec_t now = clock_boot(), wall = account_wall(poll_account(&w->poll), now, clock_wall());
        bool is_known = wall >= 0 && answer->ended >= 0;

        return task_state_detection_delay(&w->state, is_known ? now - (wall - answer->ended) : -1,
                                          now);
}

static json_object *make_event(const struct watch *w, const char *type, const char *id,
                               enum outcome outcome, const struct koodrive_answer *answer) {
        const struct account_config *settings = account_settings(poll_account(&w->poll));
        CLEANUP(freep) char *path = taskdir_path(w->subject->shared->taskdir, w->subject->file);
        const char *url = answer->download_url, *problem = answer->url_problem;
        const char *variables[TASK_VARIABLES_MAX + 1];
        struct task_view view;
        const struct task_ref task = watch_ref(w, &view);
        bool has_ended = outcome == OUTCOME_COMPLETED || outcome == OUTCOME_CANCELED;

        if (!path || (url && link_check(url, settings->allow_plain_http, &problem) < 0))
                return NULL;
        if (problem) {
                url = NULL;
                report_link_withheld(&task, problem);
        }
        task_view_variables(&view, variables);
        return event_of_task(type, id,
                             &(struct event_task){
                                     .name = task.name,
                                     .account = task.account,
                                     .task_id = task.task_id,
                                     .share_id = task.share_id,
                                     .file = path,
                                     .description = view.description,
                                     .hooks = view.hooks,
                                     .run_on = view.run_on,
                                     .variables = variables,
                                     .registered = w->registered,
                                     .finished = outcome == OUTCOME_NONE ? 0 : time_of_day(w),
                                     .polls = w->state.polls,
                                     .type = answer->type > 0 ? answer->type : w->state.type,
                                     .detection_delay = has_ended ? detection_delay(w, answer) : -1,
                                     .outcome = outcome,
                                     .answer = answer,
                                     .download_url = url,
                             });
}

/* Returns the pause: when memory is short, the task is asked about again. */
static usec_t finish(struct watch *w, enum outcome outcome, const struct koodrive_answer *answer) {
        CLEANUP(freep) struct watch_end *end = malloc(sizeof(*end));
        CLEANUP(freep) char *samples = watch_samples(w);
        json_object *event;

        if (!end)
                return USEC_SEC;
        end->registered = w->registered;
        event_id_make(end->event_id);
        event = make_event(w, EVENT_FINISHED, end->event_id, outcome, answer);
        if (!event || deliveries_add(w->subject->shared->deliveries, event, samples) < 0) {
                json_object_put(event);
                return USEC_SEC;
        }
        (void) STEAL_PTR(samples);
        set_running(w, false);
        metrics_finished(w->subject->shared->metrics, outcome, answer->result);
        w->subject->shared->on_finished(w->subject, STEAL_PTR(end));
        return POLL_STOP;
}

static void report_stall(struct watch *w, const struct koodrive_answer *answer) {
        char id[EVENT_ID_LENGTH + 1];
        json_object *event;

        event_id_make(id);
        event = make_event(w, EVENT_STALLED, id, OUTCOME_NONE, answer);
        if (!event)
                return;
        report_stalled(event);
        deliveries_add_once(w->subject->shared->deliveries, event);
}

/* ---- the poller's handler ---- */

static struct watch *watch_of(struct poll *poll) {
        return container_of(poll, struct watch, poll);
}

/* A file that cannot be read now leaves the token that was read last. */
static void load_kdstoken(struct watch_subject *subject, const char *path) {
        CLEANUP(secret_freep) char *kdstoken = NULL;

        if (!task_file_read_kdstoken(path, &kdstoken))
                (void) task_record_set_kdstoken(&subject->task, kdstoken);
}

void watch_on_ask(void *userdata, struct poll *poll, struct koodrive_query *query) {
        struct watch *w = watch_of(poll);
        struct task_view *view = &w->subject->shared->asked;

        (void) userdata;
        task_record_view(w->subject->task, view);
        if (view->kdstoken_file) {
                load_kdstoken(w->subject, view->kdstoken_file);
                task_record_view(w->subject->task, view);
        }
        task_view_ids(view);
        query->task_id = view->task_id;
        query->share_id = view->share_id;
        query->kdstoken = view->kdstoken;
}

void watch_on_polled(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                     const char *trace_id, double seconds) {
        const struct watch *w = watch_of(poll);
        struct task_view view;
        const struct task_ref task = watch_ref(w, &view);

        (void) userdata;
        metrics_polled(w->subject->shared->metrics, task.account, answer->disposition.class,
                       seconds, clock_wall());
        report_polled(w->subject->shared->report, &task, answer, trace_id, seconds);
}

static usec_t on_fault(struct watch *w, const struct koodrive_answer *answer, usec_t now) {
        struct task_view view;
        const struct task_limits limits = limits_of(w, &view);
        const struct task_ref task = watch_ref(w, &view);
        unsigned refusals = w->state.refusals;
        struct task_verdict verdict =
                task_state_fail(&w->state, &limits, now, answer, random_share());

        note_failure(w, answer->why);
        if (verdict.outcome != OUTCOME_NONE)
                return finish(w, verdict.outcome, answer);
        if (w->state.faults == FAULTS_REPORTED)
                report_fault(&task, answer->why);
        if (w->state.refusals != refusals)
                w->subject->shared->on_refusals(w->subject);
        return verdict.delay;
}

static bool is_news(const struct task_verdict *verdict, unsigned faults) {
        return faults >= FAULTS_REPORTED || verdict->unknown_status || verdict->status_changed ||
               verdict->stalled;
}

/* What of a task's state is worth telling; an end is reported when it is on disk, not before. */
static void report_state(struct watch *w, const struct koodrive_answer *answer,
                         const struct task_verdict *verdict, unsigned faults) {
        struct task_view view;
        const struct task_ref task = watch_ref(w, &view);

        if (faults >= FAULTS_REPORTED)
                report_recovered(&task, faults);
        if (verdict->unknown_status)
                report_unknown_status(&task, answer->raw_status);
        if (verdict->status_changed && verdict->outcome == OUTCOME_NONE) {
                report_status_changed(&task, answer->status, answer->progress);
                w->subject->shared->on_status(w->subject);
        }
        if (verdict->stalled)
                report_stall(w, answer);
}

static usec_t on_state(struct watch *w, const struct koodrive_answer *answer, usec_t now) {
        unsigned faults = w->state.faults, refusals = w->state.refusals;
        signed char progress = w->state.progress;
        usec_t progress_age = MAX(now - task_state_changed(&w->state), (usec_t) 0);
        struct task_view task;
        struct task_limits limits = limits_of(w, &task);
        struct task_verdict verdict;

        learn_duration(w, answer, now);
        limits.interval.expected = expected_end(w, &task, answer->type);
        set_running(w, answer->status == KOODRIVE_STATUS_RUNNING);
        verdict = task_state_update(&w->state, &limits, now, answer, random_share());
        note_progress(w, progress, progress_age);
        if (faults > 0)
                note_failure(w, NULL);
        if (is_news(&verdict, faults))
                report_state(w, answer, &verdict, faults);
        if (verdict.outcome != OUTCOME_NONE)
                return finish(w, verdict.outcome, answer);
        if (refusals > 0)
                w->subject->shared->on_refusals(w->subject);
        return verdict.delay;
}

usec_t watch_on_answer(void *userdata, struct poll *poll, const struct koodrive_answer *answer,
                       usec_t now) {
        struct watch *w = watch_of(poll);

        (void) userdata;
        CRASH_POINT("answer-read");
        learn_time(w, poll_account(poll), now);
        return answer->disposition.class == KOODRIVE_TASK ? on_state(w, answer, now)
                                                          : on_fault(w, answer, now);
}
