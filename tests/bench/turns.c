/*
 * How long a daemon's turns of its loop are, without a change of the daemon: preloaded into it,
 * this takes the time from each return of epoll_wait() to the next call. CPU time tells what the
 * loop did itself; wall clock holds the turns of other programs as well. Waits for the disk are
 * counted apart. Also: the turns in which posix_spawn() is called, which blocks until the program
 * is executed.
 *
 *   LD_PRELOAD=turns.so KOOWATCH_TURNS=FILE koowatchd ...
 *
 * FILE holds a struct turns, which bench.py reads and resets while the daemon runs.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SPAWN_TURNS_MAX 1024

struct turns {
        uint64_t restart; /* set by the reader: forget all, and the turn that is going on */
        uint64_t turns;
        uint64_t cpu_max;  /* of one turn; all times are in nanoseconds */
        uint64_t wall_max; /* without what fsync() and fdatasync() took, as below */
        uint64_t disk_max;
        uint64_t spawns;
        uint64_t spawn_turns; /* those with one posix_spawn() in them, and what that call took */
        uint64_t spawn_turn_wall[SPAWN_TURNS_MAX], spawn_wall[SPAWN_TURNS_MAX];
};

static struct turns *turns;
static uint64_t cpu_began, wall_began, spawns_began;
static uint64_t disk, spawning;   /* what they took in this turn */
static _Thread_local int is_loop; /* the thread that waits with epoll */

static uint64_t now(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000000U + (uint64_t) t.tv_nsec;
}

__attribute__((constructor)) static void open_turns(void) {
        const char *path = getenv("KOOWATCH_TURNS");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *mapped;

        (void) unsetenv("LD_PRELOAD");
        if (fd < 0)
                return;
        mapped = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        (void) close(fd);
        if (mapped != MAP_FAILED)
                turns = mapped;
}

static void turn_ends(void) {
        uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu_began;
        uint64_t wall = now(CLOCK_MONOTONIC) - wall_began - disk;

        if (turns->restart) {
                *turns = (struct turns){0};
                return;
        }
        turns->turns++;
        if (cpu > turns->cpu_max)
                turns->cpu_max = cpu;
        if (wall > turns->wall_max)
                turns->wall_max = wall;
        if (disk > turns->disk_max)
                turns->disk_max = disk;
        if (turns->spawns == spawns_began + 1 && turns->spawn_turns < SPAWN_TURNS_MAX) {
                turns->spawn_wall[turns->spawn_turns] = spawning;
                turns->spawn_turn_wall[turns->spawn_turns++] = wall;
        }
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout) {
        static int (*next)(int, struct epoll_event *, int, int);
        int r;

        if (!next)
                *(void **) &next = dlsym(RTLD_NEXT, "epoll_wait");
        if (turns && is_loop)
                turn_ends();
        r = next(epoll, events, max, timeout);
        is_loop = 1;
        if (turns) {
                spawns_began = turns->spawns;
                disk = spawning = 0;
                wall_began = now(CLOCK_MONOTONIC);
                cpu_began = now(CLOCK_THREAD_CPUTIME_ID);
        }
        return r;
}

static int sync_file(const char *name, int (**next)(int), int fd) {
        uint64_t began = now(CLOCK_MONOTONIC);
        int r;

        if (!*next)
                *(void **) next = dlsym(RTLD_NEXT, name);
        r = (*next)(fd);
        if (is_loop)
                disk += now(CLOCK_MONOTONIC) - began;
        return r;
}

int fsync(int fd) {
        static int (*next)(int);

        return sync_file("fsync", &next, fd);
}

int fdatasync(int fd) {
        static int (*next)(int);

        return sync_file("fdatasync", &next, fd);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[],
                char *const environment[]) {
        static __typeof__(posix_spawn) *next;
        uint64_t began = now(CLOCK_MONOTONIC);
        int r;

        if (!next)
                *(void **) &next = dlsym(RTLD_NEXT, "posix_spawn");
        if (turns)
                turns->spawns++;
        r = next(pid, path, actions, attributes, arguments, environment);
        spawning += now(CLOCK_MONOTONIC) - began;
        return r;
}
