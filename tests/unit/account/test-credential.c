/* A secret and its file, which is replaced, broken and moved under its reader. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "common/log.h"
#include "koowatchd/account/credential.h"
#include "koowatchd/loop/dirwatch.h"
#include "unit/capture.h"
#include "unit/support.h"

#define SECRET_MAX (16 * 1024)
#define NOBODY 65534
#define WALL (1747708152 * USEC_SEC) /* long before the files were written */
#define SETTLED (500 * USEC_MSEC)

struct fixture {
        char directory[DIRECTORY_MAX];
        char file[DIRECTORY_MAX + 16];
        struct ev_loop *loop;
        struct dirwatch *watch;
        struct credential *credential;
        unsigned changes;
        usec_t now;
};

static void on_changed(void *userdata) {
        struct fixture *f = userdata;

        f->changes++;
}

static struct credential *new_credential(struct fixture *f, enum credential_kind kind) {
        struct credential *c = NULL;

        assert_int_equal(credential_new(f->watch, kind, "eu-1", on_changed, f, &c), 0);
        assert_int_equal(credential_kind(c), kind);
        return c;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        directory_make(f->directory);
        (void) snprintf(f->file, sizeof(f->file), "%s/secret", f->directory);
        f->now = USEC_DAY;
        f->loop = ev_loop_new(0);
        assert_non_null(f->loop);
        assert_int_equal(dirwatch_new(f->loop, &f->watch), 0);
        f->credential = new_credential(f, CREDENTIAL_TOKEN);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        credential_free(f->credential);
        dirwatch_free(f->watch);
        ev_loop_destroy(f->loop);
        directory_remove(f->directory);
        (void) unsetenv("CREDENTIALS_DIRECTORY");
        free(f);
        return 0;
}

/* By a rename: another inode. */
static void put(const char *path, const char *text, mode_t mode) {
        assert_int_equal(replace_file(path, text, strlen(text), mode), 0);
}

/* Over the old text: the same inode. */
static void put_in_place(const char *path, const char *text) {
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void follow_file(struct fixture *f) {
        assert_int_equal(credential_follow(f->credential, f->file), 0);
}

static usec_t look(struct fixture *f) {
        return credential_look(f->credential, f->now, WALL);
}

/* What is there now has been so for long. */
static int read_settled(struct fixture *f) {
        (void) look(f);
        f->now += SETTLED;
        (void) look(f);
        return credential_read(f->credential, f->now, WALL);
}

static void assert_reads(struct fixture *f, const char *text) {
        CLEANUP(freep) char *before = NULL;

        assert_int_equal(str_replace(&before, credential_text(f->credential)), 0);
        assert_int_equal(read_settled(f), before && !streq(before, text));
        assert_string_equal(credential_text(f->credential), text);
        assert_string_equal(credential_problem(f->credential), "");
}

/* text is what there still is; NULL: nothing. */
static void assert_problem(struct fixture *f, int error, const char *text, const char *problem) {
        int r = read_settled(f);

        if (!strstr(credential_problem(f->credential), problem))
                fail_msg("\"%s\" lacks \"%s\"", credential_problem(f->credential), problem);
        assert_int_equal(r, error);
        if (text)
                assert_string_equal(credential_text(f->credential), text);
        else
                assert_null(credential_text(f->credential));
}

/* What a reading logs, whatever its result. */
static char *read_and_capture(struct fixture *f) {
        struct capture capture;

        log_open("test-credential", LOG_TARGET_CONSOLE);

        capture_begin(&capture);
        (void) read_settled(f);
        return capture_end(&capture);
}

static void assert_logs(struct fixture *f, const char *expected) {
        CLEANUP(freep) char *text = read_and_capture(f);

        assert_string_equal(text, expected);
}

/* Where it comes from */

static void test_configured_file(void **state) {
        struct fixture *f = *state;

        put(f->file, "secret\n", 0600);
        follow_file(f);
        assert_string_equal(credential_path(f->credential), f->file);
        assert_null(credential_text(f->credential));
        assert_reads(f, "secret");
}

static const struct {
        enum credential_kind kind;
        const char *suffix, *problem;
} kinds[] = {
        {CREDENTIAL_TOKEN, "token",
         "no token is configured: set TokenFile in [Account eu-1], or write the token to the credential "
         "eu-1.token and restart"},
        {CREDENTIAL_REFRESH, "refresh-token",
         "no refresh token is configured: set RefreshTokenFile in [Account eu-1], or write the refresh "
         "token to the credential eu-1.refresh-token and restart"},
        {CREDENTIAL_APP_SECRET, "app-secret",
         "no AppSecret is configured: set AppSecretFile in [Account eu-1], or write the AppSecret to "
         "the credential eu-1.app-secret and restart"},
};

static void expect_path(struct fixture *f, const char *name, const char *suffix) {
        CLEANUP(freep) char *path = str_printf("%s/%s.%s", f->directory, name, suffix);

        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_string_equal(credential_path(f->credential), path);
}

/* systemd has named it for the folder that it comes from, or nobody has. */
static void test_credential_directory(void **state) {
        static const char *const names[] = {"eu-1", "koowatch-plain_eu-1", "koowatch_eu-1"};
        struct fixture *f = *state;

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                credential_free(f->credential);
                f->credential = new_credential(f, kinds[i].kind);
                expect_path(f, names[0], kinds[i].suffix);
                for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                        CLEANUP(freep)
                        char *path =
                                str_printf("%s/%s.%s", f->directory, names[k], kinds[i].suffix);

                        put(path, names[k], 0600);
                        expect_path(f, names[k], kinds[i].suffix);
                        assert_reads(f, names[k]);
                }
        }
}

