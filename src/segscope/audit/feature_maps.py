"""All channels of one layer for one case: what a network looks at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segscope.audit import Opened, Subject, open_subject
from segscope.data import AS_STORED, ReadOptions
from segscope.errors import InputError
from segscope.features import FeatureHooks
from segscope.images import Case
from segscope.inference import TrainedModel


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """One plane of every channel of a layer.

    Args:
        layer: Its name.
        image: ``(C, rows, columns)``, as the network is shown it.
        truth: ``(rows, columns)`` labels; zeros where there is none.
        maps: ``(F, rows, columns)``.
    """

    layer: str
    image: NDArray[np.float32]
    truth: NDArray[np.integer[Any]]
    maps: NDArray[np.float32]


def feature_maps(
    model: TrainedModel, case: Case, *, layer: str | None = None, reading: ReadOptions = AS_STORED
) -> FeatureMaps:
    """Read a layer's channels, brought to the image's size, in the slice with the largest truth.

    Args:
        model: Any trained network.
        case: With its mask, where the network is shown one.
        layer: By name; the last one before the output where not given (in a U-Net the last block
            of the way up).
        reading: What may be changed when the case is read.

    Raises:
        InputError: No such layer; the case is refused.
    """
    with open_subject(model, reading=reading) as subject:
        return _read(subject, subject.open(case), layer)


def _read(subject: Subject, opened: Opened, layer: str | None) -> FeatureMaps:
    pieces = subject.pieces(opened)
    name = layer or subject.layer_names(pieces.image[:1].to(subject.device), "auto")[-1]
    found = []
    try:
        with torch.no_grad(), FeatureHooks(subject.net, [name]) as hooks:
            for x in pieces.image.split(1):
                subject.run(x)
                features = hooks.features[name].float().cpu()
                found.append(functional.interpolate(features, x.shape[2:], mode="nearest-exact"))
    except ValueError as error:
        raise InputError(f"--layer: {error}") from None
    maps = pieces.joined(torch.cat(found)).numpy()
    image = opened.image.numpy()
    truth = np.zeros(image.shape[1:], np.uint8) if opened.truth is None else opened.truth[0].numpy()
    if truth.ndim == 3:
        best = int((truth > 0).sum((0, 1)).argmax()) if truth.any() else truth.shape[-1] // 2
        image, maps, truth = (
            np.rot90(np.take(a, best, -1), axes=(-2, -1)) for a in (image, maps, truth)
        )
    return FeatureMaps(name, image, truth, maps)
