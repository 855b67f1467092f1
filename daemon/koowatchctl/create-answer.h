#pragma once
/*
 * The answer of KooDrive's create call: which ids it has. Pure
 *
 * KooDrive's calls differ in where they put them (on top, in data, in taskInfo): the outermost
 * member of that name is taken.
 */
#include <json-c/json.h>

#include "koowatchctl/failure.h"

/*
 * Reads text and finds "taskId" and "shareId", texts or integers. The caller owns both; NULL:
 * there is none. Returns 0, or -1 when text is no JSON.
 */
int create_answer_read(const char *text, size_t length, char **ret_task_id, char **ret_share_id,
                       struct failure *failure);
