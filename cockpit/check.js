// What the form for a new task checks while one types; the daemon checks it again. Pure.

import { _ } from "./i18n.js";

const SPAN = /^(infinity|(\d+(\.\d+)?\s*(us|usec|ms|msec|s|sec|second|seconds|m|min|minute|minutes|h|hr|hour|hours|d|day|days|w|week|weeks)?\s*)+)$/;

export const problemOfName = (name, isTaken) => {
    if (!name)
        return _("A name is needed.");
    if (!/^[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,127}$/.test(name))
        return _("Use 1 to 128 of A-Z a-z 0-9 . _ @ - without a leading dot.");
    return isTaken(name) ? _("There is a task of this name already.") : "";
};

export const problemOfId = id => {
    if (!id)
        return _("It is needed.");
    return /^[A-Za-z0-9_-]{1,64}$/.test(id) ? "" : _("Use 1 to 64 of A-Z a-z 0-9 _ -.");
};

export const problemOfSpan = text =>
    !text || SPAN.test(text) ? "" : _("Write a time span such as 90 (seconds), 20min or 1h 30min.");

export const problemOfHooks = text => text.split(/\s+/).some(name => name.includes("/") || name.startsWith("."))
    ? _("Names of files in named.d, separated by spaces.") : "";

export const problemOfLine = text => /[\x00-\x1f]/.test(text) ? _("One line, please.") : "";

// { variables, problem }: a line NAME=VALUE each.
export const readVariables = text => {
    const variables = Object.create(null);
    const seen = new Set();

    for (const line of text.split("\n").map(l => l.trim()).filter(Boolean)) {
        const match = /^([A-Za-z][A-Za-z0-9_]{0,127})\s*=\s*(.*)$/.exec(line);

        if (!match)
            return { variables, problem: _("Write NAME=VALUE, a line each; a name begins with a letter.") };
        if (seen.has(match[1].toUpperCase()))
            return { variables, problem: _("The same name is there twice.") };
        seen.add(match[1].toUpperCase());
        variables[match[1]] = match[2];
    }
    return { variables, problem: "" };
};