static void test_configured_before_credential(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *other = str_printf("%s/eu-1.token", f->directory);

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
        put(other, "credential", 0600);
        put(f->file, "configured", 0600);
        follow_file(f);
        assert_reads(f, "configured");
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_reads(f, "credential");
}

/* Another file is followed: what is used is of the old one until the new one is read. */
static void test_origin(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *other = str_printf("%s/other", f->directory);

        put(f->file, "secret", 0600);
        follow_file(f);
        assert_null(credential_origin(f->credential));
        assert_reads(f, "secret");
        assert_string_equal(credential_origin(f->credential), f->file);
        assert_int_equal(credential_follow(f->credential, other), 0);
        assert_problem(f, -ENOENT, "secret", "cannot be read");
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_string_equal(credential_origin(f->credential), f->file);
        assert_int_equal(credential_follow(f->credential, other), 0);
        put(other, "secret", 0600);
        assert_reads(f, "secret");
        assert_string_equal(credential_origin(f->credential), other);
        credential_forget(f->credential);
        assert_null(credential_origin(f->credential));
}

/* systemd has put it into another folder meanwhile. */
static void test_origin_of_a_credential(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *plain = str_printf("%s/eu-1.token", f->directory);
        CLEANUP(freep) char *before = str_printf("%s/koowatch_eu-1.token", f->directory);

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
        put(plain, "secret", 0600);
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_reads(f, "secret");
        put(before, "other", 0600);
        (void) look(f);
        assert_string_equal(credential_path(f->credential), before);
        assert_string_equal(credential_origin(f->credential), plain);
        assert_reads(f, "other");
        assert_string_equal(credential_origin(f->credential), before);
}

/* A credential that is not there: the way to one is named, not a path below /run. */
static void test_no_credential(void **state) {
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                credential_free(f->credential);
                f->credential = new_credential(f, kinds[i].kind);
                assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
                assert_int_equal(credential_follow(f->credential, NULL), 0);
                assert_string_equal(credential_path(f->credential), "");
                assert_problem(f, -ENOENT, NULL, kinds[i].problem);

                assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
                assert_int_equal(credential_follow(f->credential, NULL), 0);
                assert_problem(f, -ENOENT, NULL, kinds[i].problem);
                assert_string_equal(credential_problem(f->credential), kinds[i].problem);
        }
}

static void test_never_followed(void **state) {
        struct fixture *f = *state;

        assert_string_equal(credential_path(f->credential), "");
        assert_null(credential_text(f->credential));
        assert_problem(f, -ENOENT, NULL, "no token is configured");
        credential_free(NULL);
}

