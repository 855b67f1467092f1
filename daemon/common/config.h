#pragma once
/*
 * The configuration: koowatch.conf and the drop-ins beside it, as a struct
 *
 * A table in config-keys.c, and one in account-keys.c, names every key with its section, parser,
 * place and default; the manual page and conf/koowatch.conf are checked against it. Both
 * programs read the same files: koowatchd all of it, koowatch-hook [Daemon]
 * LogLevel and LogTarget, and [Hooks].
 *
 * Reading makes a fresh object. A bad value is an error, and the whole result is
 * then refused: the caller keeps what it had. An unknown section or key is a
 * warning.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/account-config.h"
#include "common/account-keys.h"
#include "common/config-keys.h"
#include "common/settings.h"
#include "common/timespan.h"
#include "common/util.h"

#define CONFIG_PATH_DEFAULT "/etc/koowatch/koowatch.conf"
#define ACCOUNT_DEFAULT "default"

/*
 * Reads path, then path's directory's koowatch.conf.d (named after the file: X.conf
 * has X.conf.d)/ *.conf in byte order. A missing main file is no fault unless
 * required; then all is default. accounts: account_keys, or NULL: sections of accounts are passed
 * over, whatever is in them, and there is no account. Returns 0, -EBADMSG when there was an error
 * among the faults, or another negative errno: it could not be read for now (a fault may name the
 * file).
 */
int config_read(const char *path, bool required, const struct account_keys *accounts,
                settings_fault_fn on_fault, void *userdata, struct config **ret);

struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/*
 * Takes another state directory than the one that was read, for a reload that must not
 * change it. Returns 0 or -ENOMEM.
 */
int config_set_state_directory(struct config *config, const char *path);

/* The account's settings, or NULL. */
const struct account_config *config_account(const struct config *config, const char *name);

/* A fault handler that logs "FILE:LINE: text" as error or warning; userdata is not used. */
void config_log_fault(void *userdata, bool is_error, const char *file, unsigned line,
                      const char *text);
