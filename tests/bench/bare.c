/*
 * What koowatchd is measured against: the smallest poller that a careful programmer would write
 * on libcurl's multi interface, libev and json-c. It sends koowatchd's request and reads the same
 * fields of the answer. It keeps no state, runs no hooks, logs nothing, and knows no failures.
 *
 *   bench-bare URL TOKEN-FILE CA-FILE|- WATCHES IN-FLIGHT INTERVAL
 *
 * INTERVAL is in milliseconds, between a watch's answer and its next poll, give or take a tenth;
 * the first polls are spread over it. With 0, IN-FLIGHT requests are open all the time. Runs until
 * it is killed; at SIGTERM it says how many answers it has read.
 */
#include <curl/curl.h>
#include <ev.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/util.h"

#define ANSWER_MAX 65536
#define TRACE_SEED 29

struct watch {
        ev_timer timer;
        struct watch *next; /* of those that are due */
        char task_id[24], share_id[24];
        int status, progress;
};

struct transfer {
        CURL *easy;
        struct transfer *next; /* of those that are free */
        struct watch *watch;
        struct curl_slist *headers;
        char body[256];
        size_t length;
        char answer[ANSWER_MAX];
};

struct socket {
        ev_io io;
};

static struct ev_loop *loop;
static CURLM *multi;
static ev_timer deadline;
static struct json_tokener *tokener;
static struct transfer *free_transfers;
static struct watch *due, **due_end = &due;
static const char *url, *ca_file;
static char authorization[8192];
static double interval;
static unsigned long answers, failures;

static double random_unit(void) {
        return (double) random() / ((double) RAND_MAX + 1);
}

static size_t on_body(char *data, size_t size, size_t count, void *userdata) {
        struct transfer *t = userdata;
        size_t n = size * count;

        if (n > sizeof(t->answer) - t->length)
                return 0;
        memcpy(t->answer + t->length, data, n);
        t->length += n;
        return n;
}

/* What stays the same from poll to poll. */
static struct transfer *transfer_new(void) {
        struct transfer *t = calloc(1, sizeof(*t));

        if (!t || !(t->easy = curl_easy_init()))
                exit(EXIT_FAILURE);
        (void) curl_easy_setopt(t->easy, CURLOPT_URL, url);
        (void) curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
        (void) curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        (void) curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT,
                                strncmp(url, "https:", 6) == 0 ? 1L : 0L);
        (void) curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "koowatch/" KOOWATCH_VERSION);
        (void) curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, 30000L);
        (void) curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
        if (ca_file)
                (void) curl_easy_setopt(t->easy, CURLOPT_CAINFO, ca_file);
        return t;
}

