/* Strings, names, UTF-8, and files that are read and replaced as a whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "common/util.h"
#include "unit/support.h"

struct fixture {
        char directory[DIRECTORY_MAX];
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        *state = f;
        return 0;
}

static size_t count_entries(const char *directory) {
        DIR *d = opendir(directory);
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n - 2; /* . and .. */
}

/* Removes what the tests make: files, and empty directories named so that the order is right. */
static int tear_down(void **state) {
        static const char *const names[] = {"a/b/c", "a/b", "a", "file", "target"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(freep) char *path = str_printf("%s/%s", f->directory, names[i]);

                (void) remove(path);
        }
        assert_int_equal(rmdir(f->directory), 0);
        free(f);
        return 0;
}

static void test_str_replace(void **state) {
        char *s = NULL;

        (void) state;
        assert_int_equal(str_replace(&s, "one"), 0);
        assert_string_equal(s, "one");
        assert_int_equal(str_replace(&s, s + 1), 0); /* a part of itself */
        assert_string_equal(s, "ne");
        assert_int_equal(str_replace(&s, NULL), 0);
        assert_null(s);
}

static void test_str_join(void **state) {
        CLEANUP(freep) char *s = str_join("a", "", "bc"), *none = str_join("");

        (void) state;
        assert_string_equal(s, "abc");
        assert_string_equal(none, "");
}

static void test_str_printf(void **state) {
        CLEANUP(freep) char *s = str_printf("%s-%d", "a", 7);

        (void) state;
        assert_string_equal(s, "a-7");
}

static void test_secret_free(void **state) {
        CLEANUP(secret_freep) char *secret = strdup("secret");

        (void) state;
        assert_non_null(secret);
        secret_free(NULL);
}

static void test_macros(void **state) {
        char *s = strdup("x");
        CLEANUP(freep) char *stolen = STEAL_PTR(s);
        int fd = 7;

        (void) state;
        assert_null(s);
        assert_string_equal(stolen, "x");
        assert_int_equal(STEAL_FD(fd), 7);
        assert_int_equal(fd, -1);
        assert_string_equal(str_after("prefix-rest", "prefix-"), "rest");
        assert_null(str_after("pre", "prefix"));
        assert_true(str_ends_with("a.task", ".task"));
        assert_false(str_ends_with("task", ".task"));
}

static void test_name_is_valid(void **state) {
        (void) state;
        assert_true(name_is_valid("a.B-9_", 1, 64, "._-", true));
        assert_true(name_is_valid("1234", 1, 4, "", false));
        assert_false(name_is_valid("12345", 1, 4, "", false));
        assert_false(name_is_valid("", 1, 4, "", false));
        assert_true(name_is_valid("", 0, 4, "", false));
        assert_false(name_is_valid(".a", 1, 4, ".", true));
        assert_true(name_is_valid(".a", 1, 4, ".", false));
        assert_true(name_is_valid("a.", 1, 4, ".", true));
        assert_false(name_is_valid("a/b", 1, 4, ".", false));
        assert_false(name_is_valid("\xC3\xA4", 1, 4, ".", false));
        assert_false(name_is_valid("a\n", 1, 4, ".", false));
}

