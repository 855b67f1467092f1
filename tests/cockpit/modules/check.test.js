import assert from "node:assert/strict";
import { test } from "node:test";

import { problemOfHooks, problemOfId, problemOfLine, problemOfName, problemOfSpan,
         readVariables } from "../../../cockpit/check.js";

const good = problem => assert.equal(problem, "");
const bad = problem => assert.notEqual(problem, "");

test("names", () => {
    const isTaken = name => name === "taken";

    for (const name of ["photos", "a", "a.b-c_d@e", "-x", "9", "x".repeat(128)])
        good(problemOfName(name, isTaken));
    for (const name of ["", ".hidden", "a b", "ä", "a/b", "x".repeat(129), "taken"])
        bad(problemOfName(name, isTaken));
});

test("ids", () => {
    for (const id of ["1689768877770401664", "a-b_c", "x".repeat(64)])
        good(problemOfId(id));
    for (const id of ["", "a b", "x".repeat(65), "a.b"])
        bad(problemOfId(id));
});

test("time spans", () => {
    for (const span of ["", "90", "1500ms", "2min 30s", "1h", "infinity", "1.5h", "2 h"])
        good(problemOfSpan(span));
    for (const span of ["soon", "h", "-1h", "1x", "2h later"])
        bad(problemOfSpan(span));
});

test("hooks are names, not paths", () => {
    good(problemOfHooks(""));
    good(problemOfHooks("fetch-package notify"));
    bad(problemOfHooks("/usr/bin/x"));
    bad(problemOfHooks("a ../b"));
    good(problemOfLine("Fotos im Mai"));
    bad(problemOfLine("a\nb"));
});

test("variables", () => {
    const read = readVariables(" Destination = /srv/packages \n\nEmpty=\n__proto__=no\n");

    bad(read.problem);
    const { variables, problem } = readVariables(" Destination = /srv/a=b \n\nEmpty=\n");

    good(problem);
    assert.deepEqual({ ...variables }, { Destination: "/srv/a=b", Empty: "" });
    bad(readVariables("A=1\na=2").problem);
    bad(readVariables("no").problem);
    bad(readVariables("1A=x").problem);
});
