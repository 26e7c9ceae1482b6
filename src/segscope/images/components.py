"""Connected components with full connectivity (8 in 2D, 26 in 3D)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def label_components(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
    """Number the components of a mask from 1; voxels that touch at a corner belong together.

    Example:
        >>> label_components(np.array([[1, 0], [0, 1]], bool))[1]
        1
    """
    numbered, count = ndimage.label(mask, np.ones((3,) * mask.ndim, bool))
    return numbered, int(count)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Return the smallest box around a mask, or None for an empty one.

    Example:
        >>> bounding_box(np.array([0, 1, 1, 0], bool))
        (slice(1, 3, None),)
    """
    box = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(tuple(k for k in range(mask.ndim) if k != axis)))
        if not len(hit):
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)
