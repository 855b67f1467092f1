"""The page's words: whether each of them is in each catalogue."""

import pathlib
import re
import subprocess
import sys

import pytest

COCKPIT = pathlib.Path(__file__).resolve().parents[2] / "cockpit"
sys.path.append(str(COCKPIT))
from po2js import catalogue, entries, labels, written  # noqa: E402


@pytest.fixture(scope="module")
def template():
    """{msgid: its plural or None} of the sources and the manifest."""
    command = ["xgettext", "--language=JavaScript", "--from-code=UTF-8", "--keyword=_", "--keyword=ngettext:1,2", "-o", "-"]
    done = subprocess.run([*command, *sorted(COCKPIT.glob("*.js"))], capture_output=True, text=True, check=True)
    found = {entry["msgid"]: entry.get("msgid_plural") for entry in entries(done.stdout) if entry["msgid"]}
    assert len(found) > 200
    return found


@pytest.mark.parametrize("path", sorted((COCKPIT / "po").glob("*.po")), ids=lambda path: path.stem)
def test_catalogue_is_complete(template, path):
    _, _, found = catalogue(path.read_text(encoding="utf-8"))
    assert set(template) - set(found) == set(), "not translated"
    assert set(found) - set(template) == set(), "not used"
    for msgid, (plural, *texts) in found.items():
        assert plural == template[msgid]
        for text in texts:
            assert set(re.findall(r"\$\d", text)) == set(re.findall(r"\$\d", msgid + (plural or ""))), msgid
    subprocess.run(["msgfmt", "--check-format", "-o", "/dev/null", path], check=True)


def test_words_are_found():
    """Or those inside a regular expression or a template would be missing without a word."""
    for path in COCKPIT.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"_\((?!\")[`'\w]", re.sub(r"gettext\(\w+\)|_ = \w+ =>", "", text)), f"{path.name}: no literal"


def test_catalogue_for_cockpit():
    text = (
        'msgid ""\nmsgstr "Language: xx\\n"\n"Plural-Forms: nplurals=2; plural=n != 1;\\n"\n\n'
        '#, fuzzy\nmsgid "a"\nmsgstr "A"\n\nmsgid "b"\nmsgstr ""\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "O\\""\nmsgstr[1] "M"\n'
    )
    assert catalogue(text) == ("xx", "n != 1", {"one": ["many", 'O"', "M"]})
    assert written("xx", "n != 1", {"a": [None, "ä"]}).splitlines()[1:3] == [
        '"": {"plural-forms": n => n != 1, "language": "xx", "language-direction": "ltr"},',
        '"a": [null, "ä"]',
    ]
    assert labels({"menu": {"index": {"label": "L"}}, "tools": {"x": {"label": "T"}}}) == {"L", "T"}
