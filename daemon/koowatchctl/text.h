#pragma once
/*
 * Text on a terminal: what is harmless to show, and how many columns it takes
 *
 * Widths are those of wcwidth(), in the locale that main() has set.
 */
#include <stdbool.h>
#include <stdio.h>

/*
 * A copy in which nothing is obeyed by a terminal: controls, and what changes the direction of
 * text, become '?'. NULL becomes "". The caller owns it; NULL when memory is short.
 */
char *text_plain(const char *s);

/* The columns that s takes; s is plain. */
unsigned text_width(const char *s);

/*
 * Writes s, padded with blanks to width columns, behind it or, with right, before it. What is
 * wider is cut with a "…" as its last column.
 */
void text_put(FILE *out, const char *s, unsigned width, bool right);

/*
 * Writes JSON; what a terminal would obey in its texts is escaped, which changes nothing of what
 * they are.
 */
void text_put_json(FILE *out, const char *json);

/*
 * Writes a line, s up to length, as far as it fits into width columns, and its end. Colours in it
 * take no room, and those behind the cut are still written: they end what has begun.
 */
void text_put_line(FILE *out, const char *s, size_t length, unsigned width);

/* Writes the plain copy of s. */
void text_put_plain(FILE *out, const char *s);
