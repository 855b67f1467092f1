/* Refreshed tokens on disk: what is written is what is read, or it is said to be damaged. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "koowatchd/account/token-store.h"
#include "unit/support.h"

#define SOURCE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER_SOURCE "2dfe1d9f4837395ce08a4557386bb179d5af9ebcfbd4c22d0fb916fa7e2b450f"

struct fixture {
        char root[DIRECTORY_MAX];
        char directory[DIRECTORY_MAX + 16]; /* is not there yet */
        char file[DIRECTORY_MAX + 32];
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->root);
        (void) snprintf(f->directory, sizeof(f->directory), "%s/tokens", f->root);
        (void) snprintf(f->file, sizeof(f->file), "%s/eu-1.json", f->directory);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        directory_remove(f->root);
        free(f);
        return 0;
}

/* NULL: no such secret. */
static struct stored_tokens tokens_of(const char *token, const char *source, const char *refresh,
                                      const char *refresh_source) {
        struct stored_tokens t = {};

        if (token) {
                t.token.text = strdup(token);
                (void) snprintf(t.token.source, sizeof(t.token.source), "%s", source);
        }
        if (refresh) {
                t.refresh.text = strdup(refresh);
                (void) snprintf(t.refresh.source, sizeof(t.refresh.source), "%s", refresh_source);
        }
        return t;
}

static int save(struct fixture *f, const char *token, const char *source, const char *refresh,
                const char *refresh_source) {
        CLEANUP(stored_tokens_clear)
        struct stored_tokens t = tokens_of(token, source, refresh, refresh_source);

        return token_store_save(f->directory, "eu-1", &t);
}

static void assert_secret(const struct stored_secret *s, const char *text, const char *source) {
        if (text)
                assert_string_equal(s->text, text);
        else
                assert_null(s->text);
        assert_string_equal(s->source, text ? source : "");
}

static void assert_loads(struct fixture *f, const char *token, const char *source,
                         const char *refresh, const char *refresh_source) {
        CLEANUP(stored_tokens_clear) struct stored_tokens t = {};

        assert_int_equal(token_store_load(f->directory, "eu-1", &t), 0);
        assert_secret(&t.token, token, source);
        assert_secret(&t.refresh, refresh, refresh_source);
}

/* What was in *ret before does not count: it is empty afterwards. */
static void assert_fails(struct fixture *f, int error, const char *what) {
        struct stored_tokens t, empty = {};
        int r;

        memset(&t, 0xa5, sizeof(t));
        r = token_store_load(f->directory, "eu-1", &t);
        if (r != error)
                fail_msg("%s: %d, not %d", what, r, error);
        assert_memory_equal(&t, &empty, sizeof(t));
}

static ino_t inode_of(const char *path) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

static mode_t mode_of(const char *path) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_mode & 07777;
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

static void test_round_trip(void **state) {
        static const struct {
                const char *token, *source, *refresh, *refresh_source;
        } cases[] = {
                {"Bearer 6ebb", SOURCE, "9f3e", OTHER_SOURCE},
                {"AT 3b91", SOURCE, NULL, ""},
                {NULL, "", "9f3e", SOURCE},
                {"Bearer+6ebb", "", "9f3e", ""},
                {NULL, "", NULL, ""},
                {"x y", SOURCE, "z", SOURCE},
                {"a/b+c==", SOURCE, "\\/\\u0041\"}{[]',:", SOURCE},
                {"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                 "abcdefghijklmnopqrstuvwxyz{|}~",
                 SOURCE, "null", SOURCE},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(save(f, cases[i].token, cases[i].source, cases[i].refresh,
                                      cases[i].refresh_source),
                                 0);
                assert_loads(f, cases[i].token, cases[i].source, cases[i].refresh,
                             cases[i].refresh_source);
                assert_int_equal(count_entries(f->directory), 1);
        }
}

/* Those of before there was a serial are older than all. */
static void test_serials(void **state) {
        static const struct {
                const char *text;
                unsigned serial;
        } cases[] = {
                {"{}", 0},
                {"{\"serial\": 7}", 7},
                {"{\"serial\": -1}", 0},
                {"{\"serial\": \"7\"}", 0},
                {"{\"serial\": 99999999999}", INT_MAX},
        };
        CLEANUP(stored_tokens_clear)
        struct stored_tokens t = tokens_of("one", SOURCE, NULL, ""), loaded = {};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(stored_tokens_read(cases[i].text, strlen(cases[i].text), &loaded),
                                 0);
                assert_int_equal(loaded.serial, cases[i].serial);
        }
        t.serial = 41;
        assert_int_equal(token_store_save(f->directory, "eu-1", &t), 0);
        assert_int_equal(token_store_load(f->directory, "eu-1", &loaded), 0);
        assert_int_equal(loaded.serial, 41);
        stored_tokens_clear(&loaded);
        assert_int_equal(loaded.serial, 0);
}

