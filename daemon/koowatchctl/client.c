#include "koowatchctl/client.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "common/json.h"
#include "koowatchctl/bus-value.h"
#include "koowatchctl/language.h"

#define ERROR_PREFIX "org.koowatch1.Error."
#define DBUS_ERROR "org.freedesktop.DBus.Error."
#define GROUP "koowatch"
#define LIST_LIMIT 10000

struct client {
        sd_bus *bus; /* NULL: not connected */
        bool user_bus;
        usec_t until; /* on CLOCK_BOOTTIME; 0: no limit */
};

static void errorp(sd_bus_error *error) {
        sd_bus_error_free(error);
}

static void messagep(sd_bus_message **message) {
        sd_bus_message_unref(*message);
}

struct client *client_new(bool user_bus) {
        struct client *client = calloc(1, sizeof(*client));

        if (client)
                client->user_bus = user_bus;
        return client;
}

struct client *client_free(struct client *client) {
        if (client)
                client_disconnect(client);
        free(client);
        return NULL;
}

void client_disconnect(struct client *client) {
        client->bus = sd_bus_close_unref(client->bus);
}

sd_bus *client_bus(const struct client *client) {
        return client->bus;
}

void client_use_bus(struct client *client, bool user_bus) {
        client->user_bus = user_bus;
}

void client_limit(struct client *client, usec_t most) {
        client->until = most > 0 ? clock_boot() + most : 0;
}

/* What is left of the limit, at least a millisecond; 0: there is none. */
static uint64_t time_left(const struct client *client) {
        return client->until == 0 ? 0 : (uint64_t) MAX(client->until - clock_boot(), USEC_MSEC);
}

