// Elements. Text becomes text nodes only: nothing that came over the bus is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith("on"))
            element.addEventListener(name.slice(2), value);
        else if (value === true)
            element.setAttribute(name, "");
        else if (value !== false && value !== null && value !== undefined)
            element.setAttribute(name, String(value));
    }
    element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
    return element;
};

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

// Changes nothing where nothing has changed, so that it costs nothing.
export const setText = (element, text) => {
    if (element.textContent !== text)
        element.textContent = text;
};

export const setAttribute = (element, name, value) => {
    if (element.getAttribute(name) !== value)
        element.setAttribute(name, value);
};

// A link that may have come over the bus: null unless it leads to the web.
export const webLink = (url, ...children) => {
    let parsed;

    try {
        parsed = new URL(url);
    } catch (error) {
        return null;
    }
    if (parsed.protocol !== "https:" && parsed.protocol !== "http:")
        return null;
    return el("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer", class: "link" }, ...children);
};

let lastId = 0;

export const newId = () => `id-${++lastId}`;
