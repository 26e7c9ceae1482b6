"""PNG: every chunk accounted for, its checksum and the number of its pixels checked."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.colour import Plane, as_meant
from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.exif import exif_orientation, not_square, one_orientation
from segscope.data.decoders.fields import Field
from segscope.data.decoders.png_pixels import Lines, png_samples
from segscope.data.decoders.samples import check_size
from segscope.data.files import read_verified
from segscope.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PROFILE = Field("harmless", "how samples look on a screen; they are kept as stored")
_TEXT = Field("harmless", "free text; an orientation in it is noted")
FIELDS: dict[str, Field] = {
    "IHDR": Field("used", "sides, depth, colour type, interlacing"),
    "PLTE": Field("used", "colours of indices; of RGB only a suggestion"),
    "IDAT": Field("used", "the pixels; must be exactly as many as IHDR says"),
    "IEND": Field("checked", "the end, after which nothing comes"),
    "tRNS": Field("used", "which pixels are transparent: refused for images where there are any"),
    "eXIf": Field("noted", "its orientation turns the picture"),
    "acTL": Field("refused", "several frames; one frame is harmless"),
    "fcTL": Field("harmless", "place and time of the one frame; checked against IHDR"),
    "fdAT": Field("refused", "a second frame"),
    "cICP": Field("checked", "colours must be RGB; else " + _PROFILE.why),
    "gAMA": _PROFILE,
    "cHRM": _PROFILE,
    "sRGB": _PROFILE,
    "iCCP": _PROFILE,
    "mDCV": _PROFILE,
    "cLLI": _PROFILE,
    "sBIT": Field("harmless", "how many bits were measured; samples are kept as stored"),
    "bKGD": Field("harmless", "what is shown behind transparent pixels, which are refused"),
    "hIST": Field("harmless", "how often colours occur"),
    "sPLT": Field("harmless", "a suggested palette"),
    "pHYs": Field("noted", "pixels that are not square"),
    "tIME": Field("harmless", "when it was changed"),
    "tEXt": _TEXT,
    "zTXt": _TEXT,
    "iTXt": _TEXT,
    # registered extensions of PNG
    "oFFs": Field("harmless", "place on a printed page"),
    "sCAL": Field("harmless", "size of a pixel; planes have no spacing here"),
    "pCAL": Field("noted", "what physical values samples stand for; read as stored"),
    "sTER": Field("noted", "two pictures side by side for two eyes"),
    "gIFg": Field("harmless", "how GIF showed it"),
    "gIFx": Field("harmless", "data of a program"),
    "gIFt": Field("harmless", "text that GIF showed over it"),
    "dSIG": Field("harmless", "a signature"),
}
"""What becomes of each chunk; others that say they may be left out are, the rest is refused."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SINGLE = {b"IHDR", b"PLTE", b"IEND", b"tRNS", b"eXIf", b"acTL", b"cICP", b"pHYs", b"pCAL"}


@dataclass(frozen=True)
class _Header:
    lines: Lines
    colour: int


def decode_png(path: Path, *, stored: bool = False) -> Decoded:
    """Read a PNG file as ``(C, rows, columns)``, C = 1 or 3; see `colour` for the rule.

    Raises:
        InputError: Cut short, damaged, several frames, transparent, or an unknown critical chunk.
    """
    return png_decoded(path, read_verified(path), stored=stored)


def png_decoded(path: Path, data: bytes, *, stored: bool) -> Decoded:
    """As `decode_png`, of a file's bytes."""
    chunks = _chunks(path, data)
    header = _header(path, chunks[0][1])
    single = {kind: body for kind, body in chunks if kind in _SINGLE}
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    _check_order(path, [kind for kind, _ in chunks])
    _check_frames(path, chunks, header)
    samples = png_samples(path, header.lines, packed)
    orientation, notes = _orientation(chunks, single.get(b"eXIf"))
    plane = Plane(
        samples,
        header.lines.bits,
        _colour(header),
        alpha=header.colour in (4, 6),
        palette=_palette(path, header, single.get(b"PLTE")),
        transparent=_transparent(path, header, samples, single),
        orientation=orientation,
        notes=(*notes, *_remarks(path, single, {kind for kind, _ in chunks})),
    )
    return as_meant(path, plane, stored=stored)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path}: cannot be decoded ({what}); copy it again")


