#include "koowatchctl/create-answer.h"

#include <errno.h>

#include "common/json.h"
#include "koowatchctl/language.h"

/* Objects and arrays that are looked into, the outermost first. */
#define QUEUE_MAX 1000

struct queue {
        json_object *values[QUEUE_MAX]; /* borrowed */
        size_t first, last;
};

static void enqueue(struct queue *queue, json_object *value) {
        if (queue->last < QUEUE_MAX && (json_object_is_type(value, json_type_object) ||
                                        json_object_is_type(value, json_type_array)))
                queue->values[queue->last++] = value;
}

static json_object *find(json_object *root, const char *key) {
        struct queue queue = {};

        enqueue(&queue, root);
        while (queue.first < queue.last) {
                json_object *value = queue.values[queue.first++], *found;

                if (json_object_is_type(value, json_type_array)) {
                        for (size_t i = 0; i < json_object_array_length(value); i++)
                                enqueue(&queue, json_object_array_get_idx(value, i));
                        continue;
                }
                found = json_object_object_get(value, key);
                if (json_is_text(found) || json_object_is_type(found, json_type_int))
                        return found;
                json_object_object_foreach(value, name, member) {
                        (void) name;
                        enqueue(&queue, member);
                }
        }
        return NULL;
}

static int take(json_object *root, const char *key, char **ret) {
        json_object *found = find(root, key);

        if (!found)
                return 0;
        *ret = strdup(json_object_get_string(found));
        return *ret ? 0 : -ENOMEM;
}

int create_answer_read(const char *text, size_t length, char **ret_task_id, char **ret_share_id,
                       struct failure *failure) {
        const struct json_rules rules = {
                .depth = 32, .containers = 10000, .values = 100000, .repair = true};
        CLEANUP(json_object_putp) json_object *root = NULL;
        char fault[JSON_FAULT_MAX];
        int r;

        r = json_read(text, length, &rules, NULL, &root, fault);
        if (r == -EBADMSG)
                return failure_set(failure, "Invalid", _("KooDrive's answer is no JSON: %s"),
                                   fault);
        if (r == 0)
                r = take(root, "taskId", ret_task_id);
        if (r == 0)
                r = take(root, "shareId", ret_share_id);
        return r < 0 ? failure_set(failure, "Failed", "%s", strerror(-r)) : 0;
}