static void test_utf8(void **state) {
        static const struct {
                const char *text;
                bool valid;
        } cases[] = {
                {"", true},
                {"plain", true},
                {"\x7F", true},
                {"\xC2\x80", true},
                {"\xDF\xBF", true},
                {"\xE0\xA0\x80", true},
                {"\xED\x9F\xBF", true},
                {"\xEE\x80\x80", true},
                {"\xEF\xBF\xBF", true},
                {"\xF0\x90\x80\x80", true},
                {"\xF4\x8F\xBF\xBF", true}, /* U+10FFFF */
                {"\x80", false},            /* a continuation alone */
                {"\xC0\x80", false},        /* overlong NUL */
                {"\xC1\xBF", false},        /* overlong */
                {"\xE0\x9F\xBF", false},    /* overlong */
                {"\xF0\x8F\xBF\xBF", false},
                {"\xED\xA0\x80", false}, /* surrogate */
                {"\xED\xBF\xBF", false},
                {"\xF4\x90\x80\x80", false}, /* above U+10FFFF */
                {"\xF5\x80\x80\x80", false},
                {"\xFF", false},
                {"\xC2", false}, /* cut short */
                {"\xE2\x82", false},
                {"\xF0\x9F\x98", false},
                {"\xE2\x82z", false},
                {"\xF0\x9F\x98z", false},
                {"a\xC2z", false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (utf8_is_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
                        fail_msg("case %zu", i);

        assert_false(utf8_is_valid("a\0b", 3));
}

static void test_read_path(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *big = malloc(20000), *text = NULL;
        size_t length = 99;

        assert_non_null(big);
        memset(big, 'x', 20000);

        assert_int_equal(read_path(path, 100, &text, &length), -ENOENT);
        assert_int_equal(read_path(f->directory, 100, &text, &length), -EISDIR);

        assert_int_equal(replace_file(path, "", 0, 0600), 0);
        assert_int_equal(read_path(path, 0, &text, &length), 0);
        assert_int_equal(length, 0);
        assert_string_equal(text, "");
        freep(&text);

        assert_int_equal(replace_file(path, big, 20000, 0600), 0);
        text = NULL;
        assert_int_equal(read_path(path, 19999, &text, &length), -EFBIG);
        assert_null(text);
        assert_int_equal(read_path(path, 20000, &text, &length), 0);
        assert_int_equal(length, 20000);
        assert_int_equal(text[20000], '\0');
        assert_memory_equal(text, big, 20000);
}

/* A FIFO that nobody writes to must not stop the reader. */
static void test_read_fifo(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *text = NULL;
        size_t length;

        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(read_path(path, 100, &text, &length), 0);
        assert_int_equal(length, 0);
}

static void test_read_all_in_pieces(void **state) {
        CLEANUP(freep) char *text = NULL;
        size_t length;
        int fds[2];

        (void) state;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write_all(fds[1], "ab\0c", 4), 0);
        (void) close(fds[1]);
        assert_int_equal(read_all(fds[0], 4, &text, &length), 0);
        (void) close(fds[0]);
        assert_int_equal(length, 4);
        assert_memory_equal(text, "ab\0c", 5);

        assert_int_equal(read_all(-1, 4, &text, &length), -EBADF);
        assert_int_equal(write_all(-1, "x", 1), -EBADF);
}

/* A size that is not true, or not any more, costs another read and nothing else. */
static void test_read_sized(void **state) {
        static const size_t sizes[] = {0, 3, 5, 6, 4095, 4096, 100000};
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);

        assert_int_equal(replace_file(path, "a\0 b\n", 5, 0600), 0);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
                CLEANUP(freep) char *text = NULL;
                size_t length;

                assert_int_equal(read_sized(fd, sizes[i], 5, &text, &length), 0);
                assert_int_equal(length, 5);
                assert_memory_equal(text, "a\0 b\n", 6);
                assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
                assert_int_equal(read_sized(fd, sizes[i], 4, &text, &length), -EFBIG);
        }
}

static void test_replace_file(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *text = NULL;
        size_t length;
        struct stat st;

        assert_int_equal(replace_file(path, "old", 3, 0600), 0);
        assert_int_equal(replace_file(path, "newer", 5, 0644), 0);
        assert_int_equal(read_path(path, 100, &text, &length), 0);
        assert_string_equal(text, "newer");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(count_entries(f->directory), 1);
}

/* In place of the C library's: which file it was called for, and what it is to say. */
static struct {
        unsigned calls;
        const char *path; /* that is about to be replaced */
        off_t size;       /* of the file that was synced, ... */
        off_t path_size;  /* ... and of what was under the path meanwhile */
        int error;
        dev_t device; /* of the directory that was synced last */
        ino_t inode;
} sync_call;

int fsync(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                sync_call.device = st.st_dev;
                sync_call.inode = st.st_ino;
                return 0;
        }
        sync_call.calls++;
        sync_call.size = st.st_size;
        if (stat(sync_call.path, &st) == 0)
                sync_call.path_size = st.st_size;
        errno = sync_call.error;
        return sync_call.error ? -1 : 0;
}

static void assert_synced(const char *directory) {
        struct stat st;

        assert_int_equal(stat(directory, &st), 0);
        assert_true(sync_call.device == st.st_dev && sync_call.inode == st.st_ino);
}

