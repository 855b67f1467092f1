#pragma once
/*
 * Settings view: what a task is set to, and where each comes from
 */
#include <json-c/json_types.h>
#include <stdbool.h>

struct config;
struct enrollment;
struct task_facts;

/*
 * Adds "settings", an array of {key, value, origin}: those of the task's file with its line, which
 * is read again for that, and those that hold because it has none, with the line of the
 * configuration, or "default". Of a KdsToken= it only says that it is set. Returns false when
 * memory is short.
 */
bool view_add_settings(json_object *view, const struct enrollment *enrollment,
                       const struct task_facts *facts, const struct config *config);
