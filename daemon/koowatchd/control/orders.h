#pragma once
/*
 * Orders: the methods Redeliver and Dismiss, which end when what they ask for is on disk
 */
struct bus_call;
struct control;

void redeliver_begin(struct control *control, struct bus_call *call);
void dismiss_begin(struct control *control, struct bus_call *call);
