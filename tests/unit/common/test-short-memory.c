/* What is read and kept, while one allocation after the other fails: -ENOMEM, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/event-id.h"
#include "common/hook-file.h"
#include "common/hookdir.h"
#include "common/index.h"
#include "common/ini.h"
#include "common/json.h"
#include "common/log-backlog.h"
#include "common/log-record.h"
#include "unit/short-memory.h"
#include "unit/support.h"

static uint64_t hash_of(const void *object) {
        return hash_text(object, HASH_START);
}

static bool is_text(const void *object, const void *key) {
        return streq(object, key);
}

/* What was in it stays there, and can be found. */
static void test_index(void **state) {
        static char names[40][8];
        struct index index;

        (void) state;
        index_init(&index, hash_of);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                (void) snprintf(names[i], sizeof(names[i]), "%zu", i);
                memory_fail(1);
                if (index_add(&index, names[i]) < 0) {
                        assert_true(memory_end());
                        assert_int_equal(index.count, i);
                        assert_int_equal(index_add(&index, names[i]), 0);
                }
                assert_false(memory_end() && i == 0 && index.count == 0);
                for (size_t k = 0; k <= i; k++)
                        assert_ptr_equal(index_find(&index, hash_of(names[k]), is_text, names[k]),
                                         names[k]);
        }
        index_clear(&index);
}

static void read_json(const char *text, size_t length) {
        static const struct json_rules rules = {
                .depth = 8, .containers = 20, .values = 60, .repair = true};
        char fault[JSON_FAULT_MAX];
        json_object *root;

        assert_short_memory(json_read(text, length, &rules, NULL, &root, fault),
                            json_object_put(root));
}

static void test_json(void **state) {
        (void) state;
        read_json("{\"a\":1}", 7);
        read_json("{\"a\":\"\n\"}", 9); /* repaired */
        read_json("{\0}\0", 4);         /* recoded */
}

static int on_key(void *userdata, unsigned line, const char *section, const char *key,
                  const char *value) {
        (void) line;
        (void) section;
        (void) key;
        (void) value;
        ++*(unsigned *) userdata;
        return 0;
}

static void on_error(void *userdata, unsigned line, const char *text) {
        (void) userdata;
        fail_msg("%u: %s", line, text);
}

static void test_ini(void **state) {
        static const char text[] = "[Task]\nTaskId=1\\\n2\nShareId=3\n";
        unsigned keys;
        const struct ini_handler handler = {
                .on_key = on_key, .on_error = on_error, .userdata = &keys};

        (void) state;
        assert_short_memory((keys = 0, ini_parse(text, strlen(text), &handler)), (void) 0);
        assert_int_equal(keys, 2);
}

static void put(const char *directory, const char *name, const char *text, mode_t mode) {
        CLEANUP(freep) char *path = str_printf("%s/%s", directory, name);

        assert_int_equal(replace_file(path, text, strlen(text), mode), 0);
}

static void make(const char *directory, const char *name) {
        CLEANUP(freep) char *path = str_printf("%s/%s", directory, name);

        assert_int_equal(mkdir(path, 0755), 0);
}

static void on_fault(void *userdata, bool is_error, const char *file, unsigned line,
                     const char *text) {
        (void) userdata;
        (void) is_error;
        fail_msg("%s:%u: %s", file, line, text);
}

static int copy_account(const struct account_config *from, struct account_config *ret) {
        return account_config_copy(from, ret);
}

