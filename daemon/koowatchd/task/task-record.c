#include "koowatchd/task/task-record.h"

#include <errno.h>

#include "common/config.h"

/* What is in a record, in this order. */
enum {
        HAS_TIMEOUT = 1U << 0,
        HAS_MIN = 1U << 1,
        HAS_MAX = 1U << 2,
        HAS_EXPECT = 1U << 3,
        TASK_NUMBER = 1U << 4, /* else a text */
        SHARE_NUMBER = 1U << 5,
        HAS_ACCOUNT = 1U << 6,
        HAS_KDSTOKEN_FILE = 1U << 7,
        HAS_HOOKS = 1U << 8,
        HAS_DESCRIPTION = 1U << 9,
        HAS_VARIABLES = 1U << 10, /* the last one is followed by an empty text */
        HAS_KDSTOKEN = 1U << 11,  /* a secret: it is wiped */
};

struct task_record {
        uint16_t fields;
        char data[];
};

/* ---- writing ---- */

struct writer {
        struct task_record *record; /* NULL: the size is counted */
        size_t size;
        unsigned fields;
};

static void put(struct writer *w, const void *data, size_t size) {
        if (w->record)
                memcpy(w->record->data + w->size, data, size);
        w->size += size;
}

static void put_text(struct writer *w, unsigned field, const char *text) {
        if (!text)
                return;
        w->fields |= field;
        put(w, text, strlen(text) + 1);
}

static void put_span(struct writer *w, unsigned field, usec_t span) {
        if (span == 0)
                return;
        w->fields |= field;
        put(w, &span, sizeof(span));
}

/* Whether the text is how the number is written. */
static bool read_number(const char *text, uint64_t *ret) {
        uint64_t number = 0;

        if (*text < '1' || *text > '9')
                return false;
        for (; *text; text++)
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10U, &number) ||
                    __builtin_add_overflow(number, (unsigned) (*text - '0'), &number))
                        return false;
        *ret = number;
        return true;
}

static void put_id(struct writer *w, unsigned field, const char *id) {
        uint64_t number;

        if (!read_number(id, &number)) {
                put(w, id, strlen(id) + 1);
                return;
        }
        w->fields |= field;
        put(w, &number, sizeof(number));
}

static void put_task(struct writer *w, const struct task *task) {
        put_span(w, HAS_TIMEOUT, task->timeout);
        put_span(w, HAS_MIN, task->interval_min);
        put_span(w, HAS_MAX, task->interval_max);
        put_span(w, HAS_EXPECT, task->expect);
        put_id(w, TASK_NUMBER, task->task_id);
        put_id(w, SHARE_NUMBER, task->share_id);
        put_text(w, HAS_ACCOUNT, task->account);
        put_text(w, HAS_KDSTOKEN_FILE, task->kdstoken_file);
        put_text(w, HAS_HOOKS, task->hooks);
        put_text(w, HAS_DESCRIPTION, task->description);
        for (char **v = task->variables; v && *v; v++)
                put_text(w, HAS_VARIABLES, *v);
        if (task->variables)
                put(w, "", 1);
        put_text(w, HAS_KDSTOKEN, task->kdstoken);
}

static struct task_record *record_alloc(size_t size) {
        return malloc(MAX(sizeof(struct task_record), offsetof(struct task_record, data) + size));
}

struct task_record *task_record_new(const struct task *task) {
        struct writer w = {};

        put_task(&w, task);
        w.record = record_alloc(w.size);
        if (!w.record)
                return NULL;
        w.size = 0;
        put_task(&w, task);
        w.record->fields = (uint16_t) w.fields;
        return w.record;
}

/* ---- reading ---- */

struct reader {
        unsigned fields;
        const char *at;
};

static const char *get_text(struct reader *r, unsigned field) {
        const char *text = r->at;

        if (!(r->fields & field))
                return NULL;
        r->at += strlen(text) + 1;
        return text;
}

