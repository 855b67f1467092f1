#include "common/settings.h"

#include <errno.h>
#include <stdarg.h>

#define NAME_SHOWN_MAX 64

void settings_fault(struct settings_faults *faults, bool is_error, unsigned line,
                    const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);

        faults->on_fault(faults->userdata, is_error, faults->file, line, text ? text : format);
        faults->failed |= is_error;
}

const char *settings_shown(const char *name) {
        return name_is_valid(name, 1, NAME_SHOWN_MAX, "._- ", false) ? name : "(not a name)";
}

const struct setting *settings_find(const struct setting *table, size_t n, const char *section,
                                    const struct settings_line *line,
                                    struct settings_faults *faults) {
        for (size_t i = 0; i < n; i++)
                if (streq(table[i].section, section) && streq(table[i].name, line->name))
                        return &table[i];

        settings_fault(faults, false, line->number, "unknown key %s in [%s], ignored",
                       settings_shown(line->name), line->section);
        return NULL;
}

const char *settings_section(const struct setting *table, size_t n, const char *section) {
        for (size_t i = 0; i < n; i++)
                if (streq(table[i].section, section))
                        return table[i].section;

        return NULL;
}

void settings_unknown_section(struct settings_faults *faults, unsigned line, const char *section) {
        settings_fault(faults, false, line, "unknown section [%s], ignored with all of its keys",
                       settings_shown(section));
}

int settings_reset(const struct setting *setting, void *object) {
        const char *environment = setting->environment ? getenv(setting->environment) : NULL;
        const char *text = setting->default_text ? setting->default_text : "";
        void *field = (char *) object + setting->offset;
        CLEANUP(freep) char *first = NULL;

        if (!str_empty(environment)) {
                first = strndup(environment, strcspn(environment, ":"));
                return first ? setting->parse(first, field) : -ENOMEM; /* even when it is empty */
        }
        return *text || !setting->default_text ? setting->parse(text, field)
                                               : str_replace(field, NULL);
}

int settings_assign(const struct setting *setting, void *object, const struct settings_line *line,
                    struct settings_faults *faults) {
        int r = *line->value ? setting->parse(line->value, (char *) object + setting->offset)
                             : settings_reset(setting, object);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                settings_fault(faults, true, line->number, "bad value of %s in [%s]: expected %s",
                               line->name, line->section, setting->expected);
        return 0;
}
