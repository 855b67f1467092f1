/*
 * What cannot be had for less: reading task files, and starting a program.
 *
 *   bench-floor read DIRECTORY    one file after the other: open, fstat, read, parse
 *   bench-floor ahead DIRECTORY   256 files are opened and announced before they are read
 *   bench-floor spawn COUNT MIB   posix_spawn() of /bin/true by a process of that size
 *
 * Prints how many there were, then microseconds of CPU and of wall clock for each; of those that
 * were spawned, for how long the caller was blocked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/util.h"

#define BATCH 256

static unsigned long files, keys;

static double seconds(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Splits it into lines and those into key and value. */
static void parse(char *text) {
        for (char *line; (line = strsep(&text, "\n"));) {
                char *value = line;

                if (strsep(&value, "=") && value)
                        keys++;
        }
}

static void read_file(int fd) {
        char text[4096];
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0 || (n = read(fd, text, sizeof(text) - 1)) < 0)
                exit(EXIT_FAILURE);
        text[n] = '\0';
        parse(text);
        files++;
        (void) close(fd);
}

static void read_batch(const int *fds, unsigned count, bool ahead) {
        for (unsigned i = 0; ahead && i < count; i++)
                (void) posix_fadvise(fds[i], 0, 0, POSIX_FADV_WILLNEED);
        for (unsigned i = 0; i < count; i++)
                read_file(fds[i]);
}

static void read_directory(const char *path, bool ahead) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        unsigned count = 0;
        int fds[BATCH];

        if (!directory)
                exit(EXIT_FAILURE);
        while ((entry = readdir(directory))) {
                if (!str_ends_with(entry->d_name, ".task"))
                        continue;
                fds[count] = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
                if (fds[count] < 0)
                        exit(EXIT_FAILURE);
                if (++count == (ahead ? BATCH : 1)) {
                        read_batch(fds, count, ahead);
                        count = 0;
                }
        }
        read_batch(fds, count, ahead);
        (void) closedir(directory);
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

/* Returns the median of the seconds for which the caller was blocked. */
static double spawn_many(size_t count, size_t size) {
        CLEANUP(freep) double *blocked = calloc(count + 1, sizeof(*blocked));
        char *const arguments[] = {(char *) "true", NULL};
        char *ballast = size ? malloc(size) : NULL;

        if (!blocked || (size && !ballast))
                exit(EXIT_FAILURE);
        if (ballast)
                memset(ballast, 1, size);
        for (files = 0; files < count; files++) {
                double began = seconds(CLOCK_MONOTONIC);
                pid_t pid;

                if (posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) != 0)
                        exit(EXIT_FAILURE);
                blocked[files] = seconds(CLOCK_MONOTONIC) - began;
                (void) waitpid(pid, NULL, 0);
        }
        free(ballast);
        qsort(blocked, count, sizeof(*blocked), compare);
        return blocked[count / 2];
}

int main(int argc, char **argv) {
        double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);

        if (argc == 4 && streq(argv[1], "spawn"))
                wall = spawn_many(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10) << 20);
        else if (argc == 3) {
                read_directory(argv[2], streq(argv[1], "ahead"));
                wall = seconds(CLOCK_MONOTONIC) - wall;
        } else
                return EXIT_FAILURE;
        cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (files == 0)
                return EXIT_FAILURE;
        if (argc == 3)
                wall /= (double) files;
        (void) printf("%lu %.3f %.3f\n", files, cpu / (double) files * 1e6, wall * 1e6);
        return EXIT_SUCCESS;
}
