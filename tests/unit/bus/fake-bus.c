#include "unit/bus/fake-bus.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "koowatchd/bus/bus-interface.h"

static void note_properties(struct fake_bus *f, sd_bus_message *m) {
        const char *name;
        char *joined = strdup("");

        assert_true(sd_bus_message_skip(m, "s") >= 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                char *longer;

                assert_true(sd_bus_message_read_basic(m, 's', &name) > 0);
                longer = str_printf("%s%s%s", joined, *joined ? " " : "", name);
                free(joined);
                joined = longer;
                assert_true(sd_bus_message_skip(m, "v") >= 0);
                assert_true(sd_bus_message_exit_container(m) > 0);
        }
        free(f->changed);
        f->changed = joined;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct fake_bus *f = userdata;
        const char *member = sd_bus_message_get_member(m);
        uint8_t type;

        (void) ret_error;
        assert_true(sd_bus_message_get_type(m, &type) >= 0);
        if (streq(member, "Disconnected")) /* sd-bus's own */
                return 0;
        if (type == SD_BUS_MESSAGE_SIGNAL) {
                f->signals++;
                assert_int_equal(str_replace(&f->last, member), 0);
                if (streq(member, "PropertiesChanged"))
                        note_properties(f, m);
                return 0;
        }
        if (type != SD_BUS_MESSAGE_METHOD_CALL)
                return 0;
        if (streq(member, "Hello"))
                return sd_bus_reply_method_return(m, "s", ":1.1");
        assert_string_equal(member, "RequestName");
        f->names++;
        return sd_bus_reply_method_return(m, "u", f->name);
}

static void on_end(void *userdata, int error) {
        struct fake_bus *f = userdata;

        (void) error;
        bus_loop_free(STEAL_PTR(f->bus_loop));
        f->bus = sd_bus_close_unref(f->bus);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int revents) {
        struct fake_bus *f = container_of(io, struct fake_bus, io);
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        sd_id128_t id = {0};

        (void) revents;
        assert_true(fd >= 0);
        assert_null(f->bus);
        f->connections++;
        id.bytes[0] = 1;
        assert_true(sd_bus_new(&f->bus) >= 0);
        assert_true(sd_bus_set_fd(f->bus, fd, fd) >= 0);
        assert_true(sd_bus_set_server(f->bus, true, id) >= 0);
        assert_true(sd_bus_add_filter(f->bus, NULL, on_message, f) >= 0);
        assert_true(sd_bus_start(f->bus) >= 0);
        if (!f->mute)
                assert_int_equal(bus_loop_new(loop, f->bus, on_end, f, &f->bus_loop), 0);
}

void fake_bus_listen(struct fake_bus *f) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memcpy(address.sun_path, f->path, strlen(f->path) + 1);
        f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(f->listener >= 0);
        assert_int_equal(bind(f->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(f->listener, 5), 0);
        ev_io_init(&f->io, on_connection, f->listener, EV_READ);
        ev_io_start(f->loop, &f->io);
}

void fake_bus_open(struct fake_bus *f, struct ev_loop *loop) {
        CLEANUP(freep) char *address = NULL;

        *f = (struct fake_bus){.loop = loop, .name = NAME_GIVEN, .listener = -1};
        directory_make(f->directory);
        (void) snprintf(f->path, sizeof(f->path), "%s/bus", f->directory);
        address = str_printf("unix:path=%s", f->path);
        assert_non_null(address);
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
        fake_bus_listen(f);
}

void fake_bus_kill(struct fake_bus *f) {
        ev_io_stop(f->loop, &f->io);
        if (f->listener >= 0)
                (void) close(STEAL_FD(f->listener));
        (void) unlink(f->path);
        on_end(f, 0);
}

void fake_bus_close(struct fake_bus *f) {
        fake_bus_kill(f);
        directory_remove(f->directory);
        free(f->last);
        free(f->changed);
        free(f->error);
        free(f->message);
}

/* ---- calls ---- */

static unsigned count_entries(sd_bus_message *m) {
        const char *contents;
        unsigned n = 0;
        char type;

        if (sd_bus_message_peek_type(m, &type, &contents) <= 0 || type != 'a')
                return 0;
        assert_true(sd_bus_message_enter_container(m, type, contents) > 0);
        while (sd_bus_message_at_end(m, false) == 0) {
                assert_true(sd_bus_message_skip(m, NULL) >= 0);
                n++;
        }
        return n;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        struct fake_bus *f = userdata;

        (void) ret_error;
        f->answers++;
        assert_int_equal(str_replace(&f->error, error ? error->name : NULL), 0);
        assert_int_equal(str_replace(&f->message, error ? error->message : NULL), 0);
        f->entries = error ? 0 : count_entries(m);
        return 1;
}

static void send_call(struct fake_bus *f, sd_bus_message *m) {
        assert_true(sd_bus_call_async(f->bus, NULL, m, on_answer, f, UINT64_MAX) >= 0);
        sd_bus_message_unref(m);
}

void fake_bus_call(struct fake_bus *f, const char *method, const char *types, ...) {
        sd_bus_message *m = NULL;
        va_list values;

        assert_true(sd_bus_message_new_method_call(f->bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE,
                                                   method) >= 0);
        va_start(values, types);
        assert_true(sd_bus_message_appendv(m, types, values) >= 0);
        va_end(values);
        send_call(f, m);
}

void fake_bus_get(struct fake_bus *f, const char *property) {
        sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_method_call(f->bus, &m, BUS_NAME, BUS_PATH,
                                                   "org.freedesktop.DBus.Properties", "Get") >= 0);
        assert_true(sd_bus_message_append(m, "ss", BUS_INTERFACE, property) >= 0);
        send_call(f, m);
}
