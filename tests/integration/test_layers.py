"""The plan of daemon/: arrows run downward, there is no circle, and nothing grows too large.

The sources are read as text, so that no build is needed. A module is a .c with its .h; it may
include its own folder and those below.
"""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]

# The highest first. The programs share common/ and nothing else.
LAYERS = {
    "koowatchd": [
        "koowatchd",
        "koowatchd/control",
        "koowatchd/task",
        "koowatchd/deliver",
        "koowatchd/store-postgresql",
        "koowatchd/store",
        "koowatchd/poll",
        "koowatchd/report",
        "koowatchd/account",
        "koowatchd/koodrive",
        "koowatchd/bus",
        "koowatchd/loop",
        "common",
    ],
    "koowatch-hook": ["koowatch-hook", "common"],
    "koowatchctl": ["koowatchctl", "common"],
    "common": ["common"],
}
LINES_OF_FILE = 520
LINES_OF = {"koowatchd/daemon.c": 450}
LINES_OF_FUNCTION = 60



def sources(daemon):
    """{path below daemon/: its lines}"""
    paths = sorted(path for path in daemon.rglob("*") if path.suffix in (".c", ".h"))
    return {
        path.relative_to(daemon).as_posix(): path.read_text(encoding="utf-8").splitlines()
        for path in paths
    }


def includes(files):
    """[(path, line number, what it includes)]"""
    found = []
    for path, lines in files.items():
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match:
                found.append((path, number, match[1]))
    return found


def folder(path):
    return path.rpartition("/")[0]


def module(path):
    return path.rpartition(".")[0]


def arrow_faults(files):
    """{fault: where it is and what it means} of single arrows."""
    faults = {}
    for path, number, target in includes(files):
        below = LAYERS[path.split("/")[0]]
        if target not in files:
            why = "which is not in daemon/"
        elif folder(path) not in below:
            why = f"but {folder(path)} has no place among the layers"
        elif folder(target) not in below[below.index(folder(path)) :]:
            why = "which is not below it"
        else:
            continue
        faults[f"{path} includes {target}"] = f"{path}:{number}: includes {target}, {why}"
    return faults


def cycle_faults(files):
    """The modules that reach themselves again, a fault a circle."""
    arrows = {}
    for path, number, target in includes(files):
        if module(path) != module(target):
            arrows.setdefault(module(path), {})[module(target)] = f"{path}:{number}: includes {target}"

    reached = {}
    for start in arrows:
        seen, left = set(), [start]
        while left:
            for target in arrows.get(left.pop(), {}):
                if target not in seen:
                    seen.add(target)
                    left.append(target)
        reached[start] = seen

    faults = {}
    for start in arrows:
        circle = sorted(m for m in reached[start] if start in reached.get(m, ()))
        if circle:
            inside = [arrows[m][to] for m in circle for to in sorted(arrows[m]) if to in circle]
            faults[f"circle of {', '.join(circle)}"] = "\n    ".join(["a circle:", *inside])
    return faults


def functions(lines):
    """[(name, first line, number of lines)]; what clang-format lays out begins and ends at column 0."""
    found, start = [], None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_]", line) and not line.endswith(":"):
            start = number
        elif line == "}" and start:
            head = re.sub(r"__attribute__\(\(.*?\)\)\)? ", "", lines[start - 1])
            name = re.search(r"(\w+)\(", head)
            found.append((name[1] if name else head, start, number - start + 1))
            start = None
    return found


def size_faults(files):
    faults = {}
    for path, lines in files.items():
        limit = LINES_OF.get(path, LINES_OF_FILE)
        if path.endswith(".c") and len(lines) > limit:
            faults[f"{path} is too long"] = f"{path}: {len(lines)} lines, at most {limit}"
        for name, number, length in functions(lines):
            if length > LINES_OF_FUNCTION:
                faults[f"{path} {name} is too long"] = (
                    f"{path}:{number}: {name}() has {length} lines, at most {LINES_OF_FUNCTION}"
                )
    return faults


