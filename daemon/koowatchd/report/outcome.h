#pragma once
/*
 * Outcome: how a watch has ended
 *
 * Completed is not success: what KooDrive says of the task's result is enum
 * koodrive_result.
 */

enum outcome {
        OUTCOME_NONE,
        OUTCOME_COMPLETED,
        OUTCOME_CANCELED,
        OUTCOME_TIMEOUT,
        OUTCOME_REJECTED,
        OUTCOMES
};

/* "none", "completed", "canceled", "timeout", "rejected". */
const char *outcome_name(enum outcome outcome);
