/*
 * koowatch-hook: runs the hooks of one event
 *
 * Started for each event, by the service manager behind a socket or by koowatchd
 * itself. It holds no token and keeps no state: what is to be run is in its
 * configuration's hook directories, what it is about comes on standard input,
 * and how each hook ended goes back on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/log.h"
#include "common/util.h"
#include "koowatch-hook/dry-run.h"
#include "koowatch-hook/event.h"
#include "koowatch-hook/hooks.h"
#include "koowatch-hook/lock.h"
#include "koowatch-hook/protocol.h"
#include "koowatch-hook/stop.h"

#define EXIT_USAGE 2

/* How long a journal that does not read is waited for, when all else is done. */
#define LOG_PATIENCE USEC_SEC

/*
 * The other side writes its event at once. A connection on which nothing comes has had its event:
 * the service manager hands a unit that is restarted the connection of before.
 */
#define EVENT_WITHIN (10 * USEC_SEC)

static void print_help(void) {
        (void) printf("Usage: koowatch-hook [OPTION]...\n"
                      "Run the hooks of one koowatch event: a JSON line on standard input.\n\n"
                      "  --config FILE  read this instead of " CONFIG_PATH_DEFAULT "\n"
                      "  --dry-run      run nothing, print as JSON what would be run\n"
                      "  --version      print the version and end\n"
                      "  --help         print this and end\n");
}

/* Returns -1 to go on, else an exit status. */
static int parse_options(int argc, char **argv, const char **ret_config, bool *ret_dry_run) {
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"dry-run", no_argument, NULL, 'd'},
                {"version", no_argument, NULL, 'v'},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
                switch (c) {
                case 'c':
                        *ret_config = optarg;
                        break;
                case 'd':
                        *ret_dry_run = true;
                        break;
                case 'v':
                        (void) printf("koowatch-hook %s\n", KOOWATCH_VERSION);
                        return EXIT_SUCCESS;
                case 'h':
                        print_help();
                        return EXIT_SUCCESS;
                default:
                        return EXIT_USAGE;
                }

        if (optind == argc)
                return -1;

        (void) fprintf(stderr, "koowatch-hook: unexpected argument %s\n", argv[optind]);
        return EXIT_USAGE;
}

/*
 * Standard descriptors that were closed would be given to the first files opened.
 * SIGCHLD may have been ignored by whoever started us, and exit statuses with it.
 */
static void prepare_process(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= STDERR_FILENO);
        closep(&fd);

        (void) signal(SIGCHLD, SIG_DFL);
        (void) signal(SIGPIPE, SIG_IGN);
}

static int read_config(const char *path, struct config **ret) {
        int r;

        r = config_read(path ? path : CONFIG_PATH_DEFAULT, path != NULL, NULL, config_log_fault,
                        NULL, ret);
        if (r == -EBADMSG)
                log_error("%s: the configuration is invalid, no hook is run",
                          path ? path : CONFIG_PATH_DEFAULT);
        else if (r < 0)
                log_error("%s: the configuration cannot be read, no hook is run: %s",
                          path ? path : CONFIG_PATH_DEFAULT, strerror(-r));
        if (r < 0)
                return r;

        log_open("koowatch-hook", (*ret)->log_target);
        log_set_level((*ret)->log_level);
        return 0;
}

/* The daemon goes on to speak on its connection when its event says that. */
static int watch_daemon(const struct event *event, struct stop *stop, const char *data,
                        size_t length) {
        int r = event->run_until > 0
                        ? stop_watch(stop, STDIN_FILENO, event->run_until, data, length)
                        : 0;

        if (r < 0)
                log_error("%s: cannot tell when koowatchd is gone, no hook is run: %s", event->name,
                          strerror(-r));
        return r;
}

static int read_event(struct event *ret, struct stop *ret_stop) {
        CLEANUP(freep) char *line = NULL;
        const char *why = NULL;
        struct stat st;
        bool is_socket;
        size_t length, n;
        int r;

        is_socket = fstat(STDIN_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
        r = protocol_read_line(STDIN_FILENO, is_socket ? EVENT_WITHIN : USEC_INFINITY, &line,
                               &length, &n);
        if (r == -ETIMEDOUT)
                why = "no event received; a restarted unit inherits a used connection; koowatchd "
                      "will retry the event";
        if (r == 0)
                r = event_parse(line, length, ret, &why);
        if (r < 0) {
                log_error("standard input: no event, no hook is run: %s", why ? why : strerror(-r));
                return r;
        }
        return watch_daemon(ret, ret_stop, line + length, n - length);
}

/* Returns 1 with the lock in *ret, 0 when another runner has it, or a negative errno. */
static int take_lock(const struct event *event, struct lock *ret) {
        const char *why = NULL;
        int r;

        r = lock_take(event->id, ret, &why);
        if (r == -EBUSY)
                return 0;
        if (r < 0)
                log_error("%s: %s, no hook is run: %s", event->name, why, strerror(-r));

        return r < 0 ? r : 1;
}

/* From here on SIGTERM and SIGINT wait for the loop that can end a hook. */
static int catch_signals(int *ret_fd) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);

        *ret_fd = sigprocmask(SIG_BLOCK, &signals, NULL) < 0
                          ? -1
                          : signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (*ret_fd < 0)
                log_error("cannot wait for signals, no hook is run: %m");

        return *ret_fd < 0 ? -1 : 0;
}

static void log_ended(const struct event *event, const struct stop *stop, int error) {
        if (error != -EINTR)
                log_error("%s: not all hooks of %s were run and reported, koowatchd will retry: %s",
                          event->name, event->event, strerror(-error));
        else if (stop->why)
                log_warning("%s: the hooks of %s are ended, as another node may run them now: %s",
                            event->name, event->event, stop->why);
}

static int run(const struct config *config, const struct event *event, struct stop *stop) {
        CLEANUP(closep) int signal_fd = -1;
        int r;

        if (catch_signals(&signal_fd) < 0)
                return EXIT_FAILURE;
        stop->signal_fd = signal_fd;

        r = protocol_ready();
        if (r < 0) {
                log_error("%s: cannot tell koowatchd, no hook is run: %s", event->name,
                          strerror(-r));
                return EXIT_FAILURE;
        }
        r = hooks_run(config, event, stop);
        if (r == 0)
                r = protocol_done();
        if (r < 0) {
                log_ended(event, stop, r);
                return EXIT_FAILURE;
        }
        protocol_close();
        return EXIT_SUCCESS;
}

static int work(int argc, char **argv) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(event_clear) struct event event = {0};
        CLEANUP(lock_release) struct lock lock = LOCK_NULL;
        CLEANUP(stop_close) struct stop stop = STOP_NULL;
        const char *config_path = NULL;
        bool is_dry = false;
        int r;

        r = parse_options(argc, argv, &config_path, &is_dry);
        if (r >= 0)
                return r;

        prepare_process();
        log_open("koowatch-hook", LOG_TARGET_AUTO);

        if (read_config(config_path, &config) < 0 || read_event(&event, &stop) < 0)
                return EXIT_FAILURE;

        if (is_dry)
                return dry_run(config, &event) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        r = take_lock(&event, &lock);
        if (r == 0)
                (void) protocol_busy(); /* without a word it is retried as well */
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        return run(config, &event, &stop);
}

int main(int argc, char **argv) {
        int status = work(argc, argv);

        log_drain(LOG_PATIENCE);
        return status;
}
