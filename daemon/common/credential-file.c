#include "common/credential-file.h"

#include <errno.h>

#include "common/util.h"

#define FILE_SIZE_MAX 4096

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

int credential_file_read(const char *name, char **ret, char **ret_path) {
        CLEANUP(secret_freep) char *text = NULL;
        CLEANUP(freep) char *path = NULL;
        size_t length;
        int r;

        if (!getenv("CREDENTIALS_DIRECTORY"))
                return -ENOENT;
        path = credential_file_find(name);
        if (!path)
                return -ENOMEM;
        r = read_path(path, FILE_SIZE_MAX, &text, &length);
        if (r == 0 && !secret_trim(text, length))
                r = -EBADMSG;
        if (r == 0)
                *ret = STEAL_PTR(text);
        *ret_path = STEAL_PTR(path);
        return r;
}
