#include "koowatchd/task/directory-sync.h"

#include <errno.h>

#include "common/log.h"
#include "common/util.h"

void directory_sync(struct directory_sync *s, const char *path) {
        int r = s->is_needed ? sync_directory(path) : 0;

        if (r == -ENOENT) /* what it held went with it; it may come back */
                return;
        s->is_needed = r < 0 && r != -EINVAL && r != -ENOTSUP && r != -EROFS;
        if (s->is_needed && !s->has_failed)
                log_error("%s: cannot sync (%s); after a power failure, tasks whose files were "
                          "removed might be watched again",
                          path, strerror(-r));
        s->has_failed = s->is_needed;
}
