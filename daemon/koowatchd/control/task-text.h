#pragma once
/*
 * Task text: a task file from the settings of the method Add
 *
 * Nothing in them can become another setting: what would not be read back as it is, is refused.
 */
#include <json-c/json_types.h>

struct task;

/*
 * Writes the text, which the caller frees, and what it says. Returns 0, -EBADMSG with the fault in
 * words, which the caller frees, or -ENOMEM.
 */
int task_text_make(json_object *settings, char **ret_text, struct task **ret_task,
                   char **ret_fault);
