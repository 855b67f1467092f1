#pragma once
/*
 * One hook's file: whether it may be run, and why it could not be
 *
 * A hook is checked and then executed by its path. So that nobody else can put
 * another file there in between, everything that the path leads through is checked
 * as well, with the links and their targets.
 */
#include <stdbool.h>

/*
 * The file and its directory must be writable by nobody but their owner, and owned by root or
 * the calling user; so must all directories on the way, but for sticky
 * ones (/tmp) in which the next step has such an owner. The file must be regular, executable by
 * someone, not set-id, and on a file system that lets programs run. outside: the caller is not
 * the runner; then owners and mounts, which are others for the daemon's user in its sandbox, are
 * left out.
 *
 * Returns 0; -ENOEXEC: it is no hook at all (no regular file, or without an x bit); -EPERM: it is
 * refused; -ENOMEM; or another negative errno: it cannot be looked at. *ret_why is then a clause
 * about the file ("it is not executable"), owned by the caller, or NULL when memory is short.
 */
int hook_file_check(const char *path, bool outside, char **ret_why);

/* Why the execution of path has failed with error (positive), in words; NULL: no memory. */
char *hook_file_explain(const char *path, int error);
