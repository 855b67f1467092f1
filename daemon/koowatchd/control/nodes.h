#pragma once
/*
 * Nodes: the method Nodes, those that share the store
 */
struct bus_call;
struct control;

void nodes_begin(struct control *control, struct bus_call *call);
