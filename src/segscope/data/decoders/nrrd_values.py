"""Lists of words, numbers, strings and units in the fields of a NRRD header."""

import re
from collections.abc import Sequence
from pathlib import Path

from segscope.data.decoders.header import BLANKS, blank_parted, numbers
from segscope.data.decoders.lengths import mm_per
from segscope.errors import InputError

UNKNOWN = ("???", "none")
"""What stands for a word that is not known."""

_QUOTED = re.compile(r'[ \t]*"((?:[^"\\]|\\.)*)"')


def words_of(
    path: Path, fields: dict[str, str], name: str, count: int, known: Sequence[str] | None
) -> list[str]:
    """Read a word of ``known`` for each axis, in small letters."""
    if name not in fields:
        return [UNKNOWN[0]] * count
    words = blank_parted(fields[name].lower())
    if len(words) != count or (known and not set(words) <= set(known)):
        raise InputError(
            f"{path}: its {name} are {fields[name]!r}, expected {count}"
            f"{' of ' + ', '.join(known) if known else ''}; mend them"
        )
    return words


def reals(
    path: Path, fields: dict[str, str], name: str, spatial: Sequence[int], count: int
) -> list[float] | None:
    """The numbers of the axes of space; ``nan`` on all of them means none are given."""
    words = blank_parted(fields.get(name, ""))
    if name in fields and len(words) != count:
        raise InputError(f"{path}: its {name} are {len(words)}, expected {count}; mend them")
    chosen = [words[k] for k in spatial] if words else []
    if all(word.lower() == "nan" for word in chosen):
        return None
    return numbers(path, name, " ".join(chosen), len(chosen))


def strings(path: Path, fields: dict[str, str], name: str, count: int) -> list[str]:
    """Read a string in quotation marks for each axis; empty ones where the field is missing."""
    if name not in fields:
        return [""] * count
    return [text.strip(BLANKS) for text in each(path, name, fields[name], _QUOTED, count)]


def in_mm(path: Path, name: str, units: Sequence[str]) -> tuple[list[float], tuple[str, ...]]:
    """Return millimetres per unit for each axis, and a note where a unit is another."""
    scale = [mm_per(path, name, unit) if unit not in ("", "???") else 1.0 for unit in units]
    named = sorted({unit for unit in units if unit not in ("", "???")})
    if named and len([u for u in units if u in named]) < len(units):
        raise InputError(f"{path}: its {name} are given for some axes only; add the others")
    if all(factor == 1.0 for factor in scale):
        return scale, ()
    return scale, (f"lengths converted from {' and '.join(named)} to mm",)


def each(path: Path, name: str, text: str, form: re.Pattern[str], count: int) -> list[str]:
    """Take a field's text apart; nothing may be left over."""
    found, place = [], 0
    while match := form.match(text, place):
        found.append(match[1])
        place = match.end()
    if text[place:].strip(BLANKS) or len(found) != count:
        raise InputError(f"{path}: its {name} are {text!r}, expected {count}; mend them")
    return found


def says(text: str) -> bool:
    """Whether there is more than placeholders."""
    return any(word.strip('"').lower() not in ("", "nan", *UNKNOWN) for word in blank_parted(text))
