"""The kinds of files that are read and written, in one table.

A new format is a file in ``decoders/`` and a line here; one of an installed package is a `Format`
under its ending, ``".foo" = "my_package.foo:FOO"``. An ending of segscope's own is never another's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.metaimage import decode_metaimage, write_metaimage
from segscope.data.decoders.nifti import decode_nifti, write_nifti
from segscope.data.decoders.nrrd import decode_nrrd, write_nrrd
from segscope.data.decoders.planes import decode_plane, write_plane
from segscope.errors import InputError
from segscope.images import Grid
from segscope.plugins import Kind, other_than, plain

Write = Callable[[Path, NDArray[Any], Grid, Path | None], None]


class Decode(Protocol):
    """A decoder's door."""

    def __call__(self, path: Path, *, stored: bool = False) -> Decoded:
        """Read a whole file.

        Args:
            path: The file.
            stored: Of a label map: samples as they are stored, where an image has what they stand
                for (a palette's colours, a mirrored grey scale).

        Raises:
            InputError: The file is not whole, contradicts itself or holds what is not read.
        """


@dataclass(frozen=True)
class Format:
    """How a kind of file is read and written.

    Args:
        decode: See `Decode`; returns `Decoded`, whose array has ``dims`` axes after its channels.
        write: Called with path, array ``(*S)``, grid and the file it follows (or None); writes all
            or nothing (`segscope.data.write_bytes` does); None where writing would change labels.
        dims: 2 for planes without a position in space, 3 for volumes.
    """

    decode: Decode
    write: Write | None
    dims: int


_PLANE = Format(decode_plane, write_plane, 2)
FORMATS: dict[str, Format] = {
    ".nii.gz": Format(decode_nifti, write_nifti, 3),
    ".nii": Format(decode_nifti, write_nifti, 3),
    ".nrrd": Format(decode_nrrd, write_nrrd, 3),
    ".mha": Format(decode_metaimage, write_metaimage, 3),
    ".png": _PLANE,
    ".tif": _PLANE,
    ".tiff": _PLANE,
    ".jpg": Format(decode_plane, None, 2),
    ".jpeg": Format(decode_plane, None, 2),
    ".bmp": _PLANE,
}


def no_format(found: Any) -> str:
    """What keeps an object from being a `Format`, or nothing.

    Example:
        >>> no_format(decode_nifti)
        'is the function decode_nifti, where a segscope.data.Format is expected'
    """
    if fault := other_than(found, Format):
        return fault
    if not callable(found.decode) or not (found.write is None or callable(found.write)):
        return "has a decode or write that is no function"
    return "" if found.dims in (2, 3) else f"has the dims {found.dims!r}, expected 2 or 3"


FORMAT: Kind[Format] = Kind("file format", "segscope.formats", FORMATS, no_format)


def image_endings() -> tuple[str, ...]:
    """Endings that are read, those of installed packages last.

    Raises:
        InputError: A package declares what is no ending, or one that ends in one of segscope's.

    Example:
        >>> ".nii.gz" in image_endings()
        True
    """
    names = FORMAT.names()
    for name in names[len(FORMATS) :]:
        if not name.startswith(".") or name != name.lower():
            raise FORMAT.fault(name, "is no ending; name it as .foo, in small letters")
        if name.endswith(tuple(FORMATS)):
            raise FORMAT.fault(name, "ends as a format of segscope's own, which reads such files")
    return names


def format_of(ending: str) -> Format:
    """Return how an ending, in whatever capitals, is read and written.

    Raises:
        ValueError: It is not read.
        InputError: Two packages read it, or the one that does fails to import.

    Example:
        >>> format_of(".PNG").dims
        2
    """
    return FORMAT.get(ending.lower())


def is_plane(ending: str | None) -> bool:
    """Whether files of an ending are plane images, without a position in space.

    Example:
        >>> is_plane(".png"), is_plane(".nii.gz"), is_plane(None)
        (True, False, False)
    """
    return ending is not None and ending.lower() in image_endings() and format_of(ending).dims == 2


