#pragma once
/*
 * Bus text: strings that D-Bus takes
 *
 * It takes UTF-8 without NUL and without noncharacters (U+FFFE, U+FDD0, ...), and sd-bus gives a
 * whole message up for one of them.
 *
 * Pure.
 */
#include <stddef.h>

/*
 * text itself where D-Bus takes it; else a copy in *ret_copy, which the caller owns (NULL before),
 * with U+FFFD for a noncharacter, and ? for NUL and a byte that is not UTF-8. NULL when memory is
 * short.
 */
const char *bus_text(const char *text, size_t length, char **ret_copy);
