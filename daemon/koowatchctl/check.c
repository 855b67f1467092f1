#include "koowatchctl/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "common/config.h"
#include "common/json.h"
#include "koowatchctl/check-online.h"
#include "koowatchctl/check-run.h"
#include "koowatchctl/config-verb.h"
#include "koowatchctl/language.h"
#include "koowatchctl/task-text.h"
#include "koowatchctl/text.h"

#define USER "koowatch"
#define CREDENTIALS "/etc/koowatch/credentials"
#define TOKEN_MAX ((size_t) 64 * 1024)

const struct option_row check_options[] = {
        {"online", NULL, N_("also have the daemon ask KooDrive once for each account"), 0, false},
        {},
};

/* Reads it as the service would. Returns 0 or a negative errno. */
static int try_as_service(const char *path) {
        const struct passwd *user = geteuid() == 0 ? getpwnam(USER) : NULL;
        CLEANUP(secret_freep) char *secret = NULL;
        gid_t groups[64], group = getegid();
        int n = user ? getgroups(ARRAY_LEN(groups), groups) : 0, r;
        size_t length;

        if (user && (n < 0 || initgroups(user->pw_name, user->pw_gid) < 0 ||
                     setegid(user->pw_gid) < 0 || seteuid(user->pw_uid) < 0))
                return -errno;
        r = read_path(path, TOKEN_MAX, &secret, &length);
        if (r == 0 && !secret_trim(secret, length))
                r = -EBADMSG;
        if (user && (seteuid(0) < 0 || setegid(group) < 0 || setgroups((size_t) n, groups) < 0))
                return -errno;
        return r;
}

/* A credential is copied by systemd, as root, from either folder. Returns 0 or -errno. */
static int find_credential(const char *name) {
        CLEANUP(freep) char *plain = str_printf(CREDENTIALS "/%s", name);
        CLEANUP(freep) char *sealed = str_printf(CREDENTIALS ".encrypted/%s", name);

        if (!plain || !sealed)
                return -ENOMEM;
        if (access(plain, R_OK) == 0 || access(sealed, R_OK) == 0)
                return 0;
        return -errno;
}

static void check_secret(json_object *faults, const struct account_config *account, const char *key,
                         const char *file, const char *suffix) {
        CLEANUP(freep) char *credential = str_printf("%s.%s", account->name, suffix);
        CLEANUP(freep) char *text = NULL;
        int r;

        if (file) {
                r = try_as_service(file);
                if (r < 0)
                        text = str_printf(_("%s of account %s: %s"), key, account->name,
                                          r == -EBADMSG ? _("expected one line of printable ASCII")
                                                        : strerror(-r));
                if (text)
                        check_add(faults, true, file, 0, text);
                return;
        }
        r = credential ? find_credential(credential) : -ENOMEM;
        if (r == -EACCES)
                text = str_printf(_("whether account %s has its %s can only root see"),
                                  account->name, suffix);
        else if (r < 0)
                text = str_printf(
                        _("account %s has no %s: write it to %s/%s, or set %s=, and restart "
                          "koowatchd"),
                        account->name, suffix, CREDENTIALS, credential, key);
        if (text)
                check_add(faults, r != -EACCES, account->file, account->line, text);
}

static void check_secrets(json_object *faults, const struct config *config) {
        for (size_t i = 0; i < config->n_accounts; i++) {
                const struct account_config *account = config->accounts + i;

                if (account->line == 0) /* the default account, of which nothing is configured */
                        continue;
                if (account->auth == AUTH_APP)
                        check_secret(faults, account, "AppSecretFile", account->app_secret_file,
                                     "app-secret");
                else
                        check_secret(faults, account, "TokenFile", account->token_file, "token");
        }
}

static void print_faults(json_object *faults) {
        for (size_t i = 0; i < json_object_array_length(faults); i++) {
                json_object *fault = json_object_array_get_idx(faults, i);
                const char *file = task_text(fault, "file");

                text_put_plain(stdout, file);
                if (task_number(fault, "line") > 0)
                        (void) printf(":%d", (int) task_number(fault, "line"));
                (void) printf("%s%s", *file ? ": " : "",
                              streq(task_text(fault, "severity"), "warning") ? _("warning: ") : "");
                text_put_plain(stdout, task_text(fault, "message"));
                (void) putchar('\n');
        }
}

int check_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *faults = NULL;
        CLEANUP(config_freep) struct config *config = NULL;
        json_object *object;
        bool ok;

        if (check_run_daemon(ctl->config_required ? ctl->config_path : NULL, true, &faults,
                             &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (config_load(ctl, &config, &failure) == 0)
                check_secrets(faults, config);
        else if (!check_has_error(faults)) /* which the daemon's user reads and we do not */
                check_add(faults, true, NULL, 0, failure.text ? failure.text : strerror(ENOMEM));
        if (options_has(options, "online") && check_online(ctl->client, faults, &failure) < 0)
                return ctl_fail(ctl, &failure);
        ok = !check_has_error(faults);
        if (ctl->json != JSON_NONE) {
                object = ctl_object("ok", json_object_new_boolean(ok));
                if (object)
                        (void) json_object_object_add(object, "faults", json_object_get(faults));
                return ctl_json(ctl, object) == EXIT_DONE && ok ? EXIT_DONE : EXIT_ERROR;
        }
        print_faults(faults);
        if (json_object_array_length(faults) == 0)
                (void) puts(_("No faults."));
        return ctl_end() == EXIT_DONE && ok ? EXIT_DONE : EXIT_ERROR;
}
