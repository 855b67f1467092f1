// Pieces that several views use: labels, buttons, bars, alerts, lists of facts.

import { _ } from "./i18n.js";
import { el, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";

export const label = (tone, text) => el("span", { class: `label label-${tone}` }, icon(tone), el("span", {}, text));

// reason: why it cannot be pressed; it stays in the tab order, so that everybody learns why.
export const button = (text, onclick, { kind = "secondary", reason = "", name = null } = {}) => {
    const press = event => {
        if (event.currentTarget.getAttribute("aria-disabled") !== "true")
            onclick(event);
    };

    return el("button", {
        type: "button",
        class: `button button-${kind}`,
        onclick: press,
        title: reason || null,
        "aria-label": name && reason ? `${name}: ${reason}` : name || (reason ? `${text}: ${reason}` : null),
        "aria-disabled": reason ? "true" : null,
    }, text);
};

export const hooksWord = () => el("span", { title: _("Scripts that run when a task ends") }, _("Hooks"));

export const linkButton = (text, onclick) => button(text, onclick, { kind: "link" });

export const bar = (name, value, tone = "busy") => {
    const fill = el("span", { class: "bar-fill" });
    const text = el("span", { class: "bar-text" });
    const track = el("span", {
        class: "bar-track",
        role: "progressbar",
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
    }, fill);
    const whole = el("span", { class: "bar" }, track, text);

    setBar(whole, value, tone);
    return whole;
};

export const setBar = (whole, value, tone) => {
    const [track, text] = whole.children;
    const percent = Math.min(Math.max(Math.round(Number(value) || 0), 0), 100);

    setAttribute(track, "aria-valuenow", String(percent));
    setAttribute(whole, "data-tone", tone);
    track.firstChild.style.inlineSize = `${percent}%`;
    setText(text, `${percent}%`);
};

export const alert = (tone, title, body, ...buttons) => el("div", { class: `alert alert-${tone}` },
    icon(tone),
    el("div", { class: "alert-text" },
       el("p", { class: "alert-title" }, title),
       body ? el("p", {}, body) : null,
       buttons.length > 0 ? el("div", { class: "buttons" }, ...buttons) : null));

// [[name, content]]: what is null, or an empty text, is left out.
export const facts = pairs => el("dl", { class: "facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
        .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));

export const card = (title, ...content) => el("section", { class: "card" }, el("h2", {}, title), ...content);

export const copyText = async text => {
    if (navigator.clipboard) {
        await navigator.clipboard.writeText(text);
        return;
    }
    // Pages over plain http have no clipboard.
    const area = el("textarea", { class: "off-screen" });

    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
};

export const copyButton = text => {
    const copy = button(_("Copy"), async () => {
        await copyText(text);
        setText(copy, _("Copied"));
        setTimeout(() => setText(copy, _("Copy")), 2000);
    });

    return copy;
};

// A region that scrolls must be reachable with the keyboard.
export const block = (text, name) => el("pre", { class: "block", tabindex: "0", role: "region", "aria-label": name },
                                        text);