/* What a file may be */

static void test_texts(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"6ebb", "6ebb"},
                {"Bearer+6ebb\n", "Bearer+6ebb"},
                {"AT 6ebb\r\n", "AT 6ebb"},
                {" \t6ebb \t\r\n\n", "6ebb"},
                {"\n6ebb", "6ebb"},
                {"\xef\xbb\xbf"
                 "6ebb\n",
                 "6ebb"},
                {"6eb+b/=\"\\~!", "6eb+b/=\"\\~!"},
        };
        struct fixture *f = *state;

        follow_file(f);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                put(f->file, cases[i].text, 0600);
                assert_reads(f, cases[i].expected);
        }
}

/* It could be read, and tells that there is none. Its text is not for a message. */
static void test_bad_texts(void **state) {
        static const struct {
                const char *text, *problem;
        } cases[] = {
                {"", "is empty"},
                {"\n\r\n", "is empty"},
                {" \t\n", "is empty"},
                {"secr\nsecr\n", "contains more than one line"},
                {"secr\r\nsecr", "contains more than one line"},
                {"secr\n\n# secr", "contains more than one line"},
                {"secr\tsecr", "contains characters other than printable ASCII"},
                {"secr\x7f", "contains characters other than printable ASCII"},
                {"secr\xc3\xa9t", "contains characters other than printable ASCII"},
                {"secr\xef\xbb\xbf", "contains characters other than printable ASCII"},
        };
        struct fixture *f = *state;

        follow_file(f);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                put(f->file, cases[i].text, 0600);
                assert_problem(f, 0, NULL, cases[i].problem);
                assert_non_null(str_after(credential_problem(f->credential), f->file));
                assert_null(strstr(credential_problem(f->credential) + strlen(f->file), "secr"));
        }
}

static void test_nul_byte(void **state) {
        struct fixture *f = *state;

        follow_file(f);
        assert_int_equal(replace_file(f->file, "a\0b", 3, 0600), 0);
        assert_problem(f, 0, NULL, "contains a NUL byte");
        assert_int_equal(replace_file(f->file, "ab\n\0", 4, 0600), 0);
        assert_problem(f, 0, NULL, "contains a NUL byte");
        assert_int_equal(replace_file(f->file, "\0", 1, 0600), 0);
        assert_problem(f, 0, NULL, "contains a NUL byte");
}

static void test_missing(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep)
        char *problem = str_printf("%s cannot be read (No such file or directory)", f->file);

        follow_file(f);
        assert_problem(f, -ENOENT, NULL, problem);
        put(f->file, "secret", 0600);
        assert_reads(f, "secret");
}

/* A FIFO that nobody writes to must not stop the reader. */
static void test_no_regular_file(void **state) {
        struct fixture *f = *state;

        assert_int_equal(credential_follow(f->credential, f->directory), 0);
        assert_problem(f, -EINVAL, NULL, "is not a regular file");

        follow_file(f);
        assert_int_equal(mkfifo(f->file, 0600), 0);
        assert_problem(f, -EINVAL, NULL, "is not a regular file");

        assert_int_equal(unlink(f->file), 0);
        assert_int_equal(symlink("/dev/null", f->file), 0);
        assert_problem(f, -EINVAL, NULL, "is not a regular file");

        assert_int_equal(unlink(f->file), 0);
        assert_int_equal(symlink("secret", f->file), 0);
        assert_problem(f, -ELOOP, NULL, "cannot be read");
}

static void test_link(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *target = str_printf("%s/target", f->directory);

        put(target, "secret", 0600);
        assert_int_equal(symlink("target", f->file), 0);
        follow_file(f);
        assert_reads(f, "secret");
}

static void test_unreadable(void **state) {
        bool is_root = geteuid() == 0;
        struct fixture *f = *state;
        int r;

        put(f->file, "secret", 0000);
        follow_file(f);
        if (is_root && seteuid(NOBODY) < 0)
                skip();
        r = read_settled(f);
        if (is_root)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(r, -EACCES);
        assert_null(credential_text(f->credential));
        assert_non_null(
                strstr(credential_problem(f->credential), "cannot be read (Permission denied)"));
}

