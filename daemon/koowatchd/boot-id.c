#include "koowatchd/boot-id.h"

#include <stdlib.h>
#include <systemd/sd-id128.h>

int64_t boot_id(void) {
        /* ProcSubset=pid hides the kernel's own; the unit passes it on. */
        const char *text = getenv("KOOWATCH_BOOT_ID");
        sd_id128_t id;

        if (sd_id128_get_boot(&id) < 0 && (!text || sd_id128_from_string(text, &id) < 0))
                return 0;
        return (int64_t) id.qwords[0];
}
