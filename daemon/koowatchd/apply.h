#pragma once
/*
 * Apply: puts a configuration into effect in the modules
 */
struct config;
struct modules;

/* What the modules' configuration says, as it is now. Returns 0 or a negative errno. */
int apply_config(struct modules *modules);

/* Says which settings take effect only after a restart. */
void apply_warn_of_late(const struct config *old, const struct config *new);