static void test_size(void **state) {
        CLEANUP(freep) char *text = malloc(SECRET_MAX + 2);
        struct fixture *f = *state;

        follow_file(f);
        memset(text, 'a', SECRET_MAX + 1);
        text[SECRET_MAX + 1] = '\0';
        put(f->file, text, 0600);
        assert_problem(f, -EFBIG, NULL, "cannot be read (File too large)");
        text[SECRET_MAX] = '\0';
        put(f->file, text, 0600);
        assert_reads(f, text);
}

/* What becomes of it */

static void test_replaced(void **state) {
        struct fixture *f = *state;

        follow_file(f);
        put(f->file, "one", 0600);
        assert_reads(f, "one");
        put(f->file, "two", 0600);
        assert_string_equal(credential_text(f->credential), "one");
        assert_reads(f, "two");
        put_in_place(f->file, "three");
        assert_reads(f, "three");
        put_in_place(f->file, "two");
        assert_reads(f, "two");
        assert_reads(f, "two");
}

/* Somebody may be in the middle of replacing it. */
static void test_stays_in_use(void **state) {
        struct fixture *f = *state;

        follow_file(f);
        put(f->file, "secret", 0600);
        assert_reads(f, "secret");
        put_in_place(f->file, "");
        assert_problem(f, 0, "secret", "is empty");
        put_in_place(f->file, "a\nb\n");
        assert_problem(f, 0, "secret", "one line");
        assert_int_equal(unlink(f->file), 0);
        assert_problem(f, -ENOENT, "secret", "No such file");
        assert_int_equal(mkdir(f->file, 0700), 0);
        assert_problem(f, -EINVAL, "secret", "not a regular file");
        assert_int_equal(rmdir(f->file), 0);
        put(f->file, "other", 0600);
        assert_reads(f, "other");
}

static void test_stays_in_use_with_a_warning(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep)
        char *empty = str_printf(
                "warning account eu-1: %s is empty; still using the previous token\n", f->file);
        CLEANUP(freep)
        char *missing = str_printf(
                "warning account eu-1: %s cannot be read (No such file or directory); still using the previous token\n",
                f->file);

        follow_file(f);
        assert_logs(f, ""); /* there is no other: whoever needs it tells */
        put(f->file, "secret", 0600);
        assert_logs(f, "");
        put_in_place(f->file, "");
        assert_logs(f, empty);
        assert_logs(f, "");
        assert_int_equal(unlink(f->file), 0);
        assert_logs(f, missing);
        assert_logs(f, "");
        put(f->file, "secret", 0600);
        assert_logs(f, "");
        assert_int_equal(unlink(f->file), 0);
        assert_logs(f, missing);
}

static void test_names_in_warnings(void **state) {
        static const struct {
                enum credential_kind kind;
                const char *end;
        } cases[] = {
                {CREDENTIAL_REFRESH, "; still using the previous refresh token\n"},
                {CREDENTIAL_APP_SECRET, "; still using the previous AppSecret\n"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *text = NULL;

                credential_free(f->credential);
                f->credential = new_credential(f, cases[i].kind);
                follow_file(f);
                put(f->file, "secret", 0600);
                assert_reads(f, "secret");
                put(f->file, "", 0600);
                text = read_and_capture(f);
                assert_true(str_ends_with(text, cases[i].end));
        }
}

/* Somewhere else: the old one until the new one has been read. */
static void test_followed_elsewhere(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *other = str_printf("%s/other", f->directory);

        put(f->file, "one", 0600);
        follow_file(f);
        assert_reads(f, "one");
        assert_int_equal(credential_follow(f->credential, other), 0);
        assert_string_equal(credential_path(f->credential), other);
        assert_string_equal(credential_text(f->credential), "one");
        assert_problem(f, -ENOENT, "one", "other cannot be read");
        put(other, "two", 0600);
        assert_reads(f, "two");
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_problem(f, -ENOENT, "two", "no token is configured");
}

static void test_mode(void **state) {
        static const struct {
                mode_t mode;
                const char *shown; /* NULL: nothing to warn of */
        } cases[] = {
                {0600, NULL},   {0400, NULL},   {0700, NULL},   {0640, "0640"},
                {0604, "0604"}, {0644, "0644"}, {0602, "0602"}, {0610, "0610"},
        };
        struct fixture *f = *state;

        follow_file(f);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CLEANUP(freep) char *secret = str_printf("secret-%zu", i);
                CLEANUP(freep) char *expected = NULL;

                expected = cases[i].shown
                                   ? str_printf("warning account eu-1: %s is readable by others "
                                                "(mode %s); chmod 0600 it\n",
                                                f->file, cases[i].shown)
                                   : strdup("");
                put(f->file, secret, cases[i].mode);
                assert_logs(f, expected);
                assert_reads(f, secret);
                put(f->file, secret, cases[i].mode);
                assert_logs(f, ""); /* once for each secret */
                put(f->file, secret, 0600);
                assert_logs(f, "");
                put(f->file, secret, cases[i].mode);
                assert_logs(f, cases[i].mode == 0600 ? "" : expected); /* and each mode */
        }
}

