#include "koowatchctl/complete.h"

#include <dirent.h>

#include "common/config.h"
#include "common/hookdir.h"
#include "common/json.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/list-screen.h"
#include "koowatchctl/task-text.h"

#define PATIENCE (150 * USEC_MSEC)
#define NAMES_MAX 1000
#define SUFFIX ".task"

struct completion {
        struct ctl *ctl;
        const char *current; /* the word so far */
        const char *before;  /* what of it stands before what is completed: "--state=" */
        const struct verb *verb;
        const struct option_row *option; /* the word is this one's argument; or NULL */
        unsigned position;               /* among the verb's arguments */
        bool lost;                       /* there is no such verb */
};

static void offer(const struct completion *c, const char *candidate) {
        if (str_after(candidate, c->current))
                (void) printf("%s%s\n", c->before, candidate);
}

static void offer_all(const struct completion *c, const char *const *list) {
        for (; *list; list++)
                offer(c, *list);
}

/* Whether all of word can be part of a name: then it is a glob that matches itself. */
static bool is_plain_name(const char *word) {
        return !*word || name_is_valid(word, 1, 128, "._@-", false);
}

static int offer_tasks_of_bus(const struct completion *c) {
        CLEANUP(freep) char *glob = str_printf("%s*", c->current);
        CLEANUP(json_object_putp) json_object *filter = NULL;
        CLEANUP(json_object_putp) json_object *page = NULL;
        CLEANUP(failure_clear) struct failure ignored = {};
        CLEANUP(freep) char *next = NULL;

        filter = ctl_object("name", json_object_new_string(glob ? glob : "*"));
        if (client_page(c->ctl->client, "List", filter, "", NAMES_MAX, &page, &next, &ignored) < 0)
                return -1;
        for (size_t i = 0; i < json_object_array_length(page); i++)
                offer(c, task_text(json_object_array_get_idx(page, i), "name"));
        return 0;
}

static void offer_tasks_in(const struct completion *c, const char *directory) {
        DIR *dir = opendir(directory);
        const struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                size_t n = strlen(entry->d_name);
                CLEANUP(freep) char *name = NULL;

                if (entry->d_name[0] == '.' || n <= strlen(SUFFIX) ||
                    !str_ends_with(entry->d_name, SUFFIX))
                        continue;
                name = strndup(entry->d_name, n - strlen(SUFFIX));
                if (name && name_is_valid(name, 1, 128, "._@-", true))
                        offer(c, name);
        }
        if (dir)
                (void) closedir(dir);
}

static struct config *read_config(const struct completion *c) {
        CLEANUP(failure_clear) struct failure ignored = {};
        struct config *config = NULL;

        return config_load(c->ctl, &config, &ignored) == 0 ? config : NULL;
}

static void offer_tasks(const struct completion *c) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(freep) char *list = NULL;
        char *rest, *directory;

        if (!is_plain_name(c->current) || offer_tasks_of_bus(c) == 0)
                return;
        config = read_config(c);
        list = config ? strdup(config->task_directories) : NULL;
        rest = list;
        while (rest && (directory = strsep(&rest, ":")))
                offer_tasks_in(c, directory);
}

static void offer_accounts(const struct completion *c) {
        CLEANUP(json_object_putp) json_object *accounts = NULL;
        CLEANUP(failure_clear) struct failure ignored = {};
        CLEANUP(config_freep) struct config *config = NULL;

        if (client_accounts(c->ctl->client, &accounts, &ignored) == 0) {
                for (size_t i = 0; i < json_object_array_length(accounts); i++)
                        offer(c, task_text(json_object_array_get_idx(accounts, i), "name"));
                return;
        }
        config = read_config(c);
        for (size_t i = 0; config && i < config->n_accounts; i++)
                offer(c, config->accounts[i].name);
}

static void offer_hooks(const struct completion *c) {
        CLEANUP(config_freep) struct config *config = read_config(c);
        CLEANUP(hook_list_clear) struct hook_list list = {};

        if (!config || hookdir_list(config->hook_directories, "named.d", &list) < 0)
                return;
        for (size_t i = 0; i < list.count; i++)
                offer(c, list.hooks[i].name);
}

