#pragma once
/*
 * Task view: what List, Get and History say of a task
 *
 * JSON objects with the keys of the hooks' JSON and a few more. Of a task that has finished most
 * is in its event. All return NULL or false when memory is short.
 */
#include <json-c/json_types.h>
#include <stdbool.h>

struct config;
struct enrollment;
struct far_end;
struct node_list;
struct store_event;
struct store_run;
struct task_facts;

/* What the registry knows of it. nodes: who polls what this one does not; NULL: it is alone. */
json_object *view_of_task(const struct enrollment *enrollment, const struct node_list *nodes,
                          const struct task_facts *facts);
/* What only Get says of it besides: variables and hooks, settings (as view_add_settings()),
 * samples. */
bool view_add_details(json_object *view, const struct enrollment *enrollment,
                      const struct task_facts *facts, const struct config *config);

/* Of one that this node does not poll: it has finished, as far_end_find() has found. */
bool view_add_far_end(json_object *view, const struct far_end *end);

/* How it has finished, and how far the delivery is, besides its name and file where these are known
 * already; event: the text of stored, parsed. */
bool view_add_event(json_object *view, const struct store_event *stored, json_object *event);
/* What only Get says of it besides: link, answer, variables, hooks and samples. */
bool view_add_event_details(json_object *view, const struct store_event *stored,
                            json_object *event);

/* One of the runs of an event's hooks, for an array of them. */
json_object *view_of_run(const struct store_run *run);
/*
 * Why a delivery was given up or is tried again, by its runs: those of the last attempt that have
 * not ended well. Nothing is added when there is none.
 */
bool view_add_failed_runs(json_object *view, json_object *runs);