/* systemd's copies have the mode that it gives them. */
static void test_mode_of_credential(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *path = str_printf("%s/eu-1.token", f->directory);

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
        put(path, "secret", 0644);
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_logs(f, "");
        assert_reads(f, "secret");
}

/* How a change is heard of */

static void await_change(struct fixture *f) {
        while (f->changes == 0)
                assert_true(ev_run(f->loop, EVRUN_ONCE));
        while (f->changes > 0) { /* and whatever came with it */
                f->changes = 0;
                (void) ev_run(f->loop, EVRUN_NOWAIT);
        }
}

/* The kernel has reported everything when the call that did it returns. */
static void assert_no_change(struct fixture *f) {
        (void) ev_run(f->loop, EVRUN_NOWAIT);
        assert_int_equal(f->changes, 0);
}

static void test_hears_of_changes(void **state) {
        struct fixture *f = *state;

        follow_file(f);
        assert_no_change(f);
        put(f->file, "one", 0600);
        await_change(f);
        assert_reads(f, "one");
        assert_no_change(f);
        put(f->file, "two", 0600);
        await_change(f);
        assert_reads(f, "two");
        put_in_place(f->file, "three");
        await_change(f);
        assert_reads(f, "three");
        assert_int_equal(chmod(f->file, 0400), 0);
        await_change(f);
        assert_int_equal(unlink(f->file), 0);
        await_change(f);
        assert_problem(f, -ENOENT, "three", "No such file");
}

/* A link to a directory that is exchanged: nothing happens to a file of that name. */
static void test_hears_of_links(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *old = str_printf("%s/old", f->directory);
        CLEANUP(freep) char *new = str_printf("%s/new", f->directory);
        CLEANUP(freep) char *data = str_printf("%s/data", f->directory);
        CLEANUP(freep) char *next = str_printf("%s/next", f->directory);
        CLEANUP(freep) char *old_file = str_printf("%s/secret", old);
        CLEANUP(freep) char *new_file = str_printf("%s/secret", new);

        assert_int_equal(mkdir(old, 0700), 0);
        assert_int_equal(mkdir(new, 0700), 0);
        put(old_file, "one", 0600);
        put(new_file, "two", 0600);
        assert_int_equal(symlink("old", data), 0);
        assert_int_equal(symlink("data/secret", f->file), 0);
        follow_file(f);
        assert_reads(f, "one");
        assert_int_equal(symlink("new", next), 0);
        assert_int_equal(rename(next, data), 0);
        await_change(f);
        assert_reads(f, "two");
}

static void test_hears_of_a_new_directory(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *directory = str_printf("%s/a", f->directory);
        CLEANUP(freep) char *deeper = str_printf("%s/a/b", f->directory);
        CLEANUP(freep) char *file = str_printf("%s/a/b/secret", f->directory);

        assert_int_equal(credential_follow(f->credential, file), 0);
        assert_problem(f, -ENOENT, NULL, "No such file");
        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(mkdir(deeper, 0700), 0);
        put(file, "one", 0600);
        await_change(f);
        assert_reads(f, "one");
        put(file, "two", 0600);
        await_change(f);
        assert_reads(f, "two");
}

