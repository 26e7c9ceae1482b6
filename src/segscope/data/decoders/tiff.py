"""TIFF and BigTIFF: one picture, with every directory and large piece of the file accounted for."""

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.colour import Plane, as_meant
from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.exif import (
    Directory,
    TagError,
    TagFile,
    not_square,
    one_orientation,
    read_directory,
    read_head,
    whole,
)
from segscope.data.decoders.tiff_layout import Layout, Tags, read_layout
from segscope.data.decoders.tiff_pixels import tiff_samples
from segscope.data.decoders.tiff_tags import FIELDS, TAGS
from segscope.data.files import read_verified
from segscope.errors import InputError

__all__ = ["FIELDS", "decode_tiff", "tiff_decoded"]
_MOST_DIRECTORIES = 4096
_LINKS = (34665, 34853, 40965, 400)
_SPLIT = "store a stack as NIfTI, NRRD or one file per slice"
_IMAGEJ = re.compile(r"^(images|slices|frames|channels)=(\d+)", re.MULTILINE)
_OME = re.compile(r"\bSize([ZTC])=\"(\d+)\"")
_SHAPED = re.compile(r"^\{\"shape\": \[([\d, ]+)\]")
_UNSAID = 1024
"""Bytes that may lie unused in a file without a word (replaced tags)."""
_PADDING = 16
"""And behind its pixels or at its end."""


def decode_tiff(path: Path, *, stored: bool = False) -> Decoded:
    """Read a TIFF file as ``(C, rows, columns)``, C = 1 or 3; see `colour` for the rule.

    Raises:
        InputError: Cut short, damaged, several pages or planes, transparent, or a colour model,
            depth or compression that is not read.
    """
    return tiff_decoded(path, read_verified(path), stored=stored)


def tiff_decoded(path: Path, data: bytes, *, stored: bool) -> Decoded:
    """As `decode_tiff`, of a file's bytes."""
    try:
        head = read_head(data)
        pages, others = _directories(data, head)
    except TagError as error:
        raise InputError(f"{path}: cannot be decoded ({error}); copy it again") from None
    page, notes = _picture(path, pages)
    tags = Tags(path, page)
    _check_one_plane(path, tags)
    layout = read_layout(path, page, head.order)
    notes += _check_bytes(path, data, head, layout, [*pages, *others], page)
    samples = tiff_samples(path, data, layout)
    orientation, said = one_orientation([_orientation(tags)], _raw(page, 700))
    palette = _palette(tags, layout) if layout.model == 3 else None
    first = data[layout.spans[0][0] : sum(layout.spans[0])]
    plane = Plane(
        samples,
        layout.bits,
        "palette" if palette is not None else "rgb" if layout.model in (2, 6) else "grey",
        alpha=layout.samples in (2, 4),
        palette=palette,
        white_is_zero=layout.model == 0,
        orientation=orientation,
        lossy=layout.codec.name if layout.codec.lossy(first) else None,
        notes=(*notes, *said, *_remarks(tags)),
    )
    return as_meant(path, plane, stored=stored)


def _directories(data: bytes, head: TagFile) -> tuple[list[Directory], list[Directory]]:
    """All directories of pictures (the chain and what hangs on it), and those of other tags."""
    pages: list[Directory] = []
    others: list[Directory] = []
    seen: set[int] = set()
    waiting = [(head.first, True)]
    while waiting:
        start, chained = waiting.pop(0)
        if start in seen or len(seen) >= _MOST_DIRECTORIES:
            raise TagError("its directories go round in a circle, or are too many")
        seen.add(start)
        found = read_directory(data, head, start)
        pages.append(found)
        if chained and found.following:
            waiting.append((found.following, True))
        below = found.tags.get(330)
        if below is not None:
            if not whole(below):
                raise TagError("its tag SubIFDs points beyond the file")
            waiting += [(place, False) for place in below.integers()]
        others += _linked(data, head, found)
    return pages, others


def _linked(data: bytes, head: TagFile, page: Directory) -> list[Directory]:
    """Directories of EXIF, GPS and the like: of no pixels, so that broken ones do no harm."""
    found = []
    for number in _LINKS:
        tag = page.tags.get(number)
        try:
            places = tag.integers() if tag is not None and whole(tag) else ()
            found += [read_directory(data, head, place) for place in places]
        except TagError:
            continue
    return found


