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
