"""DICOM folders whose files lie about being one series, and the order of their files."""

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from segscope.data import read_image, write_bytes
from segscope.data.decoders.decoded import decoding
from segscope.data.decoders.dicom_files import list_slices
from segscope.errors import InputError
from segscope.images import Grid, Image


def read_one_series(folder: Path) -> Image:
    """Read a folder whose files say that each is a series of its own; all else is checked.

    Raises:
        InputError: As of `read_image`.
    """
    import pydicom

    files = list_slices(folder).slices
    with TemporaryDirectory() as place:
        uid = None
        for number, file in enumerate(files):
            with decoding(file):
                found = pydicom.dcmread(file)
                uid = uid or found.get("SeriesInstanceUID")
                if found.get("SeriesInstanceUID") == uid:
                    content = file.read_bytes()
                else:
                    found.SeriesInstanceUID = uid
                    stream = io.BytesIO()
                    found.save_as(stream)
                    content = stream.getvalue()
            write_bytes(Path(place) / f"{number:05d}.dcm", content)
        try:
            return read_image(Path(place))
        except InputError as error:
            raise InputError(str(error).replace(place, str(folder))) from None


def places_by_name(folder: Path, grid: Grid) -> dict[str, int]:
    """Which slice of the image each file of a series is, in the order of the files' names.

    Raises:
        InputError: A file's position is none of the image's slices.
    """
    import pydicom

    found = {}
    for file in list_slices(folder).slices:
        with decoding(file):
            header = pydicom.dcmread(file, stop_before_pixels=True)
            position = [float(v) for v in header.ImagePositionPatient]
        index = grid.to_voxel(np.array(position) * (-1, -1, 1))[2]
        found[file.stem] = int(np.rint(index))
    if sorted(found.values()) != list(range(grid.shape[2])):
        raise InputError(f"{folder}: its files are not one for each slice of the image")
    return found


def in_order(files: Sequence[Path]) -> list[Path]:
    """Files by the numbers in their names, else by their names.

    Example:
        >>> [f.name for f in in_order([Path("a10.png"), Path("a9.png")])]
        ['a9.png', 'a10.png']
    """
    import re

    return sorted(files, key=lambda f: [int(p) if p.isdigit() else p
                                        for p in re.split(r"(\d+)", f.stem)])  # fmt: skip