/* No fault tells of it, and what was read so far is freed. */
static void test_config(void **state) {
        static const char main_file[] =
                "[Daemon]\nTaskDirectories=/etc/a:STATE/tasks.d\nStateDirectory=/var/lib/a\n"
                "MetricsFile=/run/metrics\n[Hooks]\nDirectories=/etc/hooks\nRunner=spawn\n"
                "[Account]\nEndpoint=https://drive.example.com\nUserId=1\nAgentName=2\n"
                "TokenFile=/etc/token\nProxy=http://proxy:3128\nCAFile=/etc/ca.pem\n";
        static const char drop_in[] =
                "[Account other]\nEndpoint=https://other.example.com\nRateLimit=5/min\n"
                "UserId=1\nAuth=app\nAppId=app\nAppSecretFile=/etc/secret\nSignedHeaders=host\n";
        char directory[DIRECTORY_MAX];
        CLEANUP(freep) char *path = NULL;
        struct account_config copy;
        struct config *config;

        (void) state;
        directory_make(directory);
        path = str_printf("%s/a.conf", directory);
        put(directory, "a.conf", main_file, 0644);
        make(directory, "a.conf.d");
        put(directory, "a.conf.d/b.conf", drop_in, 0644);
        assert_short_memory(config_read(path, true, &account_keys, on_fault, NULL, &config),
                            (void) 0);
        assert_string_equal(config_account(config, "other")->app_id, "app");
        assert_short_memory(copy_account(config_account(config, "other"), &copy), (void) 0);
        assert_true(account_config_is_same(&copy, config_account(config, "other")));
        account_config_clear(&copy);
        assert_short_memory(config_set_state_directory(config, "/srv/state"), (void) 0);
        assert_string_equal(config->task_directories, "/etc/a:/srv/state/tasks.d");
        (void) config_free(config);
        directory_remove(directory);
}

static void test_hooks(void **state) {
        char directory[DIRECTORY_MAX];
        CLEANUP(freep) char *hook = NULL, *script = NULL;
        CLEANUP(hook_list_clear) struct hook_list list = {0};
        char *path = NULL, *problem = NULL;

        (void) state;
        directory_make(directory);
        hook = str_printf("%s/named.d/fetch", directory);
        script = str_printf("%s/named.d/broken", directory);
        make(directory, "named.d");
        put(directory, "named.d/fetch", "#!/bin/sh\n", 0755);
        put(directory, "named.d/broken", "#!/nowhere\n", 0755);
        assert_short_memory(hookdir_list(directory, "named.d", &list), (void) 0);
        assert_int_equal(list.count, 2);
        assert_short_memory(hookdir_find(directory, "named.d", "fetch", &path, &problem),
                            free(path));
        assert_short_memory(hook_find_named(directory, "fetch", &problem), (void) 0);
        assert_short_memory(hook_file_check(hook, true, &problem), (void) 0);
        for (unsigned n = 1;; n++) {
                char *why;

                memory_fail(n);
                why = hook_file_explain(script, ENOENT);
                if (!memory_end()) {
                        assert_string_equal(why, "its interpreter /nowhere does not exist");
                        free(why);
                        break;
                }
                assert_null(why);
        }
        directory_remove(directory);
}

static char last_fault[128];

static void note_fault(void *userdata, bool is_error, const char *file, unsigned line,
                       const char *text) {
        (void) userdata;
        (void) is_error;
        (void) file;
        (void) line;
        (void) snprintf(last_fault, sizeof(last_fault), "%s", text);
}

/* A fault is told all the same, without what is in it. */
static void test_a_fault(void **state) {
        struct settings_faults faults = {.on_fault = note_fault, .file = "a"};

        (void) state;
        settings_fault(&faults, true, 1, "unknown key %s", "A");
        assert_string_equal(last_fault, "unknown key A");
        memory_fail(1);
        settings_fault(&faults, true, 1, "unknown key %s", "A");
        assert_true(memory_end());
        assert_string_equal(last_fault, "unknown key %s");
}

static void test_log_backlog(void **state) {
        struct log_backlog backlog = LOG_BACKLOG_EMPTY(backlog);
        const struct log_record record = {.identifier = "test", .message = "words"};

        (void) state;
        assert_short_memory(log_backlog_push(&backlog, &record), (void) 0);
        assert_int_equal(backlog.count, 1);
        log_backlog_pop(&backlog);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_index),       cmocka_unit_test(test_json),
                cmocka_unit_test(test_ini),         cmocka_unit_test(test_config),
                cmocka_unit_test(test_hooks),       cmocka_unit_test(test_a_fault),
                cmocka_unit_test(test_log_backlog),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
