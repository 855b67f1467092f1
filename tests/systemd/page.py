"""What a manual page shows to be typed or written, so that tests do just that."""

import pathlib
import re

MAN = pathlib.Path(__file__).parents[2] / "man"


def blocks(name, section):
    """The literal blocks below a heading, up to the next one."""
    parts = re.split(r"^```\n", (MAN / f"{name}.scd").read_text(encoding="utf-8"), flags=re.M)
    heading, found = None, []
    for text, block in zip(parts[::2], parts[1::2]):
        heading = ([heading] + re.findall(r"^#+ (.*)$", text, re.M))[-1]
        if heading == section:
            found.append(block.replace("\\\\", "\\"))
    return found
