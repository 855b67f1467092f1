// What Cockpit makes of D-Bus values, as plain values. Pure.

// Keys come from task files: "__proto__" is a key like others.
const mapped = (dictionary, each) => {
    const plain = Object.create(null);

    for (const [key, value] of Object.entries(dictionary))
        plain[key] = each(value);
    return plain;
};

const variant = ({ t, v }) => {
    if (t === "a{sv}")
        return dictionary(v);
    if (t === "aa{sv}")
        return v.map(dictionary);
    if (t === "a{ss}")
        return mapped(v, text => text);
    return v;
};

// a{sv}
export const dictionary = value => mapped(value, variant);

// aa{sv}
export const dictionaries = values => values.map(dictionary);
