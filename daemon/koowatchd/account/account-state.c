#include "koowatchd/account/account-state.h"

const char *account_state_name(enum account_state state) {
        static const char *const names[ACCOUNT_STATES] = {"ok", "throttled", "unreachable",
                                                          "unauthorized"};

        return names[state];
}
