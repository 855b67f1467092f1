#pragma once
/*
 * Task signals: TaskAdded, TaskChanged, TaskFinished and TaskRemoved on the bus
 *
 * What happens to a task in a turn of the loop is told in the next one, in order; that it has
 * changed only once. What the bus is too slow for is kept until it has read the rest. While nobody
 * can hear it nothing is kept. What is said is for everybody: no secret is in it.
 */
#include <json-c/json_types.h>

#include "common/util.h"
#include "koowatchd/task/registry-handler.h"

struct bus;
struct registry;
struct task_signals;
struct timers;

/* Borrows all. Returns 0 or a negative errno. */
int task_signals_new(struct timers *timers, struct bus *bus, const struct registry *registry,
                     struct task_signals **ret);
/* Accepts NULL. */
void task_signals_free(struct task_signals *signals);
DEFINE_CLEANUP(struct task_signals *, task_signals_free)

/* As the registry's handler tells it. */
void task_signals_note(struct task_signals *signals, enum registry_change change, const char *name);
/* An outcome is on disk; the event is borrowed. */
void task_signals_finished(struct task_signals *signals, json_object *event);
