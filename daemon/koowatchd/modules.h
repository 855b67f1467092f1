#pragma once
/*
 * Modules: all of them, opened and wired together
 */
#include "koowatchd/bus/bus-connection.h"
#include "koowatchd/database.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/rescan.h"
#include "koowatchd/state-directory.h"

struct config;

struct modules {
        /* What they are opened with; the owner's, but for config it may not change. */
        struct ev_loop *loop;
        struct state_directory state; /* its store, where that is on a server, is opened here */
        const char *config_path;      /* for a spawned hook runner; NULL: none was named */
        const struct config *config;
        enum bus_kind bus_kind;
        struct callback on_settled, on_leave, on_over; /* as struct membership_modules says */

        struct database database;
        struct outbox *outbox;
        struct timers *timers;
        struct bus *bus;
        struct dirwatch *dirwatch;
        struct http *http;
        struct metrics *metrics;
        struct report *report;
        struct runner *runner;
        struct poller *poller;
        struct accounts *accounts;
        struct deliveries *deliveries;
        struct registry *registry;
        struct node_list *nodes;      /* NULL: the store is not shared */
        struct shared_tokens *tokens; /* likewise */
        struct membership *membership;
        struct commit *commit;
        struct control *control;
        struct task_signals *task_signals;
        struct status *status;

        struct rescan rescan;
        struct timer credentials_timer; /* until their files are looked at again */
};

/* Returns 0 or a negative errno. They are to be closed in any case. */
int modules_open(struct modules *modules);
void modules_close(struct modules *modules);

/* What the configuration says of deliveries; strings are borrowed from it. */
struct delivery_settings modules_delivery_settings(const struct config *config);
