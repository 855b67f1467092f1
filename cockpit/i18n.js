// The page's words: Cockpit's catalogue in the browser, English where there is none (tests).

const shell = globalThis.cockpit;

export const _ = text => shell ? shell.gettext(text) : text;

export const ngettext = (one, many, n) => {
    if (shell)
        return shell.ngettext(one, many, n);
    return n === 1 ? one : many;
};

// $0, $1, ... in text are replaced by the values.
export const format = (text, ...values) => text.replace(/\$(\d)/g, (_all, i) => String(values[i]));

// What there is of them, one after the other.
export const list = parts => parts.filter(Boolean).join(_(", "));

export const language = () => (shell?.language || "en").replace("_", "-");
