"""One rule for depth, colour, transparency and orientation, for every format of plane images.

An *image* has what its samples stand for:

- grey in its stored samples: 1, 2 and 4 bits are 0 to 1, 3 and 15 (a note says so) and are not
  stretched, 16 and 32 bits and floating point are not lowered; where 0 is white, turned round so
  that larger is brighter (a note);
- RGB in its full depth;
- a palette's colours (a note), in one channel where all of them are grey;
- an opaque alpha channel is dropped (a note); a picture with any transparent pixel is refused,
  since what shines through is not in the file;
- CMYK, Lab and other colour models are refused: only a colour profile says what they look like.

A *label map* has the samples as they are stored, whatever they stand for: a palette's indices, full
16 bits, 0 as 0 also where 0 is white (each with a note). Lossy compression is refused: it changes
numbers.

Both are turned as the orientation tag says, and a note says so: viewers and annotation tools turn
the picture, and what is drawn in them lies on the turned one. Predictions are written in the turned
frame, without a tag.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segscope.data.decoders.decoded import Decoded
from segscope.errors import InputError


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane image as it is stored.

    Args:
        samples: ``(rows, columns, S)``; S is 1 for grey and palettes, 3 for RGB, and one more
            where there is an alpha channel.
        bits: Of one sample.
        colour: What the samples are.
        alpha: The last sample is the pixel's opacity.
        palette: ``(N, 3)``, the colours of ``palette`` samples.
        transparent: ``(rows, columns)``, where a palette or a key colour makes pixels
            transparent; None where nothing does.
        white_is_zero: Larger samples are darker.
        orientation: 1 to 8 as EXIF and TIFF count them; None where the file does not say.
        lossy: The name of a compression that changes numbers.
        notes: What the format's decoder had to choose.
    """

    samples: NDArray[Any]
    bits: int
    colour: Literal["grey", "rgb", "palette"]
    alpha: bool = False
    palette: NDArray[Any] | None = None
    transparent: NDArray[np.bool_] | None = None
    white_is_zero: bool = False
    orientation: int | None = None
    lossy: str | None = None
    notes: tuple[str, ...] = ()


def as_meant(path: Path, plane: Plane, *, stored: bool) -> Decoded:
    """Turn stored samples into an image or, where ``stored``, a label map, by the one rule.

    Raises:
        InputError: Transparent, lossy where numbers matter, or an index without a colour.

    Example:
        >>> fax = Plane(np.array([[[0], [1]]], np.uint8), 1, "grey", white_is_zero=True)
        >>> as_meant(Path("a.tif"), fax, stored=False).array.tolist()
        [[[1, 0]]]
        >>> as_meant(Path("a.tif"), fax, stored=True).array.tolist()
        [[[0, 1]]]
    """
    if stored and plane.lossy:
        raise InputError(
            f"{path}: is compressed with {plane.lossy}, which changes labels; write the label map "
            "again as .png"
        )
    samples, notes = _opaque(path, plane, stored)
    if plane.colour == "palette":
        samples, said = _of_palette(path, plane, samples, stored)
    else:
        samples, said = _of_scale(path, plane, samples, stored)
    notes = [*plane.notes, *notes, *said]
    samples, said = _turned(path, samples, plane.orientation)
    array = np.array(np.moveaxis(samples, -1, 0), order="C")  # of its own, to be written to
    return Decoded(array, np.eye(3), (*notes, *said))


def _opaque(path: Path, plane: Plane, stored: bool) -> tuple[NDArray[Any], list[str]]:
    notes = []
    samples = plane.samples
    if plane.alpha:
        kind = samples.dtype.kind
        if kind not in "uf":
            raise InputError(f"{path}: has an alpha channel of {samples.dtype}; save it without")
        if (samples[..., -1] != (1.0 if kind == "f" else 2**plane.bits - 1)).any():
            raise _transparency(path)
        samples = samples[..., :-1]
        notes.append("opaque alpha channel dropped")
    if plane.transparent is not None and plane.transparent.any():
        if not stored:
            raise _transparency(path)
        notes.append("transparent pixels are read by their stored samples")
    return samples, notes


def _transparency(path: Path) -> InputError:
    return InputError(f"{path}: is partly transparent; flatten it onto a background first")


def _of_palette(
    path: Path, plane: Plane, indices: NDArray[Any], stored: bool
) -> tuple[NDArray[Any], list[str]]:
    if plane.palette is None:
        raise InputError(f"{path}: has no palette for its indices; convert it to RGB")
    colours = plane.palette
    if stored:
        same = (colours == np.arange(len(colours))[:, None]).all()
        return indices, [] if same else ["a palette's indices are read, not its colours"]
    if (highest := int(indices.max())) >= len(colours):
        raise InputError(
            f"{path}: has the index {highest} where its palette ends at {len(colours) - 1}; "
            "convert it to RGB"
        )
    if (colours == colours[:, :1]).all():
        grey = colours[:, 0]
        if (grey == np.arange(len(grey))).all():
            return indices, []  # a grey scale by another name
        return grey[indices], ["palette replaced by its grey values"]
    return colours[indices[..., 0]], ["palette replaced by its colours"]


def _of_scale(
    path: Path, plane: Plane, samples: NDArray[Any], stored: bool
) -> tuple[NDArray[Any], list[str]]:
    notes = []
    highest = 2**plane.bits - 1
    if plane.bits not in (8, 16, 32, 64):
        unit = "bit" if plane.bits == 1 else "bits"
        notes.append(f"{plane.bits} {unit} per sample: its values are 0 to {highest}")
    if not plane.white_is_zero:
        return samples, notes
    if stored:
        return samples, [*notes, "0 is white here; a label map's numbers are read as stored"]
    if samples.dtype.kind != "u":
        raise InputError(
            f"{path}: says that 0 is white of {samples.dtype} numbers, which have no black; "
            "save it as MINISBLACK"
        )
    turned = samples.dtype.type(highest) - samples
    return turned, [*notes, "0 is white here: turned round so that larger is brighter"]


def _turned(
    path: Path, samples: NDArray[Any], orientation: int | None
) -> tuple[NDArray[Any], list[str]]:
    if orientation is None or orientation == 1:
        return samples, []
    if not 2 <= orientation <= 8:
        return samples, [f"its orientation tag {orientation} has no meaning; read as stored"]
    if orientation >= 5:  # stored columns are rows
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples, [f"turned as its orientation tag {orientation} says"]
