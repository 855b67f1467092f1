#include "koowatchctl/daemon-unit.h"

#include "common/util.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define UNIT "koowatchd.service"

struct answer {
        sd_bus_message *unit, *job;
        char *state, *load;
};

static void answer_clear(struct answer *answer) {
        sd_bus_message_unref(answer->unit);
        sd_bus_message_unref(answer->job);
        free(answer->state);
        free(answer->load);
}

static enum unit_state judge(const struct answer *answer, uint32_t job) {
        if (streq(answer->load, "not-found"))
                return UNIT_UNKNOWN;
        if (streq(answer->state, "failed"))
                return UNIT_STOPPED;
        /* A restart passes through inactive with its start waiting. */
        return streq(answer->state, "inactive") && job == 0 ? UNIT_STOPPED : UNIT_ALIVE;
}

enum unit_state daemon_unit_ask(sd_bus *bus) {
        CLEANUP(answer_clear) struct answer answer = {};
        const char *path, *job_path;
        uint32_t job = 0;

        if (!bus ||
            sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                               "LoadUnit", NULL, &answer.unit, "s", UNIT) < 0 ||
            sd_bus_message_read(answer.unit, "o", &path) < 0 ||
            sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "LoadState", NULL,
                                       &answer.load) < 0 ||
            sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "ActiveState", NULL,
                                       &answer.state) < 0 ||
            sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &answer.job,
                                "(uo)") < 0 ||
            sd_bus_message_read(answer.job, "(uo)", &job, &job_path) < 0)
                return UNIT_UNKNOWN;
        return judge(&answer, job);
}
