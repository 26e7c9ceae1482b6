"""Options that several commands share."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segscope.data import Reading

ReplaceNonfinite = Annotated[
    float | None, typer.Option("--replace-nonfinite", help="In place of NaN and infinities.")
]
ResampleShear = Annotated[
    bool, typer.Option("--resample-shear", help="Resample a sheared grid to an upright one.")
]
ResampleLabels = Annotated[
    bool, typer.Option("--resample-labels", help="Bring labels of another grid onto the image's.")
]


def reading(
    replace_nonfinite: float | None = None,
    resample_shear: bool = False,
    resample_labels: bool = False,
) -> "Reading":
    """What may be changed when files are read."""
    from segscope.data import Reading

    return Reading(replace_nonfinite, resample_shear, resample_labels)