static usec_t get_span(struct reader *r, unsigned field) {
        usec_t span = 0;

        if (r->fields & field) {
                memcpy(&span, r->at, sizeof(span));
                r->at += sizeof(span);
        }
        return span;
}

/* Into the end of buffer; returns where it starts there. */
static const char *write_number(char buffer[21], uint64_t number) {
        char *at = buffer + 20;

        *at = '\0';
        for (; number > 0; number /= 10)
                *--at = (char) ('0' + number % 10);
        return at;
}

static const char *get_id(struct reader *r, unsigned field, char buffer[21]) {
        const char *text = r->at;
        uint64_t number;

        if (!(r->fields & field)) {
                r->at += strlen(text) + 1;
                return text;
        }
        memcpy(&number, r->at, sizeof(number));
        r->at += sizeof(number);
        return write_number(buffer, number);
}

static const char *get_variables(struct reader *r) {
        const char *first = r->at;

        if (!(r->fields & HAS_VARIABLES))
                return NULL;
        while (*r->at)
                r->at += strlen(r->at) + 1;
        r->at++;
        return first;
}

static void read_spans(struct reader *r, struct task_view *ret) {
        ret->timeout = get_span(r, HAS_TIMEOUT);
        ret->interval_min = get_span(r, HAS_MIN);
        ret->interval_max = get_span(r, HAS_MAX);
        ret->expect = get_span(r, HAS_EXPECT);
}

/* Returns where the token is, or would be. */
static const char *read_record(const struct task_record *record, struct task_view *ret) {
        struct reader r = {record->fields, record->data};
        const char *kdstoken;

        read_spans(&r, ret);
        ret->task_id = get_id(&r, TASK_NUMBER, ret->numbers[0]);
        ret->share_id = get_id(&r, SHARE_NUMBER, ret->numbers[1]);
        ret->account = get_text(&r, HAS_ACCOUNT);
        if (!ret->account)
                ret->account = ACCOUNT_DEFAULT;
        ret->kdstoken_file = get_text(&r, HAS_KDSTOKEN_FILE);
        ret->hooks = get_text(&r, HAS_HOOKS);
        ret->description = get_text(&r, HAS_DESCRIPTION);
        ret->variables = get_variables(&r);
        kdstoken = r.at;
        ret->kdstoken = get_text(&r, HAS_KDSTOKEN);
        return kdstoken;
}

void task_record_view(const struct task_record *record, struct task_view *ret) {
        (void) read_record(record, ret);
}

void task_record_spans(const struct task_record *record, struct task_view *ret) {
        read_spans(&(struct reader){record->fields, record->data}, ret);
}

void task_view_variables(const struct task_view *view, const char *ret[TASK_VARIABLES_MAX + 1]) {
        const char *at = view->variables;

        for (; at && *at; at += strlen(at) + 1)
                *ret++ = at;
        *ret = NULL;
}

/* ---- the token ---- */

int task_record_set_kdstoken(struct task_record **record, const char *kdstoken) {
        struct task_record *changed;
        struct task_view view;
        size_t kept = (size_t) (read_record(*record, &view) - (*record)->data);

        if (view.kdstoken && streq(view.kdstoken, kdstoken))
                return 0;
        changed = record_alloc(kept + strlen(kdstoken) + 1);
        if (!changed)
                return -ENOMEM;
        changed->fields = (*record)->fields | HAS_KDSTOKEN;
        memcpy(changed->data, (*record)->data, kept);
        memcpy(changed->data + kept, kdstoken, strlen(kdstoken) + 1);
        task_record_free(*record);
        *record = changed;
        return 0;
}

void task_record_free(struct task_record *record) {
        struct task_view view;

        if (!record)
                return;
        task_record_view(record, &view);
        if (view.kdstoken)
                explicit_bzero((char *) view.kdstoken, strlen(view.kdstoken));
        free(record);
}
