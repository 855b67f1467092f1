/*
 * fake-manager FILE: org.koowatch1 on the session bus, as FILE says
 *
 * FILE, JSON, has "tasks" (what Get says, with List's keys among them), "history", "accounts"
 * and "properties". It is read again when "reload" is written to standard input. Lines there
 * are commands:
 *   reload
 *   signal NAME JSON        TaskChanged {"name": ...}
 *   quit
 * Each call is told on standard output: METHOD [ARGUMENT...]; "ready" when the name is taken.
 * With "errors": {"METHOD": ["Invalid", "a sentence"]} a method fails.
 */
#include <errno.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/util.h"
#include "koowatchd/bus/bus-interface.h"

struct manager {
        sd_bus *bus;
        const char *path;
        json_object *all;
        bool quit;
};

static void append_dict(sd_bus_message *m, json_object *object, unsigned depth);

static void append_dicts(sd_bus_message *m, json_object *array, unsigned depth) {
        (void) sd_bus_message_open_container(m, 'a', "a{sv}");
        for (size_t i = 0; i < json_object_array_length(array); i++)
                append_dict(m, json_object_array_get_idx(array, i), depth + 1);
        (void) sd_bus_message_close_container(m);
}

static void append_strings(sd_bus_message *m, json_object *array) {
        (void) sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; i < json_object_array_length(array); i++)
                (void) sd_bus_message_append(
                        m, "s", json_object_get_string(json_object_array_get_idx(array, i)));
        (void) sd_bus_message_close_container(m);
}

static void append_variables(sd_bus_message *m, json_object *object) {
        (void) sd_bus_message_open_container(m, 'v', "a{ss}");
        (void) sd_bus_message_open_container(m, 'a', "{ss}");
        json_object_object_foreach(object, key, value) {
                (void) sd_bus_message_append(m, "{ss}", key, json_object_get_string(value));
        }
        (void) sd_bus_message_close_container(m);
        (void) sd_bus_message_close_container(m);
}

static bool has_strings(json_object *array) {
        return json_object_array_length(array) > 0 &&
               json_object_is_type(json_object_array_get_idx(array, 0), json_type_string);
}

static void append_value(sd_bus_message *m, const char *key, json_object *value, unsigned depth) {
        bool strings = json_object_is_type(value, json_type_array) && has_strings(value);

        if (streq(key, "answer")) {
                (void) sd_bus_message_append(m, "v", "s", json_object_to_json_string(value));
                return;
        }
        if (streq(key, "variables")) {
                append_variables(m, value);
                return;
        }
        switch (json_object_get_type(value)) {
        case json_type_string:
                (void) sd_bus_message_append(m, "v", "s", json_object_get_string(value));
                break;
        case json_type_int:
                (void) sd_bus_message_append(m, "v", "x", json_object_get_int64(value));
                break;
        case json_type_boolean:
                (void) sd_bus_message_append(m, "v", "b", (int) json_object_get_boolean(value));
                break;
        case json_type_double:
                (void) sd_bus_message_append(m, "v", "d", json_object_get_double(value));
                break;
        case json_type_array:
                (void) sd_bus_message_open_container(m, 'v', strings ? "as" : "aa{sv}");
                if (strings)
                        append_strings(m, value);
                else
                        append_dicts(m, value, depth);
                (void) sd_bus_message_close_container(m);
                break;
        default:
                (void) sd_bus_message_open_container(m, 'v', "a{sv}");
                append_dict(m, value, depth + 1);
                (void) sd_bus_message_close_container(m);
        }
}

static void append_dict(sd_bus_message *m, json_object *object, unsigned depth) {
        if (depth > 10)
                abort();
        (void) sd_bus_message_open_container(m, 'a', "{sv}");
        json_object_object_foreach(object, key, value) {
                (void) sd_bus_message_open_container(m, 'e', "sv");
                (void) sd_bus_message_append(m, "s", key);
                append_value(m, key, value, depth);
                (void) sd_bus_message_close_container(m);
        }
        (void) sd_bus_message_close_container(m);
}

static json_object *list_of(const struct manager *manager, const char *key) {
        return json_object_object_get(manager->all, key);
}

static json_object *find_task(const struct manager *manager, const char *name) {
        json_object *tasks = list_of(manager, "tasks");

        for (size_t i = 0; tasks && i < json_object_array_length(tasks); i++) {
                json_object *task = json_object_array_get_idx(tasks, i);

                if (streq(json_object_get_string(json_object_object_get(task, "name")), name))
                        return task;
        }
        return NULL;
}

/* Whether "errors" has the method; the call is then answered. */
static bool has_failed(const struct manager *manager, sd_bus_message *call) {
        json_object *error =
                json_object_object_get(list_of(manager, "errors"), sd_bus_message_get_member(call));
        CLEANUP(freep) char *name = NULL;

        if (!error)
                return false;
        name = str_printf("org.koowatch1.Error.%s",
                          json_object_get_string(json_object_array_get_idx(error, 0)));
        (void) sd_bus_reply_method_errorf(
                call, name, "%s", json_object_get_string(json_object_array_get_idx(error, 1)));
        return true;
}

