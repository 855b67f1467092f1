#pragma once
/*
 * What a task's entry says, in words. Pure
 *
 * entry is an object as List, Get and History have it.
 */
#include <json-c/json.h>

#include "common/timespan.h"
#include "koowatchctl/look.h"

/* The member's text, or "" where there is none. Borrowed. */
const char *task_text(json_object *entry, const char *key);

/* The integer, or -1. */
int64_t task_number(json_object *entry, const char *key);

/* The time of a member, as wall clock, or -1. */
usec_t task_time(json_object *entry, const char *key);

/* "completed: all succeeded", "rejected"; "": there is no outcome yet. Static. */
const char *task_outcome(json_object *entry);

/* What to know about it in one line. The caller owns it; NULL when memory is short. */
char *task_note(json_object *entry);

/* "45%", or "-". */
const char *task_progress(json_object *entry, char buffer[static 8]);

/* When its next poll or attempt is, or -1. */
usec_t task_next(json_object *entry);

/* Whether its reason is that another node polls it, which is no trouble. */
bool task_is_elsewhere(json_object *entry);
/* Of its state: good only when all has succeeded and is delivered. */
enum style task_style(json_object *entry);
