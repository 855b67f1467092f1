#pragma once
/*
 * Links: what becomes of a downloadUrl before hooks get it
 *
 * Pure. A link is handed over as a URL that programs take as it is, or not at all; why not
 * is put in words that fit behind "the downloadUrl is not handed to hooks: ".
 */
#include <stdbool.h>
#include <stddef.h>

#define LINK_MAX_LENGTH (32 * 1024)

/*
 * As KooDrive wrote it, but without white space at its ends or line breaks and tabs inside,
 * with %20 for a blank and the like for what no URL may hold, and with the scheme in lower case.
 * The caller owns it. NULL: there is none, and *ret_problem says why (a static text; NULL: the text
 * is blank), or no memory.
 */
char *link_clean(const char *text, size_t length, const char **ret_problem);

/* Why hooks do not get a clean link: a static text; NULL: they do. allow_plain: http://. */
const char *link_problem(const char *url, bool allow_plain);
