#pragma once
/*
 * The event that this process is for
 *
 * Parsed and checked once: what becomes part of a path or an argument has the
 * form it must have, everything else is handed on as it came. Some of the keys are
 * for the runner alone (which named hooks to run, which hooks have ended well
 * before, and until when they may run) and are taken out of what hooks see.
 */
#include <json-c/json.h>
#include <stddef.h>

#include "common/log-fields.h"
#include "common/timespan.h"

struct event {
        json_object *json;    /* without the next three */
        json_object *hooks;   /* array of bare names, or NULL */
        json_object *settled; /* array of hook ids, or NULL */
        usec_t run_until;     /* see stop.h; 0: there are no other nodes */
        const char *event;    /* "finished"; this and the next two borrowed from json */
        const char *id;
        const char *name; /* of the task or the account */
        char *text;       /* json and a newline: what a hook reads */
        size_t text_length;
};

/*
 * Parses one line. Returns 0, -ENOMEM, or -EBADMSG with *ret_why a static text
 * that says what is wrong; *ret is then left alone.
 */
int event_parse(const char *line, size_t length, struct event *ret, const char **ret_why);

void event_clear(struct event *event);

/* Adds the fields of a log entry about hook (NULL: about none); borrows from both. */
void event_log_fields(const struct event *event, const char *hook, struct log_fields *fields);
