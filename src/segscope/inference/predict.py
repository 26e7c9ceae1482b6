"""One image through a network: prepared, in windows, mirrored if asked, back to its own grid."""

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import WorkError
from segscope.images import Image, LabelMap, Probabilities
from segscope.inference.model import TrainedModel

_SLICES_AT_ONCE = 16


def predict_probabilities(
    model: TrainedModel, image: Image, *, mirror: bool = False, overlap: float = 0.5
) -> Probabilities:
    """Predict class probabilities ``(K, *S)`` on the image's own grid.

    Args:
        model: On any device.
        image: As its file has it.
        mirror: Average over all mirrored copies along the model's ``mirror_axes``.
        overlap: Of neighbouring windows, as a share of a window's side.
    """
    prepared = model.spec.plan.apply(image)
    probabilities = predict_prepared(model, prepared.array, mirror=mirror, overlap=overlap)
    return model.spec.plan.undo(probabilities, prepared)


def predict_labels(
    model: TrainedModel, image: Image, *, mirror: bool = False, overlap: float = 0.5
) -> LabelMap:
    """Predict the likeliest label per voxel on the image's own grid."""
    prepared = model.spec.plan.apply(image)
    probabilities = predict_prepared(model, prepared.array, mirror=mirror, overlap=overlap)
    label = model.spec.plan.undo_labels(probabilities, prepared)
    return LabelMap(label.array, label.grid, prepared.notes)


def predict_prepared(
    model: TrainedModel,
    array: NDArray[np.float32],
    *,
    mirror: bool = False,
    overlap: float = 0.5,
) -> NDArray[np.float32]:
    """Predict probabilities ``(K, *P)`` of a prepared image ``(C, *P)``.

    What fits into one window goes through in one pass, padded to what the network needs; more is
    covered by windows of the model's patch size that overlap and are blended by Gaussian weights
    (MONAI). 2D networks take volumes slice by slice.

    Raises:
        WorkError: Memory ran out; the message says what to try.
    """
    plan = model.spec.plan
    net = model.net.eval()
    device = next(net.parameters()).device
    try:
        with torch.inference_mode():
            # a copy: cached arrays are memory-mapped read-only, which torch cannot express
            x = torch.from_numpy(np.array(array, dtype=np.float32))
            if plan.slice_axis is None:
                result = _mirrored(model, x[None].to(device), mirror, overlap)[0]
            else:
                slices = x.movedim(1 + plan.slice_axis, 0)
                parts = [
                    _mirrored(model, part.to(device), mirror, overlap).cpu()
                    for part in slices.split(_SLICES_AT_ONCE)
                ]
                result = torch.cat(parts).movedim(0, 1 + plan.slice_axis)
            numbers: NDArray[np.float32] = np.ascontiguousarray(result.float().cpu().numpy())
            return numbers
    except torch.OutOfMemoryError as error:
        raise WorkError(f"memory ran out on {device}; try --device cpu") from error


def _mirrored(model: TrainedModel, x: Tensor, mirror: bool, overlap: float) -> Tensor:
    total = _activated(model, x, overlap)
    if not mirror:
        return total
    axes = model.spec.mirror_axes
    copies = [flips for n in range(1, len(axes) + 1) for flips in combinations(axes, n)]
    for flips in copies:
        dims = [2 + axis for axis in flips]
        total = total + _activated(model, x.flip(dims), overlap).flip(dims)
    return total / (len(copies) + 1)


def _activated(model: TrainedModel, x: Tensor, overlap: float) -> Tensor:
    logits = _logits(model, x, overlap).float()
    return torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)


def _logits(model: TrainedModel, x: Tensor, overlap: float) -> Tensor:
    net, patch = model.net, model.spec.patch
    sides = tuple(x.shape[2:])
    # a little more than a window is cheaper in one pass than in two windows
    if all(side <= 1.25 * size for side, size in zip(sides, patch, strict=True)):
        padded = [-(-side // m) * m for side, m in zip(sides, net.multiple, strict=True)]
        return _unpad(net(_pad(x, padded)), sides)
    from monai.inferers import sliding_window_inference

    windows = [-(-size // m) * m for size, m in zip(patch, net.multiple, strict=True)]
    blended: Tensor = sliding_window_inference(  # type: ignore[assignment]
        x, windows, 4, net, overlap=overlap, mode="gaussian", padding_mode="replicate"
    )
    return blended


def _pad(x: Tensor, sides: list[int]) -> Tensor:
    widths: list[int] = []
    for have, want in zip(reversed(x.shape[2:]), reversed(sides), strict=True):
        before = (want - have) // 2
        widths += [before, want - have - before]
    return torch.nn.functional.pad(x, widths, mode="replicate") if any(widths) else x


def _unpad(x: Tensor, sides: tuple[int, ...]) -> Tensor:
    window = []
    for have, want in zip(x.shape[2:], sides, strict=True):
        before = (have - want) // 2
        window.append(slice(before, before + want))
    return x[(slice(None), slice(None), *window)]
