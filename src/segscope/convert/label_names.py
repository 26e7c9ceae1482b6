"""Label description files of ITK-SNAP: which value is called what."""

import re
from pathlib import Path

from segscope.errors import InputError
from segscope.paths import read_text

_LINE = re.compile(r'(\d+)\s+\d+\s+\d+\s+\d+\s+[\d.eE+-]+\s+[01]\s+[01]\s+"([^"]*)"')


def read_label_names(file: Path) -> dict[str, int]:
    """Read which value is called what; 0, the clear label, is left to the background.

    A line has a value, a colour, its opacity, two switches and a name:
    ``1  255 0 0  1 1 1  "liver"``; what begins with ``#`` is a comment.

    Raises:
        InputError: Another form, or a value or name twice.
    """
    found: dict[str, int] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise InputError(
                f"{file}: line {number} is no label of ITK-SNAP's (VALUE R G B A VISIBLE MESH "
                '"NAME"); save the label descriptions again'
            )
        value, name = int(match[1]), match[2].strip()
        if value == 0:
            continue
        if not name or name in found or value in found.values():
            raise InputError(f"{file}: line {number}: {value} {name!r} is there twice or nameless")
        found[name] = value
    if not found:
        raise InputError(f"{file}: names no label")
    return found
