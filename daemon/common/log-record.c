#include "common/log-record.h"

#include <errno.h>

#include "common/util.h"

static const struct {
        enum log_level level;
        const char *name;
} levels[] = {
        {LEVEL_DEBUG, "debug"},     {LEVEL_INFO, "info"},   {LEVEL_NOTICE, "notice"},
        {LEVEL_WARNING, "warning"}, {LEVEL_ERROR, "error"},
};

const char *log_level_name(enum log_level level) {
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (levels[i].level == level)
                        return levels[i].name;

        return "error";
}

int log_level_parse(const char *name, enum log_level *ret) {
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (streq(levels[i].name, name)) {
                        *ret = levels[i].level;
                        return 0;
                }

        return -EINVAL;
}