static int on_get(struct manager *manager, sd_bus_message *call) {
        sd_bus_message *reply = NULL;
        json_object *task;
        const char *name;
        int r;

        (void) sd_bus_message_read(call, "s", &name);
        (void) printf("Get %s\n", name);
        if (has_failed(manager, call))
                return 1;
        task = find_task(manager, name);
        if (!task)
                return sd_bus_reply_method_errorf(call, "org.koowatch1.Error.NotFound",
                                                  "there is no task %s", name);
        (void) sd_bus_message_new_method_return(call, &reply);
        append_dict(reply, task, 0);
        r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

/* A filter of the call, as an object of its texts and booleans. */
static json_object *read_filter(sd_bus_message *call) {
        json_object *filter = json_object_new_object();
        const char *key, *contents, *text;
        char type;

        (void) sd_bus_message_enter_container(call, 'a', "{sv}");
        while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
                int64_t number;
                int flag;

                (void) sd_bus_message_read(call, "s", &key);
                (void) sd_bus_message_peek_type(call, &type, &contents);
                (void) sd_bus_message_enter_container(call, 'v', contents);
                if (streq(contents, "b")) {
                        (void) sd_bus_message_read(call, "b", &flag);
                        (void) json_object_object_add(filter, key, json_object_new_boolean(flag));
                } else if (streq(contents, "x")) {
                        (void) sd_bus_message_read(call, "x", &number);
                        (void) json_object_object_add(filter, key, json_object_new_int64(number));
                } else if (streq(contents, "s")) {
                        (void) sd_bus_message_read(call, "s", &text);
                        (void) json_object_object_add(filter, key, json_object_new_string(text));
                } else {
                        json_object *texts = json_object_new_object();
                        const char *name;

                        (void) sd_bus_message_enter_container(call, 'a', "{ss}");
                        while (sd_bus_message_read(call, "{ss}", &name, &text) > 0)
                                (void) json_object_object_add(texts, name,
                                                              json_object_new_string(text));
                        (void) sd_bus_message_exit_container(call);
                        (void) json_object_object_add(filter, key, texts);
                }
                (void) sd_bus_message_exit_container(call);
                (void) sd_bus_message_exit_container(call);
        }
        (void) sd_bus_message_exit_container(call);
        return filter;
}

static bool matches(json_object *entry, json_object *filter) {
        json_object_object_foreach(filter, key, wanted) {
                const char *value = json_object_get_string(json_object_object_get(entry, key));

                if (streq(key, "failed")) {
                        const char *result =
                                json_object_get_string(json_object_object_get(entry, "result"));

                        if (result && streq(result, "succeeded"))
                                return false;
                } else if (streq(key, "since")) {
                        value = json_object_get_string(json_object_object_get(entry, "finishedAt"));
                        if (!value || strcmp(value, json_object_get_string(wanted)) < 0)
                                return false;
                } else if (!value || fnmatch(json_object_get_string(wanted), value, 0) != 0) {
                        return false;
                }
        }
        return true;
}

/* List and History: the cursor is an index. */
static int on_list(struct manager *manager, sd_bus_message *call) {
        bool history = streq(sd_bus_message_get_member(call), "History");
        json_object *entries = list_of(manager, history ? "history" : "tasks");
        json_object *page = json_object_new_array();
        json_object *filter = read_filter(call);
        size_t n = entries ? json_object_array_length(entries) : 0, i;
        sd_bus_message *reply = NULL;
        const char *cursor;
        char next[24] = "";
        uint32_t limit;
        int r;

        (void) sd_bus_message_read(call, "su", &cursor, &limit);
        (void) printf("%s %s '%s' %u\n", history ? "History" : "List",
                      json_object_to_json_string_ext(filter, JSON_C_TO_STRING_PLAIN), cursor,
                      limit);
        if (has_failed(manager, call))
                return 1;
        limit = limit == 0 ? 3 : limit; /* so that tests see pages */
        for (i = strtoul(cursor, NULL, 10); i < n && json_object_array_length(page) < limit; i++) {
                json_object *entry = json_object_array_get_idx(entries, i);

                if (matches(entry, filter))
                        (void) json_object_array_add(page, json_object_get(entry));
        }
        if (i < n)
                (void) snprintf(next, sizeof(next), "%zu", i);
        (void) sd_bus_message_new_method_return(call, &reply);
        append_dicts(reply, page, 0);
        (void) sd_bus_message_append(reply, "s", next);
        r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        json_object_put(page);
        json_object_put(filter);
        return r < 0 ? r : 1;
}

