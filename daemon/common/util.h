#pragma once
/*
 * The few macros and helpers that every file uses: ownership by cleanup
 * attribute, container_of, and whole-file input and output.
 *
 * An owning local is declared with CLEANUP(xp) and initialised to empty;
 * ownership leaves it through STEAL_PTR() or STEAL_FD(), so that the line that
 * hands over says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((cleanup(f)))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *) (void *) ((char *) (ptr) -offsetof(type, member)))

#define STEAL_PTR(p)                         \
        ({                                   \
                __typeof__(p) stolen_ = (p); \
                (p) = NULL;                  \
                stolen_;                     \
        })

#define STEAL_FD(fd)                \
        ({                          \
                int stolen_ = (fd); \
                (fd) = -1;          \
                stolen_;            \
        })

/* Defines <function>p() for CLEANUP(): calls the destructor on what the local still holds. */
#define DEFINE_CLEANUP(type, function)            \
        static inline void function##p(type *p) { \
                if (*p)                           \
                        function(*p);             \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(const int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool str_empty(const char *s) {
        return !s || !*s;
}

/* What follows prefix in s, or NULL when s does not start with it. */
static inline const char *str_after(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Cuts slashes off the end, but not the only character. */
static inline void str_cut_slashes(char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                path[--n] = '\0';
}

static inline bool str_ends_with(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);

        return n >= k && streq(s + n - k, suffix);
}

/*
 * asprintf() that returns the string, or NULL when memory is short. The caller
 * owns it.
 */
char *str_printf(const char *format, ...) PRINTF_LIKE(1, 2);

/* The texts one after the other, or NULL when memory is short. The caller owns it. */
char *str_join_list(const char *const *texts, size_t n);
#define str_join(...)                                     \
        str_join_list((const char *const[]){__VA_ARGS__}, \
                      ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

/*
 * Overwrites *s with a copy of value (NULL for none). Returns 0 or -ENOMEM with
 * *s left alone.
 */
int str_replace(char **s, const char *value);

/* Blanks out a secret, then frees it; for CLEANUP(secret_freep). Accepts NULL. */
void secret_free(char *s);
DEFINE_CLEANUP(char *, secret_free)

/*
 * Cuts blanks, tabs and line ends off both ends of a secret, and a byte order mark before it.
 * Returns whether what is left is one line of printable ASCII, and not empty.
 */
bool secret_trim(char *s, size_t length);

/* Writes 2 * n lower-case hexadecimal digits and a NUL. */
void hex_encode(const void *bytes, size_t n, char *ret);

/*
 * Whether s has min to max characters, all of A-Z, a-z, 0-9 or one of extra,
 * and, with no_leading_dot, does not start with a dot.
 */
bool name_is_valid(const char *s, size_t min, size_t max, const char *extra, bool no_leading_dot);

/*
 * Length of the sequence that starts at s, of which left bytes are there; 0 when
 * it is malformed: NUL, overlong, a surrogate, beyond U+10FFFF or cut short.
 */
size_t utf8_sequence(const unsigned char *s, size_t left);

/* Whether the bytes are well-formed UTF-8 without a NUL byte. */
bool utf8_is_valid(const char *s, size_t length);

/*
 * How many of the first length bytes of s are left without a UTF-8 character that is cut short
 * at their end. All of them where the end is not UTF-8.
 */
size_t utf8_whole(const char *s, size_t length);

/*
 * Puts '?' for control characters (U+0080 to U+009F as well), and for each byte beyond ASCII
 * where s is not UTF-8: it cannot forge a line, nor is it obeyed by a terminal.
 */
void str_make_plain(char *s);

/* Whether all of it is printable ASCII, blanks included. */
bool str_is_printable(const char *s);

/* Cuts s to at most max bytes, never within a UTF-8 character. Returns whether it was longer. */
bool utf8_cut(char *s, size_t max);

/*
 * Reads all of fd, max bytes at most, into a fresh string with a NUL behind it;
 * *ret_length does not count that one. Returns 0, -EFBIG when there is more,
 * or a negative errno from read().
 */
int read_all(int fd, size_t max, char **ret, size_t *ret_length);
/*
 * The same for a regular file that had size bytes a moment ago: where just these are read, and
 * there was room for more, no other read looks for the end.
 */
int read_sized(int fd, size_t size, size_t max, char **ret, size_t *ret_length);

/* The same for a path, symbolic links followed; -EISDIR and the like as open() and read() say. */
int read_path(const char *path, size_t max, char **ret, size_t *ret_length);

/* Writes all of it, however many calls that takes. Returns 0 or a negative errno. */
int write_all(int fd, const void *data, size_t length);

/*
 * Syncs a directory, or the one that path is in: the names that have come and gone in it survive a
 * loss of power. Returns 0 or a negative errno; -EINVAL and the like where a file system cannot.
 */
int sync_directory(const char *path);
int sync_directory_of(const char *path);

/*
 * Puts text under path by way of a temporary file beside it and a rename, so
 * that a reader sees the old text or the new one. Not synced to disk.
 * Returns 0 or a negative errno with path left as it was.
 */
int replace_file(const char *path, const char *text, size_t length, mode_t mode);
/* The text is on disk before it takes the old one's place: after a crash it is one or the other. */
int replace_file_durably(const char *path, const char *text, size_t length, mode_t mode);

/* An error that is not about the file concerned, and may be gone in a moment. */
bool error_is_transient(int error);

/*
 * mkdir -p: also makes the missing parents. What was made stays after a power failure, where the
 * file system can promise that. Returns 0 or a negative errno.
 */
int make_directories(const char *path, mode_t mode);
