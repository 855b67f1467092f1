#pragma once
/*
 * The screen of `wait`: bars on a terminal. Pure
 */
#include "koowatchctl/look.h"
#include "koowatchctl/wait-state.h"

/* The line of a task's change: "photos: completed: all succeeded". */
void wait_screen_line(FILE *out, const struct look *look, const struct wait_task *task);

/*
 * The tasks that have not ended, running ones first, on at most rows - 2 lines, and a line with
 * the sum. is_away: koowatchd is not there. No line is wider than the terminal,
 * as one that wraps takes two rows: without room for bars there are only names and states, then
 * only names. Returns how many lines that were.
 */
unsigned wait_screen_bars(FILE *out, const struct look *look, unsigned rows,
                          const struct wait *wait, bool is_away);
