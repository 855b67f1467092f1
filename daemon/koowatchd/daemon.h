#pragma once
/*
 * Daemon: adopts a configuration, runs, reloads, and stops
 */
#include <stdbool.h>

#include "common/log.h"
#include "koowatchd/bus/bus-connection.h"

struct daemon_options {
        const char *config_path;
        bool config_required; /* it was named, so it must be there */
        bool has_log_level;   /* --log-level stands above the configuration */
        enum log_level log_level;
        enum bus_kind bus;
};

/* Runs until it is asked to stop. Returns the exit status of the process. */
int daemon_run(const struct daemon_options *options);
