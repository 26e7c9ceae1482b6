"""The elements of a DICOM file: where each value lies, every byte accounted for.

Nothing is interpreted here. A value that ends beyond its file, an element that is there twice and
bytes that are no element are errors: what was read to its end is whole.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from segscope.data.files import Limits

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
"""Transfer syntaxes whose pixels are not encoded."""

_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LITTLE, _BIG = struct.Struct("<HHI"), struct.Struct(">HHI")
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SYNTAX = 0x00020010


class Element(NamedTuple):
    """Where a value lies; ``vr`` is empty where the file does not say it."""

    vr: str
    start: int
    end: int
    undefined: bool  # its length: the value is items, up to their end


@dataclass(frozen=True, eq=False)
class DataSet:
    """Elements by tag number, of a file or of one item of a sequence."""

    data: bytes
    little: bool
    explicit: bool
    found: dict[int, Element]

    def value(self, number: int) -> bytes:
        """Return an element's bytes."""
        element = self.found[number]
        return self.data[element.start : element.end]


def file_elements(data: bytes) -> tuple[DataSet, str]:
    """Take a whole file apart.

    Args:
        data: With its preamble.

    Returns:
        The data set and its transfer syntax.

    Raises:
        ValueError: It is not whole, or no data set.
    """
    meta, at = _elements(data, 132, len(data), little=True, explicit=True, only_group=2)
    syntax = meta.value(_SYNTAX).decode("latin-1").strip(" \0") if _SYNTAX in meta.found else ""
    if not syntax:
        raise ValueError("has no TransferSyntaxUID")
    if syntax == DEFLATED:
        data, at = _inflated(data[at:]), 0
    # a data set that names its VRs although its syntax does not is read as it is
    explicit = syntax != IMPLICIT or data[at + 4 : at + 6] in _LONG | _SHORT
    little = syntax != BIG_ENDIAN
    return _elements(data, at, len(data), little=little, explicit=explicit)[0], syntax


def items(of: DataSet, number: int) -> list[DataSet]:
    """Take a sequence's items apart; none where it is empty or not there.

    Raises:
        ValueError: It is not made of items.
    """
    element = of.found.get(number)
    if element is None:
        return []
    found = []
    # what was UN when it was written is implicit, whatever the file is
    explicit, little = of.explicit and element.vr != "UN", of.little or element.vr == "UN"
    at = element.start
    while at < element.end:
        tag, length, at = _item(of.data, at, element.end, little)
        if tag == _END:
            break
        if length == _UNDEFINED:
            one, at = _elements(
                of.data, at, element.end, little=little, explicit=explicit, nested=True
            )
        else:
            one, at = _elements(of.data, at, at + length, little=little, explicit=explicit)
        found.append(one)
    return found


def fragments(of: DataSet, number: int) -> list[tuple[int, int]]:
    """Return where each fragment of encapsulated pixels lies, the table of offsets first."""
    element, found = of.found[number], []
    at = element.start
    while at < element.end:
        tag, length, at = _item(of.data, at, element.end, little=True)
        if tag == _END:
            break
        found.append((at, at + length))
        at += length
    return found


def _elements(
    data: bytes, at: int, stop: int, *, little: bool, explicit: bool,
    nested: bool = False, only_group: int | None = None,
) -> tuple[DataSet, int]:  # fmt: skip
    found: dict[int, Element] = {}
    while at < stop:
        rest = stop - at
        if (rest < 8 or data[at : at + 4] == b"\0\0\0\0") and not any(data[at:stop]):
            break  # filled up to a block of its medium
        if rest < 8:
            raise ValueError(f"{rest} bytes follow its last element")
        tag, vr, start, length = _head(data, at, stop, little, explicit)
        if only_group not in (None, tag >> 16):
            break
        if nested and tag == _ITEM_END:
            return DataSet(data, little, explicit, found), start
        if tag in found:
            raise ValueError(f"element {_name(tag)} is there twice")
        undefined = length == _UNDEFINED
        if undefined:
            at = _end_of_items(data, start, stop, little, explicit, vr)
        else:
            at = start + length
            _within(at, stop, tag)
        found[tag] = Element(vr, start, at, undefined)
    if nested:
        raise ValueError("an item has no end")
    return DataSet(data, little, explicit, found), at


def _head(
    data: bytes, at: int, stop: int, little: bool, explicit: bool
) -> tuple[int, str, int, int]:
    """An element's tag, its VR where it is said, where its value begins, and its length."""
    group, number, length = (_LITTLE if little else _BIG).unpack_from(data, at)
    tag, letters = group << 16 | number, data[at + 4 : at + 6]
    order: Literal["little", "big"] = "little" if little else "big"
    if not explicit:
        return tag, "", at + 8, length
    if letters in _SHORT:
        return tag, letters.decode(), at + 8, int.from_bytes(data[at + 6 : at + 8], order)
    if letters in _LONG:
        _within(at + 12, stop, tag)
        return tag, letters.decode(), at + 12, int.from_bytes(data[at + 8 : at + 12], order)
    if letters.isalpha() and letters.isupper():
        raise ValueError(f"element {_name(tag)} is of the unknown kind {letters.decode()}")
    return tag, "", at + 8, length  # some writers forget it in the middle


def _end_of_items(data: bytes, at: int, stop: int, little: bool, explicit: bool, vr: str) -> int:
    if vr == "UN":
        little, explicit = True, False
    while True:
        tag, length, at = _item(data, at, stop, little)
        if tag == _END:
            return at
        if length == _UNDEFINED:
            at = _elements(data, at, stop, little=little, explicit=explicit, nested=True)[1]
        else:
            at += length


def _item(data: bytes, at: int, stop: int, little: bool) -> tuple[int, int, int]:
    _within(at + 8, stop, _ITEM)
    group, element, length = (_LITTLE if little else _BIG).unpack_from(data, at)
    tag = group << 16 | element
    if tag not in (_ITEM, _END):
        raise ValueError(f"{_name(tag)} lies where an item is expected")
    if tag == _ITEM and length != _UNDEFINED:
        _within(at + 8 + length, stop, tag)
    return tag, length, at + 8


def _within(end: int, stop: int, tag: int) -> None:
    if end > stop:
        raise EOFError(f"element {_name(tag)} ends {end - stop} bytes beyond the end")


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _inflated(packed: bytes) -> bytes:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    data = engine.decompress(packed, int(Limits().max_ratio * len(packed)) + 1024)
    # some writers add what a gzip file ends with: its checksum and length
    ends = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    if not engine.eof or (any(engine.unused_data) and engine.unused_data != ends):
        raise ValueError("its deflated data set is cut short, or followed by other bytes")
    return data
