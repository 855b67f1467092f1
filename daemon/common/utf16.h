#pragma once
/*
 * UTF-16 as UTF-8: of what some services and editors write
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * length bytes of UTF-16 without its mark; an odd byte at the end is left out, and half of a
 * character becomes U+FFFD. big: the high byte comes first. The caller owns the text, which has
 * no NUL at its end; NULL: memory is short.
 */
char *utf16_to_utf8(const unsigned char *at, size_t length, bool big, size_t *ret_length);
