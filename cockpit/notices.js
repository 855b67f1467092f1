// What has just happened, said once: on the screen and to screen readers.

import { _ } from "./i18n.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { linkButton } from "./parts.js";

const SHOWN = 8000;
const MOST = 3;

const place = el("div", { class: "notices", role: "status", "aria-live": "polite" });

export const notices = () => place;

export const say = (tone, text, action = null) => {
    const close = el("button", { type: "button", class: "button-icon", "aria-label": _("Close") }, icon("close"));
    const notice = el("div", { class: `notice notice-${tone}` }, icon(tone), el("span", {}, text),
                      action ? linkButton(action.label, action.run) : null, close);

    close.addEventListener("click", () => notice.remove());
    place.append(notice);
    while (place.children.length > MOST)
        place.firstChild.remove();
    if (tone !== "bad")
        setTimeout(() => notice.remove(), SHOWN);
};