static void test_directories_are_synced(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);

        memset(&sync_call, 0, sizeof(sync_call));
        sync_call.path = path;
        assert_int_equal(sync_directory(f->directory), 0);
        assert_synced(f->directory);
        assert_int_equal(sync_directory_of("/file"), 0);
        assert_synced("/");
        assert_int_equal(sync_directory_of(path), 0);
        assert_synced(f->directory);
        assert_int_equal(sync_directory_of("file"), 0);
        assert_synced(".");
        assert_int_equal(replace_file_durably(path, "x", 1, 0600), 0);
        assert_synced(f->directory);
        assert_int_equal(sync_directory(path), -ENOTDIR);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(sync_directory(path), -ENOENT);
}

/* The order counts: what takes the old one's place is on disk already. */
static void test_replace_file_durably(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *text = NULL;
        struct stat before, after;
        size_t length;

        memset(&sync_call, 0, sizeof(sync_call));
        sync_call.path = path;
        assert_int_equal(replace_file(path, "old", 3, 0644), 0);
        assert_int_equal(sync_call.calls, 0);
        assert_int_equal(stat(path, &before), 0);

        assert_int_equal(replace_file_durably(path, "newer", 5, 0600), 0);
        assert_int_equal(sync_call.calls, 1);
        assert_int_equal(sync_call.size, 5);
        assert_int_equal(sync_call.path_size, 3);
        assert_int_equal(read_path(path, 100, &text, &length), 0);
        assert_string_equal(text, "newer");
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_mode & 07777, 0600);
        assert_true(after.st_ino != before.st_ino);
        assert_int_equal(count_entries(f->directory), 1);
}

static void test_replace_file_durably_or_not_at_all(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *target = str_printf("%s/target", f->directory);
        CLEANUP(freep) char *text = NULL;
        size_t length;

        memset(&sync_call, 0, sizeof(sync_call));
        sync_call.path = path;
        sync_call.error = EIO;
        assert_int_equal(replace_file(path, "old", 3, 0600), 0);
        assert_int_equal(replace_file_durably(path, "newer", 5, 0600), -EIO);
        assert_int_equal(read_path(path, 100, &text, &length), 0);
        assert_string_equal(text, "old");
        assert_int_equal(count_entries(f->directory), 1);

        sync_call.error = 0;
        assert_int_equal(mkdir(target, 0700), 0);
        assert_int_equal(replace_file_durably(target, "x", 1, 0600), -EISDIR);
        assert_int_equal(count_entries(f->directory), 2);
}

static void test_replace_file_failure_leaves_nothing(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/target", f->directory);
        CLEANUP(freep) char *below = str_printf("%s/target/x", f->directory);

        assert_int_equal(replace_file(below, "x", 1, 0600), -ENOENT);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(replace_file(path, "x", 1, 0600), -EISDIR);
        assert_int_equal(count_entries(f->directory), 1);
        assert_int_equal(count_entries(path), 0);
}

static void test_make_directories(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/a//b/c", f->directory);
        CLEANUP(freep) char *slash = str_printf("%s/a/b/c/", f->directory);
        CLEANUP(freep) char *file = str_printf("%s/file", f->directory);
        CLEANUP(freep) char *below = str_printf("%s/file/x", f->directory);
        struct stat st;

        assert_int_equal(make_directories(path, 0700), 0);
        assert_int_equal(make_directories(path, 0700), 0);
        assert_int_equal(make_directories(slash, 0700), 0);
        assert_int_equal(make_directories("/", 0700), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0700);

        assert_int_equal(replace_file(file, "", 0, 0600), 0);
        assert_int_equal(make_directories(file, 0700), -ENOTDIR);
        assert_int_equal(make_directories(below, 0700), -ENOTDIR);
}

