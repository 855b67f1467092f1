// Dialogs: <dialog> keeps the focus inside, Escape closes it, and the focus returns.

import { _ } from "./i18n.js";
import { el, newId } from "./dom.js";
import { alert, button } from "./parts.js";

// perform() may fail: its sentence is shown and the dialog stays. Resolves to whether it was done.
// second: { label, perform } of another button.
export const openDialog = ({ title, body, label, perform, second = null, danger = false, wide = false, ready = null }) => {
    const id = newId();
    const problem = el("div", { role: "alert" });
    const back = document.activeElement;

    return new Promise(resolve => {
        let isBusy = false;
        const finish = done => {
            dialog.close();
            dialog.remove();
            if (back?.isConnected)
                back.focus();
            resolve(done);
        };
        const submit = async event => {
            event.preventDefault();
            if (isBusy)
                return;
            isBusy = true;
            go.setAttribute("aria-disabled", "true");
            problem.replaceChildren();
            try {
                if (await (event.submitter === other ? second : { perform }).perform() !== false)
                    finish(true);
            } catch (error) {
                problem.replaceChildren(alert("bad", error.message || String(error)));
            } finally {
                isBusy = false;
                go.removeAttribute("aria-disabled");
            }
        };
        const go = el("button", { type: "submit", class: `button button-${danger ? "danger" : "primary"}` }, label);
        const other = second && el("button", { type: "submit", class: "button button-secondary" }, second.label);
        const form = el("form", { onsubmit: submit, novalidate: true },
                        el("h2", { id }, title),
                        el("div", { class: "dialog-body" }, body, problem),
                        el("div", { class: "buttons dialog-buttons" }, go, other,
                           button(_("Cancel"), () => finish(false), { kind: "link" })));
        const dialog = el("dialog", { "aria-labelledby": id, class: wide ? "dialog wide" : "dialog" }, form);

        dialog.addEventListener("cancel", event => {
            event.preventDefault();
            finish(false);
        });
        document.body.append(dialog);
        dialog.showModal();
        (ready?.() || (danger ? form.querySelector(".button-link") : go)).focus();
    });
};
