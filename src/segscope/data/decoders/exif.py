"""Directories of tags as TIFF has them, also inside EXIF; and what they say of orientation."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ORIENTATION = 274
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
          16: 8, 17: 8, 18: 8}  # fmt: skip
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I",
          16: "Q", 17: "q", 18: "Q"}  # fmt: skip
_INTEGERS = (1, 3, 4, 13, 16, 18)
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([0-9]+)")


class TagError(ValueError):
    """A directory of tags contradicts itself or points beyond the data."""


@dataclass(frozen=True)
class Tag:
    """One entry of a directory, as its bytes."""

    number: int
    kind: int
    count: int
    where: int
    raw: bytes
    order: str

    def integers(self) -> tuple[int, ...]:
        """The values, where they are whole and not negative."""
        if self.kind not in _INTEGERS:
            raise TagError(f"tag {self.number} is of type {self.kind}, a whole number is expected")
        return struct.unpack(f"{self.order}{self.count}{_CODES[self.kind]}", self.raw)

    def numbers(self) -> tuple[float, ...]:
        """The values as floating point; fractions are divided."""
        if self.kind in (5, 10):
            code = "I" if self.kind == 5 else "i"
            flat = struct.unpack(f"{self.order}{2 * self.count}{code}", self.raw)
            return tuple(a / b if b else 0.0 for a, b in zip(flat[::2], flat[1::2], strict=True))
        if self.kind not in _CODES:
            raise TagError(f"tag {self.number} is of type {self.kind}, numbers are expected")
        return struct.unpack(f"{self.order}{self.count}{_CODES[self.kind]}", self.raw)

    def text(self) -> str:
        """The bytes as text up to the first zero."""
        return self.raw.split(b"\0", 1)[0].decode("latin-1")


@dataclass(frozen=True)
class Directory:
    """The tags of one directory (the first of each number), where it and the next one lie."""

    tags: dict[int, Tag]
    repeated: tuple[Tag, ...]
    start: int
    end: int
    following: int


@dataclass(frozen=True)
class TagFile:
    """The head of TIFF data: byte order, classic or big, the first directory's place."""

    order: str
    big: bool
    first: int
    head: int


def read_head(data: bytes) -> TagFile:
    """Read the first bytes of TIFF data.

    Raises:
        TagError: It is not TIFF.

    Example:
        >>> read_head(bytes([77, 77, 0, 42, 0, 0, 0, 8])).first
        8
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise TagError("is not TIFF")
    (magic,) = struct.unpack_from(f"{order}H", data, 2)
    if magic == 42:
        return TagFile(order, False, struct.unpack_from(f"{order}I", data, 4)[0], 8)
    if magic != 43 or len(data) < 16 or struct.unpack_from(f"{order}HH", data, 4) != (8, 0):
        raise TagError("is not TIFF")
    return TagFile(order, True, struct.unpack_from(f"{order}Q", data, 8)[0], 16)


def read_directory(data: bytes, head: TagFile, start: int) -> Directory:
    """Read one directory.

    Values that lie beyond the data raise only when they are asked for (``raw`` is then short).

    Raises:
        TagError: It lies outside of the data.
    """
    width, counter, entry = (20, "Q", "HHQ8s") if head.big else (12, "H", "HHI4s")
    room = struct.calcsize(f"<{counter}")
    if not head.head <= start <= len(data) - room:
        raise TagError(f"its directory lies at {start}, outside of the file's {len(data)} bytes")
    (count,) = struct.unpack_from(f"{head.order}{counter}", data, start)
    end = start + room + count * width
    link = "Q" if head.big else "I"
    if end + struct.calcsize(f"<{link}") > len(data):
        raise TagError("its directory is cut short")
    (following,) = struct.unpack_from(f"{head.order}{link}", data, end)
    tags: dict[int, Tag] = {}
    repeated: list[Tag] = []
    for k in range(count):
        at = start + room + k * width
        number, kind, items, inline = struct.unpack_from(f"{head.order}{entry}", data, at)
        where, raw = at + width - len(inline), inline
        size = _SIZES.get(kind, 0) * items
        if size > len(inline):
            (where,) = struct.unpack(f"{head.order}{link}", inline)
            raw = data[where : where + size]
        tag = Tag(number, kind, items, where, raw[:size], head.order)
        if tags.setdefault(number, tag) is not tag:
            repeated.append(tag)
    return Directory(tags, tuple(repeated), start, end + struct.calcsize(f"<{link}"), following)


def whole(tag: Tag) -> bool:
    """Whether all bytes of a tag's values are in the file, and of a known type."""
    return tag.kind in _SIZES and len(tag.raw) == _SIZES[tag.kind] * tag.count


def exif_orientation(data: bytes) -> tuple[int | None, tuple[str, ...]]:
    """The orientation in an EXIF block and what is to be said of it.

    Example:
        >>> exif_orientation(b"nothing")
        (None, ('its EXIF data cannot be read; an orientation in it is not seen',))
    """
    try:
        head = read_head(data)
        tag = read_directory(data, head, head.first).tags.get(ORIENTATION)
        if tag is None:
            return None, ()
        if not whole(tag) or tag.count != 1:
            raise TagError("its orientation is not one number")
        return tag.integers()[0], ()
    except (TagError, struct.error):
        return None, ("its EXIF data cannot be read; an orientation in it is not seen",)


def one_orientation(found: Sequence[int | None], xmp: bytes) -> tuple[int | None, tuple[str, ...]]:
    """The orientation that counts: the first of EXIF's; one in XMP alone is said, not applied.

    Example:
        >>> one_orientation([6], b"")
        (6, ())
    """
    known = [value for value in found if value is not None]
    if len(set(known)) > 1:
        said = ", ".join(str(value) for value in known)
        return known[0], (f"has several orientation tags ({said}); the first counts",)
    other = _XMP_ORIENTATION.search(xmp)
    if not known and other and other[1] != b"1":
        value = other[1].decode()
        return None, (f"its XMP text has the orientation {value}, which viewers do not apply",)
    return (known[0] if known else None), ()


def not_square(across: Any, down: Any) -> tuple[str, ...]:
    """A note where pixels are not square: planes have no spacing here.

    Example:
        >>> not_square(300, 150)
        ('its pixels are not square (300 across to 150 down per unit); read as a plain grid',)
    """
    if across <= 0 or down <= 0 or abs(across - down) <= 0.01 * max(across, down):
        return ()
    return (
        f"its pixels are not square ({across:g} across to {down:g} down per unit); read as a "
        "plain grid",
    )
