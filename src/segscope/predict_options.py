"""How cases are predicted: what users say and what inference does is one definition, and light."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """How cases are predicted; defaults are those of the command line.

    Args:
        mirror: Average over mirrored copies; None is as the model says.
        overlap: Of neighbouring windows, as a share of a window's side; None is as the model says.
        batch: Windows or slices per pass.
        probabilities: Also write ``CASE.npz``.
        replace_nonfinite: Put this in place of NaN and infinities in images.
        resample_shear: Bring sheared images (gantry tilt) to an upright grid, and predict there.
        anyway: Also predict images that lie far outside of what the model has seen.
        label_values: The network's value (as text) to the one that is written; None: as it is.
    """

    mirror: bool | None = None
    overlap: float | None = None
    batch: int = 4
    probabilities: bool = False
    replace_nonfinite: float | None = None
    resample_shear: bool = False
    anyway: bool = False
    label_values: Mapping[str, int] | None = None

    def written_labels(self, labels: Mapping[str, int]) -> dict[str, int]:
        """Names of labels and the values that are written for them.

        Example:
            >>> PredictOptions(label_values={"0": 0, "3": 4}).written_labels({"tumour": 3})
            {'tumour': 4}
        """
        values = self.label_values
        return {
            name: value if values is None else values[str(value)] for name, value in labels.items()
        }


class PredictKeywords(TypedDict, total=False):
    """The same as keywords of `segscope.inference.predict_cases`, which types cannot derive."""

    mirror: bool | None
    overlap: float | None
    batch: int
    probabilities: bool
    replace_nonfinite: float | None
    resample_shear: bool
    anyway: bool
    label_values: Mapping[str, int] | None
