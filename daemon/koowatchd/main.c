/*
 * koowatchd: watches KooDrive's sharing tasks and tells how they end
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>

#include "common/config.h"
#include "koowatchd/bus/bus.h"
#include "koowatchd/check.h"
#include "koowatchd/daemon.h"
#include "koowatchd/import.h"

#define EXIT_USAGE 2

/* How long whoever reads the log of a program that fails is waited for. */
#define LOG_PATIENCE USEC_SEC

static const char help[] =
        "Usage: koowatchd [OPTION]...\n"
        "Watch KooDrive sharing tasks and run hooks when they end.\n"
        "\n"
        "  --config FILE      the configuration [" CONFIG_PATH_DEFAULT "]\n"
        "  --check            read configuration and task files, print faults, exit 0 or 1\n"
        "  --import FILE      move what an SQLite store holds to the one in [Store], and exit\n"
        "  --bus BUS          where it can be asked: system, session or none [system]\n"
        "  --log-level LEVEL  debug, info, notice, warning or error\n"
        "  --version\n"
        "  --help\n"
        "\n"
        "SIGHUP reloads the configuration, SIGTERM stops. See koowatchd(8).\n";

enum action { RUN, CHECK, IMPORT, SHOW_VERSION, SHOW_HELP, BAD_USAGE };

static bool parse_bus(const char *text, struct daemon_options *ret) {
        if (bus_kind_parse(text, &ret->bus) == 0)
                return true;
        (void) fprintf(stderr, "koowatchd: --bus %s: expected system, session or none\n", text);
        return false;
}

static enum action parse_argv(int argc, char **argv, struct daemon_options *ret,
                              const char **ret_import) {
        static const struct option long_options[] = {
                {"config", required_argument, NULL, 'c'},
                {"check", no_argument, NULL, 'k'},
                {"import", required_argument, NULL, 'i'},
                {"bus", required_argument, NULL, 'b'},
                {"log-level", required_argument, NULL, 'l'},
                {"version", no_argument, NULL, 'v'},
                {"help", no_argument, NULL, 'h'},
                {},
        };
        enum action action = RUN;
        int option;

        *ret = (struct daemon_options){.config_path = CONFIG_PATH_DEFAULT, .bus = BUS_SYSTEM};
        while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
                switch (option) {
                case 'c':
                        ret->config_path = optarg;
                        ret->config_required = true;
                        break;
                case 'k':
                        action = CHECK;
                        break;
                case 'i':
                        action = IMPORT;
                        *ret_import = optarg;
                        break;
                case 'b':
                        if (!parse_bus(optarg, ret))
                                return BAD_USAGE;
                        break;
                case 'l':
                        if (log_level_parse(optarg, &ret->log_level) < 0) {
                                (void) fprintf(stderr,
                                               "koowatchd: --log-level %s: expected debug, info, "
                                               "notice, warning or error\n",
                                               optarg);
                                return BAD_USAGE;
                        }
                        ret->has_log_level = true;
                        break;
                case 'v':
                        return SHOW_VERSION;
                case 'h':
                        return SHOW_HELP;
                default:
                        return BAD_USAGE;
                }
        }
        if (optind < argc) {
                (void) fprintf(stderr, "koowatchd: %s: no argument is expected, see --help\n",
                               argv[optind]);
                return BAD_USAGE;
        }
        return action;
}

static int run(int argc, char **argv) {
        struct daemon_options options;
        const char *import = NULL;
        int r;

        log_open("koowatchd", LOG_TARGET_AUTO);
        (void) signal(SIGPIPE, SIG_IGN);

        switch (parse_argv(argc, argv, &options, &import)) {
        case SHOW_HELP:
                (void) fputs(help, stdout);
                return EXIT_SUCCESS;
        case SHOW_VERSION:
                (void) puts("koowatchd " KOOWATCH_VERSION);
                return EXIT_SUCCESS;
        case BAD_USAGE:
                return EXIT_USAGE;
        case CHECK:
                r = check(options.config_path, options.config_required);
                if (r < 0)
                        log_error("cannot check: %s", strerror(-r));
                return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        case IMPORT:
                return import_store(options.config_path, options.config_required, import);
        default:
                return daemon_run(&options);
        }
}

int main(int argc, char **argv) {
        int status = run(argc, argv);

        log_drain(status == EXIT_SUCCESS ? 0 : LOG_PATIENCE); /* a stop waits for no listener */
        return status;
}
