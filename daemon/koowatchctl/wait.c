#include "koowatchctl/wait.h"

#include <errno.h>
#include <poll.h>

#include "common/json.h"
#include "koowatchctl/bus-value.h"
#include "koowatchctl/daemon-unit.h"
#include "koowatchctl/language.h"
#include "koowatchctl/wait-screen.h"
#include "koowatchctl/wait-state.h"

#define DRAW_EVERY (100 * USEC_MSEC)
/* How often it is asked whether a daemon that is away comes back. */
#define ASK_EVERY USEC_SEC
/* How long it is waited for where nobody knows. */
#define PATIENCE (30 * USEC_SEC)
#define CLEAR_BELOW "\033[J"

const struct option_row wait_options[] = {
        {"all", NULL, N_("until all have ended, which is the default"), 0, false},
        {"any", NULL, N_("until the first one has ended"), 0, false},
        {"fail-fast", NULL, N_("end as soon as one has not succeeded"), 0, false},
        {"create", NULL, N_("wait for names that are not there yet, and for new runs"), 0, false},
        {"timeout", "SPAN", N_("give up after SPAN, exit 124; 0: ask once"), 0, false},
        {},
};

struct waiter {
        struct ctl *ctl;
        struct wait *wait;
        char *owner;       /* koowatchd's name on the bus, as the bus says; NULL: not known */
        bool is_away;      /* koowatchd is, or the bus */
        bool was_there;    /* once */
        usec_t away_since; /* on CLOCK_BOOTTIME, like the next two */
        usec_t next_ask, next_draw;
        bool has_bars;
        unsigned lines; /* of bars, above the cursor */
        struct failure failure;
};

static void waiter_clear(struct waiter *w) {
        wait_freep(&w->wait);
        free(w->owner);
        failure_clear(&w->failure);
}

static void erase_bars(struct waiter *w) {
        if (w->lines > 0)
                (void) printf("\033[%uA\r" CLEAR_BELOW, w->lines);
        w->lines = 0;
}

static void draw_bars(struct waiter *w) {
        if (!w->has_bars)
                return;
        w->ctl->look.width = look_columns(STDOUT_FILENO);
        erase_bars(w);
        w->lines = wait_screen_bars(stdout, &w->ctl->look, look_rows(STDOUT_FILENO), w->wait,
                                    w->is_away);
        (void) fflush(stdout);
        w->next_draw = clock_boot() + DRAW_EVERY;
}

static json_object *with_code(const struct wait_task *task) {
        static const char *const phases[] = {[WAIT_UNREAD] = "absent",
                                             [WAIT_ABSENT] = "absent",
                                             [WAIT_PENDING] = "pending",
                                             [WAIT_RUNNING] = "running",
                                             [WAIT_ENDED] = "finished"};
        json_object *entry = json_object_new_object();

        if (!entry)
                return NULL;
        json_object_object_foreach(task->entry, key, value) {
                (void) json_object_object_add(entry, key, json_object_get(value));
        }
        (void) json_object_object_add(
                entry, "state",
                json_object_new_string(task->why && streq(task->why, "invalid") ? "invalid"
                                       : task->why                              ? "removed"
                                                   : phases[task->phase]));
        if (task->phase == WAIT_ENDED)
                (void) json_object_object_add(entry, "exitCode", json_object_new_int(task->code));
        return entry;
}

static void on_change(void *userdata, const struct wait_task *task) {
        struct waiter *w = userdata;

        if (w->ctl->json == JSON_LINES) {
                CLEANUP(json_object_putp) json_object *entry = with_code(task);

                ctl_json_line(entry);
                (void) fflush(stdout);
        }
        if (w->ctl->json != JSON_NONE || (w->has_bars && task->phase != WAIT_ENDED))
                return;
        erase_bars(w);
        wait_screen_line(stdout, &w->ctl->look, task);
        (void) fflush(stdout);
}

static void say(struct waiter *w, const char *text) {
        if (w->ctl->json == JSON_NONE && !w->has_bars) {
                (void) puts(text);
                (void) fflush(stdout);
        }
}

static void go_away(struct waiter *w) {
        if (w->is_away)
                return;
        w->is_away = true;
        w->away_since = clock_boot();
        w->next_ask = w->away_since + (w->was_there ? ASK_EVERY : 0);
}

static void come_back(struct waiter *w) {
        w->is_away = false;
        w->was_there = true;
        wait_on_daemon(w->wait);
}

/* name NULL: nobody is. */
static bool is_sender(sd_bus_message *message, const char *name) {
        const char *sender = sd_bus_message_get_sender(message);

        return sender && name && streq(sender, name);
}

