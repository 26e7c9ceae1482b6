"""The header of a NRRD file: which fields there are, and what becomes of each.

The format: https://teem.sourceforge.net/nrrd/format.html. Names and most words are read in any
case, as the format's own library does.
"""

import re
from pathlib import Path

from segscope.data.decoders.fields import Field
from segscope.data.decoders.header import BLANKS, header_lines
from segscope.errors import InputError

_MAGIC = re.compile(r"NRRD000[1-6]")
_FREE = "free text"

_KNOWN = {
    "content": Field("harmless", _FREE),
    "number": Field("checked", "the product of sizes"),
    "type": Field("used", "number type of a voxel"),
    "block size": Field("refused", "voxels of type block are no numbers"),
    "dimension": Field("checked", "how many sizes there are"),
    "space": Field("used", "frame of directions and origin; noted where it has no anatomy"),
    "space dimension": Field("noted", "a space without anatomical names, read as LPS"),
    "sizes": Field("used", "voxels along each axis"),
    "spacings": Field("used", "where no directions are given"),
    "thicknesses": Field("harmless", "of slices; places come from spacings"),
    "axis mins": Field("used", "origin where no space is given"),
    "axis maxs": Field("checked", "against axis mins, spacings and sizes"),
    "space directions": Field("used", "columns of the affine"),
    "centerings": Field("used", "with axis mins: where in its cell a voxel lies"),
    "kinds": Field("used", "tells the axes of space from others"),
    "labels": Field("harmless", _FREE),
    "units": Field("used", "of spacings and axis mins, converted to mm and noted"),
    "min": Field("harmless", "of the values; the format's library ignores it"),
    "max": Field("harmless", "of the values; the format's library ignores it"),
    "old min": Field("refused", "values before they were quantised: the stored are others"),
    "old max": Field("refused", "values before they were quantised: the stored are others"),
    "endian": Field("used", "byte order"),
    "encoding": Field("used", "how the voxels are packed"),
    "line skip": Field("used", "lines before the voxels; noted"),
    "byte skip": Field("used", "bytes before the voxels; noted"),
    "sample units": Field("harmless", "what the values measure; they are not changed by it"),
    "space units": Field("used", "of directions and origin, converted to mm and noted"),
    "space origin": Field("used", "place of the first voxel"),
    "measurement frame": Field("harmless", "turns vectors and tensors, not numbers"),
    "data file": Field("refused", "voxels in another file"),
}
_ALSO = {
    **{name.replace(" ", ""): name for name in _KNOWN if " " in name},
    "centers": "centerings",
}
FIELDS: dict[str, Field] = {
    **_KNOWN,
    **{spelling: _KNOWN[name] for spelling, name in _ALSO.items()},
    "#": Field("harmless", "comment"),
    ":=": Field("harmless", "pairs of key and value have no meaning in the format"),
}
"""Every field of the format's specification in all its spellings."""


def read_fields(path: Path, data: bytes) -> tuple[dict[str, str], int]:
    """Read a header up to its blank line.

    Returns:
        Fields by the names of the specification, and where the header ends.

    Raises:
        InputError: Not a NRRD header, a field that the format does not know, or one twice.
    """
    fields: dict[str, str] = {}
    # a line that is far too long is no beginning of a NRRD file either
    lines = header_lines(path, data) if data[:4] == b"NRRD" and b"\n" in data[:12] else iter(())
    magic, _ = next(lines, ("", 0))
    if not _MAGIC.fullmatch(magic):
        named = f"its first line is {magic!r}" if magic else "no NRRD header"
        raise InputError(
            f"{path}: is not NRRD of version 1 to 6 ({named}); name an image file or convert it"
        )
    for line, end in lines:
        if not line:
            return fields, end
        if not line.startswith("#"):
            _add(path, fields, line)
    raise InputError(f"{path}: no blank line ends its header; copy it again")


def _add(path: Path, fields: dict[str, str], line: str) -> None:
    before, colon, text = line.partition(": ")
    spelling = before.lower()
    if not colon or spelling not in FIELDS:
        key, pair, _ = line.partition(":=")
        known = FIELDS.get(key.strip(BLANKS).lower())
        if pair and (known is None or known.fate == "harmless"):
            return  # a pair named as a field that counts is a field written wrongly
        raise InputError(
            f"{path}: {line[:60]!r} in its header is no field that NRRD knows; mend or remove it"
        )
    name = _ALSO.get(spelling, spelling)
    if name in fields:
        raise InputError(f"{path}: its header gives {name} twice; remove one")
    fields[name] = text.strip(BLANKS)
