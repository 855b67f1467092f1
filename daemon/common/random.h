#pragma once
/*
 * Random numbers for jitter and for ids that only have to differ
 *
 * Taken from a buffer that the kernel's generator fills: arc4random() of glibc before 2.41 is a
 * system call for each number. For one thread; nothing here is for keys.
 */
#include <stddef.h>

void random_bytes(void *ret, size_t n);

/* Uniform in [0, 1). */
double random_share(void);
