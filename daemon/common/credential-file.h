#pragma once
/*
 * Credential file: where the service manager has put a secret
 */

/*
 * The path of the credential of that name in $CREDENTIALS_DIRECTORY, where there is one: of those
 * that it may have there, the first that is there, or the last. The caller frees it; NULL when
 * memory is short.
 */
char *credential_file_find(const char *name);

/*
 * Reads that credential, which is one line of printable ASCII; the caller ends *ret by
 * secret_free(). Returns 0, -ENOENT where there is none, -EBADMSG where it is no such line, or
 * another negative errno. *ret_path: its file, also where it cannot be read; the caller frees it.
 */
int credential_file_read(const char *name, char **ret, char **ret_path);
