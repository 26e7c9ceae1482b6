"""Which figures moved a prediction, exactly: Shapley values against a usual case."""

from itertools import product
from math import factorial

import numpy as np
from numpy.typing import NDArray

from segscope.trust.models import Model

Array = NDArray[np.float64]


def attributions(model: Model, x: Array, usual: Array) -> Array:
    """Share of every figure in what sets a case's prediction apart from a usual one's.

    Shapley values over all subsets of figures (there are few): those of a subset are the case's,
    all others the usual one's. They add up to the difference of both predictions; of a ridge each
    is its weight times its difference.

    Args:
        model: Any.
        x: ``(F,)`` figures of the case.
        usual: ``(F,)`` figures of a usual case.

    Example:
        >>> from segscope.trust.models import Ridge
        >>> found = attributions(Ridge((1.0, -2.0), 0.0), np.array([0.5, 0.3]), np.zeros(2))
        >>> found.round(3).tolist()
        [0.5, -0.6]
    """
    count = len(x)
    subsets = np.array(list(product((False, True), repeat=count)))
    values = model.predict(np.where(subsets, x, usual))
    sizes = subsets.sum(1)
    found = np.zeros(count)
    for k in range(count):
        without = ~subsets[:, k]
        s = sizes[without]
        weight = np.array([factorial(n) * factorial(count - n - 1) for n in s]) / factorial(count)
        # the subset with the figure lies this far behind the one without, by how they are listed
        step = 1 << (count - 1 - k)
        at = np.flatnonzero(without)
        found[k] = (weight * (values[at + step] - values[at])).sum()
    return found