static void test_long_secrets(void **state) {
        CLEANUP(freep) char *token = malloc(16 * 1024 + 1);
        CLEANUP(freep) char *refresh = malloc(16 * 1024 + 1);
        struct fixture *f = *state;

        memset(token, 't', 16 * 1024);
        memset(refresh, '/', 16 * 1024);
        token[16 * 1024] = refresh[16 * 1024] = '\0';
        assert_int_equal(save(f, token, SOURCE, refresh, SOURCE), 0);
        assert_loads(f, token, SOURCE, refresh, SOURCE);
}

static void test_a_file_an_account(void **state) {
        CLEANUP(stored_tokens_clear)
        struct stored_tokens one = tokens_of("one", SOURCE, NULL, "");
        CLEANUP(stored_tokens_clear)
        struct stored_tokens two = tokens_of("two", SOURCE, NULL, "");
        CLEANUP(stored_tokens_clear) struct stored_tokens loaded = {};
        struct fixture *f = *state;

        assert_int_equal(token_store_save(f->directory, "eu-1", &one), 0);
        assert_int_equal(token_store_save(f->directory, "eu-1.x", &two), 0);
        assert_loads(f, "one", SOURCE, NULL, "");
        assert_int_equal(token_store_load(f->directory, "eu-1.x", &loaded), 0);
        assert_string_equal(loaded.token.text, "two");
        assert_int_equal(count_entries(f->directory), 2);
}

/* Whatever the umask, and whatever there was before. */
static void test_modes(void **state) {
        struct fixture *f = *state;
        mode_t before = umask(0);

        assert_int_equal(save(f, "one", SOURCE, NULL, ""), 0);
        assert_int_equal(mode_of(f->directory), 0700);
        assert_int_equal(mode_of(f->file), 0600);
        assert_int_equal(chmod(f->file, 0644), 0);
        (void) umask(0777);
        assert_int_equal(save(f, "two", SOURCE, NULL, ""), 0);
        (void) umask(before);
        assert_int_equal(mode_of(f->file), 0600);
}

/* Who has the old file open goes on to read the old text. */
static void test_replaced_as_a_whole(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *expected = NULL, *old = NULL;
        CLEANUP(closep) int fd = -1;
        size_t expected_length, old_length;
        ino_t inode;

        assert_int_equal(save(f, "one", SOURCE, NULL, ""), 0);
        inode = inode_of(f->file);
        assert_int_equal(read_path(f->file, 4096, &expected, &expected_length), 0);
        fd = open(f->file, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(save(f, "two", SOURCE, NULL, ""), 0);
        assert_int_not_equal(inode_of(f->file), inode);
        assert_int_equal(read_all(fd, 4096, &old, &old_length), 0);
        assert_string_equal(old, expected);
        assert_loads(f, "two", SOURCE, NULL, "");
}

/* A disk that is full, for one: a limit to the size of files fails in the same place. */
static void test_failed_write_keeps_the_old(void **state) {
        static const rlim_t sizes[] = {0, 10, 100};
        void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
        struct fixture *f = *state;
        struct rlimit unlimited;
        ino_t inode;

        assert_int_equal(save(f, "one", SOURCE, "refresh", SOURCE), 0);
        inode = inode_of(f->file);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                const struct rlimit limit = {sizes[i], unlimited.rlim_max};
                int r;

                assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
                r = save(f, "two", SOURCE, "refresh", SOURCE);
                assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
                assert_int_equal(r, -EFBIG);
                assert_int_equal(inode_of(f->file), inode);
                assert_loads(f, "one", SOURCE, "refresh", SOURCE);
                assert_int_equal(count_entries(f->directory), 1);
        }
        (void) signal(SIGXFSZ, before);
        assert_int_equal(save(f, "two", SOURCE, "refresh", SOURCE), 0);
        assert_loads(f, "two", SOURCE, "refresh", SOURCE);
}

static void test_cannot_be_saved(void **state) {
        struct fixture *f = *state;

        assert_int_equal(make_directories(f->file, 0700), 0);
        assert_int_equal(save(f, "one", SOURCE, NULL, ""), -EISDIR);
        assert_int_equal(count_entries(f->directory), 1);
        assert_int_equal(rmdir(f->file), 0);
        assert_int_equal(rmdir(f->directory), 0);
        assert_int_equal(replace_file(f->directory, "", 0, 0600), 0);
        assert_int_equal(save(f, "one", SOURCE, NULL, ""), -ENOTDIR);
}

static void test_missing(void **state) {
        struct fixture *f = *state;

        assert_fails(f, -ENOENT, "no directory");
        assert_int_equal(make_directories(f->directory, 0700), 0);
        assert_fails(f, -ENOENT, "no file");
        assert_int_equal(mkdir(f->file, 0700), 0);
        assert_fails(f, -EISDIR, "a directory");
}

static void test_nothing_stored(void **state) {
        struct fixture *f = *state;

        assert_int_equal(make_directories(f->directory, 0700), 0);
        assert_int_equal(replace_file(f->file, "{}", 2, 0600), 0);
        assert_loads(f, NULL, "", NULL, "");
}