/* What has no arguments, and gives the list of that name. */
static int on_whole_list(struct manager *manager, sd_bus_message *call, const char *name) {
        sd_bus_message *reply = NULL;
        int r;

        (void) printf("%s\n", sd_bus_message_get_member(call));
        if (has_failed(manager, call))
                return 1;
        (void) sd_bus_message_new_method_return(call, &reply);
        append_dicts(reply, list_of(manager, name), 0);
        r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int on_accounts(struct manager *manager, sd_bus_message *call) {
        return on_whole_list(manager, call, "accounts");
}

static int on_nodes(struct manager *manager, sd_bus_message *call) {
        return on_whole_list(manager, call, "nodes");
}

static int on_act(struct manager *manager, sd_bus_message *call) {
        const char *member = sd_bus_message_get_member(call);
        const char *name = "";
        json_object *settings = NULL;

        if (!streq(member, "Reload"))
                (void) sd_bus_message_read(call, "s", &name);
        if (streq(member, "Add") || streq(member, "Redeliver"))
                settings = read_filter(call);
        (void) printf("%s%s%s%s%s\n", member, *name ? " " : "", name, settings ? " " : "",
                      settings ? json_object_to_json_string_ext(settings, JSON_C_TO_STRING_PLAIN)
                               : "");
        json_object_put(settings);
        if (has_failed(manager, call))
                return 1;
        if (streq(member, "Add") && find_task(manager, name))
                return sd_bus_reply_method_errorf(call, "org.koowatch1.Error.Exists",
                                                  "there is a task %s already", name);
        if (!streq(member, "Add") && *name && !find_task(manager, name))
                return sd_bus_reply_method_errorf(call, "org.koowatch1.Error.NotFound",
                                                  "there is no task %s", name);
        return sd_bus_reply_method_return(call, "");
}

static int on_method(void *userdata, sd_bus_message *call, UNUSED const char *result) {
        static const struct {
                const char *name;
                int (*fn)(struct manager *manager, sd_bus_message *call);
        } methods[] = {
                {"Get", on_get},      {"List", on_list},
                {"History", on_list}, {"ListAccounts", on_accounts},
                {"Nodes", on_nodes},
        };
        const char *member = sd_bus_message_get_member(call);

        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
                if (streq(methods[i].name, member))
                        return methods[i].fn(userdata, call);
        return on_act(userdata, call);
}

static int on_property(void *userdata, const char *name, sd_bus_message *reply) {
        const struct manager *manager = userdata;
        json_object *value = json_object_object_get(list_of(manager, "properties"), name);

        if (streq(name, "Version"))
                return sd_bus_message_append(reply, "s", json_object_get_string(value));
        if (streq(name, "BehindUsec"))
                return sd_bus_message_append(reply, "t", (uint64_t) json_object_get_int64(value));
        if (streq(name, "Store")) {
                json_object *none = json_object_new_object();

                append_dict(reply, value ? value : none, 0);
                json_object_put(none);
                return 0;
        }
        if (!streq(name, "Trouble"))
                return sd_bus_message_append(reply, "u", (uint32_t) json_object_get_int(value));
        append_strings(reply, value);
        return 0;
}

static void reload(struct manager *manager) {
        json_object_put(manager->all);
        manager->all = json_object_from_file(manager->path);
        if (!manager->all)
                abort();
}

static void emit(struct manager *manager, const char *member, const char *json) {
        json_object *entry = json_tokener_parse(json);
        sd_bus_message *signal = NULL;

        (void) sd_bus_message_new_signal(manager->bus, &signal, BUS_PATH, BUS_INTERFACE, member);
        append_dict(signal, entry, 0);
        (void) sd_bus_send(manager->bus, signal, NULL);
        sd_bus_message_unref(signal);
        json_object_put(entry);
}

static void obey(struct manager *manager, char *line) {
        char *word;

        line[strcspn(line, "\n")] = '\0';
        word = strsep(&line, " ");
        if (streq(word, "reload")) {
                reload(manager);
                (void) printf("reloaded\n");
        } else if (streq(word, "signal")) {
                word = strsep(&line, " ");
                emit(manager, word, line);
        } else {
                manager->quit = true;
        }
}

int main(UNUSED int argc, char **argv) {
        struct manager manager = {.path = argv[1]};
        struct bus_object object = {on_method, on_property, &manager};
        char line[65536];

        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        (void) setvbuf(stdin, NULL, _IONBF, 0);
        reload(&manager);
        if (sd_bus_open_user(&manager.bus) < 0 || bus_interface_add(manager.bus, &object) < 0 ||
            sd_bus_request_name(manager.bus, BUS_NAME, 0) < 0)
                return 1;
        (void) printf("ready\n");
        while (!manager.quit) {
                struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                        {.fd = sd_bus_get_fd(manager.bus)}};
                int r = sd_bus_process(manager.bus, NULL);

                if (r < 0)
                        return 1;
                if (r > 0)
                        continue;
                fds[1].events = (short) sd_bus_get_events(manager.bus);
                if (poll(fds, 2, -1) < 0)
                        return 1;
                if (fds[0].revents) {
                        if (!fgets(line, sizeof(line), stdin))
                                break;
                        obey(&manager, line);
                }
        }
        (void) sd_bus_flush_close_unref(manager.bus);
        json_object_put(manager.all);
        return 0;
}
