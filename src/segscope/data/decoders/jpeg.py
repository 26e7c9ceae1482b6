"""JPEG: every marker accounted for; the codec sees only what was understood, in its own process.

JPEG has no checksum. What can be seen is seen: a missing end, segments that contradict each other,
restarts that are missing, pixels that run out before the picture's end.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.colour import Plane, as_meant
from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.exif import (
    TagError,
    exif_orientation,
    not_square,
    one_orientation,
    read_directory,
    read_head,
)
from segscope.data.decoders.isolated import CHILDS, isolated
from segscope.data.decoders.jpeg_markers import (
    FIELDS,
    RESTART,
    Frame,
    damaged,
    picture_sizes,
    read_frame,
)
from segscope.data.files import read_verified
from segscope.errors import InputError

__all__ = ["FIELDS", "decode_jpeg", "jpeg_decoded", "jpeg_samples"]
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
_STUFFING = bytes(range(1, 255)) * 2


def decode_jpeg(path: Path, *, stored: bool = False) -> Decoded:
    """Read a JPEG file as ``(C, rows, columns)``, C = 1 or 3; see `colour` for the rule.

    Raises:
        InputError: Cut short, several pictures, CMYK, more than 8 bits, or read as a label map.
    """
    return jpeg_decoded(path, read_verified(path), stored=stored)


def jpeg_decoded(path: Path, data: bytes, *, stored: bool) -> Decoded:
    """As `decode_jpeg`, of a file's bytes."""
    frame = read_frame(path, data)
    notes = _remarks(path, frame, data)
    found: list[int | None] = []
    xmp = b""
    for name, body in frame.apps:
        if name == "APP1" and body.startswith(b"Exif\0"):
            value, said = exif_orientation(body[6:])
            found.append(value)
            notes += said
        elif name == "APP1" and b"ns.adobe.com/xap" in body[:40]:
            xmp += body
    orientation, said = one_orientation(found, xmp)
    plane = Plane(
        jpeg_samples(path, frame),
        8,
        "rgb" if len(frame.components) == 3 else "grey",
        orientation=orientation,
        lossy="JPEG",
        notes=(*notes, *said),
    )
    return as_meant(path, plane, stored=stored)


def is_rgb(path: Path, frame: Frame) -> bool:
    """Whether three components are RGB: by Adobe's marker, else JFIF's, else their numbers."""
    jfif = any(name == "APP0" and body.startswith(b"JFIF\0") for name, body in frame.apps)
    said = [b[11] for n, b in frame.apps if n == "APP14" and b[:5] == b"Adobe" and len(b) >= 12]
    if len(frame.components) != 3:
        return False
    if not said:
        return not jfif and [part[0] for part in frame.components] == [82, 71, 66]
    if len(set(said)) > 1 or said[0] not in (0, 1):
        raise InputError(f"{path}: says colour transform {said}, 0 or 1 is known; save it as PNG")
    if jfif and said[0] == 0:
        raise InputError(
            f"{path}: says that its colours are YCbCr (JFIF) and RGB (Adobe); save it anew as PNG"
        )
    return said[0] == 0


def jpeg_samples(path: Path, frame: Frame, rgb: bool | None = None) -> NDArray[np.uint8]:
    """Decode to ``(rows, columns, 1 or 3)``; colours come out as RGB.

    Args:
        path: For messages.
        frame: What `read_frame` found.
        rgb: The components are RGB already; by default what the stream says.
    """
    rgb = is_rgb(path, frame) if rgb is None else rgb
    found = _decoded(path, frame, frame.pieces, rgb)
    grey = (found[-1, -1] == 128).all()  # what the codec puts where pixels have run out
    suspect = frame.progressive or frame.restart or len(frame.ends) > 1 or grey
    if suspect and not frame.arithmetic:
        pieces = list(frame.pieces)
        for k in frame.ends:
            stuffed = RESTART.sub(lambda m: _STUFFING + m[0], pieces[k])
            pieces[k] = stuffed.rstrip(b"\xff") + _STUFFING
        if not np.array_equal(found, _decoded(path, frame, pieces, rgb)):
            raise damaged(path, "cut short: pixels run out before the picture's end")
    return found


def _decoded(path: Path, frame: Frame, pieces: list[bytes], rgb: bool) -> NDArray[np.uint8]:
    transform = _ADOBE + bytes([0 if rgb or len(frame.components) == 1 else 1])
    stream = b"".join([pieces[0], transform, *pieces[1:]])
    found: NDArray[Any] = np.asarray(isolated(path, f"{CHILDS}jpeg_picture", stream))
    shape = (frame.rows, frame.columns, len(frame.components))
    if found.size != np.prod(shape) or found.shape[:2] != shape[:2] or found.dtype != np.uint8:
        raise damaged(path, f"decodes to {found.shape}, its header says {shape}")
    return found.reshape(shape)


def _remarks(path: Path, frame: Frame, data: bytes) -> list[str]:
    notes: list[str] = []
    several = False
    for name, body in frame.apps:
        if name == "APP2" and body.startswith(b"MPF\0") and _pictures(body[4:]) != 1:
            several = True
        if name == "APP8" and body.startswith(b"SPIFF\0"):
            raise InputError(f"{path}: is SPIFF, not plain JPEG; save it as PNG")
        if name == "APP0" and body.startswith(b"JFIF\0") and len(body) >= 12:
            notes += not_square(*struct.unpack_from(">HH", body, 8))
    rest = data[len(data) - frame.after :]
    others = picture_sizes(rest)
    if any(rows * columns >= frame.rows * frame.columns for rows, columns in others):
        which = "holds several pictures (MPF)" if several else "a second picture follows its end"
        raise InputError(f"{path}: {which}, one is expected; save the first alone")
    if others or several:  # previews and brightness maps of phones and cameras
        notes.append("smaller pictures beside it are not read")
    elif frame.after:
        notes.append(f"{frame.after} bytes after its end are not read")
    return notes


def _pictures(body: bytes) -> int:
    """How many pictures an MPF block announces; 0 where it cannot be read."""
    try:
        head = read_head(body)
        tag = read_directory(body, head, head.first).tags.get(0xB001)
        return tag.integers()[0] if tag is not None else 0
    except (TagError, struct.error):
        return 0
