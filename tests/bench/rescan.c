/*
 * What it costs to look at task directories again when nothing has changed: CPU of a round, and
 * of its largest piece. Real files, a real loop; no daemon around it.
 */
#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "common/util.h"
#include "koowatchd/loop/timer.h"
#include "koowatchd/task/taskdir.h"

static unsigned rounds, read_files;

static enum read_again on_file(void *userdata, const struct task_file *file) {
        (void) userdata;
        (void) file;
        read_files++;
        return READ_AGAIN_NOT;
}

static void on_gone(void *userdata, struct taskdir_file *file) {
        (void) userdata;
        (void) file;
}

static void on_transient_error(void *userdata, const char *what, const char *why) {
        (void) userdata;
        (void) fprintf(stderr, "%s: %s\n", what, why);
}

static void on_scanned(void *userdata, bool complete, bool has_gaps) {
        (void) userdata;
        (void) complete;
        (void) has_gaps;
        rounds++;
}

static double cpu(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void make_files(const char *directory, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                CLEANUP(freep)
                char *path = str_printf("%s/download-of-photos-%u.task", directory, i);
                CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

                if (fd < 0 || dprintf(fd, "[Task]\nTaskId=%u\nShareId=1\n", i) < 0)
                        exit(EXIT_FAILURE);
        }
}

static void remove_files(const char *directory, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                CLEANUP(freep)
                char *path = str_printf("%s/download-of-photos-%u.task", directory, i);

                (void) unlink(path);
        }
        (void) rmdir(directory);
}

int main(int argc, char **argv) {
        const struct taskdir_handler handler = {
                .on_file = on_file,
                .on_gone = on_gone,
                .on_transient_error = on_transient_error,
                .on_scanned = on_scanned,
        };
        unsigned count = argc > 1 ? (unsigned) atoi(argv[1]) : 100000;
        struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
        CLEANUP(timers_freep) struct timers *timers = NULL;
        char directory[] = "/tmp/koowatch-rescan-XXXXXX";
        double start, before, after, largest = 0;
        struct taskdir *taskdir = NULL;

        if (!loop || !mkdtemp(directory) || timers_new(loop, &timers) < 0 ||
            taskdir_new(NULL, timers, &handler, &taskdir) < 0 ||
            taskdir_configure(taskdir, directory, NULL) < 0)
                return EXIT_FAILURE;
        make_files(directory, count);
        taskdir_scan(taskdir);
        read_files = 0;
        for (int i = 0; i < 3; i++) {
                unsigned done = rounds;

                start = after = cpu();
                largest = 0;
                taskdir_look(taskdir);
                while (rounds == done) {
                        before = cpu();
                        (void) ev_run(loop, EVRUN_ONCE);
                        after = cpu();
                        largest = MAX(largest, after - before);
                }
                (void) printf("%u files: %.3f s of CPU a round, %.1f ms at most a turn, %u read\n",
                              count, after - start, largest * 1e3, read_files);
        }
        taskdir_free(taskdir);
        remove_files(directory, count);
        return EXIT_SUCCESS;
}