static void test_hears_of_one_directory(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *directory = str_printf("%s/other", f->directory);
        CLEANUP(freep) char *file = str_printf("%s/other/secret", f->directory);

        assert_int_equal(mkdir(directory, 0700), 0);
        follow_file(f);
        assert_int_equal(credential_follow(f->credential, file), 0);
        put(f->file, "one", 0600);
        assert_no_change(f);
        put(file, "two", 0600);
        await_change(f);
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        put(file, "three", 0600);
        assert_no_change(f);
}

/* What is noticed without an event */

static char *in(struct fixture *f, const char *name) {
        char *path = str_printf("%s/%s", f->directory, name);

        assert_non_null(path);
        return path;
}

static void make_directory(struct fixture *f, const char *name) {
        CLEANUP(freep) char *path = in(f, name);

        assert_int_equal(mkdir(path, 0700), 0);
}

static void put_in(struct fixture *f, const char *name, const char *text) {
        CLEANUP(freep) char *path = in(f, name);

        put(path, text, 0600);
}

/* Replaces what is there, as ln -sfn does not: at once. */
static void link_to(struct fixture *f, const char *target, const char *name) {
        CLEANUP(freep) char *path = in(f, name);
        CLEANUP(freep) char *next = in(f, "next");

        assert_int_equal(symlink(target, next), 0);
        assert_int_equal(rename(next, path), 0);
}

static void follow_in(struct fixture *f, const char *name) {
        CLEANUP(freep) char *path = in(f, name);

        assert_int_equal(credential_follow(f->credential, path), 0);
}

/* Not before it has settled; and then there is nothing to read again. */
static void assert_notices(struct fixture *f, const char *text) {
        f->now += USEC_MINUTE;
        assert_int_equal(look(f), f->now + SETTLED);
        f->now += SETTLED;
        assert_true(look(f) <= f->now);
        assert_int_equal(credential_read(f->credential, f->now, WALL), 1);
        assert_string_equal(credential_text(f->credential), text);
}

static void test_notices_a_replaced_target(void **state) {
        struct fixture *f = *state;

        make_directory(f, "here");
        make_directory(f, "there");
        put_in(f, "there/token", "one");
        link_to(f, "../there/token", "here/token");
        follow_in(f, "here/token");
        assert_reads(f, "one");
        put_in(f, "there/token", "two");
        assert_notices(f, "two");
}

static void test_notices_a_late_target(void **state) {
        struct fixture *f = *state;

        make_directory(f, "here");
        link_to(f, "../there/token", "here/token");
        follow_in(f, "here/token");
        assert_problem(f, -ENOENT, NULL, "No such file");
        f->now += USEC_MINUTE;
        assert_int_equal(look(f), USEC_INFINITY);
        make_directory(f, "there");
        put_in(f, "there/token", "one");
        assert_true(look(f) > f->now);
        assert_reads(f, "one");
}

/* As Kubernetes replaces all files of a volume. */
static void test_notices_swapped_data(void **state) {
        struct fixture *f = *state;

        make_directory(f, "..1");
        put_in(f, "..1/token", "one");
        link_to(f, "..1", "..data");
        link_to(f, "..data/token", "token");
        follow_in(f, "token");
        assert_reads(f, "one");
        make_directory(f, "..2");
        put_in(f, "..2/token", "two");
        link_to(f, "..2", "..data");
        assert_notices(f, "two");
}

static void test_notices_another_directory(void **state) {
        struct fixture *f = *state;

        make_directory(f, "a");
        make_directory(f, "b");
        put_in(f, "a/token", "one");
        put_in(f, "b/token", "two");
        link_to(f, "a", "current");
        follow_in(f, "current/token");
        assert_reads(f, "one");
        link_to(f, "b", "current");
        assert_notices(f, "two");
}

