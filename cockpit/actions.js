// What a person can do about a task or an account: asks where it cannot be undone, does it, says so.

import { _, format, list } from "./i18n.js";
import { el, newId } from "./dom.js";
import { openDialog } from "./dialog.js";
import * as files from "./files.js";
import { isAdministrator } from "./access.js";
import { hooksOf, isOfAdministrator, reasons } from "./allowed.js";
import { say } from "./notices.js";
import { shortReason } from "./words.js";

const HOOKS_OF_THEN = () => _("The task has ended: its hooks and variables stay those of that time, in retries too. " +
                              "Only “Save and run hooks” takes those of the file.");

const paragraphs = (...texts) => texts.map(text => el("p", {}, text));

export class Actions {
    // after(name): something was done to that task, "" for all.
    constructor(model, bus, after) {
        Object.assign(this, { model, bus, after });
    }

    reasons(task) {
        return reasons(task, this.model.tasks.has(task.name), isAdministrator());
    }

    async #attempt(what, name, done) {
        try {
            await what();
            say("good", done);
        } catch (error) {
            say("bad", error.message || _("koowatchd did not answer."));
        }
        this.after(name);
    }

    poll(task) {
        return this.#attempt(() => this.bus.order("Poll", task.name), task.name,
                             format(_("$0 is polled as soon as its account may."), task.name));
    }

    // As committed.
    retry(task) {
        return this.#attempt(() => this.bus.redeliver(task.name, {}), task.name,
                             format(_("The hooks of $0 are run again."), task.name));
    }

    // task: as Get has it
    redeliver(task) {
        const why = this.reasons(task);
        const { done, ...hooks } = hooksOf(task);
        const isFileNew = task.missing?.length > 0 && !why.reread; // else it would fail again
        const group = newId();
        const named = hook => task.missing?.includes(hook) ? format(_("$0 (was not there at the last attempt)"), hook) : hook;
        const choice = (value, text, help, reason) => {
            const id = newId();
            const runs = hooks[value].length > 0 ? format(_("Runs: $0"), list(hooks[value].map(named))) : "";

            return el("label", { class: "choice" },
                      el("input", { type: "radio", name: group, value, checked: isFileNew === (value === "reread"),
                                    disabled: Boolean(reason), "aria-describedby": id }),
                      el("span", {}, text, el("span", { id },
                                              [reason || help, reason ? "" : runs].filter(Boolean)
                                                  .map(line => el("span", { class: "dim small block-line" }, line)))));
        };
        const ask = el("input", { type: "checkbox", disabled: Boolean(why.ask) });
        const body = el("div", {},
                        el("fieldset", {}, el("legend", {}, _("Which hooks and variables")),
                           choice("committed", _("As they were when the task ended"),
                                  _("Choose this if you have fixed the hook script."), ""),
                           choice("reread", _("As the task's file has them now"),
                                  _("Choose this if you have changed Hook= or variables in the task file."), why.reread),
                           el("p", { class: "small" }, task.delivery === "none" ? _("Hooks that are done run again, too.")
                               : done.length > 0 ? format(_("Done already, not run again: $0"), list(done)) : "")),
                        el("label", { class: "choice" }, ask,
                           el("span", {}, _("Ask KooDrive for a fresh link first"),
                              el("span", { class: "dim small block-line" }, why.ask || _("The link in the event may have expired.")))));

        return openDialog({
            title: format(_("Run the hooks of $0 again"), task.name),
            body,
            label: _("Run hooks"),
            perform: async () => {
                const options = {};

                if (body.querySelector("input[value=reread]").checked)
                    options.Reread = cockpit.variant("b", true);
                if (ask.checked)
                    options.Ask = cockpit.variant("b", true);
                await this.bus.redeliver(task.name, options);
                say("good", format(_("The hooks of $0 are run again."), task.name));
                this.after(task.name);
            },
        });
    }

    dismiss(task) {
        return openDialog({
            title: format(_("Dismiss the delivery of $0?"), task.name),
            body: paragraphs(_("Hooks that have not succeeded are not run any more, and nobody is told."),
                             isOfAdministrator(task)
                                 ? _("The task file and the outcome in the history stay, and nothing in KooDrive is deleted.")
                                 : _("The task file is removed, as after every delivery. The outcome in the history stays, " +
                                     "and nothing in KooDrive is deleted.")),
            label: _("Dismiss"),
            danger: true,
            perform: async () => {
                await this.bus.order("Dismiss", task.name);
                say("good", format(_("The hooks of $0 are not run again."), task.name));
                this.after(task.name);
            },
        });
    }

    remove(task) {
        const isRunning = task.state === "pending" || task.state === "running";

        return openDialog({
            title: format(_("Remove $0?"), task.name),
            body: paragraphs(isRunning
                ? _("It is no longer polled, and nothing is reported when it ends.")
                : _("What it has reported stays in the history."),
                             _("Only its task file is deleted, nothing in KooDrive or of what was downloaded."),
                             format(_("File: $0"), task.file || "")),
            label: _("Remove"),
            danger: true,
            perform: async () => {
                if (isOfAdministrator(task))
                    await files.remove(task.file);
                else
                    await this.bus.order("Remove", task.name);
                say("good", format(_("$0 was removed."), task.name));
                this.after(task.name);
            },
        });
    }

    async edit(task) {
        const area = el("textarea", { class: "input code", rows: 14, spellcheck: "false", "aria-label": task.file });

        try {
            area.value = await files.read(task.file) ?? "";
        } catch (error) {
            say("bad", error.message);
            return false;
        }
        const hasEnded = task.state === "finished";
        const isRetried = hasEnded && task.delivery !== "none";
        const replace = () => files.replace(task.file, area.value.replace(/\n?$/, "\n"));
        const done = text => {
            say("good", format(text, task.name));
            this.after(task.name);
        };
        const save = {
            label: _("Save"),
            perform: async () => {
                await replace();
                done(isRetried ? _("The file of $0 was changed; retries go on with the hooks of before.")
                    : _("The file of $0 was changed."));
            },
        };
        const saveAndRun = {
            label: _("Save and run hooks"),
            perform: async () => {
                await replace();
                await this.bus.redeliver(task.name, { Reread: cockpit.variant("b", true) }); // reads the file itself
                done(_("The file of $0 was changed, and its hooks are run with it."));
            },
        };

        return openDialog({
            title: format(_("File of $0"), task.name),
            body: el("div", {}, el("p", { class: "path" }, task.file),
                     shortReason(task) ? el("p", { class: "problem" }, shortReason(task)) : null, area,
                     hasEnded ? el("p", { class: "dim small" }, HOOKS_OF_THEN()) : null),
            ...(isRetried ? saveAndRun : save),
            second: isRetried ? save : hasEnded ? saveAndRun : null,
            wide: true,
            ready: () => area,
        });
    }

    reload() {
        return this.#attempt(() => this.bus.reload(), "", _("The configuration was read again."));
    }

    // Where a token can be put; null: not from here.
    static tokenFile(account) {
        const source = account?.tokenSource || "";

        return source.startsWith("/") && !source.startsWith("/run/credentials/") ? source : null;
    }

    replaceToken(account) {
        const path = Actions.tokenFile(account);
        const id = newId();
        const input = el("input", { id, type: "password", class: "input", autocomplete: "off" });

        return openDialog({
            title: format(_("Replace the token of account $0"), account.name),
            body: el("div", {},
                     el("p", {}, _("Log in to KooDrive, and copy the whole value of the Authorization header, " +
                                   "with its first word.")),
                     el("label", { for: id }, _("Token")), input,
                     el("p", { class: "dim small" }, format(_("It is written to $0, which only koowatchd may read, " +
                                                              "and tried at once."), path))),
            label: _("Replace token"),
            ready: () => input,
            perform: async () => {
                if (!input.value.trim())
                    throw new Error(_("Paste the token first."));
                await files.replaceSecret(path, `${input.value.trim()}\n`);
                input.value = "";
                say("good", format(_("The token of account $0 was replaced; koowatchd tries it."), account.name));
                this.after("");
            },
        });
    }
}