static void test_utf8_cut(void **state) {
        static const struct {
                const char *text;
                size_t max;
                const char *cut;
        } rows[] = {
                {"", 0, ""},         {"abc", 3, "abc"},
                {"abc", 2, "ab"},    {"a\u00e4", 3, "a\u00e4"},
                {"a\u00e4", 2, "a"}, {"\u4e2d\u4e2d", 5, "\u4e2d"},
                {"\u4e2d", 2, ""},   {"\U0001f600x", 4, "\U0001f600"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[16];

                (void) snprintf(text, sizeof(text), "%s", rows[i].text);
                assert_int_equal(utf8_cut(text, rows[i].max), strlen(rows[i].text) > rows[i].max);
                assert_string_equal(text, rows[i].cut);
        }
}

static void test_utf8_whole(void **state) {
        static const struct {
                const char *text;
                size_t length, whole;
        } rows[] = {
                {"", 0, 0},
                {"abc", 3, 3},
                {"a\u00e4", 2, 1},
                {"a\u00e4", 3, 3},
                {"\u4e2d", 1, 0},
                {"\u4e2d", 2, 0},
                {"\u4e2d", 3, 3},
                {"x\U0001f600", 4, 1},
                {"x\U0001f600", 5, 5},
                {"\xff\xff", 2, 1}, /* looks like a first byte */
                {"\x80\x80\x80\x80", 4, 4},
                {"a\x80", 2, 2},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(utf8_whole(rows[i].text, rows[i].length), rows[i].whole);
}

static void test_secret_trim(void **state) {
        static const struct {
                const char *text;
                size_t length;
                const char *trimmed; /* NULL: refused */
        } rows[] = {
                {"Bearer x\n", 9, "Bearer x"},
                {"x\r\n\n", 4, "x"},
                {"x", 1, "x"},
                {" \t\r\n Bearer x \t\r\n ", 18, "Bearer x"},
                {"\xEF\xBB\xBFx\r\n", 6, "x"},
                {"\xEF\xBB\xBF", 3, NULL},
                {"x\0", 2, NULL},
                {"x\0\n", 3, NULL},
                {"\0x", 2, NULL},
                {" \n\t", 3, NULL},
                {"", 0, NULL},
                {"\n", 1, NULL},
                {"a\nb\n", 4, NULL},
                {"a\tb", 3, NULL},
                {"a\0b", 3, NULL},
                {"\u00e4", 2, NULL},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[32];

                memcpy(text, rows[i].text, rows[i].length + 1);
                assert_int_equal(secret_trim(text, rows[i].length), rows[i].trimmed != NULL);
                if (rows[i].trimmed)
                        assert_string_equal(text, rows[i].trimmed);
        }
}

static void test_hex_encode(void **state) {
        char text[9];

        (void) state;
        hex_encode("\x00\x9f\xff\x0a", 4, text);
        assert_string_equal(text, "009fff0a");
        hex_encode("", 0, text);
        assert_string_equal(text, "");
}

static void test_make_plain(void **state) {
        static const struct {
                const char *text, *plain;
        } cases[] = {
                {"", ""},
                {"caf\xc3\xa9 1\xe2\x80\xa6", "caf\xc3\xa9 1\xe2\x80\xa6"},
                {"a\nb\tc\x7f", "a?b?c?"},
                {"\xc2\x9b"
                 "31m\xc2\xa0",
                 "??31m\xc2\xa0"},
                {"caf\xe9", "caf?"},
                {"\xc3\xa9\xff", "???"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = strdup(cases[i].text);

                assert_non_null(text);
                str_make_plain(text);
                assert_string_equal(text, cases[i].plain);
        }
}

static void test_is_printable(void **state) {
        (void) state;
        assert_true(str_is_printable(""));
        assert_true(str_is_printable(" ~"));
        assert_false(str_is_printable("a\n"));
        assert_false(str_is_printable("\x7f"));
        assert_false(str_is_printable("\xc3\xa9"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_str_replace),
                cmocka_unit_test(test_str_join),
                cmocka_unit_test(test_str_printf),
                cmocka_unit_test(test_secret_free),
                cmocka_unit_test(test_macros),
                cmocka_unit_test(test_name_is_valid),
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_utf8_cut),
                cmocka_unit_test(test_utf8_whole),
                cmocka_unit_test(test_secret_trim),
                cmocka_unit_test(test_hex_encode),
                cmocka_unit_test_setup_teardown(test_read_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_read_fifo, set_up, tear_down),
                cmocka_unit_test(test_read_all_in_pieces),
                cmocka_unit_test_setup_teardown(test_read_sized, set_up, tear_down),
                cmocka_unit_test(test_make_plain),
                cmocka_unit_test(test_is_printable),
                cmocka_unit_test_setup_teardown(test_replace_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_directories_are_synced, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_replace_file_durably, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_replace_file_durably_or_not_at_all, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_replace_file_failure_leaves_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_make_directories, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