/* A bus that does not answer would be waited for by the first call, whatever its limit. */
static int wait_until_ready(const struct client *client) {
        int r = 0;

        while (r >= 0 && client->until > 0 && sd_bus_is_ready(client->bus) == 0) {
                if (clock_boot() >= client->until)
                        return -ETIMEDOUT;
                r = sd_bus_process(client->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(client->bus, time_left(client));
        }
        return r < 0 ? r : 0;
}

int client_connect(struct client *client, struct failure *failure) {
        int r;

        if (client->bus && sd_bus_is_open(client->bus) > 0)
                return 0;
        client_disconnect(client);
        r = client->user_bus ? sd_bus_open_user(&client->bus) : sd_bus_open_system(&client->bus);
        if (r >= 0)
                r = wait_until_ready(client);
        if (r == -ENOENT && !client->user_bus)
                return failure_set(failure, "Unavailable",
                                   _("there is no system bus: install the package dbus; koowatchd "
                                     "itself does without"));
        if (r < 0)
                return failure_set(failure, "Unavailable",
                                   client->user_bus ? _("cannot connect to the session bus: %s")
                                                    : _("cannot connect to the system bus: %s"),
                                   strerror(-r));
        return 0;
}

/* Whether the user is a member by now, but this process is from before. */
static bool joined_since(const struct passwd *user) {
        const struct group *group = getgrnam(GROUP);

        for (char **member = group && user ? group->gr_mem : NULL; member && *member; member++)
                if (streq(*member, user->pw_name))
                        return true;
        return false;
}

static int fail_access(struct failure *failure) {
        const struct passwd *user = getpwuid(geteuid());

        if (geteuid() == 0)
                return failure_set(failure, "NotAllowed",
                                   _("the bus does not let root in: it has not read koowatch's "
                                     "policy, org.koowatch1.conf: systemctl reload dbus"));
        if (joined_since(user))
                return failure_set(failure, "NotAllowed",
                                   _("not allowed yet: you are in the group koowatch since you "
                                     "logged in; log in again"));
        return failure_set(failure, "NotAllowed",
                           _("not allowed: only root and the group koowatch may; join it with: "
                             "sudo usermod -aG koowatch %s, then log in again"),
                           user ? user->pw_name : "USER");
}

static int fail_not_running(const struct client *client, struct failure *failure) {
        return failure_set(failure, "NotRunning", "%s",
                           client->user_bus ? _("koowatchd is not running on the session bus: "
                                                "koowatchd --bus session")
                                            : _("koowatchd is not running: systemctl start "
                                                "koowatchd"));
}

/* The code's own static text. */
static const char *known_code(const char *word) {
        static const char *const codes[] = {"NotFound", "Exists", "Invalid", "NotAllowed",
                                            "Unavailable"};

        for (size_t i = 0; i < ARRAY_LEN(codes); i++)
                if (streq(word, codes[i]))
                        return codes[i];
        return "Failed";
}

static int explain(const struct client *client, const sd_bus_error *error, int r,
                   struct failure *failure) {
        const char *name = error->name ? error->name : "";
        const char *word = str_after(name, ERROR_PREFIX);

        if (word)
                return failure_set(failure, known_code(word), "%s",
                                   error->message ? error->message : word);
        word = str_after(name, DBUS_ERROR);
        if (!word)
                word = "";
        if (streq(word, "ServiceUnknown") || streq(word, "NameHasNoOwner"))
                return fail_not_running(client, failure);
        if (streq(word, "AccessDenied") || streq(word, "InteractiveAuthorizationRequired"))
                return fail_access(failure);
        if (streq(word, "UnknownMethod") || streq(word, "UnknownObject") ||
            streq(word, "UnknownInterface"))
                return failure_set(failure, "Unavailable",
                                   _("koowatchd is of another version than koowatchctl: %s"),
                                   error->message ? error->message : word);
        if (streq(word, "NoReply") && r != -ETIMEDOUT) /* it went away meanwhile */
                return fail_not_running(client, failure);
        if (streq(word, "NoReply") || streq(word, "Timeout") || r == -ETIMEDOUT)
                return failure_set(failure, "Unavailable", _("koowatchd does not answer"));
        return failure_set(failure, "Failed", "%s",
                           !str_empty(error->message) ? error->message : strerror(-r));
}

static int fail_memory(struct failure *failure, int r) {
        return failure_set(failure, "Failed", "%s", strerror(-r));
}

static int send_call(struct client *client, const char *interface, const char *method,
                     const char *types, json_object *arguments, json_object **ret,
                     struct failure *failure) {
        CLEANUP(errorp) sd_bus_error error = SD_BUS_ERROR_NULL;
        CLEANUP(messagep) sd_bus_message *call = NULL;
        CLEANUP(messagep) sd_bus_message *reply = NULL;
        int r;

        if (client_connect(client, failure) < 0)
                return -1;
        r = sd_bus_message_new_method_call(client->bus, &call, BUS_NAME, BUS_PATH, interface,
                                           method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, 0);
        if (r >= 0)
                r = bus_value_append(call, types, arguments);
        if (r == -EINVAL)
                return failure_set(failure, "Invalid",
                                   _("a text has a character that D-Bus cannot carry"));
        if (r >= 0)
                r = sd_bus_call(client->bus, call, time_left(client), &error, &reply);
        if (r < 0)
                return explain(client, &error, r, failure);
        if (!ret)
                return 0;
        r = bus_value_read(reply, ret);
        return r < 0 ? failure_set(failure, "Failed", _("koowatchd's answer cannot be read: %s"),
                                   strerror(-r))
                     : 0;
}

int client_call(struct client *client, const char *method, const char *types,
                json_object *arguments, json_object **ret, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *owned = arguments;

        if (!owned && *types)
                return fail_memory(failure, -ENOMEM);
        return send_call(client, BUS_INTERFACE, method, types, owned, ret, failure);
}

static json_object *array_of(json_object *a, json_object *b, json_object *c) {
        json_object *array = json_object_new_array();

        if (!array)
                return NULL;
        if (a)
                (void) json_object_array_add(array, a);
        if (b)
                (void) json_object_array_add(array, b);
        if (c)
                (void) json_object_array_add(array, c);
        return array;
}

int client_act(struct client *client, const char *method, const char *name,
               struct failure *failure) {
        return client_call(client, method, "s", array_of(json_object_new_string(name), NULL, NULL),
                           NULL, failure);
}

/* Takes the i-th value out of what came back, if it has the type. */
static int take(json_object *array, size_t i, json_type type, json_object **ret,
                struct failure *failure) {
        json_object *value = json_object_array_get_idx(array, i);

        if (!json_object_is_type(value, type))
                return failure_set(failure, "Failed", _("koowatchd's answer has another form"));
        *ret = json_object_get(value);
        return 0;
}

int client_get(struct client *client, const char *name, json_object **ret,
               struct failure *failure) {
        CLEANUP(json_object_putp) json_object *reply = NULL;

        if (client_call(client, "Get", "s", array_of(json_object_new_string(name), NULL, NULL),
                        &reply, failure) < 0) {
                if (failure_is(failure, "NotFound")) /* the daemon's words are English */
                        (void) failure_set(failure, "NotFound", _("there is no task %s"), name);
                return -1;
        }
        return take(reply, 0, json_type_object, ret, failure);
}

int client_page(struct client *client, const char *method, json_object *filter, const char *cursor,
                unsigned limit, json_object **ret, char **ret_next, struct failure *failure) {
        CLEANUP(json_object_putp) json_object *reply = NULL;
        CLEANUP(json_object_putp) json_object *next = NULL;
        json_object *own = filter ? json_object_get(filter) : json_object_new_object();

        if (client_call(client, method, "a{sv}su",
                        array_of(own, json_object_new_string(cursor), json_object_new_int64(limit)),
                        &reply, failure) < 0)
                return -1;
        if (take(reply, 1, json_type_string, &next, failure) < 0)
                return -1;
        *ret_next = NULL;
        if (*json_object_get_string(next)) {
                *ret_next = strdup(json_object_get_string(next));
                if (!*ret_next)
                        return fail_memory(failure, -ENOMEM);
        }
        return take(reply, 0, json_type_array, ret, failure);
}

int client_list(struct client *client, const char *method, json_object *filter, json_object **ret,
                struct failure *failure) {
        CLEANUP(json_object_putp) json_object *all = json_object_new_array();
        CLEANUP(freep) char *cursor = strdup("");

        while (cursor) {
                CLEANUP(json_object_putp) json_object *page = NULL;
                char *next = NULL;

                if (!all || client_page(client, method, filter, cursor, LIST_LIMIT, &page, &next,
                                        failure) < 0)
                        return -1;
                free(cursor);
                cursor = next;
                for (size_t i = 0; i < json_object_array_length(page); i++)
                        (void) json_object_array_add(
                                all, json_object_get(json_object_array_get_idx(page, i)));
        }
        *ret = STEAL_PTR(all);
        return 0;
}

/* What a method without arguments lists. */
static int call_for_list(struct client *client, const char *method, json_object **ret,
                         struct failure *failure) {
        CLEANUP(json_object_putp) json_object *reply = NULL;

        if (client_call(client, method, "", NULL, &reply, failure) < 0)
                return -1;
        return take(reply, 0, json_type_array, ret, failure);
}

int client_accounts(struct client *client, json_object **ret, struct failure *failure) {
        return call_for_list(client, "ListAccounts", ret, failure);
}

int client_nodes(struct client *client, json_object **ret, struct failure *failure) {
        return call_for_list(client, "Nodes", ret, failure);
}

int client_properties(struct client *client, json_object **ret, struct failure *failure) {
        CLEANUP(json_object_putp)
        json_object *arguments = array_of(json_object_new_string(BUS_INTERFACE), NULL, NULL);
        CLEANUP(json_object_putp) json_object *reply = NULL;

        if (send_call(client, "org.freedesktop.DBus.Properties", "GetAll", "s", arguments, &reply,
                      failure) < 0)
                return -1;
        return take(reply, 0, json_type_object, ret, failure);
}
