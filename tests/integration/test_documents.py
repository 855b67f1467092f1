"""What the documents say against what the sources have.

The tables in the sources are the truth. They are read as text, so that neither a build
nor a running daemon is needed; each reader checks that it has missed no row.
"""

import os
import pathlib
import re
import shutil
import subprocess
import unicodedata

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((TOP / "man").glob("*.scd"))
TRANSLATED = sorted((TOP / "man/zh_CN").glob("*.scd"))
HAN = "[\u3001-\u9fff\uff01-\uff5e]"  # Chinese characters and punctuation
PROGRAMS = {
    "daemon/koowatchd/main.c": "man/koowatchd.8.scd",
    "daemon/koowatch-hook/main.c": "man/koowatch-hook.8.scd",
}


def read(path):
    return (TOP / path).read_text(encoding="utf-8")


def page(name):
    """A manual page's source without the backslashes that only scdoc needs."""
    return read(f"man/{name}.scd").replace("\\", "")


def settings(path):
    """{(section, key): default} of the table of settings in a source."""
    source = read(path)
    rows = re.findall(
        r'\{ \.section = (?:"(\w+)"|SECTION_(\w+)), \.name = "(\w+)",\s*'
        r'(?:\.default_text =\s*"([^"]*)",\s*)?\.[^}]*\.offset = \w+\(\w+\)',
        source,
    )
    assert len(rows) == len(re.findall(r"\{ \.section =", source)) > 0
    assert len(rows) == source.count(".parse = ")
    assert sum(bool(row[3]) for row in rows) == len(re.findall(r'default_text =\s*"[^"]', source))
    return {(plain or macro.title(), key): default for plain, macro, key, default in rows}


def config_keys():
    return settings("daemon/common/config-keys.c") | settings("daemon/common/account-keys.c")


def task_keys():
    keys = settings("daemon/koowatchd/task/task.c")
    assert {section for section, _ in keys} == {"Task"}
    return [key for _, key in keys]


def message_ids():
    source = read("daemon/common/message-ids.h")
    ids = re.findall(r'#define MESSAGE_ID_\w+ "([0-9a-f]{32})"', source)
    assert len(ids) == len(re.findall(r"#define", source)) > 0
    return ids


def catalog(language=""):
    """{MESSAGE_ID: (header, text)}"""
    source = read(f"systemd/koowatch{language}.catalog")
    parts = re.split(r"^-- ([0-9a-f]{32})$", source, flags=re.M)[1:]
    ids, entries = parts[::2], parts[1::2]
    assert len(set(ids)) == len(ids), "an id stands there twice"
    return {id: tuple(entry.strip().split("\n\n", 1)) for id, entry in zip(ids, entries)}


def man_keys(text):
    """{(section, key): paragraph} of definitions below "## [Section]"."""
    found = {}
    parts = re.split(r"^## \[(\w+)(?: NAME)?\]$", text, flags=re.M)[1:]
    for section, body in zip(parts[::2], parts[1::2]):
        body = re.split(r"^# ", body, maxsplit=1, flags=re.M)[0]
        for key, paragraph in re.findall(r"^\*(\w+)=\*.*\n((?:\t.*\n)+)", body, re.M):
            assert (section, key) not in found, f"{key} stands twice in [{section}]"
            found[section, key] = " ".join(paragraph.split())
    return found


def sample_keys():
    """{(section, key): value} of the lines "#Key=value" of conf/koowatch.conf."""
    found, section = {}, None
    for line in read("conf/koowatch.conf").splitlines():
        if head := re.fullmatch(r"#?\[(\w+)\]", line):
            section = head[1]
        elif row := re.fullmatch(r"#?(\w+)=(.*)", line):
            assert line.startswith("#"), f"{line}: the sample changes a setting"
            assert (section, row[1]) not in found, f"{row[1]} stands twice in [{section}]"
            found[section, row[1]] = row[2]
    return found


