"""The markers of a JPEG stream, taken apart and checked against each other."""

import re
import struct
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from segscope.data.decoders.fields import Field
from segscope.data.decoders.samples import check_size
from segscope.errors import InputError

_RARE = Field("refused", "lossless or hierarchical: other kinds of pictures under the same name")
_ARITHMETIC = Field("used", "sides, depth, components; arithmetic coding, where the codec has it")
_PROGRAM = Field("harmless", "data of a program or camera")
FIELDS: dict[str, Field] = {
    "SOI": Field("checked", "the beginning"),
    "EOI": Field("checked", "the end; what follows it is noted, a picture as large refused"),
    "SOF0": Field("used", "sides, depth, components: baseline; 8 bits"),
    "SOF1": Field("used", "the same, extended; 12 bits are refused"),
    "SOF2": Field("used", "the same, progressive"),
    "SOF3": _RARE,
    "SOF5": _RARE,
    "SOF6": _RARE,
    "SOF7": _RARE,
    "SOF9": _ARITHMETIC,
    "SOF10": _ARITHMETIC,
    "SOF11": _RARE,
    "SOF13": _RARE,
    "SOF14": _RARE,
    "SOF15": _RARE,
    "JPG": _RARE,
    "DHT": Field("used", "Huffman tables"),
    "DAC": Field("used", "arithmetic coding's conditions"),
    "DQT": Field("used", "quantisation"),
    "DRI": Field("used", "distance of restarts"),
    "RST": Field("checked", "restarts, in their order and number"),
    "SOS": Field("used", "a scan"),
    "DNL": Field("refused", "the number of rows after the pixels"),
    "DHP": _RARE,
    "EXP": _RARE,
    "COM": Field("harmless", "free text"),
    "APP0": Field("used", "JFIF: YCbCr colours; pixels that are not square are noted"),
    "APP1": Field("noted", "EXIF: its orientation turns the picture; XMP: noted"),
    "APP2": Field("noted", "smaller pictures (MPF), others refused; a profile is harmless"),
    "APP8": Field("refused", "SPIFF: other colour spaces; else data of a program"),
    "APP14": Field("used", "Adobe: whether colours are RGB or YCbCr"),
    "APP3": _PROGRAM,
    "APP4": _PROGRAM,
    "APP5": _PROGRAM,
    "APP6": _PROGRAM,
    "APP7": _PROGRAM,
    "APP9": _PROGRAM,
    "APP10": _PROGRAM,
    "APP11": _PROGRAM,
    "APP12": _PROGRAM,
    "APP13": _PROGRAM,
    "APP15": _PROGRAM,
    "JPGn": Field("refused", "extensions"),
    "TEM": Field("refused", "private use in arithmetic coding"),
}
"""What becomes of each marker."""

_NAMES = {
    0x01: "TEM", 0xC4: "DHT", 0xC8: "JPG", 0xCC: "DAC", 0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS",
    0xDB: "DQT", 0xDC: "DNL", 0xDD: "DRI", 0xDE: "DHP", 0xDF: "EXP", 0xFE: "COM",
    **{0xC0 + k: f"SOF{k}" for k in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)},
    **{0xD0 + k: "RST" for k in range(8)},
    **{0xE0 + k: f"APP{k}" for k in range(16)},
    **{0xF0 + k: "JPGn" for k in range(14)},
}  # fmt: skip
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_PIXELS_END = re.compile(rb"\xff[^\x00]")  # begins with a fixed byte: many times faster
_PIXELS_END_RESTARTS = re.compile(rb"\xff[^\x00\xd0-\xd7]")
RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_MOST_PER_BYTE = 1024
"""Pixels: a block of 8 x 8 takes a bit or more, in each component."""
_MOST_SEGMENTS, _MOST_BEGINNINGS = 64, 4096
_PASSED_ON = ("SOF", "DHT", "DAC", "DQT", "DRI")


@dataclass
class Frame:
    """What was read of one JPEG stream.

    Args:
        pieces: What the codec is given, in its order.
        ends: Numbers of the pieces that are pixels.
        rows: Of the picture.
        columns: Of the picture.
        components: Their numbers, sampling and table, as stored.
        progressive: Several scans refine each other.
        arithmetic: Not Huffman.
        restart: Blocks between restarts; 0 is none.
        apps: Bodies of the application segments.
        after: Bytes behind the end.
    """

    pieces: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])
    ends: list[int] = field(default_factory=list)
    rows: int = 0
    columns: int = 0
    components: tuple[tuple[int, int, int], ...] = ()
    progressive: bool = False
    arithmetic: bool = False
    restart: int = 0
    apps: list[tuple[str, bytes]] = field(default_factory=list)
    after: int = 0


def damaged(path: Path, what: str) -> InputError:
    """The error of a stream that cannot be believed."""
    return InputError(f"{path}: cannot be decoded ({what}); copy it again")


