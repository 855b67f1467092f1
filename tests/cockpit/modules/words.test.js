import assert from "node:assert/strict";
import { test } from "node:test";

import { accountReason, accountStateWord, isFailing, nextOf, note, shortReason, stateWord, tone } from "../../../cockpit/words.js";

const finished = { name: "a", state: "finished", delivery: "none", outcome: "completed", result: "succeeded" };

test("the tone of a task is that of its worst", () => {
    assert.equal(tone({ state: "invalid", delivery: "none" }), "bad");
    assert.equal(tone({ ...finished, delivery: "parked" }), "bad");
    assert.equal(tone({ ...finished, delivery: "waiting", attempts: 2 }), "warn");
    assert.equal(tone({ ...finished, delivery: "waiting", attempts: 0 }), "good");
    assert.equal(tone({ state: "pending", reason: "node b polls account default", node: "b" }), "none");
    assert.equal(tone({ ...finished, result: "partial" }), "warn");
    assert.equal(tone({ ...finished, outcome: "rejected", result: undefined }), "bad");
    assert.equal(tone({ state: "running", delivery: "none" }), "busy");
    assert.equal(tone({ state: "running", delivery: "none", reason: "HTTP 500" }), "warn");
    assert.equal(tone({ state: "pending", delivery: "none" }), "none");
});

test("the note says what matters most", () => {
    assert.equal(note({ ...finished, delivery: "parked", reason: "named.d/x failed" }),
                 "Completed: all succeeded; Hooks no longer retried: named.d/x failed");
    assert.equal(note({ ...finished, delivery: "waiting", attempts: 1 }), "Completed: all succeeded; Hooks fail");
    assert.equal(note({ ...finished, delivery: "waiting", attempts: 0 }), "Completed: all succeeded; hooks run");
    assert.equal(note({ ...finished, outcome: "rejected", errorMessage: "no such share" }), "Rejected: no such share");
    assert.equal(note({ state: "running", description: "weekly" }), "weekly");
    assert.equal(note({ state: "running" }), "");
});

test("a reason names the line of its own file, another file in full", () => {
    const file = "/etc/koowatch/tasks.d/a.task";

    assert.equal(shortReason({ file, reason: `${file}:2: bad` }), "line 2: bad");
    assert.equal(shortReason({ file, reason: `${file}: no TaskId=` }), "no TaskId=");
    assert.equal(shortReason({ file, reason: `${file}.d/x.conf:2: bad` }), `${file}.d/x.conf:2: bad`);
    assert.equal(shortReason({ file, reason: "/etc/other.task:2: bad" }), "/etc/other.task:2: bad");
    assert.equal(shortReason({}), "");
});

test("what is next is a poll, or an attempt of the hooks", () => {
    assert.equal(nextOf({ nextPollAt: "2026-01-01T00:00:00Z" }), Date.UTC(2026, 0, 1));
    assert.equal(nextOf({ nextAttemptAt: "2026-01-01T00:00:01Z" }), Date.UTC(2026, 0, 1, 0, 0, 1));
    assert.equal(nextOf({}), null);
    assert.ok(isFailing({ delivery: "waiting", attempts: 1 }) && !isFailing({ delivery: "waiting" }));
});

test("a state that is not good says what is wrong", () => {
    assert.deepEqual([{}, { delivery: "parked" }, { delivery: "waiting", attempts: 1 }, { result: "partial" }, { result: "failed" },
                      { outcome: "canceled" }, { outcome: "timeout" }, { outcome: "rejected" }]
        .map(more => stateWord({ ...finished, ...more })),
                     ["Finished", "Hooks failed", "Retrying hooks", "Some failed", "All failed", "Canceled", "Timed out",
                      "Rejected"]);
});

test("a token that has expired is called so", () => {
    assert.equal(accountStateWord({ state: "unauthorized", reason: "the token has expired (HTTP 401)" }), "Token expired");
    assert.equal(accountStateWord({ state: "unauthorized", reason: "HTTP 401" }), "Unauthorized");
    assert.equal(accountStateWord({ state: "unauthorized" }), "Unauthorized");
});

test("the reason of an account leaves out what its word and the advice say", () => {
    const expired = "the token has expired (HTTP 401, code APIG.1002); log in again and replace the token (TokenFile=)";
    const refused = "the credential was refused (HTTP 401); check the token (TokenFile=)";

    assert.equal(accountReason({ state: "unauthorized", reason: expired }), "HTTP 401, code APIG.1002");
    assert.equal(accountReason({ state: "unauthorized", reason: "the token has expired" }), "");
    assert.equal(accountReason({ state: "unauthorized", reason: refused }), refused);
    assert.equal(accountReason({ state: "unreachable", reason: "no route to host" }), "no route to host");
    assert.equal(accountReason({ state: "throttled" }), "");
});
