#!/usr/bin/python3
"""Writes a catalogue as Cockpit wants it: po2js.py CATALOGUE.po MANIFEST PO.js PO.MANIFEST.js

The first has all, for the page and for the shell of older releases; the second what the manifest
says, for the shell of newer ones. What has no translation, or one marked as fuzzy, is left out.
"""

import ast
import json
import pathlib
import sys


def entries(text):
    """Yields {"msgid": ..., "msgid_plural": ..., "msgstr": ... or "msgstr[0]": ...} of each entry."""
    entry, key, fuzzy = {}, None, False
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if entry and not fuzzy:
                yield entry
            entry, key, fuzzy = {}, None, False
        elif line.startswith("#"):
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
        elif line.startswith('"'):
            entry[key] += ast.literal_eval(line)
        else:
            key, _, value = line.partition(" ")
            entry[key] = ast.literal_eval(value)


def catalogue(text):
    """(language, plural rule, {msgid: [plural or None, translation...]})"""
    header, found = {}, {}
    for entry in entries(text):
        if entry["msgid"] == "":
            header = dict(line.split(": ", 1) for line in entry["msgstr"].splitlines() if ": " in line)
            continue
        texts = [value for name, value in sorted(entry.items()) if name.startswith("msgstr")]
        if all(texts):
            found[entry["msgid"]] = [entry.get("msgid_plural"), *texts]
    rule = dict(part.strip().split("=", 1) for part in header["Plural-Forms"].split(";") if "=" in part)
    return header["Language"], rule["plural"], found


def labels(manifest):
    """What the shell shows."""
    return {entry["label"] for menu in ("menu", "tools") for entry in manifest.get(menu, {}).values()}


def written(language, plural, texts):
    head = f'"": {{"plural-forms": n => {plural}, "language": {json.dumps(language)}, "language-direction": "ltr"}}'
    body = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in texts.items()]
    return "cockpit.locale({\n" + ",\n".join([head, *body]) + "\n});\n"


def main():
    source, manifest, page, shell = map(pathlib.Path, sys.argv[1:])
    language, plural, found = catalogue(source.read_text(encoding="utf-8"))
    wanted = labels(json.loads(manifest.read_text(encoding="utf-8")))
    assert set(plural) <= set("n0123456789()?:<>=!&|% "), plural
    page.write_text(written(language, plural, found), encoding="utf-8")
    shown = {key: value for key, value in found.items() if key in wanted}
    shell.write_text(written(language, plural, shown), encoding="utf-8")


if __name__ == "__main__":
    main()