def _picture(path: Path, pages: list[Directory]) -> tuple[Directory, list[str]]:
    """The one directory of full size, and how many smaller copies are beside it."""
    whole_size, smaller = [], 0
    for page in pages:
        tags = Tags(path, page)
        kind = tags.one("NewSubfileType", 0)
        if kind & 4:
            raise InputError(f"{path}: has a transparency mask; flatten it onto a background first")
        if kind & 1 or tags.one("SubfileType", 1) == 2:
            smaller += 1
        else:
            whole_size.append(page)
    if len(whole_size) != 1:
        raise InputError(f"{path}: holds {len(whole_size)} pages, one is expected; {_SPLIT}")
    return whole_size[0], [f"{smaller} smaller copies in it are not read"] if smaller else []


def _check_one_plane(path: Path, tags: Tags) -> None:
    """Refuse stacks that hide in one directory.

    ImageJ, OME, tifffile, MetaMorph and LSM write several planes under one directory, or across
    files, and say so in a text or tag of their own.
    """
    first = tags.directory.tags.get(270)
    texts = [tag for tag in (first, *tags.directory.repeated) if tag is not None]
    count = max([1, *(_planes_said(tags, tag.text()) for tag in texts if tag.number == 270)])
    stack = tags.directory.tags.get(33629)
    count = max(count, stack.count if stack is not None else 1)
    if len(lsm := _raw(tags.directory, 34412)) >= 28:
        order = tags.directory.tags[34412].order
        depth, times = (struct.unpack_from(f"{order}i", lsm, at)[0] for at in (16, 24))
        count = max(count, depth, times)
    if count > 1:
        raise InputError(f"{path}: holds {count} planes, one is expected; {_SPLIT}")


