"""The kinds of files that are read and written, in one table.

A new format is a file in ``decoders/`` and a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.metaimage import decode_metaimage, write_metaimage
from segscope.data.decoders.nifti import decode_nifti, write_nifti
from segscope.data.decoders.nrrd import decode_nrrd, write_nrrd
from segscope.data.decoders.planes import decode_plane, write_plane
from segscope.images import Grid

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
        decode: See `Decode`.
        write: Called with path, array ``(*S)``, grid and the file it follows (or None); None
            where writing would change labels.
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
IMAGE_ENDINGS = tuple(FORMATS)
PLANE_ENDINGS = tuple(ending for ending, kind in FORMATS.items() if kind.dims == 2)

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
        f"{path}: unknown kind of file; {remedy}segscope reads {', '.join(IMAGE_ENDINGS)}, and "
        "DICOM as the folder of a series"
    )


def image_ending(path: Path) -> str | None:
    """Return the ending that decides the format, as it is written, or None.

    Example:
        >>> image_ending(Path("a.NII.gz")), image_ending(Path("a.txt"))
        ('.NII.gz', None)
    """
    name = path.name.lower()
    for ending in IMAGE_ENDINGS:
        if name.endswith(ending):
            return path.name[len(path.name) - len(ending) :]
    return None
