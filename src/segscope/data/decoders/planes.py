"""Plane images: PNG, TIFF, JPEG and BMP, grey or RGB."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from segscope.data.decoders.decoded import Decoded
from segscope.data.files import atomic_path, read_verified
from segscope.errors import InputError, WorkError
from segscope.images import Grid

_GREY = ("L", "I;16", "I;16B", "I;16L", "I", "F", "1")


def decode_plane(path: Path, *, stored: bool = False) -> Decoded:
    """Read a plane image as ``(C, rows, columns)``, C = 1 or 3.

    Palettes are replaced by the colours they stand for (a note says so); an opaque alpha channel
    is dropped, a transparent one refused. TIFF of any number type is read.

    Raises:
        InputError: Cut short, damaged, several pages, or a colour space that is not grey or RGB.
    """
    data = read_verified(path)
    if path.suffix.lower() in (".tif", ".tiff"):
        return Decoded(*_in_pixels(_read_tiff(path, data)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decompression bomb is a warning first
            image = PillowImage.open(io.BytesIO(data))
            image.load()
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Warning,
        PillowImage.DecompressionBombError,
    ) as error:
        raise InputError(f"{path}: cannot be decoded ({error}); copy it again") from None
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise InputError(f"{path}: holds {frames} frames, one is expected; split it")
    return Decoded(*_in_pixels(_channels(path, image)))


def write_plane(path: Path, array: NDArray[Any], grid: Grid, like: Path | None = None) -> None:
    """Write ``(rows, columns)`` of 8- or 16-bit integers losslessly; read back and compare."""
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"plane images hold uint8 or uint16, got {array.dtype}")
    target = path if path.suffix.lower() in (".png", ".tif", ".tiff", ".bmp") else None
    if target is None:
        raise InputError(f"{path}: this format changes labels; write .png or .tif")
    with atomic_path(path) as temporary:
        PillowImage.fromarray(array).save(temporary)
        if not np.array_equal(decode_plane(temporary).array[0], array):
            raise WorkError(f"{path}: what was written does not read back equal; check the disk")


def _in_pixels(
    found: tuple[NDArray[Any], tuple[str, ...]],
) -> tuple[NDArray[Any], NDArray[np.float64], tuple[str, ...]]:
    return found[0], np.eye(3), found[1]


def _channels(path: Path, image: PillowImage.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if image.mode == "P":
        image, notes = image.convert("RGB"), ("palette replaced by its colours",)
        array = np.asarray(image)
        if (array[..., :1] == array).all():
            return array[..., 0][None], notes
    if image.mode in ("LA", "RGBA", "La", "RGBa"):
        alpha = np.asarray(image.getchannel("A"))
        if (alpha != 255).any():
            raise InputError(f"{path}: is partly transparent; flatten it onto a background first")
        image, notes = image.convert(image.mode[:-1]), ("opaque alpha channel dropped",)
    if image.mode in _GREY:
        array = np.asarray(image)
        return (array.astype(np.uint8) if array.dtype == bool else array)[None], notes
    if image.mode == "RGB":
        return np.ascontiguousarray(np.moveaxis(np.asarray(image), -1, 0)), notes
    raise InputError(f"{path}: has the colour space {image.mode}, grey or RGB is expected")


def _read_tiff(path: Path, data: bytes) -> tuple[NDArray[Any], tuple[str, ...]]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if len(file.pages) != 1:
                raise InputError(
                    f"{path}: holds {len(file.pages)} pages, one is expected; "
                    "store a stack as NIfTI, NRRD or one file per slice"
                )
            array = file.pages[0].asarray()
    except (tifffile.TiffFileError, ValueError, OSError, KeyError, IndexError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be decoded ({error}); copy it again") from None
    if array.ndim == 3 and array.shape[2] == 3:
        return np.ascontiguousarray(np.moveaxis(array, -1, 0)), ()
    if array.ndim != 2 or array.dtype.kind not in "uifb":
        raise InputError(
            f"{path}: has the shape {array.shape} of {array.dtype}, grey or RGB needed"
        )
    return (array.astype(np.uint8) if array.dtype == bool else array)[None], ()
