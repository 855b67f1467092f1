// What can be done with a task now, or why not. Pure.

import { _, format } from "./i18n.js";
import { hasHookTrouble, isWatched } from "./words.js";

// Its file was written by an administrator: koowatchd does not remove it.
export const isOfAdministrator = task => (task.file || "").startsWith("/etc/");

// hasFile: it is among the tasks, not only in the history; isAdministrator: of this machine.
// Each is "" where it can be done, else the reason.
export const reasons = (task, hasFile, isAdministrator) => {
    const gone = hasFile ? "" : _("Its file is gone; only its history is left.");
    const unfinished = task.state === "finished" ? "" : _("It has not finished yet.");

    return {
        poll: isWatched(task) && hasFile ? ""
            : task.state === "invalid" ? _("Its file is invalid, so it is not polled.")
                : _("It has finished."),
        redeliver: unfinished,
        reread: unfinished || gone,
        ask: unfinished || (task.outcome === "completed" ? "" : _("Only a completed task has a link.")),
        dismiss: hasHookTrouble(task) ? "" : _("No hooks of it are waiting."),
        edit: gone || (isAdministrator ? "" : _("Changing its file needs administrative access.")),
        remove: gone || (!isOfAdministrator(task) || isAdministrator ? ""
            : format(_("Its file $0 belongs to the administrators: removing it needs administrative access."),
                     task.file)),
    };
};

// What a redelivery would run, as committed and reread, and what it would not, as far as it is known: those that are done
// run again only if none has failed.
export const hooksOf = task => {
    const last = new Map((task.runs || []).map(run => [run.hook, run.status]));
    const isDone = hook => task.delivery !== "none" && (last.get(hook) === "done" || last.get(hook) === "skipped");
    const hooks = [...last.keys()];
    const committed = hooks.filter(hook => !isDone(hook));
    const named = (task.settings?.find(s => s.key === "Hook")?.value || "").split(/\s+/).filter(Boolean)
        .map(name => `named.d/${name}`);

    return {
        committed,
        reread: [...new Set([...committed.filter(hook => !hook.startsWith("named.d/")), ...named])].filter(h => !isDone(h)),
        done: hooks.filter(isDone),
    };
};
