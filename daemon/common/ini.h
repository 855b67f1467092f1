#pragma once
/*
 * INI, as systemd reads it
 *
 * `[Section]` lines and `Key=Value` lines; blanks around section, key and value
 * are cut; a line whose first character is `#` or `;` is a comment; a backslash
 * at the end of a line joins the next one (a comment in between is skipped).
 * A UTF-8 byte order mark and CRLF are accepted. A line over 64 KiB (after
 * joining), a NUL byte or a byte that is no UTF-8 is an error; nothing is ever
 * cut. The reader knows no keys: what they mean is up to the caller.
 */
#include <stddef.h>

#define INI_LINE_MAX (64U * 1024U)

/*
 * One assignment; line is where it starts, from 1. section is "" before the
 * first section line. The strings live until the call returns. A return other
 * than 0 ends the reading and becomes ini_parse()'s own.
 */
typedef int (*ini_key_fn)(void *userdata, unsigned line, const char *section, const char *key,
                          const char *value);

/* A section line (so that an empty section is seen); may be NULL. */
typedef int (*ini_section_fn)(void *userdata, unsigned line, const char *section);

/*
 * A line that is none. The text says what is wrong and never repeats a value.
 * Reading goes on behind it with the next line.
 */
typedef void (*ini_error_fn)(void *userdata, unsigned line, const char *text);

struct ini_handler {
        ini_key_fn on_key;
        ini_section_fn on_section;
        ini_error_fn on_error;
        void *userdata;
};

/* Returns 0 (errors having been reported), -ENOMEM, or what a callback returned. */
int ini_parse(const char *text, size_t length, const struct ini_handler *handler);
