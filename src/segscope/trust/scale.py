"""The same image at half resolution: what the network says of it, brought back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.inference import TrainedModel, predict_prepared

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def halve(array: NDArray[np.float32], axes: Sequence[int]) -> NDArray[np.float32]:
    """Halve an image ``(C, *P)`` along some axes by means of two voxels; odd sides round up.

    Args:
        array: The image.
        axes: Of ``P``.

    Example:
        >>> halve(np.array([[1.0, 3.0, 5.0]], np.float32), [0]).tolist()
        [[2.0, 5.0]]
    """
    found = array
    for axis in axes:
        side = found.shape[1 + axis]
        if side % 2:  # the last voxel stands twice
            found = np.concatenate([found, found.take([-1], 1 + axis)], 1 + axis)
        pairs = (*found.shape[: 1 + axis], -1, 2, *found.shape[2 + axis :])
        found = found.reshape(pairs).mean(2 + axis, dtype=np.float32)
    return np.ascontiguousarray(found)


def enlarged_labels(
    probabilities: NDArray[np.float32], shape: Sequence[int], slice_axis: int | None = None
) -> NDArray[np.integer[Any]]:
    """Likeliest labels ``(*P)`` of probabilities ``(K, *p)`` that are enlarged linearly.

    One class at a time is held at full size.

    Args:
        probabilities: One sigmoid channel, or background first.
        shape: ``P``; sides were halved, odd ones rounded up.
        slice_axis: Of ``P``, along which nothing was halved; its slices are images of their own.

    Example:
        >>> enlarged_labels(np.array([[0.0, 1.0]], np.float32), (4,)).tolist()
        [0, 0, 1, 1]
    """
    winner = np.zeros(tuple(shape), np.uint8 if len(probabilities) <= 256 else np.uint16)
    best = _enlarged(probabilities[0], shape, slice_axis)
    if len(probabilities) == 1:
        return (best > 0.5).astype(np.uint8)
    for k in range(1, len(probabilities)):
        channel = _enlarged(probabilities[k], shape, slice_axis)
        winner[channel > best] = k
        best = np.maximum(best, channel)
    return winner


def half_labels(
    model: TrainedModel, array: NDArray[np.float32], *, mirror: int | None = None
) -> NDArray[np.integer[Any]]:
    """Labels of a prepared image by way of half the resolution.

    Args:
        model: That predicts.
        array: ``(C, *P)``, prepared.
        mirror: Axis of ``P`` along which the network sees it mirrored.
    """
    slice_axis = model.run_spec.plan.slice_axis
    axes = [axis for axis in range(array.ndim - 1) if axis != slice_axis]
    small = halve(array, axes)
    if mirror is not None:
        small = np.ascontiguousarray(np.flip(small, 1 + mirror))
    found = predict_prepared(model, small)
    if mirror is not None:
        found = np.ascontiguousarray(np.flip(found, 1 + mirror))
    return enlarged_labels(found, array.shape[1:], slice_axis)


def _enlarged(
    channel: NDArray[np.float32], shape: Sequence[int], slice_axis: int | None
) -> NDArray[np.float32]:
    x = torch.from_numpy(np.ascontiguousarray(channel))
    sides = list(shape)
    if slice_axis is None:
        return _grow(x[None, None], sides)[0, 0].numpy()
    del sides[slice_axis]
    found = _grow(x.movedim(slice_axis, 0)[:, None], sides)[:, 0]
    return np.ascontiguousarray(found.movedim(0, slice_axis).numpy())


def _grow(x: Tensor, sides: Sequence[int]) -> Tensor:
    """Double every side, and cut what an odd side had too much."""
    found = torch.nn.functional.interpolate(
        x, scale_factor=2, mode=_MODES[x.ndim - 2], align_corners=False
    )
    for axis, side in enumerate(sides, 2):
        found = found.narrow(axis, 0, side)
    return found
