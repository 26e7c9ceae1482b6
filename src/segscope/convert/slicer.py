"""``.seg.nrrd`` of 3D Slicer: segments with names, in one layer or several, cut to their extent."""

import re
from pathlib import Path

import numpy as np

from segscope.convert.lattice import placed
from segscope.convert.segments import Segment
from segscope.data.decoders.nrrd import decode_layers
from segscope.data.files import read_verified
from segscope.errors import InputError
from segscope.images import Grid

ENDING = ".seg.nrrd"
_KEY = re.compile(rb"Segment(\d+)_(Name|LabelValue|Layer)\s*:=([^\n]*)")


def segment_names(file: Path) -> list[str]:
    """Names of a file's segments.

    Raises:
        InputError: It holds none.
    """
    return [name for name, _, _ in _segments(file)]


def read_segmentation(file: Path, grid: Grid) -> list[Segment]:
    """Read every segment onto an image's grid.

    Slicer stores the part of the image that holds segments; it is put back to where it was.

    Args:
        file: ``.seg.nrrd``.
        grid: Of the image.

    Raises:
        InputError: No segments, values that no segment has, or voxels that are not the image's.
    """
    named = _segments(file)
    layers, affine = decode_layers(file)
    for number, layer in enumerate(layers):
        known = {value for _, value, own in named if own == number} | {0}
        if unknown := sorted(set(np.unique(layer).tolist()) - known):
            raise InputError(
                f"{file}: holds the value {unknown[0]:g} in its layer {number}, which no segment "
                "has; save the segmentation again"
            )
    found = []
    for name, value, layer in named:
        if layer >= len(layers):
            raise InputError(f"{file}: {name} lies in layer {layer}, there are {len(layers)}")
        try:
            mask = placed(layers[layer] == value, affine, grid)
        except ValueError as error:
            raise InputError(
                f"{file}: {error}; export the segmentation with the image as its reference"
            ) from None
        found.append(Segment(name, mask))
    return found


def _segments(file: Path) -> list[tuple[str, int, int]]:
    """Name, value and layer of each segment, as the header's pairs say."""
    header = read_verified(file).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    pairs: dict[int, dict[bytes, str]] = {}
    for number, key, text in _KEY.findall(header):
        # the format writes line ends and backslashes of values as \n and \\
        value = text.decode("utf-8", "replace").strip().replace("\\n", " ").replace("\\\\", "\\")
        pairs.setdefault(int(number), {})[key] = value
    if not pairs:
        raise InputError(f"{file}: names no segment; a plain label map is called .nrrd")
    found = []
    for number, own in sorted(pairs.items()):
        try:
            value, layer = int(own.get(b"LabelValue", number + 1)), int(own.get(b"Layer", 0))
        except ValueError:
            raise InputError(
                f"{file}: Segment{number} has a LabelValue or Layer that is no number; save it "
                "again"
            ) from None
        found.append((own.get(b"Name") or f"Segment_{number + 1}", value, layer))
    if len({(value, layer) for _, value, layer in found}) < len(found):
        raise InputError(f"{file}: two segments have one value in one layer; save it again")
    return found
