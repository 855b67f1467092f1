#pragma once
/*
 * Look: what a screen may use, the width of the terminal and colours
 *
 * A colour never carries a meaning alone. All screens get one, so that tests choose.
 */
#include <stdbool.h>
#include <stdio.h>

#include "common/timespan.h"

enum style { STYLE_NONE, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_DIM, STYLE_HEAD };

struct look {
        unsigned width; /* columns; 0: nothing is cut */
        bool colour;
        usec_t now; /* wall clock */
};

/* What begins and ends text of that style: "" without colour. Static. */
const char *look_on(const struct look *look, enum style style);
const char *look_off(const struct look *look, enum style style);

/* Whether fd is to have colours; when: "auto", "always" or "never". */
bool look_wants_colour(const char *when, int fd);

/* The columns and rows of the terminal on fd, or of COLUMNS= and LINES=; 0: it is none. */
unsigned look_columns(int fd);
unsigned look_rows(int fd);
