#pragma once
/*
 * The usual answer: a task that still waits or runs, written as the API reference writes it
 *
 * All answers to a task but one or two are such, and nothing of them goes anywhere: no text, no
 * link, no copy. So they are read in one pass, without an object in memory and without a search
 * for secrets, which is a third of what a poll costs. Whatever is unusual about an answer leaves
 * it to koodrive_answer_read(), which would have said the same of a usual one.
 *
 * Pure.
 */
#include <stdbool.h>
#include <stddef.h>

struct koodrive_usual {
        bool is_running; /* or pending */
        int progress;    /* as in struct koodrive_answer */
        int type;
};

/* Whether body is such an answer about the task. */
bool koodrive_usual_read(const char *body, size_t length, const char *task_id,
                         struct koodrive_usual *ret);
