"""Whether all texts for people are translated, and the translations fit what they stand for."""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PO = TOP / "po"
LANGUAGES = (PO / "LINGUAS").read_text().split()

pytestmark = pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is missing")


def run(*command):
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def template(tmp_path):
    """All texts, found as the build finds them."""
    options = re.findall(r"'(--(?:from-code|keyword|flag)=[^']+)'", (PO / "meson.build").read_text())
    assert len(options) > 2
    path = tmp_path / "koowatch.pot"
    assert run("xgettext", *options, "-f", PO / "POTFILES.in", "-o", path) == (0, "", "")
    return path


@pytest.fixture(params=LANGUAGES)
def catalog(request):
    return PO / f"{request.param}.po"


def messages(catalog):
    """[(text, translation)] of those without a plural."""
    text = run("msgcat", "--no-wrap", "--no-location", catalog)[1]
    return re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', text, re.M)


def test_each_text_is_translated(template, catalog):
    """A new text, one that has changed and so is fuzzy, and one that is nowhere any more."""
    assert run("msgcmp", catalog, template) == (0, "", "")
    assert run("msgattrib", "--only-obsolete", catalog)[1] == ""


def test_translations_have_the_form_of_the_texts(catalog, tmp_path):
    assert run("msgfmt", "--check", "--check-header", "-o", tmp_path / "koowatch.mo", catalog) == (0, "", "")


def test_sentences_are_punctuated_as_chinese_is(catalog):
    """Full-width behind a Chinese character, and a blank between Chinese and Latin words."""
    if catalog.stem != "zh_CN":
        return
    found = messages(catalog)
    assert len(found) > 20
    for _, said in found:
        assert not re.search(r"[\u4e00-\u9fff][,;:?!](\s|$)|[\u4e00-\u9fff]\.( |$|\\n)", said), said
        assert not re.search(r"[\u4e00-\u9fff][A-Za-z]|[A-Za-z=][\u4e00-\u9fff]", said.replace("%s", "")), said


def test_all_of_koowatchctl_is_looked_at_for_texts():
    listed = [line for line in (PO / "POTFILES.in").read_text().splitlines() if not line.startswith("#")]
    sources = [str(path.relative_to(TOP)) for path in (TOP / "daemon/koowatchctl").glob("*.c")]
    assert listed == [*sorted(sources), "po/notify.py"]


# What is typed, or read by programs.
UNTRANSLATED = {
    "test EVENT NAME",
    "what the last word may become, for shells",
    "KOOWATCH UNKNOWN - ",
    " | pending=%lld running=%lld invalid=%lld waiting=%lld parked=%lld accounts_failing=%lld behind=%.3fs\\n",
    "the store ",
}


def test_no_sentence_of_koowatchctl_is_left_out():
    """What has two words of English in it stands in _(), N_() or ngettext()."""
    found = set()
    for path in (TOP / "daemon/koowatchctl").glob("*.c"):
        source = re.sub(r"/\*.*?\*/|^#include.*?$", "", path.read_text(), flags=re.M | re.S)
        source = re.sub(r'ngettext\("[^"]*", "[^"]*"', "", source)
        for marked, literals in re.findall(r'(_\(\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)', source):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
            if not marked and re.search(r"[A-Za-z]{2,},? [A-Za-z]{2,}", text.replace("\\n", " ")):
                found.add(text)
    assert found == UNTRANSLATED


def test_the_hook_that_is_read_for_texts_is_the_one_that_is_installed():
    assert (PO / "notify.py").resolve() == TOP / "conf/hooks/notify"
