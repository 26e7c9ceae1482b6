"""What every way of preparing images has in common, whichever tool it comes from."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.images import Grid, Image, LabelMap, Probabilities


@dataclass(frozen=True, eq=False, kw_only=True)
class Shown:
    """An image as a network is shown it; each way of preparing adds what it needs to go back.

    Args:
        array: ``(C, *P)`` float32, contiguous, its axes in the network's order.
        native: Grid of the file.
        notes: Of the image, and what preparing it added.
    """

    array: NDArray[np.float32]
    native: Grid
    notes: tuple[str, ...] = ()


class Preparer(Protocol):
    """How images become what a network is shown, and the way back.

    `Plan` is the one of segscope's own runs; another tool's model brings its own. What ``apply``
    returned is what the other methods take as ``prepared``. Two that do the same are equal.
    """

    @property
    def image_dims(self) -> int | None:
        """2 for plane images, 3 for volumes, None where both are taken."""

    @property
    def spatial_dims(self) -> int:
        """Of the network."""

    @property
    def slice_axis(self) -> int | None:
        """Axis of prepared arrays that a 2D network takes slices along; None where it does not."""

    def apply(self, image: Image) -> Shown:
        """Prepare an image.

        Raises:
            InputError: It cannot be prepared (without the file's name, see `naming`).
        """

    def apply_label(self, label: LabelMap, prepared: Any) -> NDArray[np.integer[Any]]:
        """Bring the label map of a prepared image onto ``prepared.array``'s voxels: ``(*P)``."""

    def undo(self, maps: NDArray[np.floating[Any]], prepared: Any) -> Probabilities:
        """Bring maps ``(K, *P)`` onto the file's grid.

        Outside of what was prepared one map is 0; of several the first is 1, as background is.
        """
