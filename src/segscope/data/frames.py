"""Where a template lies in an image, as a small file beside the image's mask."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from segscope.data.files import write_json
from segscope.data.json_files import read_typed
from segscope.errors import InputError
from segscope.images import Frame, Grid


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: int
    shape: tuple[int, ...]
    affine: list[list[float]]
    matrix_template_to_image_mm: list[list[float]]


def write_frame(file: Path, frame: Frame) -> None:
    """Write a frame, whole or not at all; `read_frame` gives the same numbers back."""
    write_json(
        file,
        {
            "format": 1,
            "shape": frame.grid.shape,
            "affine": frame.grid.affine.tolist(),
            "matrix_template_to_image_mm": frame.to_image.tolist(),
        },
    )


def read_frame(file: Path, *, dims: int) -> Frame:
    """Read what `write_frame` wrote.

    Args:
        file: JSON.
        dims: Of the image that it belongs to.

    Raises:
        InputError: Not there, of another form, of other dimensions, or its numbers are no frame.
    """
    remedy = "make the masks again"
    facts = read_typed(file, _Facts, what="a template's frame", remedy=remedy)
    try:
        grid = Grid(facts.shape, np.array(facts.affine, np.float64))
        frame = Frame(grid, np.array(facts.matrix_template_to_image_mm, np.float64))
    except ValueError as error:
        raise InputError(f"{file}: is no frame ({error}); {remedy}") from None
    if frame.grid.ndim != dims:
        raise InputError(f"{file}: is {frame.grid.ndim}D, the image {dims}D; {remedy}")
    return frame