static int on_signal(sd_bus_message *message, void *userdata, UNUSED sd_bus_error *error) {
        CLEANUP(json_object_putp) json_object *arguments = NULL;
        struct waiter *w = userdata;
        json_object *entry;

        /* Whoever is on the bus can send a signal to us, and say that it is koowatchd's. */
        if (!is_sender(message, w->owner) || bus_value_read(message, &arguments) < 0)
                return 0;
        entry = json_object_array_get_idx(arguments, 0);
        if (json_object_is_type(entry, json_type_object))
                wait_on_signal(w->wait, sd_bus_message_get_member(message), entry);
        return 0;
}

static int on_owner(sd_bus_message *message, void *userdata, UNUSED sd_bus_error *error) {
        const char *name, *before, *now;
        struct waiter *w = userdata;

        if (!is_sender(message, "org.freedesktop.DBus") ||
            sd_bus_message_read(message, "sss", &name, &before, &now) < 0)
                return 0;
        (void) str_replace(&w->owner, *now ? now : NULL);
        if (*now) {
                if (w->was_there && !*before)
                        say(w, _("koowatchd is back"));
                come_back(w);
        } else {
                if (w->was_there)
                        say(w, _("koowatchd is gone, waiting for it"));
                go_away(w);
        }
        return 0;
}

/* Returns whether there is one. */
static bool find_owner(struct waiter *w, sd_bus *bus) {
        sd_bus_message *reply = NULL;
        const char *owner = NULL;

        if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "GetNameOwner", NULL, &reply, "s",
                               BUS_NAME) >= 0)
                (void) sd_bus_message_read(reply, "s", &owner);
        (void) str_replace(&w->owner, owner);
        sd_bus_message_unref(reply);
        return w->owner;
}

/* Subscribes before anything is read, so that no end is missed. Returns 0 or -1. */
static int subscribe(struct waiter *w, struct failure *failure) {
        sd_bus *bus;
        int r;

        if (client_connect(w->ctl->client, failure) < 0)
                return -1;
        bus = client_bus(w->ctl->client);
        r = sd_bus_add_match(bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" BUS_NAME "'",
                             on_owner, w);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, BUS_NAME, BUS_PATH, BUS_INTERFACE, NULL,
                                        on_signal, w);
        if (r < 0) {
                client_disconnect(w->ctl->client);
                return failure_set(failure, "Unavailable", _("cannot subscribe to signals: %s"),
                                   strerror(-r));
        }
        if (find_owner(w, bus))
                come_back(w);
        else
                go_away(w);
        return 0;
}

/* Reads one task. Returns 0, or -1 for what ends the wait. */
static int read_one(struct waiter *w, size_t i) {
        CLEANUP(json_object_putp) json_object *task = NULL;
        CLEANUP(json_object_putp) json_object *page = NULL;
        CLEANUP(json_object_putp) json_object *filter = NULL;
        CLEANUP(failure_clear) struct failure missing = {};
        CLEANUP(freep) char *next = NULL;
        const char *name = wait_task(w->wait, i)->name;

        if (client_get(w->ctl->client, name, &task, &w->failure) < 0) {
                if (!failure_is(&w->failure, "NotFound"))
                        return -1;
                missing = w->failure;
                w->failure = (struct failure){};
                filter = ctl_object("name", json_object_new_string(name));
                if (client_page(w->ctl->client, "History", filter, "", 1, &page, &next,
                                &w->failure) < 0)
                        return -1;
        }
        if (wait_on_read(w->wait, i, task, page ? json_object_array_get_idx(page, 0) : NULL,
                         clock_boot()) == 0)
                return 0;
        ctl_suggest_task(w->ctl, name, &missing);
        w->failure = missing;
        missing = (struct failure){};
        return -1;
}

static int read_stale(struct waiter *w, usec_t until) {
        ssize_t i;

        while (!w->is_away && (i = wait_to_read(w->wait, clock_boot())) >= 0) {
                if (until != USEC_INFINITY) /* of a daemon that does not answer, too */
                        client_limit(w->ctl->client, MAX(until - clock_boot(), USEC_MSEC));
                if (read_one(w, (size_t) i) == 0)
                        continue;
                if (!failure_is(&w->failure, "NotRunning") &&
                    !failure_is(&w->failure, "Unavailable"))
                        return -1;
                failure_clear(&w->failure);
                go_away(w);
        }
        return 0;
}

/* Whether a daemon that is away is still waited for. Returns 0, or -1: it never was there. */
static int look_for_daemon(struct waiter *w) {
        sd_bus *bus = client_bus(w->ctl->client);
        usec_t now = clock_boot();
        enum unit_state state;

        if (!w->is_away || now < w->next_ask)
                return 0;
        w->next_ask = now + ASK_EVERY;
        if (bus && find_owner(w, bus)) { /* it could not be reached for a moment */
                come_back(w);
                return 0;
        }
        state = w->ctl->user_bus ? UNIT_UNKNOWN : daemon_unit_ask(bus);
        if (state == UNIT_ALIVE)
                return 0;
        if (!w->was_there)
                return failure_set(
                        &w->failure, "NotRunning", "%s",
                        w->ctl->user_bus
                                ? _("koowatchd is not running on the session bus")
                                : _("koowatchd is not running: systemctl start koowatchd"));
        if (state == UNIT_STOPPED || now - w->away_since >= PATIENCE)
                wait_on_stopped(w->wait);
        return 0;
}

