#pragma once
/*
 * Task get: the method Get, all that is known of one task
 *
 * Of one whose file is gone it is the latest run that is remembered.
 */
struct bus_call;
struct control;

void task_get_begin(struct control *control, struct bus_call *call);
