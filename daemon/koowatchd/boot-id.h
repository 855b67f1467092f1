#pragma once
/*
 * Boot id: which start of the machine this is
 */
#include <stdint.h>

/* A number that the next start does not have again; 0: it is not known. */
int64_t boot_id(void);
