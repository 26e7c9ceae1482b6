"""Where a template lies in an image: the frame in which one place means the same of every image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segscope.images.grid import Grid, is_invertible


@dataclass(frozen=True, eq=False)
class Frame:
    """A template's grid, and the way from its world to an image's.

    Args:
        grid: Of the template.
        to_image: ``(n + 1, n + 1)``, homogeneous, in mm: from the template's world to the image's.

    Example:
        >>> frame = Frame(Grid.from_spacing((4, 4)), np.array([[1, 0, 2], [0, 1, 0], [0, 0, 1.0]]))
        >>> frame.to_template.tolist()[0]
        [1.0, 0.0, -2.0]
    """

    grid: Grid
    to_image: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.asarray(self.to_image, np.float64)
        n = self.grid.ndim
        if matrix.shape != (n + 1, n + 1) or not is_invertible(matrix):
            raise ValueError(
                f"to_image must be an invertible matrix of {n + 1} x {n + 1}, got {matrix.tolist()}"
            )
        object.__setattr__(self, "to_image", matrix)

    @property
    def to_template(self) -> NDArray[np.float64]:
        """From the image's world to the template's."""
        return np.asarray(np.linalg.inv(self.to_image), np.float64)
