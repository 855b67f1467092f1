// The form for a new task.

import { _, format } from "./i18n.js";
import { idsOf } from "./answer.js";
import * as check from "./check.js";
import { openDialog } from "./dialog.js";
import { el, newId, setText } from "./dom.js";
import { say } from "./notices.js";
import { hooksWord } from "./parts.js";

class Field {
    constructor(name, input, { help = "", problem = () => "", required = false } = {}) {
        this.input = input;
        this.find = problem;
        this.isTouched = false;
        this.problem = el("span", { class: "problem small", id: newId() });
        const helpId = newId();

        input.id = newId();
        input.required = required;
        input.setAttribute("aria-describedby", `${this.problem.id} ${helpId}`);
        input.addEventListener("input", () => this.check());
        input.addEventListener("blur", () => input.value && this.check());
        this.element = el("div", { class: "field" }, el("label", { for: input.id, class: required && "required" }, name), input, this.problem,
                          el("span", { class: "dim small", id: helpId }, help));
    }

    get value() {
        return this.input.value.trim();
    }

    set value(text) {
        this.input.value = text;
        this.check();
    }

    check() {
        const problem = this.find(this.value);

        setText(this.problem, problem);
        if (problem)
            this.input.setAttribute("aria-invalid", "true");
        else
            this.input.removeAttribute("aria-invalid");
        return !problem;
    }
}

const text = (type = "text") => el("input", { type, class: "input", autocomplete: "off", spellcheck: "false" });

const makeFields = model => ({
    name: new Field(_("Name"), text(), {
        problem: name => check.problemOfName(name, taken => model.tasks.has(taken)),
        help: _("What you call it, such as photos."),
        required: true,
    }),
    account: new Field(_("Account"), el("select", { class: "input" },
                                        [...model.accounts.keys()].sort().map(name => el("option", { value: name }, name)))),
    taskId: new Field(_("TaskId"), text(), {
        problem: check.problemOfId,
        help: _("From KooDrive's answer to the request that created the task."),
        required: true,
    }),
    shareId: new Field(_("ShareId"), text(), {
        problem: check.problemOfId,
        help: _("Of the share that the task works on, as in that request."),
        required: true,
    }),
    hook: new Field(hooksWord(), text(), {
        problem: check.problemOfHooks,
        help: _("Names in named.d, such as fetch-package. Those of finished.d run anyway."),
    }),
    description: new Field(_("Description"), text(), { problem: check.problemOfLine }),
    timeout: new Field(_("Deadline"), text(), {
        problem: check.problemOfSpan,
        help: _("Counted from now, such as 2h. After it the task is no longer polled, its outcome is timeout, " +
                "and its hooks run. Empty: as configured."),
    }),
    kdsToken: new Field(_("KdsToken"), text("password"), {
        problem: check.problemOfLine,
        help: _("Only for a share with an access code."),
    }),
    variables: new Field(_("Variables"), el("textarea", { class: "input code", rows: 3, spellcheck: "false" }), {
        problem: lines => check.readVariables(lines).problem,
        help: _("For the hooks, NAME=VALUE, a line each: Destination=/srv/packages"),
    }),
});

const KEYS = { taskId: "TaskId", shareId: "ShareId", account: "Account", hook: "Hook", description: "Description",
               timeout: "Timeout", kdsToken: "KdsToken" };

// For Add.
const settingsOf = fields => {
    const settings = {};
    const { variables } = check.readVariables(fields.variables.value);

    for (const [field, key] of Object.entries(KEYS))
        if (fields[field].value)
            settings[key] = cockpit.variant("s", fields[field].value);
    if (Object.keys(variables).length > 0)
        settings.Variables = cockpit.variant("a{ss}", { ...variables });
    return settings;
};

const picker = fields => {
    const problem = el("span", { class: "problem small", role: "alert" });
    const id = newId();
    const read = async event => {
        const [file] = event.target.files;
        const ids = file ? idsOf(await file.text()) : null;

        setText(problem, ids === null ? _("This file is no JSON.")
            : ids.taskId ? "" : _("There is no taskId in this file."));
        for (const key of ["taskId", "shareId"])
            if (ids?.[key])
                fields[key].value = ids[key];
    };

    return el("div", { class: "field picker" }, el("label", { for: id }, _("From KooDrive's answer")),
              el("input", { id, type: "file", accept: ".json,application/json,text/plain", onchange: read }), problem,
              el("span", { class: "dim small" }, _("A file with the answer: its ids are put in below.")));
};

export const openAdd = (model, bus, after) => {
    const fields = makeFields(model);

    if (model.accounts.has("default"))
        fields.account.input.value = "default";
    return openDialog({
        title: _("Add a task"),
        body: el("div", { class: "form" },
                 el("p", { class: "dim small whole-row" }, _("What has a * is required.")), picker(fields), ...Object.values(fields).map(field => field.element)),
        label: _("Add task"),
        wide: true,
        ready: () => fields.name.input,
        perform: async () => {
            const bad = Object.values(fields).filter(field => !field.check());
            const name = fields.name.value;

            if (bad.length > 0) {
                bad[0].input.focus();
                return false;
            }
            await bus.add(name, settingsOf(fields));
            say("good", format(_("$0 is watched now."), name));
            after(name);
            return true;
        },
    });
};