def test_sample_has_each_key_with_its_default():
    assert sample_keys() == config_keys()


def test_man_page_has_each_key_with_its_default():
    keys, documented = config_keys(), man_keys(page("koowatch.conf.5"))
    assert documented.keys() == keys.keys()
    for key, default in keys.items():
        said = f"Default: *{default}*" if default else "Default: none"
        assert documented[key].endswith(said), key


def test_man_page_has_each_bound():
    """The numbers in what the tables expect, and 1d, are in the paragraph of the key."""
    source = read("daemon/common/config-keys.c") + read("daemon/common/account-keys.c")
    interval = re.search(r'#define EXPECT_INTERVAL "(.*)"', source)[1]
    assert " 1d " in interval
    rows = re.findall(
        r'\.name = "(\w+)",[^}]*?\.parse = \w+,[^}]*?\.expected =\s*("[^}]*?|EXPECT_INTERVAL) \}',
        source,
    )
    bounded = {key: re.findall(r"from (\d+) to (\d+)", text) for key, text in rows}
    bounded = {key: bounds[0] for key, bounds in bounded.items() if bounds}
    assert {"MaxParallel", "MaxInFlight", "Attempts", "RateLimit"} == bounded.keys()
    paragraphs = {key: text for (_, key), text in man_keys(page("koowatch.conf.5")).items()}
    for key, (low, high) in bounded.items():
        assert f"{low} to {high}" in paragraphs[key]
    for key, text in rows:
        if text == "EXPECT_INTERVAL":
            assert "at most 1d" in paragraphs[key]


def test_man_page_has_each_key_of_a_task():
    documented = re.findall(r"^\*(\w+)=\*|, \*(\w+)=\*_", page("koowatch.task.5"), re.M)
    assert sorted(a or b for a, b in documented) == sorted(task_keys())


def test_example_task_has_each_key():
    written = set(re.findall(r"^#?(\w+)=", read("conf/example.task"), re.M))
    assert set(task_keys()) <= written


def test_catalog_has_each_message_id():
    assert sorted(catalog()) == sorted(message_ids())


def test_catalog_entries_are_complete():
    fields = set(re.findall(r'"(KOO\w+)"', read("daemon/koowatchd/report/report.c"))) | {"MESSAGE"}
    for header, text in catalog().values():
        names = [line.partition(": ")[0] for line in header.splitlines()]
        assert names == ["Subject", "Defined-By", "Support", "Documentation"], header
        assert "Defined-By: koowatch" in header.splitlines()
        assert text.strip()
        assert set(re.findall(r"@(\w+)@", header + text)) <= fields, header


def test_chinese_catalog_says_all_that_the_english_one_says():
    """The same entries in the same order, in each the same fields, settings, commands and pages."""
    english, chinese = catalog(), catalog(".zh_CN")
    assert list(chinese) == list(english)
    for id, (header, text) in english.items():
        own_header, own_text = chinese[id]
        assert own_header.splitlines()[1:] == header.splitlines()[1:]
        for part in (r"@\w+@", r"\b[A-Z]\w*=", r"\[\w+\]", r'"[\w -]+"', r"^    .*$"):
            said, own = (set(re.findall(part, whole, re.M)) for whole in (header + text, own_header + own_text))
            assert own >= said, (own_header, part)
        assert re.search("[\u4e00-\u9fff]", own_header) and re.search("[\u4e00-\u9fff]", own_text)


def test_catalog_and_unit_name_pages_that_exist():
    unit = read("systemd/koowatchd.service.in")
    named = set(re.findall(r"man:([\w.-]+)\((\d)\)", unit + read("systemd/koowatch.catalog")))
    assert {f"{name}.{section}.scd" for name, section in named} <= {p.name for p in PAGES}


