#pragma once
/*
 * Words: names in one text, a blank between
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * Puts the words of text, which blanks and tabs divide, into *field in place of what was there,
 * one blank between; NULL for none. Returns 0, -EINVAL for one that is not valid, or -ENOMEM, with
 * the field as it was.
 */
int words_parse(const char *text, bool (*is_valid)(const char *word), char **field);

/*
 * The first of the wanted words that is not among the others: it begins there and has *ret_length
 * bytes. NULL: all of them are. Either may be NULL, for none.
 */
const char *words_missing(const char *wanted, const char *words, size_t *ret_length);

/* Whether it can be the label of a node. */
bool label_is_valid(const char *word);
