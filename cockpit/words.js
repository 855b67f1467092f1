// What the page calls things. Pure but for the catalogue.

import { _, format } from "./i18n.js";
import { parse } from "./time.js";

export const isWatched = task => task.state === "pending" || task.state === "running";

// Another node of the fleet polls it, which is its reason, and no trouble.
export const isElsewhere = task => Boolean(task.node);

// Its hooks have failed and are tried again.
export const isFailing = task => task.delivery === "waiting" && (task.attempts || 0) > 0;

// They have failed, and are tried again or given up.
export const hasHookTrouble = task => task.delivery === "parked" || isFailing(task);

// The same judgement as koowatchctl's colours: bad, warn, good, busy or none.
export const tone = task => {
    if (task.state === "invalid" || task.delivery === "parked")
        return "bad";
    if (task.state === "finished" && task.outcome) {
        if (task.result === "succeeded")
            return isFailing(task) ? "warn" : "good";
        return task.result === "partial" ? "warn" : "bad";
    }
    if (isFailing(task) || task.reason && !isElsewhere(task))
        return "warn";
    return task.state === "running" ? "busy" : "none";
};

// Of a task that has not ended well: what is wrong.
const finishedWord = task => {
    if (task.delivery === "parked")
        return _("Hooks failed");
    if (isFailing(task))
        return _("Retrying hooks");
    switch (task.outcome) {
    case "canceled": return _("Canceled");
    case "timeout": return _("Timed out");
    case "rejected": return _("Rejected");
    default:
        return task.result === "failed" ? _("All failed") : task.result === "partial" ? _("Some failed") : _("Finished");
    }
};

export const stateWord = task => {
    switch (task.state) {
    case "pending": return _("Pending");
    case "running": return _("Running");
    case "finished": return finishedWord(task);
    case "invalid": return _("Invalid");
    default: return task.state || _("Unknown");
    }
};

export const outcomeWord = task => {
    switch (task.outcome) {
    case "completed":
        switch (task.result) {
        case "succeeded": return _("Completed: all succeeded");
        case "partial": return _("Completed: some files failed");
        case "failed": return _("Completed: all files failed");
        default: return _("Completed: result unknown");
        }
    case "canceled": return _("Canceled in KooDrive");
    case "timeout": return _("Past its deadline");
    case "rejected": return _("Rejected by KooDrive");
    default: return task.outcome || "";
    }
};

// The reason, its own file without the path, which stands elsewhere: "line 3: ...". The daemon's sentence stays whole.
export const shortReason = task => {
    const reason = task.reason || "";

    if (!task.file || !reason.startsWith(`${task.file}:`))
        return reason;
    const [, line, text] = /^(?:(\d+):)? *(.*)$/s.exec(reason.slice(task.file.length + 1));

    return line ? `line ${line}: ${text}` : text;
};

// How its hooks do, where they do not simply succeed.
export const deliveryNote = task => {
    const reason = shortReason(task);

    if (task.delivery === "parked")
        return reason ? format(_("Hooks no longer retried: $0"), reason) : _("Hooks no longer retried");
    if (isFailing(task))
        return reason ? format(_("Hooks fail: $0"), reason) : _("Hooks fail");
    return "";
};

// The one line about a task that matters most now.
export const note = task => {
    const outcome = outcomeWord(task);
    const delivery = deliveryNote(task);
    const reason = shortReason(task);

    if (delivery)
        return outcome ? format(_("$0; $1"), outcome, delivery) : delivery;
    if (task.outcome === "rejected" && task.errorMessage)
        return format(_("Rejected: $0"), task.errorMessage);
    if (outcome)
        return task.delivery === "waiting" ? format(_("$0; hooks run"), outcome) : outcome;
    return reason || task.description || "";
};

export const nextOf = task => parse(task.nextPollAt) ?? parse(task.nextAttemptAt);

export const accountStateWord = ({ state, reason }) => {
    switch (state) {
    case "ok": return _("OK");
    case "throttled": return _("Throttled");
    case "unreachable": return _("Unreachable");
    case "unauthorized": return /\btoken has expired\b/.test(reason) ? _("Token expired") : _("Unauthorized");
    default: return state || _("Unknown");
    }
};

export const accountTone = state => {
    if (state === "ok")
        return "good";
    return state === "throttled" ? "warn" : "bad";
};

// Without what its word and the advice say: a token that has expired is one wherever it was refused.
export const accountReason = ({ state, reason }) => {
    const expired = state === "unauthorized" && /^the token has expired(?: \((.*?)\))?(?:;|$)/.exec(reason);

    return (expired ? expired[1] : reason) || "";
};

// What a person can do about it.
export const accountAdvice = state => {
    switch (state) {
    case "throttled":
        return _("Nothing to do: KooDrive asked for fewer requests, koowatch slows down and recovers by itself.");
    case "unreachable":
        return _("Check the network, the proxy and Endpoint=. koowatch keeps trying and goes on by itself.");
    case "unauthorized":
        return _("Log in to KooDrive again and replace the token. Its tasks wait until then and lose nothing.");
    default:
        return "";
    }
};

export const runWord = run => {
    switch (run.status) {
    case "done": return _("Done");
    case "skipped": return _("Skipped");
    case "later": return _("Wants to run again");
    case "progress": return _("Wants to go on");
    case "timeout": return _("Timed out");
    case "failed": return _("Failed");
    default: return run.status || _("Unknown");
    }
};

export const runTone = run => {
    if (run.status === "done" || run.status === "skipped")
        return "good";
    return run.status === "failed" || run.status === "timeout" ? "bad" : "warn";
};

export const typeWord = type => {
    switch (Number(type)) {
    case 1: return _("Package");
    case 2: return _("Dump");
    default: return _("Other");
    }
};