static void test_notices_a_replaced_parent(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *parent = in(f, "parent");
        CLEANUP(freep) char *away = in(f, "away");

        make_directory(f, "parent");
        make_directory(f, "parent/a");
        put_in(f, "parent/a/token", "one");
        follow_in(f, "parent/a/token");
        assert_reads(f, "one");
        assert_int_equal(rename(parent, away), 0);
        make_directory(f, "parent");
        make_directory(f, "parent/a");
        put_in(f, "parent/a/token", "two");
        assert_notices(f, "two");
}

/* Over its directory, over itself and away again, in a mount namespace of the test's own. */
static void test_notices_mounts(void **state) {
        struct fixture *f = *state;
        CLEANUP(freep) char *parent = in(f, "parent");
        CLEANUP(freep) char *directory = in(f, "parent/a");
        CLEANUP(freep) char *file = in(f, "parent/a/token");
        CLEANUP(freep) char *other = in(f, "other");

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                skip();
        make_directory(f, "parent");
        make_directory(f, "parent/a");
        put_in(f, "parent/a/token", "one");
        put_in(f, "other", "four");
        follow_in(f, "parent/a/token");
        assert_reads(f, "one");
        assert_int_equal(mount("test", directory, "tmpfs", 0, NULL), 0);
        put_in(f, "parent/a/token", "two");
        assert_notices(f, "two");
        assert_int_equal(mount("test", parent, "tmpfs", 0, NULL), 0);
        make_directory(f, "parent/a");
        put_in(f, "parent/a/token", "three");
        assert_notices(f, "three");
        assert_int_equal(mount(other, file, NULL, MS_BIND, NULL), 0);
        assert_notices(f, "four");
        assert_int_equal(umount(file), 0);
        assert_notices(f, "three");
        assert_int_equal(umount(parent), 0);
        assert_notices(f, "two");
        assert_int_equal(umount(directory), 0);
        assert_notices(f, "one");
}

/* Whatever kept it from being read, the next look finds that it can be. */
static void test_read_again_after_an_error(void **state) {
        struct fixture *f = *state;
        struct rlimit limit, none;

        put(f->file, "one", 0600);
        follow_file(f);
        assert_reads(f, "one");
        put_in_place(f->file, "two");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){0, limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_problem(f, -EMFILE, "one", "Too many open files");
        assert_true(look(f) <= f->now);
        assert_problem(f, -EMFILE, "one", "Too many open files");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(look(f) <= f->now);
        assert_int_equal(credential_read(f->credential, f->now, WALL), 1);
        assert_string_equal(credential_text(f->credential), "two");
        assert_int_equal(look(f), USEC_INFINITY);
}

/* A directory that may not be entered yet, as before it is mounted. */
static void test_read_again_after_a_denial(void **state) {
        bool is_root = geteuid() == 0;
        struct fixture *f = *state;
        usec_t again;
        int r;

        put(f->file, "one", 0644);
        follow_file(f);
        assert_int_equal(chmod(f->directory, 0), 0);
        if (is_root && seteuid(NOBODY) < 0)
                skip();
        r = read_settled(f);
        again = look(f);
        if (is_root)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(r, -EACCES);
        assert_int_equal(again, USEC_INFINITY);
        assert_int_equal(chmod(f->directory, 0700), 0);
        f->now += USEC_MINUTE;
        assert_int_equal(look(f), f->now + SETTLED);
        assert_reads(f, "one");
}

/* The service manager's credentials: the first name that is there counts, whenever it comes. */
static void test_notices_another_name(void **state) {
        struct fixture *f = *state;

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->directory, 1), 0);
        put_in(f, "eu-1.token", "one");
        assert_int_equal(credential_follow(f->credential, NULL), 0);
        assert_true(look(f) <= f->now); /* written before the service was started */
        assert_reads(f, "one");
        put_in(f, "koowatch_eu-1.token", "two");
        assert_notices(f, "two");
        assert_non_null(strstr(credential_path(f->credential), "/koowatch_eu-1.token"));
}

/* Half a secret */

