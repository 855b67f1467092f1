#pragma once
/*
 * Texts: copies of several at once, in the allocation of what points to them
 */
#include <stddef.h>

/* texts: where the pointers are; each may be NULL. How much room copies need. */
size_t texts_size(const char **const texts[], size_t n);
/* Makes them at to, and lets the pointers point there; NULL stays NULL. */
void texts_copy(char *to, const char **const texts[], size_t n);
