#include "koowatchctl/look.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/util.h"

static const char *const sequences[] = {
        [STYLE_NONE] = "",         [STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m",
        [STYLE_WARN] = "\033[33m", [STYLE_DIM] = "\033[2m",   [STYLE_HEAD] = "\033[1m",
};

const char *look_on(const struct look *look, enum style style) {
        return look->colour ? sequences[style] : "";
}

const char *look_off(const struct look *look, enum style style) {
        return look->colour && style != STYLE_NONE ? "\033[0m" : "";
}

bool look_wants_colour(const char *when, int fd) {
        const char *term = getenv("TERM");

        if (!streq(when, "auto"))
                return streq(when, "always");
        return isatty(fd) && str_empty(getenv("NO_COLOR")) && !str_empty(term) &&
               !streq(term, "dumb");
}

static unsigned from_environment(const char *name) {
        const char *text = getenv(name);
        long value = text ? strtol(text, NULL, 10) : 0;

        return value > 0 && value <= 10000 ? (unsigned) value : 0;
}

unsigned look_columns(int fd) {
        struct winsize size = {};
        unsigned columns = from_environment("COLUMNS");

        if (columns > 0)
                return columns;
        if (!isatty(fd))
                return 0;
        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

unsigned look_rows(int fd) {
        struct winsize size = {};
        unsigned rows = from_environment("LINES");

        if (rows > 0)
                return rows;
        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}
