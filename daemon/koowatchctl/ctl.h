#pragma once
/*
 * What every verb gets: the common options, the client, and how things are said
 *
 * With --json all goes to standard output as JSON, errors too, and nothing else does. That it could
 * not be written can only be said on standard error.
 */
#include "koowatchctl/client.h"
#include "koowatchctl/look.h"
#include "koowatchctl/options.h"

#define SCHEMA 1

enum exit_code {
        EXIT_DONE = 0,
        EXIT_ERROR = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_RUNNING = 4, /* is-ok */
};

enum json_mode { JSON_NONE, JSON_OBJECT, JSON_LINES };

struct ctl {
        enum json_mode json;
        bool user_bus;
        const char *config_path;
        bool config_required;
        const char *colour;    /* "auto", "always", "never" */
        struct look look;      /* of standard output */
        struct client *client; /* NULL for a verb that needs none */
        const struct verb *verbs;
        size_t n_verbs;
        const struct option_row *common;
        const char *program; /* argv[0] */
};

/* Says why, and returns the exit code: EXIT_USAGE for "Usage", else EXIT_ERROR. */
int ctl_fail(const struct ctl *ctl, const struct failure *failure);

/* The same for a usage error. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Prints {"schema":1, ...}: the members of object, which is taken over. Returns EXIT_DONE, or an
 * error's code when standard output fails.
 */
int ctl_json(const struct ctl *ctl, json_object *object);

/* A line of JSON: the members of entry, borrowed, with "schema" first. */
void ctl_json_line(json_object *entry);

/* {"schema":1,"ok":true}, or without --json the text, on standard output. */
int ctl_done(const struct ctl *ctl, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Flushes standard output. EXIT_DONE, or EXIT_ERROR when not all of it could be written, which it
 * says. No verb exits with 0 without having asked.
 */
int ctl_end(void);

/* An object with this one member; value is taken over. NULL when memory is short. */
json_object *ctl_object(const char *key, json_object *value);

/* Adds to a "NotFound" failure about a task which name comes nearest. */
void ctl_suggest_task(const struct ctl *ctl, const char *name, struct failure *failure);
