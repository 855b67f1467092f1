#include "koowatchd/task/task-file.h"

#include <errno.h>

#include "common/config.h"

#define KDSTOKEN_FILE_MAX 4096

const char *task_file_read_kdstoken(const char *path, char **ret) {
        CLEANUP(secret_freep) char *text = NULL;
        size_t length;

        if (read_path(path, KDSTOKEN_FILE_MAX, &text, &length) < 0)
                return "the file in KdsTokenFile= cannot be read, or is larger than 4 KiB";
        if (!secret_trim(text, length))
                return "the file in KdsTokenFile= is not one line of printable ASCII";
        *ret = STEAL_PTR(text);
        return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *check_place(const struct task_file *file, struct task *task) {
        if (!task->kdstoken_file)
                return NULL;
        if (!file->root_only)
                return "KdsTokenFile= is allowed only in a directory that only root can write to";
        return task_file_read_kdstoken(task->kdstoken_file, &task->kdstoken);
}

int task_file_read(const struct task_file *file, const struct task_file_check *check,
                   struct task **ret) {
        CLEANUP(task_freep) struct task *task = NULL;
        const char *account, *problem;
        int r;

        if (!file->text) {
                check->on_fault(check->userdata, true, 0, file->problem);
                return file->may_pass ? -EAGAIN : -EBADMSG;
        }
        r = task_parse(file->text, file->length, check->on_fault, check->userdata, &task);
        if (r < 0)
                return r;

        account = task->account ? task->account : ACCOUNT_DEFAULT;
        if (!check->has_account(check->userdata, account)) {
                CLEANUP(freep)
                char *text = str_printf(
                        "[Account %s] is not in the configuration: add it and reload", account);

                if (!text)
                        return -ENOMEM;
                check->on_fault(check->userdata, true, 0, text);
                return -EBADMSG;
        }
        problem = check_place(file, task);
        if (problem) {
                check->on_fault(check->userdata, true, 0, problem);
                return file->root_only ? -EAGAIN : -EBADMSG; /* the other file may come later */
        }
        if (file->world_readable && task->kdstoken && !task->kdstoken_file)
                check->on_fault(
                        check->userdata, false, 0,
                        "contains a KdsToken= and is readable by every user: chmod 0640 it");

        *ret = STEAL_PTR(task);
        return 0;
}