def test_man_page_has_each_variable_of_a_hook():
    source = read("daemon/koowatch-hook/environment.c")
    names = {name.replace("%s", "NAME") for name in re.findall(r'"(KOOWATCH_[A-Z_%s]+)', source)}
    assert "KOOWATCH_VAR_NAME" in names
    text = page("koowatch-hooks.7")
    documented = re.search(r"^# ENVIRONMENT\n(.*?)^# ", text, re.M | re.S)[1]
    assert set(re.findall(r"\*(KOOWATCH_[A-Z_]+)\*", documented)) == names


def test_man_page_has_each_field_of_the_journal():
    names = set(re.findall(r'"(KOO[A-Z]+_[A-Z_]+)"', read("daemon/koowatchd/report/report.c")))
    documented = re.search(r"^# JOURNAL\n(.*?)^# ", page("koowatchd.8"), re.M | re.S)[1]
    assert set(re.findall(r"\*(KOO[A-Z]+_[A-Z_]+)\*", documented)) == names


def test_man_page_has_each_metric():
    """With its type; test_metrics.py compares the labels with those of a daemon."""
    source = read("daemon/koowatchd/report/metrics.c")
    rows = re.findall(r'\b(family|number|seconds)\(t, "(\w+)",\s*(?:"(\w+)",)?', source)
    types = {f"koowatch_{name}": type or "gauge" for _, name, type in rows}
    assert len(types) == len(rows) > 0
    documented = re.search(r"^# METRICS\n(.*?)^# ", page("koowatchd.8"), re.M | re.S)[1]
    heads = re.findall(r"^\*(koowatch_\w+)\*(?:\{[\w, ]+\})?, (\w+)$", documented, re.M)
    assert len(heads) == len(re.findall(r"^\*koowatch_", documented, re.M))
    assert sorted(heads) == sorted(types.items())


@pytest.mark.parametrize("source, manual", PROGRAMS.items())
def test_options_stand_in_help_and_man_page(source, manual):
    code, text = read(source), read(manual)
    options = set(re.findall(r'\{"([a-z-]+)", (?:no|required|optional)_argument', code))
    assert len(options) == len(re.findall(r"(?:no|required|optional)_argument", code)) > 0
    in_help = set(re.findall(r'^ +"  --([a-z-]+)|\("  --([a-z-]+)', code, re.M))
    assert {a or b for a, b in in_help} == options
    documented = re.search(r"^# OPTIONS\n(.*?)^# ", text, re.M | re.S)[1]
    heads = re.findall(r"^(?:\*-\w\*, )?\*--([a-z-]+)\*", documented, re.M)
    assert sorted(heads) == sorted(options)


def option_rows(path, table):
    """The options of a table of koowatchctl."""
    body = re.search(rf"struct option_row {table}\[\] = \{{\n(.*?)^\}};", read(path), re.M | re.S)[1]
    rows = re.findall(r'\{"([a-z-]+)",\s+(?:NULL|"[^"]*"),', body)
    assert len(rows) == body.count("{") - body.count("{},") > 0
    return rows


def verbs():
    """{verb: its options} of koowatchctl's table."""
    source = read("daemon/koowatchctl/main.c")
    body = re.search(r"struct verb verbs\[\] = \{\n(.*?)^\};", source, re.M | re.S)[1]
    rows = re.findall(r'\{ "([\w-]+)", "[^"]*", (?:N_\()?"[^"]*"\)?,\s+(NULL|\w+), \w+, \w+, \d, \w+, (true|false) \}', body)
    assert len(rows) == body.count("{") > 0
    found = {}
    for name, table, hidden in rows:
        if hidden == "true":
            continue
        files = [path for path in (TOP / "daemon/koowatchctl").glob("*.c") if f"option_row {table}[]" in path.read_text()]
        found[name] = option_rows(files[0].relative_to(TOP), table) if table != "NULL" else []
    return found