static void test_half_written(void **state) {
        struct fixture *f = *state;

        put(f->file, "ha", 0600);
        follow_file(f);
        assert_int_equal(look(f), f->now + SETTLED);
        assert_true(credential_is_pending(f->credential));
        f->now += SETTLED - 1;
        put_in_place(f->file, "half");
        assert_int_equal(look(f), f->now + SETTLED);
        assert_null(credential_text(f->credential));
        f->now += SETTLED;
        assert_true(look(f) <= f->now);
        assert_int_equal(credential_read(f->credential, f->now, WALL), 0);
        assert_string_equal(credential_text(f->credential), "half");
        assert_false(credential_is_pending(f->credential));
}

/* What was not there at the look is not read. */
static void test_written_after_the_look(void **state) {
        struct fixture *f = *state;

        follow_file(f);
        put(f->file, "one", 0600);
        assert_reads(f, "one");
        put_in_place(f->file, "half");
        assert_int_equal(credential_read(f->credential, f->now, WALL), -EAGAIN);
        assert_string_equal(credential_text(f->credential), "one");
        assert_string_equal(credential_problem(f->credential), "");
        assert_notices(f, "half");
}

/* A finished file that is renamed into place need not settle, but a link says nothing. */
static void test_renamed_into_place(void **state) {
        struct fixture *f = *state;

        put(f->file, "one", 0600);
        follow_file(f);
        assert_reads(f, "one");
        put(f->file, "two", 0600);
        await_change(f);
        assert_true(look(f) <= f->now);
        assert_int_equal(credential_read(f->credential, f->now, WALL), 1);
        assert_string_equal(credential_text(f->credential), "two");

        put_in(f, "target", "three");
        link_to(f, "target", "secret");
        await_change(f);
        assert_notices(f, "three");
}

static void test_follows_again(void **state) {
        struct fixture *f = *state;

        put(f->file, "one", 0600);
        follow_file(f);
        assert_reads(f, "one");
        follow_file(f); /* a reload: nothing is new */
        assert_int_equal(look(f), USEC_INFINITY);
        credential_forget(f->credential);
        assert_true(credential_is_pending(f->credential));
        assert_reads(f, "one");
}

int main(void) {
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(test_configured_file),
                WITH_FIXTURE(test_credential_directory),
                WITH_FIXTURE(test_configured_before_credential),
                WITH_FIXTURE(test_origin),
                WITH_FIXTURE(test_origin_of_a_credential),
                WITH_FIXTURE(test_no_credential),
                WITH_FIXTURE(test_never_followed),
                WITH_FIXTURE(test_texts),
                WITH_FIXTURE(test_bad_texts),
                WITH_FIXTURE(test_nul_byte),
                WITH_FIXTURE(test_missing),
                WITH_FIXTURE(test_no_regular_file),
                WITH_FIXTURE(test_link),
                WITH_FIXTURE(test_unreadable),
                WITH_FIXTURE(test_size),
                WITH_FIXTURE(test_replaced),
                WITH_FIXTURE(test_stays_in_use),
                WITH_FIXTURE(test_stays_in_use_with_a_warning),
                WITH_FIXTURE(test_names_in_warnings),
                WITH_FIXTURE(test_followed_elsewhere),
                WITH_FIXTURE(test_mode),
                WITH_FIXTURE(test_mode_of_credential),
                WITH_FIXTURE(test_hears_of_changes),
                WITH_FIXTURE(test_hears_of_links),
                WITH_FIXTURE(test_hears_of_a_new_directory),
                WITH_FIXTURE(test_hears_of_one_directory),
                WITH_FIXTURE(test_notices_a_replaced_target),
                WITH_FIXTURE(test_notices_a_late_target),
                WITH_FIXTURE(test_notices_swapped_data),
                WITH_FIXTURE(test_notices_another_directory),
                WITH_FIXTURE(test_notices_a_replaced_parent),
                WITH_FIXTURE(test_notices_mounts),
                WITH_FIXTURE(test_read_again_after_an_error),
                WITH_FIXTURE(test_read_again_after_a_denial),
                WITH_FIXTURE(test_notices_another_name),
                WITH_FIXTURE(test_half_written),
                WITH_FIXTURE(test_written_after_the_look),
                WITH_FIXTURE(test_renamed_into_place),
                WITH_FIXTURE(test_follows_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
