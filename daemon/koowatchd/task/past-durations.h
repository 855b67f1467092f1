#pragma once
/*
 * Past durations: what the store knows of how long tasks have taken, for after a start
 */
struct accounts;
struct store;

/* Has the accounts learn from the outcomes that the store has last. Borrows both, for as long as
 * the store is open. */
void past_durations_load(struct store *store, struct accounts *accounts);
