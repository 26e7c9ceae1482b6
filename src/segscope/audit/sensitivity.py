"""What a network adds to the intensities of an image, and what noise takes from its layers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from segscope.audit.cases import Opened
from segscope.audit.run import audit
from segscope.audit.subject import Subject, open_subject
from segscope.audit.summary import layers_of
from segscope.data import Dataset
from segscope.explain import separableness, uniform_noise
from segscope.images import Case
from segscope.inference import TrainedModel
from segscope.progress import track

NOISE = tuple(round(0.1 * k, 1) for k in range(1, 11))
"""Maxima, in units of each image's range."""


@dataclass(frozen=True)
class Separable:
    """One case: Dice of the output, SA of its intensities, and their distance."""

    case: str
    dice: float
    intensities: float

    @property
    def distance(self) -> float:
        """d = Dice(B) - SA(S_x)."""
        return self.dice - self.intensities


@dataclass(frozen=True)
class Noisy:
    """One case: SA of every layer with noise up to ``maximum``, less that without."""

    case: str
    maximum: float
    change: tuple[float, ...]


def separable_cases(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset
) -> list[Separable]:
    """Compare output and intensities of every case with a defined Dice (section 4.7)."""
    with open_subject(model, reading=dataset.reading) as subject:
        opened = (subject.open(case) for case in track(cases, "separableness"))
        found = [_compare(subject, one) for one in opened if one.truth is not None]
    return [one for one in found if one.distance == one.distance]


def noise_changes(model: TrainedModel, cases: Sequence[Case], dataset: Dataset) -> list[Noisy]:
    """Measure SA of every layer with noise less that without, per case and maximum (Fig. 16)."""
    with open_subject(model, reading=dataset.reading) as subject:
        opened = [subject.open(case) for case in cases]

    def layers(maximum: float) -> list[list[float]]:
        noisy = [
            (one.name, uniform_noise(one.image, maximum, seed=k), one.truth)
            for k, one in enumerate(opened)
        ]
        return [layers_of(case) for case in audit(model, noisy, units="none").cases]

    clean = layers(0.0)
    return [
        Noisy(one.name, maximum, tuple(n - c for n, c in zip(noisy, without, strict=True)))
        for maximum in NOISE
        for one, noisy, without in zip(opened, layers(maximum), clean, strict=True)
    ]


def _compare(subject: Subject, case: Opened) -> Separable:
    assert case.truth is not None  # those without were left out
    pieces = subject.pieces(case)
    with torch.inference_mode():
        parts = [subject.probabilities(x.to(subject.device)).cpu() for x in pieces.image.split(1)]
    guide = pieces.joined(torch.cat(parts))[None]
    output, intensities, _ = separableness(case.image[None], guide, case.truth[None])
    return Separable(case.name, float(output.nanmean()), float(intensities.nanmean()))