static void set_headers(struct transfer *t) {
        char date[64], trace[64] = "X-Traceid: ";
        unsigned char seed[TRACE_SEED];
        time_t now = time(NULL);
        struct tm tm;

        (void) strftime(date, sizeof(date), "X-Date: %Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
        if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
                exit(EXIT_FAILURE);
        for (size_t i = 0, at = strlen(trace); i < sizeof(seed); i++) {
                static const char digit[] = "0123456789abcdef";

                trace[at + 2 * i] = digit[seed[i] >> 4];
                trace[at + 2 * i + 1] = digit[seed[i] & 15];
                trace[at + 2 * i + 2] = '\0';
        }
        t->headers = curl_slist_append(t->headers, authorization);
        t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
        t->headers = curl_slist_append(t->headers, date);
        t->headers = curl_slist_append(t->headers, trace);
        t->headers = curl_slist_append(t->headers, "X-User-Id: 1505084218764547200");
}

/* Polls those that are due, as far as there are transfers for them. */
static void start_due(void) {
        while (due && free_transfers) {
                struct transfer *t = free_transfers;
                struct watch *w = due;

                free_transfers = t->next;
                due = w->next;
                if (!due)
                        due_end = &due;
                t->watch = w;
                t->length = 0;
                set_headers(t);
                (void) snprintf(t->body, sizeof(t->body),
                                "{\"taskId\":\"%s\",\"shareId\":\"%s\",\"kdstoken\":\"%s\"}",
                                w->task_id, w->share_id,
                                "0123456789abcdef0123456789abcdef0123456789abcdef");
                (void) curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
                (void) curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
                (void) curl_multi_add_handle(multi, t->easy);
        }
}

static void watch_is_due(struct watch *w) {
        w->next = NULL;
        *due_end = w;
        due_end = &w->next;
}

static void on_due(struct ev_loop *l, ev_timer *timer, int revents) {
        (void) l;
        (void) revents;
        watch_is_due(container_of(timer, struct watch, timer));
        start_due();
}

static int number(json_object *object, const char *name) {
        json_object *value;

        return json_object_object_get_ex(object, name, &value) ? json_object_get_int(value) : -1;
}

static void read_answer(struct transfer *t) {
        json_object *root, *job;

        json_tokener_reset(tokener);
        root = json_tokener_parse_ex(tokener, t->answer, (int) t->length);
        if (number(root, "code") == 0 && json_object_object_get_ex(root, "jobInfo", &job)) {
                t->watch->status = number(job, "taskStatus");
                t->watch->progress = number(job, "progress");
                answers++;
        } else
                failures++;
        json_object_put(root);
}

static void collect(void) {
        CURLMsg *message;
        int queued;

        while ((message = curl_multi_info_read(multi, &queued))) {
                struct transfer *t = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
                if (message->data.result == CURLE_OK)
                        read_answer(t);
                else
                        failures++;
                (void) curl_multi_remove_handle(multi, t->easy);
                curl_slist_free_all(STEAL_PTR(t->headers));
                if (interval > 0) {
                        ev_timer_set(&t->watch->timer, interval * (0.9 + 0.2 * random_unit()), 0.);
                        ev_timer_start(loop, &t->watch->timer);
                } else
                        watch_is_due(t->watch);
                t->next = free_transfers;
                free_transfers = t;
        }
        start_due();
}

static void on_socket_ready(struct ev_loop *l, ev_io *io, int revents) {
        int running;

        (void) l;
        (void) curl_multi_socket_action(multi, io->fd,
                                        ((revents & EV_READ) ? CURL_CSELECT_IN : 0) |
                                                ((revents & EV_WRITE) ? CURL_CSELECT_OUT : 0),
                                        &running);
        collect();
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *userdata, void *data) {
        struct socket *s = data;

        (void) easy;
        (void) userdata;
        if (s)
                ev_io_stop(loop, &s->io);
        if (what == CURL_POLL_REMOVE) {
                (void) curl_multi_assign(multi, fd, NULL);
                free(s);
                return 0;
        }
        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -1;
                ev_init(&s->io, on_socket_ready);
                (void) curl_multi_assign(multi, fd, s);
        }
        ev_io_set(&s->io, fd,
                  ((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0));
        ev_io_start(loop, &s->io);
        return 0;
}

/* A timer that is a little early is no harm: libcurl then names what is left. */
static void on_deadline(struct ev_loop *l, ev_timer *timer, int revents) {
        int running;
        long rest = -1;

        (void) l;
        (void) timer;
        (void) revents;
        (void) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        collect();
        (void) curl_multi_timeout(multi, &rest);
        if (!ev_is_active(&deadline) && rest >= 0) {
                ev_timer_set(&deadline, (double) MAX(rest, 1) / 1000., 0.);
                ev_timer_start(loop, &deadline);
        }
}

static int on_timeout_change(CURLM *m, long timeout_ms, void *userdata) {
        (void) m;
        (void) userdata;
        ev_timer_stop(loop, &deadline);
        if (timeout_ms >= 0) {
                ev_now_update(loop);
                ev_timer_set(&deadline, (double) timeout_ms / 1000., 0.);
                ev_timer_start(loop, &deadline);
        }
        return 0;
}

static void on_term(struct ev_loop *l, ev_signal *signal, int revents) {
        (void) signal;
        (void) revents;
        (void) printf("%lu answers, %lu failures\n", answers, failures);
        ev_break(l, EVBREAK_ALL);
}

static void make_watches(unsigned count) {
        struct watch *watches = calloc(count, sizeof(*watches));

        if (!watches)
                exit(EXIT_FAILURE);
        for (unsigned i = 0; i < count; i++) {
                struct watch *w = &watches[i];

                (void) snprintf(w->task_id, sizeof(w->task_id), "16%017u", i);
                (void) snprintf(w->share_id, sizeof(w->share_id), "17%017u", i);
                ev_timer_init(&w->timer, on_due, interval * random_unit(), 0.);
                if (interval > 0)
                        ev_timer_start(loop, &w->timer);
                else
                        watch_is_due(w);
        }
}

static void read_token(const char *path) {
        FILE *file = fopen(path, "re");
        size_t n = strlen(strcpy(authorization, "Authorization: "));

        if (!file || !fgets(authorization + n, (int) (sizeof(authorization) - n), file))
                exit(EXIT_FAILURE);
        authorization[strcspn(authorization, "\n")] = '\0';
        (void) fclose(file);
}

int main(int argc, char **argv) {
        long in_flight;
        ev_signal term;

        if (argc != 7)
                return EXIT_FAILURE;
        url = argv[1];
        read_token(argv[2]);
        ca_file = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
        in_flight = atol(argv[5]);
        interval = atof(argv[6]) / 1000;
        loop = ev_default_loop(EVFLAG_AUTO);
        tokener = json_tokener_new();
        multi = curl_multi_init();
        if (!loop || !tokener || !multi || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return EXIT_FAILURE;
        ev_init(&deadline, on_deadline);
        (void) curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
        (void) curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
        (void) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
        for (long i = 0; i < in_flight; i++) {
                struct transfer *t = transfer_new();

                t->next = free_transfers;
                free_transfers = t;
        }
        make_watches((unsigned) atoi(argv[4]));
        ev_signal_init(&term, on_term, SIGTERM);
        ev_signal_start(loop, &term);
        start_due();
        (void) ev_run(loop, 0);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
