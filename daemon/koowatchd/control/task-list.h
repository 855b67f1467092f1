#pragma once
/*
 * Task list: the method List, a page of tasks in the order of their names
 *
 * The names are selected by a walk over all tasks in slices, and each of them is looked up
 * afterwards, those that have finished, or
 * that another node polls, in the store as well.
 */
struct bus_call;
struct control;

void task_list_begin(struct control *control, struct bus_call *call);
