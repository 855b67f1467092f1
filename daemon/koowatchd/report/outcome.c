#include "koowatchd/report/outcome.h"

const char *outcome_name(enum outcome outcome) {
        static const char *const names[] = {"none", "completed", "canceled", "timeout", "rejected"};

        return names[outcome];
}
