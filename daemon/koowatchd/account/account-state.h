#pragma once
/*
 * Account state: how the requests of an account fare; account.h explains each
 */

enum account_state {
        ACCOUNT_OK,
        ACCOUNT_THROTTLED,
        ACCOUNT_UNREACHABLE,
        ACCOUNT_UNAUTHORIZED,
        ACCOUNT_STATES
};

const char *account_state_name(enum account_state state);
