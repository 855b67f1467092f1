#pragma once
/*
 * Settings: a table of keys, and how the text of a value gets to its place
 *
 * A row a key is all that the program knows of it: section, name, default, parser, place, and
 * what would be valid. Whoever reads files (config, task) has a table and hands assignments
 * over; what is wrong with one is worded here, the same for all, and never repeats a value.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"

struct setting {
        const char *section;
        const char *name;
        /*
         * What holds where the key is not set, and again after an empty value; goes through
         * the parser. "": nothing, the field is a string and is NULL. NULL: the field starts as
         * the object does, and the parser gets empty values too.
         */
        const char *default_text;
        const char *environment; /* a variable whose first element replaces the default */
        /* 0, -ENOMEM, or another errno for a value that is refused: the field is left alone. */
        int (*parse)(const char *text, void *field);
        size_t offset;        /* of the field in the object that the section stands for */
        const char *expected; /* "a whole number from 1 to 64" */
};

/*
 * file and line (0: the file as a whole) of a fault, and a text that says what is wrong and what
 * would be right.
 */
typedef void (*settings_fault_fn)(void *userdata, bool is_error, const char *file, unsigned line,
                                  const char *text);

/* Where faults go. */
struct settings_faults {
        settings_fault_fn on_fault;
        void *userdata;
        const char *file; /* the one being read; borrowed */
        bool failed;      /* there was an error among them */
};

void settings_fault(struct settings_faults *faults, bool is_error, unsigned line,
                    const char *format, ...) PRINTF_LIKE(4, 5);

/* A line of a file, as it is written there. All borrowed. */
struct settings_line {
        unsigned number;
        const char *section, *name, *value;
};

/*
 * The row of a line, where section is the table's name for the line's section; NULL: there is
 * none, which is a warning.
 */
const struct setting *settings_find(const struct setting *table, size_t n, const char *section,
                                    const struct settings_line *line,
                                    struct settings_faults *faults);

/*
 * Puts the line's value, or the default for an empty one, into the object. A value that is
 * refused is an error among the faults. Returns 0 or -ENOMEM.
 */
int settings_assign(const struct setting *setting, void *object, const struct settings_line *line,
                    struct settings_faults *faults);

/* Puts the default into the object. Returns 0, or what the parser says (of the environment). */
int settings_reset(const struct setting *setting, void *object);

/* The table's own string for a section's name; NULL: it has none of that name. */
const char *settings_section(const struct setting *table, size_t n, const char *section);

/* The warning for such a section. */
void settings_unknown_section(struct settings_faults *faults, unsigned line, const char *section);

/* A name from a file for a message: it might as well be a secret in the wrong place. */
const char *settings_shown(const char *name);
