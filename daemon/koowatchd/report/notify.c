#include "koowatchd/report/notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/util.h"

#define STATUS_MAX 2048

void notify_ready(void) {
        (void) sd_notify(false, "READY=1");
}

void notify_reloading(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%lld",
                          (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(usec_t timeout) {
        (void) sd_notifyf(false, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", (long long) timeout);
}

void notify_watchdog(void) {
        (void) sd_notify(false, "WATCHDOG=1");
}

void notify_status(char *text) {
        (void) utf8_cut(text, STATUS_MAX - strlen("STATUS="));
        str_make_plain(text); /* the service manager takes nothing but UTF-8 */
        (void) sd_notifyf(false, "STATUS=%s", text);
}
