"""The kinds of files that are read and written, in one table.

A new format is a file in ``decoders/`` and a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.data.decoders.nifti import decode_nifti, write_nifti
from segscope.data.decoders.nrrd import decode_itk, write_itk
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
    ".nrrd": Format(decode_itk, write_itk, 3),
    ".mha": Format(decode_itk, write_itk, 3),
    ".png": _PLANE,
    ".tif": _PLANE,
    ".tiff": _PLANE,
    ".jpg": Format(decode_plane, None, 2),
    ".jpeg": Format(decode_plane, None, 2),
    ".bmp": _PLANE,
}
IMAGE_ENDINGS = tuple(FORMATS)
PLANE_ENDINGS = tuple(ending for ending, kind in FORMATS.items() if kind.dims == 2)


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
