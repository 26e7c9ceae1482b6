"""How cases are predicted: what users say and what inference does is one definition, and light."""

from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """How cases are predicted; defaults are those of the command line.

    Args:
        mirror: Average over mirrored copies.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass.
        probabilities: Also write ``CASE.npz``.
        replace_nonfinite: Put this in place of NaN and infinities in images.
        resample_shear: Bring sheared images (gantry tilt) to an upright grid, and predict there.
        anyway: Also predict images that lie far outside of what the model has seen.
    """

    mirror: bool = False
    overlap: float = 0.5
    batch: int = 4
    probabilities: bool = False
    replace_nonfinite: float | None = None
    resample_shear: bool = False
    anyway: bool = False


class PredictKeywords(TypedDict, total=False):
    """The same as keywords of `segscope.inference.predict_cases`, which types cannot derive."""

    mirror: bool
    overlap: float
    batch: int
    probabilities: bool
    replace_nonfinite: float | None
    resample_shear: bool
    anyway: bool
