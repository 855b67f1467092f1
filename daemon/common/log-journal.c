#include "common/log-journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/datagram.h"
#include "common/util.h"

const char *log_journal_address = "/run/systemd/journal/socket";

static struct datagram journal = {.fd = -1};

/* NAME=value, or for a value with a line end NAME, its length (64 bit little endian) and itself. */
static void put_field(FILE *out, const char *name, const char *value) {
        size_t length = str_empty(value) ? 0 : strlen(value);
        uint64_t le_length = htole64(length);

        if (length == 0)
                return;
        (void) fputs(name, out);
        if (strchr(value, '\n')) {
                (void) fputc('\n', out);
                (void) fwrite(&le_length, sizeof(le_length), 1, out);
        } else {
                (void) fputc('=', out);
        }
        (void) fwrite(value, length, 1, out);
        (void) fputc('\n', out);
}

/* The caller frees it; NULL when memory is short. */
static char *encode(const struct log_record *record, size_t *ret_length) {
        const char priority[] = {(char) ('0' + record->level), '\0'};
        CLEANUP(freep) char *text = NULL;
        FILE *out = open_memstream(&text, ret_length);
        bool failed;

        if (!out)
                return NULL;
        put_field(out, "PRIORITY", priority);
        put_field(out, "SYSLOG_IDENTIFIER", record->identifier);
        put_field(out, "MESSAGE_ID", record->message_id);
        put_field(out, "MESSAGE", record->message);
        for (size_t i = 0; i < record->count; i++)
                put_field(out, record->fields[i].name, record->fields[i].value);
        failed = ferror(out);
        return fclose(out) == 0 && !failed ? STEAL_PTR(text) : NULL;
}

/*
 * What is more than a datagram holds goes as a sealed file, as the protocol has it: what a hook
 * has printed or a server has answered is not to be cut because of the kernel's limits.
 */
static int send_as_file(const void *data, size_t length) {
        CLEANUP(closep) int fd = memfd_create("koowatch-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, data, length);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return datagram_send(&journal, NULL, 0, fd);
}

int log_journal_send(const struct log_record *record) {
        CLEANUP(freep) char *data = NULL;
        size_t length = 0;
        int r = 0;

        if (journal.address_length == 0)
                r = datagram_set_address(&journal, log_journal_address);
        if (r < 0)
                return r;
        data = encode(record, &length);
        if (!data)
                return -ENOMEM;
        r = datagram_send(&journal, data, length, -1);
        if (r == -EMSGSIZE || r == -ENOBUFS)
                r = send_as_file(data, length);
        return r;
}

void log_journal_wait(usec_t end) {
        bool is_end_sent = false;
        int r;

        while (journal.fd >= 0 && clock_running() < end) {
                /* It ignores an empty one, and takes it when it is done with the one before. */
                r = is_end_sent ? 0 : datagram_send(&journal, NULL, 0, -1);
                if (r < 0 && r != -EAGAIN)
                        return;
                is_end_sent = r == 0;
                if (is_end_sent && !datagram_is_unread(&journal))
                        return;
                (void) poll(NULL, 0, 1);
        }
}

int log_journal_fd(void) {
        return journal.fd;
}
