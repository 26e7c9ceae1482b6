"""The same image mirrored: what the network says of every copy, turned back."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.inference import TrainedModel, predict_prepared


def image_axes(model: TrainedModel) -> list[int]:
    """Axes of the prepared image along which the network may see it mirrored.

    The network's own axes are counted without the one that slices are taken along.
    """
    plan = model.run_spec.plan
    seen = [axis for axis in range(plan.image_dims) if axis != plan.slice_axis]
    return [seen[axis] for axis in model.run_spec.mirror_axes]


def mirrored_labels(
    model: TrainedModel, array: NDArray[np.float32]
) -> Iterator[NDArray[np.integer[Any]]]:
    """Labels of every mirrored copy of a prepared image ``(C, *P)``, the image itself left out."""
    axes = image_axes(model)
    for count in range(1, len(axes) + 1):
        for chosen in combinations(axes, count):
            turned = tuple(1 + axis for axis in chosen)
            found = predict_prepared(model, np.ascontiguousarray(np.flip(array, turned)))
            yield to_label_array(np.flip(found, turned))


def to_label_array(probabilities: NDArray[np.float32]) -> NDArray[np.integer[Any]]:
    """Likeliest label of probabilities ``(K, ...)``; of equal ones the first.

    A running maximum, which is many times faster than argmax over the first axis.

    Example:
        >>> to_label_array(np.array([[0.4, 0.6]], np.float32)).tolist()
        [0, 1]
    """
    return labels_and_peak(probabilities)[0]


def labels_and_peak(
    probabilities: NDArray[np.float32],
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float32]]:
    """The same, and the probability of the label.

    Example:
        >>> [x.tolist() for x in labels_and_peak(np.array([[0.25, 0.75]], np.float32))]
        [[0, 1], [0.75, 0.75]]
    """
    if len(probabilities) == 1:
        inside = probabilities[0] > 0.5
        return inside.astype(np.uint8), np.maximum(probabilities[0], 1 - probabilities[0])
    best = probabilities[0].copy()
    winner = np.zeros(best.shape, np.uint8 if len(probabilities) <= 256 else np.uint16)
    for k in range(1, len(probabilities)):
        winner[probabilities[k] > best] = k
        np.maximum(best, probabilities[k], out=best)
    return winner, best
