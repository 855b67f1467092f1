#pragma once
/*
 * The screen of `show`: a task's story. Pure
 */
#include <json-c/json.h>

#include "koowatchctl/look.h"

/* task: as Get gives it, or an entry of History. Nothing is cut, however narrow it is. */
void show_screen_print(FILE *out, const struct look *look, json_object *task);