def _chunks(path: Path, data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks in their order, up to the end of the file, with right checksums."""
    if data[:8] != SIGNATURE:
        raise _damaged(path, "is not PNG")
    found, at = [], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        body = data[at + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise _damaged(path, f"damaged in its chunk {_name(kind)}: the checksum is wrong")
        _check_known(path, kind)
        found.append((kind, body))
        at = end
        if kind == b"IEND":
            if at != len(data) or body:
                after = len(data) - at + len(body)
                raise InputError(f"{path}: {after} bytes follow its end; copy it again")
            return found
    raise _damaged(path, "cut short: its end is missing")


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def _check_known(path: Path, kind: bytes) -> None:
    if not kind.isalpha():
        raise _damaged(path, "damaged: a chunk without a name")
    if kind[0] & 32 == 0 and _name(kind) not in FIELDS:  # capital: needed to show the picture
        raise InputError(
            f"{path}: needs the unknown chunk {_name(kind)} to be shown right; save it as plain PNG"
        )


def _header(path: Path, body: bytes) -> _Header:
    if len(body) != 13:
        raise _damaged(path, f"its header has {len(body)} bytes, not 13")
    columns, rows, bits, colour, packing, filters, interlaced = struct.unpack(">IIBBBBB", body)
    if bits not in _DEPTHS.get(colour, ()):
        raise _damaged(path, f"{bits} bits per sample of colour type {colour} do not exist")
    if packing or filters or interlaced > 1:
        raise _damaged(path, f"compression {packing}, filter {filters}, interlacing {interlaced}")
    check_size(path, rows, columns)
    return _Header(Lines(rows, columns, _SAMPLES[colour], bits, bool(interlaced)), colour)


def _check_order(path: Path, kinds: list[bytes]) -> None:
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise _damaged(path, "its header does not come first, or there are no pixels")
    for kind in _SINGLE:
        if kinds.count(kind) > 1:
            raise _damaged(path, f"holds several chunks {_name(kind)}")
    first = kinds.index(b"IDAT")
    last = len(kinds) - kinds[::-1].index(b"IDAT")
    if any(kind != b"IDAT" for kind in kinds[first:last]):
        raise _damaged(path, "its pixels are interrupted by other chunks")
    places = [kinds.index(kind) for kind in (b"PLTE", b"tRNS") if kind in kinds]
    if places != sorted(places) or any(place > first for place in places):
        raise _damaged(path, "its palette comes after its pixels")


def _check_frames(path: Path, chunks: list[tuple[bytes, bytes]], header: _Header) -> None:
    kinds = [kind for kind, _ in chunks]
    count = 1
    for kind, body in chunks:
        if kind == b"acTL":
            count = int.from_bytes(body[:4], "big")
        if kind == b"fcTL":
            sides = struct.unpack_from(">IIII", body, 4) if len(body) == 26 else ()
            if sides != (header.lines.columns, header.lines.rows, 0, 0):
                count = max(count, 2)  # a part of the picture, as only a later frame may be
    if count != 1 or b"fdAT" in kinds or kinds.count(b"fcTL") > 1:
        raise InputError(
            f"{path}: holds {max(count, 2)} frames (APNG), one is expected; split it into one file "
            "per frame"
        )


def _colour(header: _Header) -> Literal["grey", "rgb", "palette"]:
    if header.colour == 3:
        return "palette"
    return "rgb" if header.colour & 2 else "grey"


def _palette(path: Path, header: _Header, body: bytes | None) -> NDArray[Any] | None:
    if body is None:
        if header.colour == 3:
            raise _damaged(path, "its palette is missing")
        return None
    if header.colour in (0, 4):
        raise _damaged(path, "a grey picture with a palette")
    most = 2**header.lines.bits if header.colour == 3 else 256
    if not body or len(body) % 3 or len(body) > 3 * most:
        raise _damaged(path, f"a palette of {len(body)} bytes for {most} colours")
    return np.frombuffer(body, np.uint8).reshape(-1, 3) if header.colour == 3 else None


def _transparent(
    path: Path, header: _Header, samples: NDArray[Any], single: dict[bytes, bytes]
) -> NDArray[np.bool_] | None:
    body = single.get(b"tRNS")
    if body is None:
        return None
    if header.colour == 3:
        if len(body) > len(single[b"PLTE"]) // 3:
            raise _damaged(path, "more transparencies than colours")
        opacity = np.full(256, 255, np.uint8)
        opacity[: len(body)] = np.frombuffer(body, np.uint8)
        return opacity[samples[..., 0]] < 255
    if len(body) != {0: 2, 2: 6}.get(header.colour, -1):
        raise _damaged(path, f"a transparency of {len(body)} bytes")
    key = np.frombuffer(body, ">u2").astype(np.uint16) & (2**header.lines.bits - 1)
    found: NDArray[np.bool_] = (samples == key).all(axis=-1)
    return found


def _orientation(
    chunks: list[tuple[bytes, bytes]], exif: bytes | None
) -> tuple[int | None, tuple[str, ...]]:
    found, notes = exif_orientation(exif.removeprefix(b"Exif\0\0")) if exif else (None, ())
    xmp = b""
    for kind, body in chunks:
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        word, _, rest = body.partition(b"\0")
        if word == b"XML:com.adobe.xmp":
            xmp += _text(kind, rest)
        elif word in (b"Raw profile type exif", b"Raw profile type APP1"):
            notes = (*notes, *_of_profile(_text(kind, rest), found))
    turned = [body[0] for kind, body in chunks if kind == b"orNT" and len(body) == 1]
    if found is None and any(value in range(2, 9) for value in turned):  # of ImageMagick alone
        notes = (*notes, f"has the orientation {turned[0]} (orNT), which viewers do not apply")
    orientation, said = one_orientation([found], xmp)
    return orientation, (*notes, *said)


def _text(kind: bytes, rest: bytes) -> bytes:
    """A text's bytes; what is compressed is read up to a limit, since it is only searched."""
    packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        rest = rest[2:].split(b"\0", 2)[-1]
    if not packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, 1 << 20)
    except zlib.error:
        return b""


def _of_profile(text: bytes, known: int | None) -> tuple[str, ...]:
    """EXIF as ImageMagick once wrote it into text: told, where it says another orientation."""
    try:
        raw = bytes.fromhex("".join(text.decode("latin-1").split()[2:]))
    except ValueError:
        return ()
    value, _ = exif_orientation(raw.removeprefix(b"Exif\0\0"))
    if value in (None, 1, known):
        return ()
    return (f"has the orientation {value} in a text, which viewers do not apply",)


def _remarks(path: Path, single: dict[bytes, bytes], kinds: set[bytes]) -> list[str]:
    notes: list[str] = []
    if (body := single.get(b"pHYs")) is not None and len(body) == 9:
        notes += not_square(*struct.unpack_from(">II", body))
    if (body := single.get(b"cICP")) is not None and body[2:3] not in (b"\0", b""):
        raise InputError(f"{path}: its colours are not RGB (cICP); convert it to RGB")
    if b"pCAL" in kinds:
        notes.append("has a scale of physical values (pCAL); samples are read as stored")
    if b"sTER" in kinds:
        notes.append("is a pair of pictures for two eyes, side by side")
    return notes
