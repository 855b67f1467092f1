#pragma once
/*
 * Account list: the method ListAccounts
 *
 * How many tasks each has is counted by a walk over them in slices.
 */
struct bus_call;
struct control;

void account_list_begin(struct control *control, struct bus_call *call);
