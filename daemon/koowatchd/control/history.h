#pragma once
/*
 * History: the method History, a page of the runs that have finished, the latest first
 */
struct bus_call;
struct control;

void history_begin(struct control *control, struct bus_call *call);
