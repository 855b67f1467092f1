#pragma once
/*
 * Add task: the methods Add and Remove, which write and remove task files
 *
 * A file is written to STATE/tasks.d, under a dot name first, and is on disk, like its name, before
 * the caller gets an answer. What the parser of task files would refuse is not written.
 */
struct bus_call;
struct control;

void add_task(struct control *control, struct bus_call *call);
void remove_task(struct control *control, struct bus_call *call);
