// What needs attention: each task and account in trouble, why, and what helps. Pure.

import { _, format, ngettext } from "./i18n.js";
import { accountAdvice, accountReason, accountStateWord, hasHookTrouble, isElsewhere, isFailing, isWatched, outcomeWord, shortReason } from "./words.js";

const ofAccount = account => ({
    kind: "account",
    bad: account.state !== "throttled",
    name: account.name,
    title: format(_("Account $0: $1"), account.name, accountStateWord(account)),
    why: accountReason(account),
    advice: accountAdvice(account.state),
    helps: account.state === "unauthorized" ? "replace-token" : null,
});

const ofTask = (task, accounts) => {
    const also = task.result === "succeeded" ? "" : outcomeWord(task);
    const base = { kind: "task", name: task.name, task, also, why: shortReason(task) };

    if (task.state === "invalid")
        return {
            ...base,
            bad: true,
            title: _("its file is invalid, so it is not watched"),
            advice: _("Correct the file; it is read again at once."),
            helps: "edit",
        };
    const hooks = task.missing?.length > 0
        ? { advice: _("Correct Hook= in the file, and run the hooks with it."), helps: "correct-hook" } : null;

    if (task.delivery === "parked")
        return {
            ...base,
            bad: true,
            title: _("its hooks have failed too often and are no longer retried"),
            advice: _("Fix the cause, then retry the failed hooks."),
            helps: "redeliver",
            ...hooks,
        };
    if (isFailing(task))
        return {
            ...base,
            bad: false,
            title: format(ngettext("its hooks have failed $0 time", "its hooks have failed $0 times", task.attempts),
                          task.attempts),
            advice: _("They are retried by themselves. Once the cause is fixed you can retry them now."),
            helps: "redeliver",
            ...hooks,
        };
    // A task's own trouble; that of its account is said once, for all of them.
    if (isWatched(task) && task.reason && !isElsewhere(task) && (accounts.get(task.account)?.state ?? "ok") === "ok")
        return {
            ...base,
            bad: false,
            title: _("its last poll brought no answer that counts"),
            advice: _("It is polled again by itself. If this lasts, look at its journal."),
            helps: "poll",
        };
    return null;
};

// The daemon's own sentences that the entries above say in more words.
const isCovered = (sentence, found) =>
    (/^account \S+ /.test(sentence) && found.some(t => t.kind === "account")) ||
    (/^\d+ invalid task file/.test(sentence) && found.some(t => t.task?.state === "invalid")) ||
    (/^\d+ deliver(y|ies) (is|are|was|were) /.test(sentence) &&
        found.some(t => t.helps === "redeliver" || t.helps === "correct-hook"));

const ofSentence = sentence => ({
    kind: "daemon",
    bad: true,
    name: "",
    title: sentence,
    why: "",
    advice: "",
    helps: /configuration has errors/.test(sentence) ? "reload" : "journal",
});

// A hook that has not run at all has no exit status to tell.
const NOT_RUN = " was not run";

// What List leaves open about failed hooks, so that Get is to be asked.
export const isUnexplained = task => hasHookTrouble(task) && task.missing === undefined &&
    (task.reason === undefined || task.reason.includes(NOT_RUN));

// From Get: why hooks were not run, and which of them do not exist.
export const explain = ({ reason = "", runs = [] }) => {
    const notRun = runs.filter(run => run.attempt === runs.at(-1).attempt && reason.includes(run.hook + NOT_RUN));

    return {
        reason: notRun.reduce((text, run) => text.replace(run.hook + NOT_RUN, found => `${found}: ${run.tail || ""}`.trim()),
                              reason),
        missing: notRun.filter(run => /^no such hook/.test(run.tail)).map(run => run.hook),
    };
};

export const isInTrouble = (task, accounts) => ofTask(task, accounts) !== null;

// Those that are bad first, accounts before tasks, by name.
export const troubles = (tasks, accounts, sentences) => {
    const found = [];

    for (const account of accounts.values())
        if (account.state !== "ok")
            found.push(ofAccount(account));
    for (const task of tasks) {
        const trouble = ofTask(task, accounts);

        if (trouble)
            found.push(trouble);
    }
    const daemon = sentences.filter(sentence => !isCovered(sentence, found)).map(ofSentence);
    const rank = t => (t.bad ? 0 : 2) + (t.kind === "task" ? 1 : 0);

    return [...daemon, ...found].sort((a, b) => rank(a) - rank(b) ||
        (a.name < b.name ? -1 : Number(a.name > b.name)));
};
