#pragma once
/*
 * Enrollment walk: what becomes of all entries at once, or of many of them
 */
#include <stdbool.h>

struct enrollment;

/*
 * All that are watched have an account that is configured and a directory that is there, or wait
 * until they have.
 */
void enrollment_check_polling(struct enrollment *enrollment);

/* This node polls another account from now on: its entries, which were ELSEWHERE, go on. Returns 0
 * or -ENOMEM with all as it was. */
int enrollment_take_account(struct enrollment *enrollment);

/*
 * Another node may have delivered what has finished: looks at some of those whose files are to be
 * removed then, and at others with the next call.
 */
void enrollment_look_at_finished(struct enrollment *enrollment);

/* A file of another node is left, which no directory brings again. */
bool enrollment_misses_remote(const struct enrollment *enrollment);
