/*
 * Helpers that know nothing of koowatch: strings that are owned, names and UTF-8
 * that are checked, and files that are read and replaced as a whole.
 */
#include "common/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

char *str_printf(const char *format, ...) {
        va_list arguments;
        char *text;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);

        return n < 0 ? NULL : text;
}

char *str_join_list(const char *const *texts, size_t n) {
        size_t size = 1;
        char *joined, *at;

        for (size_t i = 0; i < n; i++)
                size += strlen(texts[i]);
        joined = at = malloc(size);
        if (!joined)
                return NULL;
        *at = '\0';
        for (size_t i = 0; i < n; i++)
                at = stpcpy(at, texts[i]);
        return joined;
}

int str_replace(char **s, const char *value) {
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }

        free(*s);
        *s = copy;
        return 0;
}

void secret_free(char *s) {
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

/* Not isalnum(): that one follows the locale. */
static bool is_alphanumeric(char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool secret_trim(char *s, size_t length) {
        static const char mark[] = "\xEF\xBB\xBF";
        size_t start = length >= 3 && memcmp(s, mark, 3) == 0 ? 3 : 0;

        while (length > start && is_blank(s[length - 1]))
                s[--length] = '\0';
        while (start < length && is_blank(s[start]))
                start++;
        length -= start;
        memmove(s, s + start, length + 1);
        for (size_t i = 0; i < length; i++)
                if (s[i] < ' ' || s[i] > '~')
                        return false;
        return length > 0;
}

void hex_encode(const void *bytes, size_t n, char *ret) {
        static const char digits[] = "0123456789abcdef";
        const unsigned char *b = bytes;

        for (size_t i = 0; i < n; i++) {
                ret[2 * i] = digits[b[i] >> 4];
                ret[2 * i + 1] = digits[b[i] & 15];
        }
        ret[2 * n] = '\0';
}

bool name_is_valid(const char *s, size_t min, size_t max, const char *extra, bool no_leading_dot) {
        size_t n = 0;

        if (no_leading_dot && s[0] == '.')
                return false;

        for (; s[n]; n++)
                if (n >= max || (!is_alphanumeric(s[n]) && !strchr(extra, s[n])))
                        return false;

        return n >= min;
}

size_t utf8_sequence(const unsigned char *s, size_t left) {
        unsigned char low = 0x80, high = 0xBF; /* what the second byte may be */
        size_t length;

        if (s[0] < 0x80)
                return s[0] ? 1 : 0;

        if (s[0] >= 0xC2 && s[0] <= 0xDF)
                length = 2;
        else if (s[0] >= 0xE0 && s[0] <= 0xEF)
                length = 3;
        else if (s[0] >= 0xF0 && s[0] <= 0xF4)
                length = 4;
        else
                return 0;

        if (s[0] == 0xE0)
                low = 0xA0;
        else if (s[0] == 0xED)
                high = 0x9F;
        else if (s[0] == 0xF0)
                low = 0x90;
        else if (s[0] == 0xF4)
                high = 0x8F;

        if (left < length || s[1] < low || s[1] > high)
                return 0;

        for (size_t i = 2; i < length; i++)
                if (s[i] < 0x80 || s[i] > 0xBF)
                        return 0;

        return length;
}

bool utf8_is_valid(const char *s, size_t length) {
        for (size_t i = 0, n; i < length; i += n) {
                const unsigned char *at = (const unsigned char *) s + i;

                n = *at > 0 && *at < 0x80 ? 1 : utf8_sequence(at, length - i);
                if (n == 0)
                        return false;
        }

        return true;
}

/* A buffer that may hold a secret: whatever it leaves behind is blanked. */
struct input {
        char *data;
        size_t length;
        size_t capacity;
};

static void input_clear(struct input *input) {
        if (input->data)
                explicit_bzero(input->data, input->length);
        free(input->data);
        *input = (struct input){0};
}

static int input_resize(struct input *input, size_t capacity) {
        char *data;

        data = malloc(capacity);
        if (!data)
                return -ENOMEM;

        if (input->data) {
                memcpy(data, input->data, input->length);
                explicit_bzero(input->data, input->length);
                free(input->data);
        }

        input->data = data;
        input->capacity = capacity;
        return 0;
}

size_t utf8_whole(const char *s, size_t length) {
        for (size_t back = 1; back <= MIN(length, 3U); back++) {
                unsigned char c = (unsigned char) s[length - back];
                size_t size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;

                if (c >= 0xC0)
                        return size > back ? length - back : length;
                if (c < 0x80)
                        break;
        }
        return length;
}

void str_make_plain(char *s) {
        bool is_utf8 = utf8_is_valid(s, strlen(s));

        for (unsigned char *c = (unsigned char *) s; *c; c++)
                if (*c < ' ' || *c == 0x7f || (*c >= 0x80 && !is_utf8))
                        *c = '?';
                else if (*c == 0xc2 && c[1] < 0xa0) /* U+0080 to U+009F */
                        c[0] = c[1] = '?';
}

bool str_is_printable(const char *s) {
        for (; *s; s++)
                if (*s < ' ' || *s > '~')
                        return false;
        return true;
}

bool utf8_cut(char *s, size_t max) {
        if (strlen(s) <= max)
                return false;
        s[utf8_whole(s, max)] = '\0';
        return true;
}

int read_sized(int fd, size_t size, size_t max, char **ret, size_t *ret_length) {
        CLEANUP(input_clear) struct input input = {0};
        size_t room;
        ssize_t n;
        int r;

        if (max > SIZE_MAX / 4)
                return -EINVAL;

        for (;;) {
                if (input.capacity - input.length < 2) { /* a byte to read, and the NUL */
                        r = input_resize(&input, input.capacity ? input.capacity * 2 : 4096);
                        if (r < 0)
                                return r;
                }

                room = input.capacity - input.length - 1;
                n = read(fd, input.data + input.length, room);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;

                input.length += (size_t) n;
                if (input.length > max)
                        return -EFBIG;
                if (input.length == size && (size_t) n < room)
                        break;
        }

        input.data[input.length] = '\0';
        *ret_length = input.length;
        *ret = STEAL_PTR(input.data);
        return 0;
}

int read_all(int fd, size_t max, char **ret, size_t *ret_length) {
        return read_sized(fd, SIZE_MAX, max, ret, ret_length);
}

int read_path(const char *path, size_t max, char **ret, size_t *ret_length) {
        CLEANUP(closep) int fd = -1;

        /* O_NONBLOCK: a FIFO that was put there by mistake must not stop the caller for good. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        return read_all(fd, max, ret, ret_length);
}

int write_all(int fd, const void *data, size_t length) {
        const char *p = data;

        while (length > 0) {
                ssize_t n = write(fd, p, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                p += n;
                length -= (size_t) n;
        }

        return 0;
}

static int fill_and_rename(int fd, const char *temporary, const char *path, const char *text,
                           size_t length, mode_t mode, bool sync) {
        int r;

        r = write_all(fd, text, length);
        if (r < 0)
                return r;

        if (fchmod(fd, mode) < 0 || (sync && fsync(fd) < 0) || rename(temporary, path) < 0)
                return -errno;

        return 0;
}

int sync_directory(const char *path) {
        CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int sync_directory_of(const char *path) {
        const char *slash = strrchr(path, '/');
        CLEANUP(freep)
        char *parent = slash ? strndup(path, (size_t) (slash + 1 - path)) : strdup(".");

        return parent ? sync_directory(parent) : -ENOMEM;
}

static int replace(const char *path, const char *text, size_t length, mode_t mode, bool sync) {
        CLEANUP(freep) char *temporary = NULL;
        CLEANUP(closep) int fd = -1;
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        int r;

        temporary = str_printf("%.*s.%s.XXXXXX", (int) (name - path), path, name);
        if (!temporary)
                return -ENOMEM;

        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;

        r = fill_and_rename(fd, temporary, path, text, length, mode, sync);
        if (r < 0) {
                (void) unlink(temporary); /* the error worth reporting is already in r */
                return r;
        }
        return sync ? sync_directory_of(path) : 0;
}

int replace_file(const char *path, const char *text, size_t length, mode_t mode) {
        return replace(path, text, length, mode, false);
}

int replace_file_durably(const char *path, const char *text, size_t length, mode_t mode) {
        return replace(path, text, length, mode, true);
}

bool error_is_transient(int error) {
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO;
}

/* Returns 0, -EEXIST or another negative errno. */
static int make_directory(const char *path, mode_t mode) {
        int r;

        if (mkdir(path, mode) < 0)
                return -errno;
        r = sync_directory_of(path);
        /* Not every file system can, and a parent may be closed to us. */
        return r == -EINVAL || r == -ENOTSUP || r == -EACCES ? 0 : r;
}

int make_directories(const char *path, mode_t mode) {
        CLEANUP(freep) char *partial = NULL;
        struct stat st;
        int r;

        partial = strdup(path);
        if (!partial)
                return -ENOMEM;

        for (char *slash = strchr(partial, '/'); slash; slash = strchr(slash + 1, '/')) {
                if (slash == partial)
                        continue;

                *slash = '\0';
                r = make_directory(partial, 0755);
                if (r < 0 && r != -EEXIST)
                        return r;
                *slash = '/';
        }

        r = make_directory(path, mode);
        if (r != -EEXIST)
                return r;
        if (stat(path, &st) < 0)
                return -errno;

        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
