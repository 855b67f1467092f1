#pragma once
/*
 * Language: what people read, in theirs
 *
 * What is typed, or compared by scripts, is the same in all: verbs, options, columns' names,
 * states, keys, JSON.
 */
#include <libintl.h>
#include <stdbool.h>

#define _(text) gettext(text)
/* Of a table: xgettext finds it, and whoever shows it hands it to _(). */
#define N_(text) text

/* Takes the language that the environment asks for; english: none but that. */
void language_begin(bool english);

/* From here on English, as a program reads it. */
void language_stop(void);
