#include "koowatchd/task/strays.h"

#include <sys/stat.h>

#include "common/hookdir.h"
#include "common/log.h"

static const char *name_in(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool is_left_over(const char *name) {
        static const char *const endings[] = {".bak", ".old",  ".new",  ".orig", ".part",
                                              ".swp", ".save", ".swpx", ".tmp",  "#"};

        for (size_t i = 0; i < ARRAY_LEN(endings); i++)
                if (str_ends_with(name, endings[i]))
                        return true;
        return strstr(name, ".ucf-") || !hook_name_is_valid(name);
}

bool stray_is(const char *path) {
        struct stat st;

        return !is_left_over(name_in(path)) && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

char *stray_describe(const char *path) {
        const char *name = name_in(path), *end = strstr(name, ".task");

        if (!end)
                end = strrchr(name, '.');
        return str_printf("not a task file, its name does not end in .task; to use it, rename it "
                          "to %.*s.task",
                          (int) (end ? (size_t) (end - name) : strlen(name)), name);
}

void strays_note(struct strays *s, const char *path) {
        struct stray *place = NULL;

        if (is_left_over(name_in(path)))
                return;
        for (size_t i = 0; i < STRAYS_MAX; i++) {
                if (!s->list[i].path)
                        place = &s->list[i];
                else if (streq(s->list[i].path, path))
                        return;
        }
        if (place)
                *place = (struct stray){.path = strdup(path)};
}

static void stray_report(const char *path) {
        CLEANUP(freep) char *text = stray_describe(path);

        if (text)
                log_notice("%s: %s", path, text);
}

void strays_report(struct strays *s) {
        for (size_t i = 0; i < STRAYS_MAX; i++) {
                struct stray *stray = &s->list[i];

                if (!stray->path)
                        continue;
                if (!stray_is(stray->path))
                        free(STEAL_PTR(stray->path));
                else if (!stray->reported)
                        stray_report(stray->path);
                stray->reported = true;
        }
}

void strays_clear(struct strays *s) {
        for (size_t i = 0; i < STRAYS_MAX; i++)
                free(STEAL_PTR(s->list[i].path));
}
