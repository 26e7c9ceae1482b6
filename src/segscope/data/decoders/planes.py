"""Plane images by their first bytes: PNG, TIFF, JPEG and BMP, grey or RGB; and writing them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from segscope.data.decoders.bmp import bmp_decoded
from segscope.data.decoders.decoded import Decoded, decoding
from segscope.data.decoders.jpeg import jpeg_decoded
from segscope.data.decoders.png import SIGNATURE, png_decoded
from segscope.data.decoders.tiff import tiff_decoded
from segscope.data.files import atomic_path, read_verified
from segscope.errors import InputError, WorkError
from segscope.images import Grid

_Decode = Callable[..., Decoded]
_KINDS: tuple[tuple[bytes, str, _Decode], ...] = (
    (SIGNATURE, "PNG", png_decoded),
    (b"II*\0", "TIFF", tiff_decoded),
    (b"MM\0*", "TIFF", tiff_decoded),
    (b"II+\0", "TIFF", tiff_decoded),
    (b"MM\0+", "TIFF", tiff_decoded),
    (b"\xff\xd8", "JPEG", jpeg_decoded),
    (b"BM", "BMP", bmp_decoded),
)
_NAMED = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG",
          ".bmp": "BMP"}  # fmt: skip
_OTHERS = ((b"GIF8", "GIF"), (b"RIFF", "WebP"), (b"\0\0\0\x0cjP  ", "JPEG 2000"),
           (b"\xff\x0a", "JPEG XL"), (b"%PDF", "PDF"))  # fmt: skip
_WRITTEN = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}


def decode_plane(path: Path, *, stored: bool = False) -> Decoded:
    """Read a plane image as ``(C, rows, columns)``, C = 1 or 3; see `colour` for the rule.

    What a file holds is seen by its first bytes; a note says where its name promises otherwise.

    Raises:
        InputError: Cut short, damaged, several pages, or what the rule refuses.
    """
    data = read_verified(path)
    named = _NAMED.get(path.suffix.lower(), "")
    for begin, kind, decode in _KINDS:
        if data.startswith(begin):
            with decoding(path):
                found = decode(path, data, stored=stored)
            if kind == named:
                return found
            said = f"is named {path.suffix} and holds {kind}"
            return Decoded(found.array, found.affine, (said, *found.notes))
    for begin, kind in _OTHERS:
        if data.startswith(begin):
            raise InputError(f"{path}: holds {kind}, which is not read; save it as PNG")
    if data[4:8] == b"ftyp":  # what phones call .jpg now and then
        raise InputError(f"{path}: holds HEIC, AVIF or a film, which is not read; save it as PNG")
    raise InputError(
        f"{path}: cannot be decoded (does not begin as PNG, TIFF, JPEG or BMP); copy it again"
    )


def write_plane(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write ``(rows, columns)`` of 8- or 16-bit integers losslessly; read back and compare."""
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"plane images hold uint8 or uint16, got {array.dtype}")
    kind = _WRITTEN.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: this format changes labels; write .png or .tif")
    if kind == "BMP" and array.dtype != np.uint8:
        raise InputError(f"{path}: BMP holds 8 bits per sample; write .png or .tif")
    with atomic_path(path) as temporary:
        PillowImage.fromarray(array).save(temporary, format=kind)
        if not np.array_equal(decode_plane(temporary, stored=True).array[0], array):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")
