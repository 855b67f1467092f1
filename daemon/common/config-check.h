#pragma once
/*
 * Checks between keys: what no value shows by itself
 *
 * Made after the last file has been read, as only then is it known which values meet.
 */
struct account_keys;
struct config;
struct settings_faults;

/* Checks values that are good by themselves; those of accounts by keys. Returns 0 or -ENOMEM. */
int config_check(struct config *config, const struct account_keys *keys,
                 struct settings_faults *faults);
