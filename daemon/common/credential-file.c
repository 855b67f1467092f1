#include "common/credential-file.h"

#include "common/util.h"

/* systemd puts an id before each file of a folder, and two folders need two. */
char *credential_file_find(const char *name) {
        static const char *const prefixes[] = {"koowatch_", "koowatch-plain_", ""};
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        char *path = NULL;

        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
                free(path);
                path = str_printf("%s/%s%s", directory ? directory : "", prefixes[i], name);
                if (!path || access(path, F_OK) == 0)
                        break;
        }
        return path;
}
