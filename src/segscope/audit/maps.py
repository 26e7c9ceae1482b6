"""Everything about one case that can be drawn: maps of layers, features and maps of units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segscope.audit.cases import AuditCase, Opened
from segscope.audit.subject import Preparation, Subject, open_subject
from segscope.data import AS_STORED, ReadOptions
from segscope.features import FeatureHooks, Layers, segmentation_ability_map, to_labels, unit_counts
from segscope.features.interpolation import upsample
from segscope.inference import TrainedModel
from segscope.inference.prepare_file import Output


@dataclass(frozen=True)
class UnitPicture:
    """One unit: what it holds and what it would segment."""

    layer: str
    unit: int
    features: NDArray[np.float32]
    segmentation: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Drawn:
    """A plane of a case, ``(rows, columns)`` each, prepared as the network sees it.

    Args:
        name: Of the case.
        image: ``(C, rows, columns)``.
        truth: Label indices, or None.
        output: The network's label indices.
        layers: Layer to label indices of its map.
        units: The units that were asked for.
        heat: Share of the units of the layers that were asked for whose map holds the voxel, mean
            over classes; None where none were.
    """

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.integer[Any]] | None
    output: NDArray[np.integer[Any]]
    layers: dict[str, NDArray[np.integer[Any]]]
    units: tuple[UnitPicture, ...]
    heat: NDArray[np.float32] | None = None


def draw_case(
    model: nn.Module | TrainedModel,
    case: AuditCase,
    *,
    layers: Layers = "auto",
    units: Sequence[tuple[str, int]] = (),
    heat_layers: Sequence[str] = (),
    output: Output = "auto",
    preparation: Preparation | None = None,
    reading: ReadOptions = AS_STORED,
) -> Drawn:
    """Run one case again and keep its maps, on the plane where the output is largest.

    Args:
        model: As of `audit`.
        case: As of `audit`.
        layers: As of `segscope.features.FeatureHooks`.
        units: Layer and number of the units to draw.
        heat_layers: Layers whose units' maps are averaged.
        output: As of `audit`.
        preparation: As of `audit`.
        reading: As of `audit`.
    """
    with open_subject(model, output=output, preparation=preparation, reading=reading) as subject:
        return _drawn(subject, subject.open(case), layers, units, heat_layers)


def _drawn(
    subject: Subject,
    opened: Opened,
    layers: Layers,
    units: Sequence[tuple[str, int]],
    heat_layers: Sequence[str],
) -> Drawn:
    pieces = subject.pieces(opened)
    maps: dict[str, list[Tensor]] = {}
    held: dict[tuple[str, int], tuple[list[Tensor], list[Tensor]]] = {}
    answers, heats = [], []
    for k in range(len(pieces.image)):
        x = pieces.image[k : k + 1].to(subject.device)
        tissue = None if pieces.tissue is None else pieces.tissue[k : k + 1].to(subject.device)
        with torch.no_grad(), FeatureHooks(subject.net, layers) as hooks:
            answer = subject.probabilities(x)
            guide = _exclusive(answer) if subject.regions else answer
            heat: list[tuple[int, Tensor]] = []
            for name, features in hooks.features.items():
                sam = segmentation_ability_map(features, guide, tissue=tissue)
                maps.setdefault(name, []).append(to_labels(sam).cpu())
                if name in heat_layers:
                    counted = unit_counts(features, guide, [to_labels(guide)], tissue=tissue)
                    heat.append((features.shape[1], counted.mean_map.mean(1, keepdim=True).cpu()))
                for layer, unit in units:
                    if layer == name:
                        one = features[:, unit : unit + 1]
                        own = segmentation_ability_map(one, guide, tissue=tissue)
                        kept = held.setdefault((layer, unit), ([], []))
                        kept[0].append(upsample(one.float(), guide.shape[2:]).cpu())
                        kept[1].append(to_labels(own).cpu())
            answers.append(subject.labels(answer).cpu())
            if heat:
                total = sum(count for count, _ in heat)
                heats.append(torch.stack([count * mean for count, mean in heat]).sum(0) / total)
    labels = pieces.joined(torch.cat(answers))
    truth = None if opened.truth is None else subject.as_answered(opened.truth)
    cut = _Plane(labels if truth is None else truth, pieces.slice_axis)
    return Drawn(
        name=opened.name,
        image=cut(opened.image),
        truth=None if truth is None else cut(truth)[0],
        output=cut(labels)[0],
        layers={name: cut(pieces.joined(torch.cat(found)))[0] for name, found in maps.items()},
        units=tuple(
            UnitPicture(
                layer,
                unit,
                cut(pieces.joined(torch.cat(held[layer, unit][0])))[0],
                cut(pieces.joined(torch.cat(held[layer, unit][1])))[0],
            )
            for layer, unit in units
        ),
        heat=cut(pieces.joined(torch.cat(heats)))[0] if heats else None,
    )


def _exclusive(regions: Tensor) -> Tensor:
    """Probabilities of classes that exclude each other: that a region is the last that holds."""
    left = torch.ones_like(regions[:, :1])
    found = []
    for one in reversed(regions.split(1, 1)):
        found.append(one * left)
        left = left * (1 - one)
    return torch.cat([left, *reversed(found)], 1)


class _Plane:
    """Cuts ``(C, *S)`` at the slice where a label map is largest; planes stay as they are.

    Args:
        labels: ``(1, *S)``.
        axis: To cut along; the last one where not given.
    """

    def __init__(self, labels: Tensor, axis: int | None) -> None:
        self.axis, self.place = None, 0
        if labels.ndim == 4:
            self.axis = 2 if axis is None else axis
            others = tuple(k for k in range(4) if k != self.axis + 1)
            self.place = int((labels > 0).sum(others).argmax())

    def __call__(self, x: Tensor) -> NDArray[Any]:
        if self.axis is None:
            return x.numpy()
        # turned, so that the second axis of the slice points up
        return np.rot90(x.select(self.axis + 1, self.place).numpy(), axes=(-2, -1))
