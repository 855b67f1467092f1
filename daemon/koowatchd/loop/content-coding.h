#pragma once
/*
 * Content coding: the body of an HTTP answer without its compression
 *
 * Pure. koowatchd asks for no coding, but what stands in front of a service compresses
 * all the same, leaves the header on what it has unpacked, or drops it from what it has
 * not. So the bytes decide, and the header helps where they cannot.
 */
#include <stddef.h>

/*
 * codings is the value of Content-Encoding, NULL where there is none. Memory is bounded by
 * max, whatever the body unpacks to.
 * Returns 1 with a fresh body, NUL-terminated, that the caller owns; 0 when the body is to
 * be read as it is; -EFBIG when it unpacks to more than max bytes, -EBADMSG when it is
 * broken and -ENOTSUP when its coding is not known here, all three with *ret_why in words;
 * or -ENOMEM.
 */
int content_decode(const char *codings, const char *body, size_t length, size_t max, char **ret,
                   size_t *ret_length, const char **ret_why);