/* The argument of an option, by what --help calls it. */
static void offer_argument(const struct completion *c, const char *argument) {
        const char *const *words = option_words(argument);

        if (words)
                offer_all(c, words);
        else if (streq(argument, "FILE"))
                (void) puts(":file");
        else if (streq(argument, "ACCOUNT"))
                offer_accounts(c);
        else if (streq(argument, "HOOK"))
                offer_hooks(c);
        else if (streq(argument, "COLUMN") || streq(argument, "COLUMNS"))
                for (size_t i = 0; list_screen_column(i); i++)
                        offer(c, list_screen_column(i));
}

static void offer_options(const struct completion *c, const struct option_row *rows) {
        for (const struct option_row *row = rows; row && row->name; row++) {
                CLEANUP(freep) char *word = str_printf("--%s", row->name);

                if (word)
                        offer(c, word);
        }
}

static void offer_word(const struct completion *c) {
        static const char *const events[] = {"finished", "stalled", "account", NULL};

        bool is_name = c->verb->word == WORD_TASK
                               ? c->position < c->verb->most
                               : c->verb->word == WORD_HOOK_TEST && c->position == 2;

        if (is_name)
                offer_tasks(c);
        else if (c->verb->word == WORD_ACCOUNT && c->position == 0)
                offer_accounts(c);
        else if (c->verb->word == WORD_STORE && c->position == 0)
                offer(c, "status");
        else if (c->verb->word == WORD_HOOK_TEST && c->position == 0)
                offer(c, "test");
        else if (c->verb->word == WORD_HOOK_TEST && c->position == 1)
                offer_all(c, events);
}

static const struct option_row *find_option(const struct option_row *rows, const char *word,
                                            size_t length) {
        for (const struct option_row *row = rows; row && row->name; row++) {
                if (length == 2 && word[0] == '-' && word[1] == row->letter)
                        return row;
                if (length > 2 && word[0] == '-' && word[1] == '-' &&
                    strlen(row->name) == length - 2 && memcmp(row->name, word + 2, length - 2) == 0)
                        return row;
        }
        return NULL;
}

static const struct option_row *option_of(const struct completion *c, const char *word) {
        size_t length = strcspn(word, "=");
        const struct option_row *row = find_option(c->ctl->common, word, length);

        return row || !c->verb ? row : find_option(c->verb->options, word, length);
}

static const struct verb *find_verb(const struct ctl *ctl, const char *name) {
        for (size_t i = 0; i < ctl->n_verbs; i++)
                if (streq(ctl->verbs[i].name, name))
                        return ctl->verbs + i;
        return NULL;
}

/* Reads a word before the last one. */
static void pass_word(struct completion *c, const char *word) {
        if (c->option) {
                if (streq(c->option->name, "config"))
                        c->ctl->config_path = word;
                if (streq(c->option->name, "bus"))
                        c->ctl->user_bus = streq(word, "session");
                c->option = NULL;
        } else if (*word == '-' && word[1]) {
                c->option = option_of(c, word);
                if (c->option && (!c->option->argument || c->option->optional || strchr(word, '=')))
                        c->option = NULL;
        } else if (!c->verb) {
                c->verb = find_verb(c->ctl, word);
                c->lost = !c->verb;
        } else {
                c->position++;
        }
}

static void complete(struct completion *c) {
        const char *equals = strchr(c->current, '=');

        if (c->option) {
                offer_argument(c, c->option->argument);
        } else if (*c->current == '-' && equals) {
                CLEANUP(freep) char *head = strndup(c->current, (size_t) (equals - c->current) + 1);
                const struct option_row *row = option_of(c, c->current);

                c->before = head ? head : "";
                c->current = equals + 1;
                if (row && row->argument)
                        offer_argument(c, row->argument);
                c->before = "";
        } else if (*c->current == '-') {
                offer_options(c, c->verb ? c->verb->options : NULL);
                offer_options(c, c->ctl->common);
        } else if (c->verb) {
                offer_word(c);
        } else {
                for (size_t i = 0; i < c->ctl->n_verbs; i++)
                        if (!c->ctl->verbs[i].hidden)
                                offer(c, c->ctl->verbs[i].name);
        }
}

int complete_run(struct ctl *ctl, const struct options *options) {
        unsigned n = options->n_arguments;
        struct completion c = {.ctl = ctl, .current = "", .before = ""};

        for (unsigned i = 0; i + 1 < n; i++)
                pass_word(&c, options->arguments[i]);
        if (n > 0)
                c.current = options->arguments[n - 1];
        client_use_bus(ctl->client, ctl->user_bus);
        client_limit(ctl->client, PATIENCE);
        if (!c.lost)
                complete(&c);
        return ctl_end();
}
