#pragma once
/*
 * Poll task: the method Poll, a question about one task now
 */
struct bus_call;
struct control;

void poll_task_begin(struct control *control, struct bus_call *call);
