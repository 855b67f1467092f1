#include "koowatchd/koodrive/usual-answer.h"

#include "common/json-scan.h"
#include "common/util.h"
#include "koowatchd/koodrive/body.h"

enum member { CODE, JOB, TASK_ID, STATUS, RESULT, TYPE, PROGRESS, LINK, MEMBERS };

struct reader {
        const char *task_id;
        struct koodrive_usual *ret;
        bool in_job;
        bool seen[MEMBERS];
};

static bool is(const struct json_member *m, const char *name) {
        return strlen(name) == m->name_length && memcmp(name, m->name, m->name_length) == 0;
}

static bool has_value(const struct json_member *m, const char *text) {
        return strlen(text) == m->value_length && memcmp(text, m->value, m->value_length) == 0;
}

/* A number that is written as one, of three digits at most. */
static bool read_number(const struct json_member *m, int low, int high, int *ret) {
        int n = 0;

        if (m->value_length == 0 || m->value_length > 3)
                return false;
        for (size_t i = 0; i < m->value_length; i++) {
                if (m->value[i] < '0' || m->value[i] > '9')
                        return false;
                n = 10 * n + m->value[i] - '0';
        }
        *ret = n;
        return n >= low && n <= high && (*m->value != '0' || m->value_length == 1);
}

/* One of each: which of two counts is not for this module to say. */
static bool is_first(struct reader *r, enum member member) {
        bool seen = r->seen[member];

        r->seen[member] = true;
        return !seen;
}

static bool on_job_member(struct reader *r, const struct json_member *m) {
        int n;

        if (is(m, "taskStatus")) {
                if (!read_number(m, 0, 1, &n))
                        return false;
                r->ret->is_running = n;
                return is_first(r, STATUS);
        }
        if (is(m, "progress"))
                return read_number(m, 0, 100, &r->ret->progress) && is_first(r, PROGRESS);
        if (is(m, "taskType"))
                return read_number(m, 1, 999, &r->ret->type) && is_first(r, TYPE);
        if (is(m, "taskId")) {
                size_t n_id = strlen(r->task_id);

                return m->value_length == n_id + 2 && *m->value == '"' &&
                       memcmp(m->value + 1, r->task_id, n_id) == 0 && is_first(r, TASK_ID);
        }
        if (is(m, "taskResultCode"))
                return has_value(m, "null") && is_first(r, RESULT);
        if (is(m, "downloadUrl"))
                return has_value(m, "null") && is_first(r, LINK);
        return true;
}

/* Members that say something of a fault are not usual; what else there may be is not read. */
static bool on_root_member(struct reader *r, const struct json_member *m) {
        static const char *const faults[] = {"error", "error_code", "errorCode"};

        r->in_job = is(m, "jobInfo");
        if (r->in_job)
                return *m->value == '{' && is_first(r, JOB);
        if (is(m, "code"))
                return has_value(m, "0") && is_first(r, CODE);
        for (size_t i = 0; i < ARRAY_LEN(faults); i++)
                if (is(m, faults[i]))
                        return false;
        return true;
}

static bool on_member(void *userdata, const struct json_member *m) {
        struct reader *r = userdata;

        if (memchr(m->name, '\\', m->name_length)) /* it may be any name */
                return false;
        if (m->depth == 1)
                return on_root_member(r, m);
        return !r->in_job || on_job_member(r, m);
}

bool koodrive_usual_read(const char *body, size_t length, const char *task_id,
                         struct koodrive_usual *ret) {
        struct reader r = {.task_id = task_id, .ret = ret};
        struct json_scan scan = {
                .text = body,
                .length = length,
                .rules = &koodrive_json_rules,
                .on_member = on_member,
                .userdata = &r,
        };
        char fault[JSON_FAULT_MAX];

        *ret = (struct koodrive_usual){.progress = -1};
        return length <= KOODRIVE_ANSWER_MAX && json_scan(&scan, fault) == 0 && !scan.repaired &&
               r.seen[STATUS];
}