def decode(path: Path, ending: str, *, stored: bool) -> Decoded:
    """Read a file by its ending; of a package's format, see that it returns what it must.

    Raises:
        InputError: As of `Decode`; a package's format fails or returns something else.
    """
    kind, name = format_of(ending), ending.lower()
    if name in FORMATS:
        return kind.decode(path, stored=stored)
    with FORMAT.running(name):
        found: Any = kind.decode(path, stored=stored)
    if not isinstance(found, Decoded) or not isinstance(found.array, np.ndarray):
        raise FORMAT.fault(name, f"{path}: decodes to {plain(found)}, expected is Decoded")
    n = kind.dims + 1
    if found.array.ndim != n or np.shape(found.affine) != (n, n):
        raise FORMAT.fault(
            name,
            f"{path}: decodes to an array {found.array.shape} with an affine "
            f"{np.shape(found.affine)}, expected are {n} axes (channels first) and {(n, n)}",
        )
    return found


def write(path: Path, array: NDArray[Any], grid: Grid, like: Path | None) -> None:
    """Write a file by its ending; what a package wrote is read back and compared.

    Raises:
        InputError: A package's format fails, or does not give back what it was given.
    """
    name = (image_ending(path) or "").lower()
    kind = format_of(name)
    if kind.write is None:
        raise InputError(f"{path}: this format changes labels; write .png or .tif")
    if name in FORMATS:
        kind.write(path, array, grid, like)
        return
    with FORMAT.running(name):
        kind.write(path, array, grid, like)
    if not path.is_file():
        raise FORMAT.fault(name, f"{path}: was not written")
    found = decode(path, name, stored=True)
    if not np.array_equal(found.array, array[None]):
        raise FORMAT.fault(name, f"{path}: holds other voxels than were written")
    if grid.ndim == 3 and not grid.matches(Grid(array.shape, found.affine)):
        raise FORMAT.fault(name, f"{path}: has another affine than was written")


_ONE_NRRD = "store header and voxels in one .nrrd file"
_ONE_MHA = "store header and voxels in one .mha file"
_ONE_NIFTI = "store header and voxels in one .nii.gz file"
_TO_NIFTI = "convert it to .nii.gz"
_TO_PNG = "convert it to .png"
NOT_READ: dict[str, str] = {
    ".nhdr": _ONE_NRRD,
    ".mhd": _ONE_MHA,
    ".raw": f"{_ONE_MHA} or .nrrd file",
    ".zraw": _ONE_MHA,
    ".raw.gz": f"{_ONE_NRRD} or .mha file",
    ".hdr": _ONE_NIFTI,
    ".hdr.gz": _ONE_NIFTI,
    ".img": _ONE_NIFTI,
    ".img.gz": _ONE_NIFTI,
    **dict.fromkeys((".nii.zst", ".nii.bz2", ".nii.xz", ".nii.zip", ".nia"), _TO_NIFTI),
    **dict.fromkeys((".gipl", ".gipl.gz", ".mnc", ".mgh", ".mgz", ".vtk", ".vti"), _TO_NIFTI),
    **dict.fromkeys((".mif", ".mif.gz", ".nrrd.gz", ".mha.gz", ".par", ".rec"), _TO_NIFTI),
    **dict.fromkeys((".npy", ".npz", ".mat", ".h5", ".hdf5"), _TO_NIFTI),
    **dict.fromkeys((".dcm", ".ima"), "name the folder of its DICOM series"),
    **dict.fromkeys((".gif", ".webp", ".jp2", ".j2k", ".pgm", ".ppm", ".tga"), _TO_PNG),
}
"""Endings of images that are known and not read, with what to do."""


def unknown_kind(path: Path) -> str:
    """Say that a file's ending is not read, and what to do about it.

    Example:
        >>> unknown_kind(Path("a.MHD"))[:80]
        'a.MHD: unknown kind of file; store header and voxels in one .mha file; segscope '
    """
    name = path.name.lower()
    known = max((e for e in NOT_READ if name.endswith(e)), key=len, default=None)
    remedy = f"{NOT_READ[known]}; " if known else ""
    return (
        f"{path}: unknown kind of file; {remedy}segscope reads {', '.join(image_endings())}, and "
        "DICOM as the folder of a series"
    )


def image_ending(path: Path) -> str | None:
    """Return the ending that decides the format, as it is written, or None.

    Example:
        >>> image_ending(Path("a.NII.gz")), image_ending(Path("a.txt"))
        ('.NII.gz', None)
    """
    name = path.name.lower()
    for ending in image_endings():
        if name.endswith(ending):
            return path.name[len(path.name) - len(ending) :]
    return None
