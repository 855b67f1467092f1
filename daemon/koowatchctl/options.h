#pragma once
/*
 * Options: the command line of a verb, read by its table
 *
 * The same tables make --help and the completion.
 */
#include <stdbool.h>
#include <stddef.h>

#include "koowatchctl/failure.h"

struct option_row {
        const char *name;     /* "timeout" */
        const char *argument; /* "SPAN"; NULL: it takes none */
        const char *help;     /* "give up after SPAN", N_() */
        char letter;          /* 'f'; 0: it has none */
        bool optional;        /* --json, --json=lines */
};

/* What an argument must be, by what --help calls it, NULL-terminated; NULL: not one of a few words.
 */
const char *const *option_words(const char *argument);

/* What a word of the command line stands for; says what completes it. */
enum word_kind {
        WORD_NONE,
        WORD_TASK,
        WORD_ACCOUNT,
        WORD_STORE,     /* "status" */
        WORD_HOOK_TEST, /* "test", an event, a name */
};

struct ctl;
struct options;

struct verb {
        const char *name;
        const char *arguments;            /* "NAME..."; "": none */
        const char *help;                 /* N_() */
        const struct option_row *options; /* behind the last one without a name; NULL: none */
        int (*run)(struct ctl *ctl, const struct options *options);
        enum word_kind word;
        unsigned least, most; /* arguments that are no options */
        bool hidden;
};

struct options {
        const struct verb *verb;
        char **arguments; /* those that are no options; borrowed from argv */
        unsigned n_arguments;
        struct option_value {
                const struct option_row *row;
                const char *value; /* NULL: it has none */
        } * values;
        size_t n_values;
};

/*
 * Reads argv, argv[0] being passed over, by the verb's rows and those of common. in_order: ends
 * before the first word that is no option. argv may be put into another order. Returns 0, or -1
 * with the first fault; what is right behind that is in *ret all the same.
 */
int options_parse(const struct verb *verb, const struct option_row *common, bool in_order, int argc,
                  char **argv, struct options *ret, struct failure *failure);
void options_clear(struct options *options);

bool options_has(const struct options *options, const char *name);
/* Of the last one of that name, or NULL. */
const char *options_get(const struct options *options, const char *name);