/* How long nothing is to be done, unless something comes. */
static usec_t pause_of(const struct waiter *w, usec_t until) {
        usec_t now = clock_boot(), next = until;

        next = MIN(next, w->is_away ? w->next_ask : wait_next_read(w->wait));
        if (w->has_bars)
                next = MIN(next, w->next_draw);
        return next == USEC_INFINITY ? USEC_INFINITY : MAX(next - now, (usec_t) 0);
}

/* Takes what has come, or waits for it. A bus that is lost is connected to again. */
static void wait_for_news(struct waiter *w, usec_t until) {
        CLEANUP(failure_clear) struct failure ignored = {};
        sd_bus *bus = client_bus(w->ctl->client);
        usec_t pause = pause_of(w, until);
        int r = bus ? sd_bus_process(bus, NULL) : -ENOTCONN;

        if (r == 0)
                r = sd_bus_wait(bus, pause == USEC_INFINITY ? UINT64_MAX : (uint64_t) pause);
        if (r >= 0 || r == -EINTR)
                return;
        client_disconnect(w->ctl->client);
        go_away(w);
        (void) poll(NULL, 0, (int) (MIN(pause, ASK_EVERY) / USEC_MSEC));
        (void) subscribe(w, &ignored);
}

/* All is asked for once before the time is looked at; no answer is waited for beyond until. */
static int wait_for_all(struct waiter *w, usec_t until, enum wait_code *ret) {
        do {
                if (look_for_daemon(w) < 0 || read_stale(w, until) < 0)
                        return -1;
                if (wait_is_over(w->wait, clock_boot(), ret))
                        break;
                if (clock_boot() >= w->next_draw)
                        draw_bars(w);
                wait_for_news(w, until);
        } while (!wait_is_over(w->wait, clock_boot(), ret));
        erase_bars(w);
        return 0;
}

/* What has become of the tasks says more than that it could not be written. */
static int exit_code(enum wait_code code, int written) {
        return code == WAIT_SUCCEEDED ? written : (int) code;
}

static int print_end(const struct waiter *w, enum wait_code code) {
        json_object *tasks;

        if (w->ctl->json == JSON_OBJECT) {
                tasks = json_object_new_array();
                for (size_t i = 0; tasks && i < wait_count(w->wait); i++)
                        (void) json_object_array_add(tasks, with_code(wait_task(w->wait, i)));
                return exit_code(code, ctl_json(w->ctl, ctl_object("tasks", tasks)));
        }
        if (w->ctl->json == JSON_NONE && code == WAIT_GAVE_UP)
                (void) fputs(_("koowatchctl: gave up after --timeout, the tasks go on\n"), stderr);
        for (size_t i = 0; w->ctl->json == JSON_NONE && i < wait_count(w->wait); i++) {
                const struct wait_task *task = wait_task(w->wait, i);

                if (task->phase == WAIT_ENDED && task->code != WAIT_SUCCEEDED && !task->why)
                        (void) fprintf(stderr, _("More: koowatchctl show %s\n"), task->name);
        }
        return exit_code(code, ctl_end());
}

int wait_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(waiter_clear) struct waiter w = {.ctl = ctl};
        struct wait_rules rules = {
                .any = options_has(options, "any"),
                .fail_fast = options_has(options, "fail-fast"),
                .create = options_has(options, "create"),
                .until = USEC_INFINITY,
        };
        const char *timeout = options_get(options, "timeout");
        enum wait_code code;
        usec_t span;

        if (rules.any && options_has(options, "all"))
                return ctl_usage(ctl, _("wait: --all and --any exclude each other"));
        if (timeout && timespan_parse(timeout, &span) < 0)
                return ctl_usage(ctl,
                                 _("--timeout %s: expected a time span such as 90 or 2min 30s"),
                                 timeout);
        if (timeout)
                rules.until = usec_add(clock_boot(), span);
        w.has_bars = ctl->json == JSON_NONE && isatty(STDOUT_FILENO);
        w.wait = wait_new((const char *const *) options->arguments, options->n_arguments, &rules,
                          on_change, &w);
        if (!w.wait)
                (void) failure_set(&w.failure, "Failed", "%s", strerror(ENOMEM));
        if (!w.wait || subscribe(&w, &w.failure) < 0)
                return ctl_fail(ctl, &w.failure);
        /* With a timeout of 0 the answers are waited for, but nothing else. */
        if (wait_for_all(&w, timeout && span == 0 ? USEC_INFINITY : rules.until, &code) < 0) {
                erase_bars(&w);
                (void) ctl_fail(ctl, &w.failure);
                return failure_is(&w.failure, "NotRunning") ? WAIT_NO_OUTCOME : EXIT_ERROR;
        }
        return print_end(&w, code);
}