def read_frame(path: Path, data: bytes) -> Frame:
    """Take a JPEG stream apart, from its beginning to its end.

    Raises:
        InputError: Its markers contradict each other, or ask for what is not read.
    """
    if data[:2] != b"\xff\xd8":
        raise damaged(path, "is not JPEG")
    frame, at = Frame(), 2
    while True:
        found = _MARKER.match(data, at)
        if found is None:
            what = "cut short: its end is missing" if at + 2 > len(data) else "damaged segments"
            raise damaged(path, what)
        code, at = data[found.end() - 1], found.end()
        name = _NAMES.get(code, "")
        if name == "EOI":
            frame.pieces.append(b"\xff\xd9")
            frame.after = len(data) - at
            _check_whole(path, frame)
            return frame
        if name not in FIELDS or name in ("SOI", "RST"):
            raise damaged(path, f"the marker {code:02X} does not belong there")
        length = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise damaged(path, "cut short in a segment")
        at += length
        _segment(path, frame, code, name, body)
        if name == "SOS":
            following = (_PIXELS_END_RESTARTS if frame.restart else _PIXELS_END).search(data, at)
            if following is None:
                raise damaged(path, "cut short: its end is missing")
            _scan(path, frame, data[at : following.start()])
            at = following.start()


def picture_sizes(data: bytes) -> list[tuple[int, int]]:
    """Rows and columns of the JPEG streams that begin anywhere in some bytes.

    Three bytes that begin a stream come by chance too, in a film behind a phone's photo: only where
    segments lead from there to a header is there a picture.

    Example:
        >>> picture_sizes(b"film " + bytes([255, 216, 255]) + b" film")
        []
    """
    found = []
    for begin in islice(re.finditer(rb"\xff\xd8(?=\xff)", data), _MOST_BEGINNINGS):
        at = begin.end()
        for _ in range(_MOST_SEGMENTS):
            code = data[at + 1 : at + 2]
            if data[at : at + 1] != b"\xff" or _NAMES.get(code[0] if code else 0) is None:
                break
            if _NAMES[code[0]].startswith("SOF"):
                if len(data) >= at + 9:
                    found.append(struct.unpack_from(">HH", data, at + 5))
                break
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found


def _segment(path: Path, frame: Frame, code: int, name: str, body: bytes) -> None:
    fate = FIELDS[name]
    if name.startswith("APP"):
        frame.apps.append((name, body))
        return
    if fate.fate == "refused":
        raise InputError(
            f"{path}: is JPEG of a rare kind ({name}: {fate.why}); save it as PNG with the program "
            "that made it"
        )
    if name.startswith("SOF"):
        _size(path, frame, code, body)
    elif name == "DRI":
        if len(body) != 2:
            raise damaged(path, "a restart interval of another length")
        frame.restart = int.from_bytes(body, "big")
    if name.startswith(_PASSED_ON) or name == "SOS":
        if name == "SOS" and not frame.components:
            raise damaged(path, "pixels before the header")
        frame.pieces.append(bytes([255, code]) + (len(body) + 2).to_bytes(2, "big") + body)


def _size(path: Path, frame: Frame, code: int, body: bytes) -> None:
    if frame.components:
        raise damaged(path, "two headers")
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise damaged(path, "a header of another length")
    bits, rows, columns, count = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise InputError(f"{path}: has {bits} bits per sample, JPEG of 8 is read; save it as PNG")
    if rows == 0:
        raise InputError(f"{path}: does not say how many rows it has; save it anew as PNG")
    check_size(path, rows, columns)
    if count not in (1, 3):
        kind = "CMYK" if count == 4 else f"{count} components"
        raise InputError(f"{path}: has the colour space {kind}; convert it to RGB")
    parts = [body[6 + 3 * k : 9 + 3 * k] for k in range(count)]
    frame.components = tuple((part[0], part[1], part[2]) for part in parts)
    if len({part[0] for part in parts}) != count or any(
        not (1 <= part[1] >> 4 <= 4 and 1 <= part[1] & 15 <= 4) for part in parts
    ):
        raise damaged(path, "components that cannot be")
    frame.rows, frame.columns = rows, columns
    frame.progressive, frame.arithmetic = code in (0xC2, 0xCA), code >= 0xC9


def _scan(path: Path, frame: Frame, pixels: bytes) -> None:
    if frame.restart:
        restarts = [code[0] & 7 for code in RESTART.findall(pixels)]
        if restarts != [k % 8 for k in range(len(restarts))]:
            raise damaged(path, "restarts that are missing or out of order")
    frame.ends.append(len(frame.pieces))
    frame.pieces.append(pixels)


def _check_whole(path: Path, frame: Frame) -> None:
    if not frame.components or not frame.ends:
        raise damaged(path, "no pixels before its end")
    size = sum(len(frame.pieces[k]) for k in frame.ends)
    if not frame.arithmetic and frame.rows * frame.columns > _MOST_PER_BYTE * size + 65536:
        raise damaged(
            path, f"its {size} bytes are too few for {frame.columns} x {frame.rows} pixels"
        )
    if frame.restart and not frame.progressive and len(frame.ends) == 1:
        tall = max(part[1] & 15 for part in frame.components)
        wide = max(part[1] >> 4 for part in frame.components)
        if len(frame.components) == 1:
            tall = wide = 1  # one component is not interleaved, whatever its sampling
        blocks = -(-frame.rows // (8 * tall)) * -(-frame.columns // (8 * wide))
        expected = -(-blocks // frame.restart) - 1
        count = len(RESTART.findall(frame.pieces[frame.ends[0]]))
        if count != expected:
            raise damaged(path, f"{count} restarts, {expected} are expected")
