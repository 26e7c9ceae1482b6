"""What the layers of a classifier could segment: prototype segmentation with the truth as guide.

A classifier has no segmentation of its own that could guide the prototypes, so the true mask does:
the score says how well the two classes of pixels are told apart by a layer's features, which the
network has learned without ever seeing a mask. The same network with random weights stands beside,
as much is visible through any filters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from segscope.data import AS_STORED, ReadOptions, read_label
from segscope.explain import layer_ability
from segscope.features import FeatureHooks, run, untouched
from segscope.images import Case
from segscope.images.planes import stretched
from segscope.inference.classify import ClassifierModel, build_classifier, prepare_image
from segscope.progress import track


@dataclass(frozen=True)
class LayerScore:
    """One layer over all images.

    Args:
        layer: Its name.
        depth: Its place from the input (0) to the output (1).
        sides: Of its maps.
        channels: Of its maps.
        ability: Case to SA score (Dice of its map with the mask).
        untrained: The same of random weights.
    """

    layer: str
    depth: float
    sides: tuple[int, int]
    channels: int
    ability: Mapping[str, float]
    untrained: Mapping[str, float]


def audit_classifier(
    model: ClassifierModel,
    cases: Sequence[Case],
    *,
    seed: int = 0,
    reading: ReadOptions = AS_STORED,
) -> list[LayerScore]:
    """Score every layer of a classifier on images with a lesion.

    Args:
        model: A trained classifier.
        cases: Plane images whose masks hold something.
        seed: Of the random weights that are compared.
        reading: What may be changed when images are read.
    """
    untrained = build_classifier(model.spec, seed=seed).to(model.device).eval()
    scores: tuple[dict[str, dict[str, float]], ...] = ({}, {})
    shapes: dict[str, tuple[int, ...]] = {}
    for case in track(cases, "auditing"):
        x = prepare_image(model, case, reading)[None].to(model.device)
        assert case.label_file is not None  # they hold something
        drawn = read_label(case.label_file, reading=reading).array > 0
        mask = torch.from_numpy(stretched(drawn, model.spec.size).astype(np.int64))[None, None]
        for net, known in zip((model.net, untrained), scores, strict=True):
            for name, (shape, value) in _layers(net, x, mask.to(x.device)).items():
                shapes[name] = shape
                known.setdefault(name, {})[case.name] = value
    last = max(1, len(shapes) - 1)
    return [
        LayerScore(name, k / last, (shape[1], shape[2]), shape[0], scores[0][name], scores[1][name])
        for k, (name, shape) in enumerate(shapes.items())
    ]


def _layers(
    net: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> dict[str, tuple[tuple[int, ...], float]]:
    """Shape (C, h, w) and SA score of every layer whose maps have more than one pixel."""
    found: dict[str, tuple[tuple[int, ...], float]] = {}

    def score(name: str, features: torch.Tensor) -> None:
        if features.shape[2:].numel() > 1:
            value = layer_ability(features.float(), mask.to(x), mask).dice.mean().item()
            found[name] = (tuple(features.shape[1:]), value)

    with untouched(net), torch.no_grad(), FeatureHooks(net, "auto", score):
        run(net, x)
    return found
