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
 * The caller owns *ret. NULL: there is none, and *ret_problem says why (a static text; NULL: the
 * text is blank). Returns 0 or -ENOMEM.
 */
int link_clean(const char *text, size_t length, char **ret, const char **ret_problem);

/*
 * Whether hooks get a clean link: *ret_problem says why not, a static text; NULL: they do.
 * allow_plain: http://. Returns 0 or -ENOMEM.
 */
int link_check(const char *url, bool allow_plain, const char **ret_problem);
