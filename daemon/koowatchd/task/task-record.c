#include "koowatchd/task/task-record.h"

#include <errno.h>

#include "common/config.h"
#include "common/index.h"
#include "koowatchd/store/store.h"

/* What is in a record, in this order. */
enum {
        TASK_NUMBER = 1U << 0, /* else a text */
        SHARE_NUMBER = 1U << 1,
        HAS_TIMEOUT = 1U << 2,
        HAS_MIN = 1U << 3,
        HAS_MAX = 1U << 4,
        HAS_EXPECT = 1U << 5,
        HAS_ACCOUNT = 1U << 6,
        HAS_KDSTOKEN_FILE = 1U << 7,
        HAS_HOOKS = 1U << 8,
        HAS_DESCRIPTION = 1U << 9,
        HAS_VARIABLES = 1U << 10, /* the last one is followed by an empty text */
        HAS_KDSTOKEN = 1U << 11,  /* a secret: it is wiped */
        HAS_RUN_ON = 1U << 12,
};

struct task_record {
        uint16_t fields;
        char data[];
};

/* An id: as the number that it is written as, or as text. */
struct id {
        uint64_t number; /* 0: a text */
        const char *text;
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

/* The number of at most 19 digits, which fits, that is written like this; 0: there is none. */
static uint64_t read_number(const char *text) {
        uint64_t number = 0;

        if (*text == '0')
                return 0;
        for (size_t i = 0; text[i]; i++) {
                if (i == 19 || text[i] < '0' || text[i] > '9')
                        return 0;
                number = 10 * number + (uint64_t) (text[i] - '0');
        }
        return number;
}

static struct id id_of(const char *text) {
        return (struct id){read_number(text), text};
}

static void put_id(struct writer *w, unsigned field, const struct id *id) {
        if (id->number == 0) {
                put(w, id->text, strlen(id->text) + 1);
                return;
        }
        w->fields |= field;
        put(w, &id->number, sizeof(id->number));
}

static void put_task(struct writer *w, const struct task *task, const struct id ids[2]) {
        put_id(w, TASK_NUMBER, &ids[0]);
        put_id(w, SHARE_NUMBER, &ids[1]);
        put_span(w, HAS_TIMEOUT, task->timeout);
        put_span(w, HAS_MIN, task->interval_min);
        put_span(w, HAS_MAX, task->interval_max);
        put_span(w, HAS_EXPECT, task->expect);
        put_text(w, HAS_ACCOUNT, task->account);
        put_text(w, HAS_KDSTOKEN_FILE, task->kdstoken_file);
        put_text(w, HAS_HOOKS, task->hooks);
        put_text(w, HAS_RUN_ON, task->run_on);
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
        const struct id ids[2] = {id_of(task->task_id), id_of(task->share_id)};
        struct writer w = {};

        put_task(&w, task, ids);
        w.record = record_alloc(w.size);
        if (!w.record)
                return NULL;
        w.size = 0;
        put_task(&w, task, ids);
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

static struct id get_id(struct reader *r, unsigned field) {
        struct id id = {.text = r->at};

        if (r->fields & field) {
                memcpy(&id.number, r->at, sizeof(id.number));
                r->at += sizeof(id.number);
        } else {
                r->at += strlen(r->at) + 1;
        }
        return id;
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

/* What follows the ids: the spans and the account. */
static void read_front(struct reader *r, struct task_view *ret) {
        ret->timeout = get_span(r, HAS_TIMEOUT);
        ret->interval_min = get_span(r, HAS_MIN);
        ret->interval_max = get_span(r, HAS_MAX);
        ret->expect = get_span(r, HAS_EXPECT);
        ret->account = get_text(r, HAS_ACCOUNT);
        if (!ret->account)
                ret->account = ACCOUNT_DEFAULT;
}

/* Returns where the token is, or would be. */
static const char *read_record(const struct task_record *record, struct task_view *ret) {
        struct reader r = {record->fields, record->data};
        const char *kdstoken;

        ret->record = record;
        ret->task_id = ret->share_id = NULL;
        (void) get_id(&r, TASK_NUMBER);
        (void) get_id(&r, SHARE_NUMBER);
        read_front(&r, ret);
        ret->kdstoken_file = get_text(&r, HAS_KDSTOKEN_FILE);
        ret->hooks = get_text(&r, HAS_HOOKS);
        ret->run_on = get_text(&r, HAS_RUN_ON);
        ret->description = get_text(&r, HAS_DESCRIPTION);
        ret->variables = get_variables(&r);
        kdstoken = r.at;
        ret->kdstoken = get_text(&r, HAS_KDSTOKEN);
        return kdstoken;
}

void task_record_view(const struct task_record *record, struct task_view *ret) {
        (void) read_record(record, ret);
}

void task_view_ids(struct task_view *view) {
        struct reader r = {view->record->fields, view->record->data};
        struct id task = get_id(&r, TASK_NUMBER), share = get_id(&r, SHARE_NUMBER);

        view->task_id = task.number ? write_number(view->numbers[0], task.number) : task.text;
        view->share_id = share.number ? write_number(view->numbers[1], share.number) : share.text;
}

void task_view_variables(const struct task_view *view, const char *ret[TASK_VARIABLES_MAX + 1]) {
        const char *at = view->variables;

        for (; at && *at; at += strlen(at) + 1)
                *ret++ = at;
        *ret = NULL;
}

/* ---- the key ---- */

static uint64_t hash_id(struct id id, uint64_t start) {
        return id.number ? hash_number(id.number, start) : hash_text(id.text, start);
}

static bool id_is_same(struct id a, struct id b) {
        return a.number == b.number && (a.number || streq(a.text, b.text));
}

/* A key of which none of the ids need be written. */
struct key {
        struct id task, share;
        const char *account;
};

static struct key key_of(const struct task_record *record) {
        struct reader r = {record->fields, record->data};
        struct id task = get_id(&r, TASK_NUMBER), share = get_id(&r, SHARE_NUMBER);
        struct task_view view;

        read_front(&r, &view);
        return (struct key){task, share, view.account};
}

static struct key key_as_text(const struct store_key *key) {
        return (struct key){id_of(key->task_id), id_of(key->share_id), key->account};
}

static uint64_t key_hash(const struct key *key) {
        return hash_text(key->account, hash_id(key->share, hash_id(key->task, HASH_START)));
}

static bool key_is_same(const struct key *a, const struct key *b) {
        return id_is_same(a->task, b->task) && id_is_same(a->share, b->share) &&
               streq(a->account, b->account);
}

uint64_t task_record_key_hash(const struct task_record *record) {
        struct key key = key_of(record);

        return key_hash(&key);
}

uint64_t task_key_hash(const struct store_key *text) {
        struct key key = key_as_text(text);

        return key_hash(&key);
}

bool task_record_has_key(const struct task_record *record, const struct store_key *text) {
        struct key own = key_of(record), key = key_as_text(text);

        return key_is_same(&own, &key);
}

bool task_records_are_same_task(const struct task_record *a, const struct task_record *b) {
        struct key key_a = key_of(a), key_b = key_of(b);

        return key_is_same(&key_a, &key_b);
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