def test_man_page_has_each_verb_and_option_of_koowatchctl():
    text = page("koowatchctl.1")
    part = re.search(r"^# VERBS\n(.*?)^# ", text, re.M | re.S)[1]
    paragraphs = re.split(r"^\*([\w-]+)(?: test| status)?\*.*\n", part, flags=re.M)
    documented = dict(zip(paragraphs[1::2], paragraphs[2::2]))
    heads = dict(re.findall(r"^\*([\w-]+)(?: test| status)?\*(.*)$", part, re.M))
    assert documented.keys() == verbs().keys()
    for verb, options in verbs().items():
        said = set(re.findall(r"--([a-z-]+)", heads[verb] + documented[verb].split("\n## ")[0]))
        assert set(options) <= said, verb
        strangers = said - set(options) - {"json", "check", "output"}
        assert not strangers, (verb, strangers)


def test_man_page_has_each_common_option_of_koowatchctl():
    documented = re.search(r"^# OPTIONS\n(.*?)^# ", page("koowatchctl.1"), re.M | re.S)[1]
    heads = re.findall(r"^(?:\*-\w\*, )?\*--([a-z-]+)\*", documented, re.M)
    assert sorted(heads) == sorted(option_rows("daemon/koowatchctl/main.c", "common_options"))


def test_man_page_has_each_exit_code_of_wait():
    codes = re.findall(r"^\s+WAIT_\w+ = (\d+),", read("daemon/koowatchctl/wait-state.h"), re.M)
    part = re.search(r"^# EXIT STATUS\n(.*?)^# ", page("koowatchctl.1"), re.M | re.S)[1]
    documented = re.findall(r"^\*(\d+)\*$", part, re.M)
    assert set(codes) | {"1", "2", "4"} == set(documented)


def test_man_pages_are_those_that_others_refer_to():
    ours = {tuple(p.name.removesuffix(".scd").rsplit(".", 1)) for p in PAGES}
    named = {
        (name, section)
        for p in PAGES
        for name, section in re.findall(r"\*(koowatch[\w.-]*)\*\((\d)\)", p.read_text())
    }
    assert named == ours


