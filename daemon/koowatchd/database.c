#include "koowatchd/database.h"

#include <errno.h>
#include <limits.h>

#include "common/config.h"
#include "common/credential-file.h"
#include "common/log.h"
#include "koowatchd/store/store-module.h"

#define PASSWORD_NAME "store.password"

/* Of this process, however often it begins anew. */
static struct store_incarnation incarnation;

static void warn_once(struct database *d, const char *path, const char *why) {
        if (!d->has_warned)
                log_warning("%s: %s; connecting to the database without a password", path, why);
        d->has_warned = true;
}

/* As in struct store_module_settings: what it is now, as it may have been replaced. */
static char *read_password(void *userdata) {
        CLEANUP(freep) char *path = NULL;
        struct database *d = userdata;
        char *text = NULL;
        int r = credential_file_read(PASSWORD_NAME, &text, &path);

        if (r == 0)
                d->has_warned = false;
        else if (r != -ENOENT && path)
                warn_once(d, path,
                          r == -EBADMSG ? "it is not one line of printable ASCII" : strerror(-r));
        return text;
}

void database_report_unused(const struct config *config) {
        CLEANUP(freep) char *path = str_printf("%s/state.db", config->state_directory);

        if (path && access(path, F_OK) == 0)
                log_notice("%s: not used with Backend=postgresql; koowatchd --import moves it, "
                           "else what was not delivered from it is not delivered, and its "
                           "finished tasks are not known",
                           path);
}

int database_open(struct database *d, const struct config *config, struct ev_loop *loop,
                  struct timers *timers, struct store **ret, char **ret_name) {
        CLEANUP(freep) char *problem = NULL;
        char host[HOST_NAME_MAX + 1] = "";
        struct store_module_settings settings = {
                .loop = loop,
                .timers = timers,
                .connection = config->store_connection,
                .fleet = config->store_fleet,
                .host = host,
                .node = config->store_node,
                .labels = config->labels ? config->labels : "",
                .incarnation = &incarnation,
                .password = read_password,
                .userdata = d,
        };
        int r;

        if (gethostname(host, sizeof(host) - 1) < 0)
                *host = '\0';
        r = store_module_open("postgresql", &settings, ret, ret_name, &problem);
        if (r < 0)
                log_error("[Store] Backend=postgresql: %s", problem ? problem : strerror(-r));
        return r;
}
