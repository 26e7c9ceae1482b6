"""One case while its quality is measured: what several scores ask of it, each computed once."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segscope.audit.cases import Opened
from segscope.audit.subject import Preparation, Subject
from segscope.data import read_label
from segscope.features import to_labels
from segscope.inference import TrainedModel, predict_labels
from segscope.inference.predict import label_prepared
from segscope.priors import prior_distance


@dataclass(frozen=True)
class Means:
    """What a run can bring to a measurement.

    Args:
        model: That predicts.
        ensemble: Other networks for the same labels.
        snapshots: The network at several epochs.
        masks: Case name to its global binary mask, on the case's grid.
    """

    model: TrainedModel
    ensemble: Sequence[Any] = ()
    snapshots: Sequence[Any] = ()
    masks: Mapping[str, Path] | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """One case while its quality is measured.

    Args:
        opened: The case as the network takes it: ``image`` ``(C, *S)``, prepared; files.
        subject: The network.
        means: What the run brings.
    """

    opened: Opened
    subject: Subject
    means: Means

    @property
    def classes(self) -> int:
        """Number of foreground labels."""
        return len(self.subject.class_names)

    @cached_property
    def probabilities(self) -> Tensor:
        """What the network says: ``(1, *S)`` of one object, or ``(K, *S)``; float, on the CPU."""
        return self.answered()

    @cached_property
    def labels(self) -> Tensor:
        """Likeliest label of every voxel, ``(1, *S)``."""
        return to_labels(self.probabilities[None])[0]

    @cached_property
    def prior(self) -> dict[str, float]:
        """The prediction against the global binary mask; ``prior_volume`` is their ratio."""
        return _from_prior(self)

    def answered(self, change: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
        """Run the network on the pieces of the image, and put its probabilities together.

        Args:
            change: Of a piece; one that is its own inverse, as it turns the answer back too.
        """
        pieces = self.subject.pieces(self.opened)
        found = []
        with torch.inference_mode():
            for x in pieces.image.split(1):
                guide, _ = self.subject.answer(change(x.to(self.subject.device)))
                found.append(change(guide).cpu())
        return pieces.joined(torch.cat(found))


def answer_of(model: TrainedModel, case: Measured) -> Tensor:
    """Labels of a model on the file's grid, with its own preparation.

    The file is read again only for a model that prepares it in another way than the audited one.
    """
    opened = case.opened
    assert opened.source is not None  # the caller looked
    assert opened.prepared is not None  # as it came from a file
    if model.preparer == opened.plan:
        label = label_prepared(model, opened.prepared)
    else:
        image = Preparation.of(model).read(opened.source, case.subject.reading).image
        label = predict_labels(model, image)
    return torch.from_numpy(label.array.astype("int64"))


def _from_prior(case: Measured) -> dict[str, float]:
    """Compare the prediction with the global binary mask; higher is better for each.

    A prediction that is empty, or an empty mask, is as far as can be: the image's diagonal.
    """
    assert case.means.masks is not None  # the caller looked
    found = answer_of(case.means.model, case).numpy()
    mask = read_label(case.means.masks[case.opened.name])
    apart = prior_distance(found, mask.array, mask.grid.spacing_mm)
    sides = [n * s for n, s in zip(mask.grid.shape, mask.grid.spacing_mm, strict=True)]
    worst = math.hypot(*sides)
    return {
        "prior_inside": 0.0 if math.isnan(apart.share_outside) else 1 - apart.share_outside,
        "prior_centre": -worst if math.isnan(apart.centre_mm) else -apart.centre_mm,
        "prior_volume": 0.0 if math.isnan(apart.volume_ratio) else apart.volume_ratio,
    }