def columns(line):
    """The width of a line on a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def without_blocks(text):
    """The text without its blocks of commands and files, and these."""
    blocks = re.findall(r"^```.*?^```$", text, re.M | re.S)
    assert text.count("```") == 2 * len(blocks)
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), blocks


def commands_of(block):
    """What is typed, of a screen, which is in the language of its reader; all of another block."""
    lines = block.splitlines()
    return (len(lines), [line for line in lines if line.startswith("$ ")]) if "\n$ koowatchctl" in block else block


def parts_of(text, word):
    """Of each section: its level, how many paragraphs, items and rows, and the words that no translation changes."""
    for section in re.split(r"^(?=#+ )", text, flags=re.M):
        numbers = re.findall(r"\d+(?:[.,]\d+)*[a-z]*", section)
        words = set(re.findall(word, section) + numbers)
        yield re.match(r"#*", section)[0], len(re.findall(r"\n(?=\n|- |[|:])", section)), sorted(words)


def assert_translated(translation, original, word):
    (text, blocks), (original_text, original_blocks) = without_blocks(translation), without_blocks(original)
    assert [commands_of(block) for block in blocks] == [commands_of(block) for block in original_blocks]
    assert list(parts_of(text, word)) == list(parts_of(original_text, word))
    assert re.findall(rf"{HAN}\n\t*{HAN}", text) == [], "a line break shows as a blank"


@pytest.mark.parametrize("source", TRANSLATED, ids=lambda p: p.name)
def test_translated_page_says_what_the_page_says(source):
    original = read(f"man/{source.name}")
    for translated_too in ("*Verb*", "*Members*", "*TRUST*", "_OPTION_", "_VERB_", "_ARGUMENT_"):
        original = original.replace(translated_too, "")
    translation = source.read_text(encoding="utf-8")
    assert_translated(translation, original, r"\*[!-)+-~ ]+\*(?:\(\d\))?|\b_[!-^`-~]+_\b|[A-Z]\w+=|\$[A-Z_]+")
    heads = r"^(\*.*)\n\t"
    assert re.findall(heads, translation, re.M) == re.findall(heads, original, re.M)


def test_chinese_readme_says_what_the_readme_says():
    translation = read("README.zh-CN.md").replace("](man/zh_CN/", "](man/").replace(".zh_CN.png)", ".png)")
    head = re.compile(r"\A# koowatch\n\n(.*)\n\n")
    assert head.match(translation)[1] == "[English](README.md) | 简体中文"
    assert head.match(read("README.md"))[1] == "English | [简体中文](README.zh-CN.md)"
    original = head.sub("# koowatch\n\n", read("README.md"))
    assert_translated(head.sub("# koowatch\n\n", translation), original, r"`[^`]+`|\]\(.*?\)")
    for name in re.findall(r"\]\((?!https:)([^)#]+)", read("README.zh-CN.md")):
        assert (TOP / name).exists(), name


@pytest.mark.parametrize("source", PAGES + TRANSLATED, ids=lambda p: p.name)
def test_no_line_begins_with_a_dot_that_scdoc_drops(source):
    """A dot begins an item of a numbered list; without a blank after it, scdoc leaves the dot out."""
    assert re.findall(r"^\t*\.[^ ].*$", source.read_text(), re.M) == []


@pytest.mark.skipif(shutil.which("scdoc") is None, reason="scdoc is missing")
@pytest.mark.parametrize("source", PAGES + TRANSLATED, ids=lambda p: "/".join(p.parts[-2:]))
def test_scdoc_accepts_page(source, tmp_path):
    language = ["zh"] if source in TRANSLATED else []
    made = subprocess.run(
        [TOP / "man/to-roff", "scdoc", *language],
        input=source.read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (made.returncode, made.stderr) == (0, b"")
    has_tables = re.search(rb"^\.TS$", made.stdout, re.M) is not None
    assert made.stdout.startswith(b"'\\\" t\n") == has_tables
    if shutil.which("man") is None or shutil.which("groff") is None:
        return
    target = tmp_path / source.stem
    target.write_bytes(made.stdout)
    man = ["man", "--warnings=mac,break", "-E", "UTF-8", "-Tutf8"]
    shown = subprocess.run([*man, "-Z", "-l", target], capture_output=True, check=False, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, b"")
    if source not in TRANSLATED:
        return
    terminal = os.environ | {"MANWIDTH": "80"}
    shown = subprocess.run([*man, "-l", target], env=terminal, capture_output=True, check=True, timeout=60)
    text = re.sub("\x1b\\[[0-9;]*m|.\b", "", shown.stdout.decode())
    assert [line for line in text.splitlines() if columns(line) > 80] == []


def test_the_map_of_the_folders_is_whole():
    rows = re.findall(r"^\| `(daemon/koowatchd/|…/[\w-]+/)` \| (.*) \|$", read("CONTRIBUTING.md"), re.M)
    assert len(rows) == 1 + len([path for path in (TOP / "daemon/koowatchd").iterdir() if path.is_dir()])
    for folder, text in rows:
        place = TOP / "daemon/koowatchd" / folder.removeprefix("daemon/koowatchd/").removeprefix("…/")
        modules = {path.stem for path in place.glob("*.[ch]")}
        assert set(re.findall(r"`([\w-]+)`", text)) == modules, folder


def test_files_that_contributors_are_sent_to_are_there():
    names = re.findall(r"`([\w/.…-]+\.(?:c|h|py|scd|md|conf|task|catalog|build))`", read("CONTRIBUTING.md"))
    assert names
    paths = [str(path.relative_to(TOP)) for path in TOP.rglob("*") if path.is_file() and ".git" not in path.parts]
    for name in names:
        if "FOLDER" not in name:
            assert any(path == name or path.endswith("/" + name) for path in paths), name