static void test_damaged(void **state) {
        static const char *const texts[] = {
                "",
                "\n",
                "x",
                "null",
                "[]",
                "\"token\"",
                "[{\"token\":{\"secret\":\"x\",\"source\":\"\"}}]",
                "{\"token\":null}",
                "{\"token\":\"x\"}",
                "{\"token\":7}",
                "{\"token\":[]}",
                "{\"token\":{}}",
                "{\"token\":{\"secret\":\"x\"}}",
                "{\"token\":{\"source\":\"\"}}",
                "{\"token\":{\"secret\":null,\"source\":\"\"}}",
                "{\"token\":{\"secret\":7,\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"x\",\"source\":null}}",
                "{\"token\":{\"secret\":\"x\",\"source\":7}}",
                "{\"token\":{\"secret\":\"\",\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"a\\nb\",\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"a\\r\\nX-Evil: 1\",\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"a\\u001b\",\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"a\\u00e9\",\"source\":\"\"}}",
                "{\"token\":{\"secret\":\"a\xff\",\"source\":\"\"}}",
                "{\"refresh\":7}",
                "{\"token\":{\"secret\":\"a\\u0000b\",\"source\":\"\"}}",
                "{}{}",
                "{} x",
        };
        struct fixture *f = *state;

        assert_int_equal(make_directories(f->directory, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(replace_file(f->file, texts[i], strlen(texts[i]), 0600), 0);
                assert_fails(f, -EBADMSG, texts[i]);
        }
        assert_int_equal(replace_file(f->file, "\0\0\0\0", 4, 0600), 0);
        assert_fails(f, -EBADMSG, "zeroes");
        assert_int_equal(unlink(f->file), 0);
        assert_int_equal(mkfifo(f->file, 0600), 0);
        assert_fails(f, -EBADMSG, "a FIFO");
}

#define GOOD "{\"secret\":\"x\",\"source\":\"\"}"

/* Half of it is not better than nothing. */
static void test_half_damaged(void **state) {
        static const char *const texts[] = {
                "{\"token\":" GOOD ",\"refresh\":{}}",
                "{\"token\":{},\"refresh\":" GOOD "}",
                "{\"token\":" GOOD ",\"refresh\":" GOOD,
        };
        struct fixture *f = *state;

        assert_int_equal(make_directories(f->directory, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(replace_file(f->file, texts[i], strlen(texts[i]), 0600), 0);
                assert_fails(f, -EBADMSG, texts[i]);
        }
}

/* As a crash may leave a file that was not on disk. */
static void test_cut_anywhere(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *text = NULL;
        size_t length;

        assert_int_equal(save(f, "one", SOURCE, "two", SOURCE), 0);
        assert_int_equal(read_path(f->file, 4096, &text, &length), 0);
        for (size_t n = 0; n < length; n++) {
                assert_int_equal(replace_file(f->file, text, n, 0600), 0);
                if (strchr(text + n, '}'))
                        assert_fails(f, -EBADMSG, "cut");
                else /* only blanks are missing */
                        assert_loads(f, "one", SOURCE, "two", SOURCE);
        }
}

static void test_depth(void **state) {
        enum { DEPTH = 10000 };
        CLEANUP(freep) char *text = malloc(DEPTH);
        struct fixture *f = *state;

        memset(text, '[', DEPTH);
        assert_int_equal(make_directories(f->directory, 0700), 0);
        assert_int_equal(replace_file(f->file, text, DEPTH, 0600), 0);
        assert_fails(f, -EBADMSG, "deep");
}

static void test_too_large(void **state) {
        static const size_t sizes[] = {256 * 1024, 256 * 1024 + 1};
        struct fixture *f = *state;

        assert_int_equal(make_directories(f->directory, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                CLEANUP(freep) char *text = str_printf("{}%*s", (int) sizes[i] - 2, "");

                assert_int_equal(replace_file(f->file, text, sizes[i], 0600), 0);
                if (i == 0)
                        assert_loads(f, NULL, "", NULL, "");
                else
                        assert_fails(f, -EFBIG, "large");
        }
}

static void test_clear(void **state) {
        struct stored_tokens t = tokens_of("one", SOURCE, "two", SOURCE), empty = {};

        (void) state;
        stored_tokens_clear(&t);
        stored_tokens_clear(&t);
        assert_memory_equal(&t, &empty, sizeof(t));
}

int main(void) {
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(test_round_trip),
                WITH_FIXTURE(test_long_secrets),
                WITH_FIXTURE(test_a_file_an_account),
                WITH_FIXTURE(test_modes),
                WITH_FIXTURE(test_replaced_as_a_whole),
                WITH_FIXTURE(test_failed_write_keeps_the_old),
                WITH_FIXTURE(test_cannot_be_saved),
                WITH_FIXTURE(test_missing),
                WITH_FIXTURE(test_nothing_stored),
                WITH_FIXTURE(test_serials),
                WITH_FIXTURE(test_damaged),
                WITH_FIXTURE(test_half_damaged),
                WITH_FIXTURE(test_cut_anywhere),
                WITH_FIXTURE(test_depth),
                WITH_FIXTURE(test_too_large),
                cmocka_unit_test(test_clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
