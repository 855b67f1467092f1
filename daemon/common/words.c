#include "common/words.h"

#include <errno.h>

#include "common/util.h"

#define BLANKS " \t"
#define LABEL_MAX 64

int words_parse(const char *text, bool (*is_valid)(const char *word), char **field) {
        CLEANUP(freep) char *copy = strdup(text);
        CLEANUP(freep) char *joined = calloc(1, strlen(text) + 1); /* it only ever gets shorter */
        char *rest = copy, *end = joined, *word;

        if (!copy || !joined)
                return -ENOMEM;
        while ((word = strsep(&rest, BLANKS))) {
                if (!*word)
                        continue;
                if (!is_valid(word))
                        return -EINVAL;
                if (end != joined)
                        *end++ = ' ';
                end = stpcpy(end, word);
        }
        free(*field);
        *field = *joined ? STEAL_PTR(joined) : NULL;
        return 0;
}

static bool has_word(const char *words, const char *word, size_t length) {
        size_t n;

        for (; *words; words += n + (words[n] == ' ')) {
                n = strcspn(words, " ");
                if (n == length && memcmp(words, word, n) == 0)
                        return true;
        }
        return false;
}

const char *words_missing(const char *wanted, const char *words, size_t *ret_length) {
        size_t n;

        for (; wanted && *wanted; wanted += n + (wanted[n] == ' ')) {
                n = strcspn(wanted, " ");
                if (n > 0 && !has_word(words ? words : "", wanted, n)) {
                        *ret_length = n;
                        return wanted;
                }
        }
        return NULL;
}

bool label_is_valid(const char *word) {
        return name_is_valid(word, 1, LABEL_MAX, "-_.", false);
}
