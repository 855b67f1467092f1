#include "koowatchctl/ctl.h"

#include <errno.h>
#include <stdarg.h>

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/nearest.h"
#include "koowatchctl/text.h"

#define SUGGESTIONS_MAX 500 /* names that one question brings */

static void print_json(json_object *object, bool pretty) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;

        flags |=
                pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
        text = json_text(object, flags);
        text_put_json(stdout, text ? text : "{}");
        (void) putchar('\n');
}

/* The members of object behind "schema". */
static json_object *with_schema(json_object *object) {
        json_object *whole = ctl_object("schema", json_object_new_int(SCHEMA));

        if (whole && object) {
                json_object_object_foreach(object, key, value) {
                        (void) json_object_object_add(whole, key, json_object_get(value));
                }
        }
        return whole;
}

json_object *ctl_object(const char *key, json_object *value) {
        json_object *object = json_object_new_object();

        if (object && value && json_object_object_add(object, key, value) == 0)
                return object;
        json_object_put(value);
        json_object_put(object);
        return NULL;
}

void ctl_json_line(json_object *entry) {
        CLEANUP(json_object_putp) json_object *whole = with_schema(entry);

        print_json(whole, false);
}

int ctl_json(const struct ctl *ctl, json_object *object) {
        CLEANUP(json_object_putp) json_object *owned = object;
        CLEANUP(json_object_putp) json_object *whole = with_schema(owned);

        print_json(whole, ctl->json == JSON_OBJECT && isatty(STDOUT_FILENO));
        return ctl_end();
}

int ctl_end(void) {
        int r = fflush(stdout) == 0 ? 0 : errno;

        if (r == 0 && !ferror(stdout))
                return EXIT_DONE;
        (void) fprintf(stderr, _("koowatchctl: cannot write: %s\n"),
                       r > 0 ? strerror(r) : _("a part of it was lost"));
        return EXIT_ERROR;
}

int ctl_fail(const struct ctl *ctl, const struct failure *failure) {
        const char *text = failure->text ? failure->text : strerror(ENOMEM);
        int code = failure_is(failure, "Usage") ? EXIT_USAGE : EXIT_ERROR;

        if (ctl->json != JSON_NONE) {
                json_object *error = ctl_object("code", json_object_new_string(failure->code));

                if (error)
                        (void) json_object_object_add(error, "message",
                                                      json_object_new_string(text));
                (void) ctl_json(ctl, ctl_object("error", error));
        } else {
                (void) fflush(stdout);
                (void) fputs("koowatchctl: ", stderr);
                text_put_plain(stderr, text);
                (void) fputc('\n', stderr);
        }
        return code;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(freep) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        (void) failure_set(&failure, "Usage", "%s", text ? text : strerror(ENOMEM));
        return ctl_fail(ctl, &failure);
}

int ctl_done(const struct ctl *ctl, const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        va_list arguments;

        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("ok", json_object_new_boolean(true)));

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        text_put_plain(stdout, text);
        (void) putchar('\n');
        return ctl_end();
}

/* A page of names that match the glob, behind those in *tasks. Returns whether it was the last. */
static bool add_names(const struct ctl *ctl, const char *glob, json_object *tasks) {
        CLEANUP(json_object_putp)
        json_object *filter = ctl_object("name", json_object_new_string(glob));
        CLEANUP(json_object_putp) json_object *page = NULL;
        CLEANUP(failure_clear) struct failure ignored = {};
        CLEANUP(freep) char *next = NULL;

        if (client_page(ctl->client, "List", filter, "", SUGGESTIONS_MAX, &page, &next, &ignored) <
            0)
                return true;
        for (size_t i = 0; i < json_object_array_length(page); i++)
                (void) json_object_array_add(tasks,
                                             json_object_get(json_object_array_get_idx(page, i)));
        return !next;
}

/*
 * Of many tasks not all are asked for, as it would take seconds: those that begin, and those that
 * end, with a half of the name.
 */
void ctl_suggest_task(const struct ctl *ctl, const char *name, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *tasks = json_object_new_array();
        const char *nearest;

        if (!name || !failure_is(failure, "NotFound") || !tasks)
                return;
        if (!add_names(ctl, "*", tasks) && name_is_valid(name, 2, 128, "._@-", false)) {
                size_t half = strlen(name) / 2;
                CLEANUP(freep) char *head = str_printf("%.*s*", (int) half, name);
                CLEANUP(freep) char *tail = str_printf("*%s", name + strlen(name) - half);

                if (head)
                        (void) add_names(ctl, head, tasks);
                if (tail)
                        (void) add_names(ctl, tail, tasks);
        }
        nearest = nearest_name(name, tasks);
        if (nearest && !streq(nearest, name)) /* else it is on its way out */
                (void) failure_set(failure, "NotFound", _("%s; did you mean %s?"),
                                   failure->text ? failure->text : name, nearest);
}
