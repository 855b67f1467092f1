/* The answer to a poll, and the event that becomes of it: nothing that was sent comes back. */
#include "common/json.h"
#include "fuzz/http-input.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/koodrive/link.h"
#include "koowatchd/report/event.h"

#define TOKEN "12|s3cr3t-0123456789"
#define TOKEN_IN_URL "12%7Cs3cr3t-0123456789"
#define KDSTOKEN "4711004711"
#define NOW (1747708152 * USEC_SEC)
#define DATE_MIN (1577836800 * USEC_SEC)
#define DATE_MAX (4102444800 * USEC_SEC)

static const struct koodrive_query query = {
        .who = {.endpoint = "https://drive.example.com", .authorization = "Bearer " TOKEN},
        .task_id = "11",
        .share_id = "22",
        .kdstoken = KDSTOKEN,
};

/* For a log or a message: whole, plain and without a secret. */
static void require_plain(const char *text, size_t size) {
        size_t length = strnlen(text, size);

        REQUIRE(length < size && utf8_is_valid(text, length));
        REQUIRE(!strstr(text, TOKEN) && !strstr(text, KDSTOKEN));
        for (const char *c = text; *c; c++)
                REQUIRE((unsigned char) *c >= ' ' && *c != 0x7f);
}

static void check_text(const struct koodrive_answer *a) {
        require_plain(a->why, sizeof(a->why));
        require_plain(a->code, sizeof(a->code));
        require_plain(a->message, sizeof(a->message));
}

static void check_times(const struct koodrive_answer *a) {
        REQUIRE(a->date == -1 || (a->date >= DATE_MIN && a->date <= DATE_MAX));
        REQUIRE(a->server_time == -1 || (a->server_time >= DATE_MIN && a->server_time <= DATE_MAX));
        REQUIRE(a->retry_after >= -1 && a->retry_after <= USEC_HOUR);
        REQUIRE(a->window == -1 || (a->window >= USEC_SEC && a->window <= 1000 * USEC_DAY));
}

static void check_class(const struct http_answer *http, const struct koodrive_answer *a) {
        const struct koodrive_disposition *d = &a->disposition;

        REQUIRE(d->class < KOODRIVE_CLASSES);
        if (d->class == KOODRIVE_TASK) {
                REQUIRE(http_answer_is_ok(http) && !*a->why);
                return;
        }
        REQUIRE(d->text && *a->why);
        REQUIRE(!a->download_url);
        if (d->class == KOODRIVE_REJECTED) /* nobody but KooDrive and its gateway ends a task */
                REQUIRE(koodrive_code_is_own(a->code));
        if (d->class == KOODRIVE_RETRY_LIMITED)
                REQUIRE(d->tries > 0 && d->span > 0);
}

static void check_task(const struct koodrive_answer *a) {
        const char *problem;

        REQUIRE(a->status >= KOODRIVE_STATUS_UNKNOWN && a->status <= KOODRIVE_STATUS_CANCELED);
        if (a->disposition.class == KOODRIVE_TASK && a->status != KOODRIVE_STATUS_UNKNOWN)
                REQUIRE(a->raw_status == (long) a->status);
        REQUIRE(a->result >= KOODRIVE_RESULT_UNKNOWN && a->result <= KOODRIVE_RESULT_FAILED);
        REQUIRE(a->progress >= -1 && a->progress <= 100);
        REQUIRE(a->type >= 0 && a->type < 1000);
        if (!a->download_url)
                return;
        REQUIRE(strlen(a->download_url) <= 3 * LINK_MAX_LENGTH && !a->url_problem);
        REQUIRE(!strstr(a->download_url, TOKEN) && !strstr(a->download_url, TOKEN_IN_URL));
        for (const char *c = a->download_url; *c; c++)
                REQUIRE((unsigned char) *c > ' ' && *c != 0x7f);
        for (int allow_plain = 0; allow_plain < 2; allow_plain++)
                REQUIRE(link_check(a->download_url, allow_plain, &problem) == 0);
}

/* The short way of a usual answer leads where the long one leads. */
static void check_same(const struct koodrive_answer *a, const struct koodrive_answer *b) {
        json_object *json;

        REQUIRE(koodrive_answer_json(a, &json) == 0);
        REQUIRE(streq(a->why, b->why) && streq(a->code, b->code) && streq(a->message, b->message));
        REQUIRE(a->disposition.class == b->disposition.class && a->raw_status == b->raw_status);
        REQUIRE(a->progress == b->progress && a->result == b->result && a->type == b->type);
        REQUIRE(a->status == b->status && a->date == b->date && a->http_status == b->http_status);
        REQUIRE(a->retry_after == b->retry_after && a->window == b->window);
        REQUIRE(!a->download_url == !b->download_url);
        REQUIRE(a->url_problem == b->url_problem);
        REQUIRE(!json == !b->json && (!json || json_object_equal(json, b->json)));
        json_object_put(json);
}

/* With the digits of \u0012 before it, other text may look like one. */
static void require_none(const char *json, const char *secret) {
        REQUIRE(!strstr(json, secret) || strstr(json, "\\u00"));
}

/* What hooks read of it is one line of JSON, which is the same once it has been read back. */
static void check_event(const struct koodrive_answer *a) {
        bool done = a->disposition.class == KOODRIVE_TASK;
        const struct event_task task = {
                .name = "photos",
                .task_id = "11",
                .share_id = "22",
                .registered = NOW,
                .finished = NOW,
                .outcome = done ? OUTCOME_COMPLETED : OUTCOME_REJECTED,
                .answer = a,
                .download_url = a->download_url,
        };
        json_object *event = event_of_task(EVENT_FINISHED, "0123456789", &task), *again, *json;
        CLEANUP(freep) char *line = NULL;

        REQUIRE(event);
        line = event_line(event, &(struct event_attempt){.number = 1});
        REQUIRE(line && strchr(line, '\n') == line + strlen(line) - 1);
        require_none(line, TOKEN);
        REQUIRE(koodrive_answer_json(a, &json) == 0);
        if (json) /* in the link it may be */
                require_none(json_text(json, JSON_C_TO_STRING_PLAIN), KDSTOKEN);
        json_object_put(json);
        REQUIRE(event_parse(line, &again) == 0 && json_object_equal(event, again));
        REQUIRE(event_result(again) == (done ? a->result : KOODRIVE_RESULT_UNKNOWN));
        json_object_put(again);
        json_object_put(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static json_tokener *tokener; /* reused, as a poller does */
        struct koodrive_answer a, again;
        struct http_input in;

        if (!tokener)
                tokener = koodrive_tokener_new();
        http_input_read(data, size, &in);
        koodrive_answer_read(&in.answer, &query, tokener, NOW, &a);
        koodrive_answer_read_whole(&in.answer, &query, tokener, NOW, &again);
        check_same(&a, &again);
        check_text(&a);
        check_times(&a);
        check_class(&in.answer, &a);
        check_task(&a);
        check_event(&a);
        koodrive_answer_clear(&a);
        koodrive_answer_clear(&again);
        http_input_clear(&in);
        return 0;
}
