#include "koowatchctl/options.h"

#include <errno.h>
#include <getopt.h>

#include "koowatchctl/language.h"

#define ROWS_MAX 64
#define FIRST_CODE 256

struct rows {
        const struct option_row *list[ROWS_MAX];
        size_t count;
};

static void add_rows(struct rows *rows, const struct option_row *list) {
        for (const struct option_row *row = list; row && row->name && rows->count < ROWS_MAX; row++)
                rows->list[rows->count++] = row;
}

static void make_tables(const struct rows *rows, bool in_order, struct option *ret_long,
                        char *ret_short) {
        char *s = ret_short;

        if (in_order)
                *s++ = '+';
        *s++ = ':';
        for (size_t i = 0; i < rows->count; i++) {
                const struct option_row *row = rows->list[i];

                ret_long[i] = (struct option){
                        .name = row->name,
                        .has_arg = !row->argument  ? no_argument
                                   : row->optional ? optional_argument
                                                   : required_argument,
                        .val = FIRST_CODE + (int) i,
                };
                if (row->letter) {
                        *s++ = row->letter;
                        if (row->argument)
                                *s++ = ':';
                }
        }
        ret_long[rows->count] = (struct option){};
        *s = '\0';
}

static const struct option_row *find_row(const struct rows *rows, int code) {
        for (size_t i = 0; i < rows->count; i++)
                if (code == FIRST_CODE + (int) i || code == rows->list[i]->letter)
                        return rows->list[i];
        return NULL;
}

static int add_value(struct options *options, const struct option_row *row, const char *value) {
        struct option_value *values =
                reallocarray(options->values, options->n_values + 1, sizeof(*values));

        if (!values)
                return -ENOMEM;
        options->values = values;
        values[options->n_values++] = (struct option_value){row, value};
        return 0;
}

const char *const *option_words(const char *argument) {
        static const struct {
                const char *argument;
                const char *const words[6];
        } fixed[] = {
                {"STATE", {"pending", "running", "finished", "invalid"}},
                {"OUTCOME", {"completed", "canceled", "timeout", "rejected"}},
                {"DELIVERY", {"none", "waiting", "parked"}},
                {"WHEN", {"auto", "always", "never"}},
                {"BUS", {"system", "session"}},
                {"lines", {"lines"}},
                {"failed", {"failed"}},
        };

        for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
                if (streq(argument, fixed[i].argument))
                        return fixed[i].words;
        return NULL;
}

/* "pending, running or finished". NULL when memory is short. */
static char *enumerate(const char *const *words) {
        CLEANUP(freep) char *text = strdup(words[0]);

        for (size_t i = 1; text && words[i]; i++) {
                char *longer =
                        str_printf("%s%s%s", text, words[i + 1] ? _(", ") : _(" or "), words[i]);

                free(text);
                text = longer;
        }
        return STEAL_PTR(text);
}

static int check_value(const struct option_row *row, const char *value, struct failure *failure) {
        const char *const *words = value ? option_words(row->argument) : NULL;
        CLEANUP(freep) char *expected = words ? enumerate(words) : NULL;

        for (const char *const *word = words; word && *word; word++)
                if (streq(value, *word))
                        return 0;
        return words ? failure_set(failure, "Usage", _("--%s%s%s: expected %s"), row->name,
                                   row->optional ? "=" : " ", value, expected ? expected : "")
                     : 0;
}

static int check_arguments(const struct options *options, struct failure *failure) {
        const struct verb *verb = options->verb;

        if (options->n_arguments < verb->least)
                return failure_set(failure, "Usage", _("%s: expected %s, see koowatchctl --help"),
                                   verb->name, verb->arguments);
        if (options->n_arguments > verb->most)
                return failure_set(failure, "Usage", _("%s: unexpected argument %s"), verb->name,
                                   options->arguments[verb->most]);
        return 0;
}

/* What getopt_long() has found, c. Returns 0 or -1. */
static int take(struct options *options, const struct rows *rows, bool in_order, char **argv, int c,
                struct failure *failure) {
        const struct option_row *row = find_row(rows, c);

        if (c == ':')
                return failure_set(failure, "Usage", _("%s: an argument is missing"),
                                   argv[optind - 1]);
        if (!row)
                return failure_set(failure, "Usage",
                                   in_order ? _("%s: no such option")
                                            : _("%s: no such option of %s"),
                                   argv[optind - (optind > 1)], options->verb->name);
        if (add_value(options, row, optarg) < 0)
                return failure_set(failure, "Failed", "%s", strerror(ENOMEM));
        return check_value(row, optarg, failure);
}

int options_parse(const struct verb *verb, const struct option_row *common, bool in_order, int argc,
                  char **argv, struct options *ret, struct failure *failure) {
        struct option long_options[ROWS_MAX + 1];
        char short_options[2 * ROWS_MAX + 3];
        CLEANUP(failure_clear) struct failure later = {};
        struct rows rows = {};
        int c, r = 0;

        add_rows(&rows, verb->options);
        add_rows(&rows, common);
        make_tables(&rows, in_order, long_options, short_options);
        *ret = (struct options){.verb = verb};

        opterr = 0;
        optind = 0; /* glibc: start anew */
        while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1)
                if (take(ret, &rows, in_order, argv, c, r < 0 ? &later : failure) < 0)
                        r = -1;
        ret->arguments = argv + optind;
        ret->n_arguments = (unsigned) (argc - optind);
        return r < 0 || in_order ? r : check_arguments(ret, failure);
}

void options_clear(struct options *options) {
        free(options->values);
}

bool options_has(const struct options *options, const char *name) {
        for (size_t i = 0; i < options->n_values; i++)
                if (streq(options->values[i].row->name, name))
                        return true;
        return false;
}

const char *options_get(const struct options *options, const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < options->n_values; i++)
                if (streq(options->values[i].row->name, name))
                        value = options->values[i].value;
        return value;
}