def _planes_said(tags: Tags, text: str) -> int:
    """How many planes a description announces."""
    samples = tags.one("SamplesPerPixel", 1)
    if text.startswith("ImageJ="):
        return max([1, *(int(number) for _, number in _IMAGEJ.findall(text))])
    if (shape := _SHAPED.match(text)) is not None:
        sides = [int(number) for number in shape[1].split(",") if number.strip()]
        pixels = tags.one("ImageLength") * tags.one("ImageWidth") * samples
        return int(math.prod(sides)) // pixels if pixels else 1
    if "<OME" in text[:2000]:
        sizes: dict[str, int] = {}
        for axis, number in _OME.findall(text):
            sizes.setdefault(axis, int(number))
        colours = max(1, sizes.get("C", 1) // max(1, samples))
        return sizes.get("Z", 1) * sizes.get("T", 1) * colours
    return 1


def _raw(page: Directory, number: int) -> bytes:
    tag = page.tags.get(number)
    return b"" if tag is None else tag.raw


def _check_bytes(
    path: Path,
    data: bytes,
    head: TagFile,
    layout: Layout,
    directories: list[Directory],
    page: Directory,
) -> list[str]:
    """Pixels lie inside the file and on nothing else; no second picture lies unsaid beside them."""
    spans = [(offset, offset + size) for offset, size in layout.spans]
    if any(a == b or b > len(data) for a, b in spans):
        raise InputError(
            f"{path}: cannot be decoded (cut short: pixels lie beyond its {len(data)} bytes); copy "
            "it again"
        )
    firm: list[tuple[int, int]] = [(0, head.head)]
    loose: list[tuple[int, int]] = []
    for found in directories:
        firm.append((found.start, found.end))
        for tag in [*found.tags.values(), *found.repeated]:
            place = (tag.where, tag.where + len(tag.raw))
            (firm if tag.number in TAGS else loose).append(place)
    if _overlap(firm, spans):
        raise InputError(
            f"{path}: cannot be decoded (its pixels lie over its header or each other); copy it "
            "again"
        )
    for other in directories:
        if other is not page:
            loose += _blocks_of(path, other)
    gaps = _gaps([*firm, *loose, *spans], len(data))
    size, end = sum(b - a for a, b in spans), max(b for _, b in spans)
    behind = sum(b - a for a, b in gaps if b == len(data) or end <= a <= end + 1)
    free = sum(b - a for a, b in gaps)
    if behind >= max(size, _PADDING) or free >= max(size, _UNSAID):
        raise InputError(
            f"{path}: holds {free} bytes that nothing in it accounts for, room for another plane; "
            f"{_SPLIT}"
        )
    said = free > _UNSAID or behind > _PADDING
    return [f"{free} bytes in it are not accounted for"] if said else []


def _overlap(firm: list[tuple[int, int]], spans: list[tuple[int, int]]) -> bool:
    end, pixels = 0, False
    for start, stop, of_pixels in sorted(
        [(a, b, False) for a, b in firm] + [(a, b, True) for a, b in spans]
    ):
        if start < end and (of_pixels or pixels):
            return True
        if stop >= end:
            end, pixels = stop, of_pixels
    return False


def _gaps(places: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    found, end = [], 0
    for start, stop in sorted([*places, (size, size)]):
        if end < start <= size:
            found.append((end, start))
        end = max(end, stop)
    return found


def _blocks_of(path: Path, directory: Directory) -> list[tuple[int, int]]:
    """Where the pixels of a smaller copy lie."""
    tags = Tags(path, directory)
    found: list[tuple[int, int]] = []
    for offsets, sizes in (
        ("StripOffsets", "StripByteCounts"),
        ("TileOffsets", "TileByteCounts"),
        ("JPEGInterchangeFormat", "JPEGInterchangeFormatLength"),
    ):
        if offsets in tags and sizes in tags:
            pairs = zip(tags.integers(offsets), tags.integers(sizes), strict=False)
            found += [(start, start + size) for start, size in pairs]
    return found


def _orientation(tags: Tags) -> int | None:
    return tags.one("Orientation") if "Orientation" in tags else None


def _palette(tags: Tags, layout: Layout) -> NDArray[Any]:
    if layout.kind != "u" or layout.bits > 16:
        raise InputError(f"{tags.path}: has a palette for other than whole numbers; save it as RGB")
    if "Indexed" in tags:
        raise InputError(f"{tags.path}: has a palette of other colours than RGB; convert it to RGB")
    colours = np.array(tags.integers("ColorMap"))
    if len(colours) != 3 << layout.bits:
        raise tags.fault(f"a palette of {len(colours)} numbers for {layout.bits} bits")
    if colours.max() > 65535:
        raise tags.fault("a palette of more than 16 bits")
    table = colours.reshape(3, -1).T
    for factor in (257, 256):  # 8 bits, widened in one of the two ways that programs have
        if not (table % factor).any():
            return np.ascontiguousarray(table // factor).astype(np.uint8)
    return table.astype(np.uint16)


def _remarks(tags: Tags) -> list[str]:
    """What is in the file and is not applied."""
    notes: list[str] = []
    across, down = tags.floats("XResolution"), tags.floats("YResolution")
    if across and down:
        notes += not_square(across[0], down[0])
    if tags.one("SampleFormat", 1) == 4:
        notes.append("its number type is undefined; read as unsigned whole numbers")
    text = tags.text("ImageDescription")
    scale = re.search(r"^c1=([^\s]+)", text, re.MULTILINE) if text.startswith("ImageJ=") else None
    if scale is not None:
        offset = re.search(r"^c0=([^\s]+)", text, re.MULTILINE)
        notes.append(
            f"ImageJ scales its values by {scale[1]} and adds {offset[1] if offset else 0}; "
            "they are read as stored"
        )
    if re.search(r"role=\"(scale|offset)\"", tags.text("GDALMetadata")):
        notes.append("GDAL scales its values; they are read as stored")
    if "GDALNoData" in tags:
        notes.append(f"{tags.text('GDALNoData').strip()} stands for no data; read as a value")
    for name, what in (
        ("Decode", "has a tag Decode, which is not applied"),
        ("ClipPath", "has a clipping path, which is not applied"),
        ("ImageSourceData", "has layers of Photoshop, which are not read"),
        ("BlackLevel", "has a black level, which is not taken off"),
    ):
        if name in tags:
            notes.append(what)
    unknown = [n for n in tags.directory.tags if n < 32768 and n not in TAGS]
    if unknown:
        notes.append(f"has unknown tags: {', '.join(map(str, sorted(unknown)[:10]))}")
    return notes
