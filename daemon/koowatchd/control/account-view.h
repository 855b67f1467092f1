#pragma once
/*
 * Account view: what ListAccounts says of an account
 */
#include <json-c/json_types.h>

struct account;
struct accounts;
struct enrollment;
struct poller;

/* What signals say of it, too: name, state and reason. NULL when memory is short. */
json_object *view_of_account(const struct account *account);
/* All of it but the number of its tasks. */
json_object *view_of_account_details(const struct accounts *accounts, const struct poller *poller,
                                     struct account *account);