def all_faults(files):
    return {**arrow_faults(files), **cycle_faults(files), **size_faults(files)}


def test_arrows_run_downward_and_nothing_is_too_large():
    files = sources(TOP / "daemon")
    faults = list(all_faults(files).values())
    assert not faults, "\n" + "\n".join(faults)


def test_all_of_the_sources_is_seen():
    """Or the test above would hold whatever they say."""
    files = sources(TOP / "daemon")
    assert set(map(folder, files)) == {name for names in LAYERS.values() for name in names}
    for path, lines in files.items():
        text = "\n".join(lines)
        bodies = re.findall(r"\) \{$(?:\n(?:[ #\t].*)?)*\n\}$", text, re.M)
        assert len(functions(lines)) >= len(bodies), path
        if path.endswith(".c") and not path.endswith("/main.c"):
            assert f'#include "{module(path)}.h"' in lines, f"{path} does not include its header"
        assert len([line for line in lines if re.search(r'include\b.*"', line)]) == len(
            [1 for source, _, _ in includes({path: lines})]
        )


def make(daemon, tree):
    for path, text in tree.items():
        (daemon / path).parent.mkdir(parents=True, exist_ok=True)
        (daemon / path).write_text(text, encoding="utf-8")
    return sources(daemon)


def test_an_upward_arrow_is_found(tmp_path):
    files = make(
        tmp_path,
        {
            "common/util.h": "#pragma once\n",
            "koowatchd/loop/timer.h": '#include "common/util.h"\n',
            "koowatchd/loop/timer.c": '#include "koowatchd/loop/timer.h"\n\n#include "koowatchd/task/task.h"\n',
            "koowatchd/task/task.h": '#include "koowatchd/loop/timer.h"\n',
            "koowatchd/task/task.c": '#include "koowatchd/task/task.h"\n#include "koowatch-hook/event.h"\n',
            "koowatch-hook/event.h": '#include "common/gone.h"\n',
            "koowatchd/attic/old.c": '#include "common/util.h"\n',
        },
    )
    assert set(arrow_faults(files).values()) == {
        "koowatchd/loop/timer.c:3: includes koowatchd/task/task.h, which is not below it",
        "koowatchd/task/task.c:2: includes koowatch-hook/event.h, which is not below it",
        "koowatch-hook/event.h:1: includes common/gone.h, which is not in daemon/",
        "koowatchd/attic/old.c:1: includes common/util.h, but koowatchd/attic has no place among the layers",
    }


def test_a_circle_is_found(tmp_path):
    """Also one of which no header alone has any."""
    files = make(
        tmp_path,
        {
            "common/a.h": "",
            "common/a.c": '#include "common/a.h"\n#include "common/b.h"\n',
            "common/b.h": '#include "common/c.h"\n',
            "common/c.h": "",
            "common/c.c": '#include "common/c.h"\n#include "common/a.h"\n',
            "common/d.c": '#include "common/a.h"\n',
        },
    )
    assert arrow_faults(files) == {}
    assert cycle_faults(files) == {
        "circle of common/a, common/b, common/c": "a circle:\n"
        "    common/a.c:2: includes common/b.h\n"
        "    common/b.h:1: includes common/c.h\n"
        "    common/c.c:2: includes common/a.h"
    }


def test_a_long_file_and_a_long_function_are_found(tmp_path):
    def function(head, lines):
        return f"{head} {{\n" + "        f();\n" * (lines - 2) + "}\n"

    wide = "static int two(const char *a,\n               const char *b)"
    files = make(
        tmp_path,
        {
            "koowatchd/daemon.c": function("void one(void)", 60) + "\n" * 391,
            "common/a.c": function(wide, 59) + "struct s {\n};\n" + function("int three(void)", 61),
            "common/b.c": "\n" * 520,
            "common/c.c": "\n" * 521,
        },
    )
    assert set(size_faults(files).values()) == {
        "koowatchd/daemon.c: 451 lines, at most 450",
        "common/a.c:63: three() has 61 lines, at most 60",
        "common/c.c: 521 lines, at most 520",
    }
