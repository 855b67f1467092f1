#pragma once
/*
 * The registry against a model that is as plain as can be: files, edits, renames, removals,
 * duplicates, hidden namesakes, outcomes, restarts, reboots and wall clocks, over a store that
 * answers at once, late, or with errors
 */

/* Chance, or whoever wants to look like it. */
struct registry_dice {
        unsigned (*roll)(void *userdata, unsigned n); /* below n, which is not 0 */
        void *userdata;
};

/* Plays so many steps with a core of its own, and fails when they differ. */
void registry_model_play(const struct registry_dice *dice, unsigned steps);
