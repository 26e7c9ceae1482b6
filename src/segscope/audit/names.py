"""Scores of quality by name: what each means, how a case is measured, and what it needs.

A new score is a function here or in a file of this room, and a line in `SCORES`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from segscope.audit.cases import Opened
from segscope.audit.subject import Preparation, Subject
from segscope.data import read_label
from segscope.errors import InputError
from segscope.explain.quality import pairwise_dice
from segscope.explain.vog import normalised, variance_of_gradients
from segscope.features import to_labels
from segscope.inference import TrainedModel, predict_labels
from segscope.plugins import Kind, plain
from segscope.priors import prior_distance

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_SAMPLES = 8


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
        return self.joined(self.subject.probabilities)

    @cached_property
    def labels(self) -> Tensor:
        """Likeliest label of every voxel, ``(1, *S)``."""
        return to_labels(self.probabilities[None])[0]

    @cached_property
    def prior(self) -> dict[str, float]:
        """The prediction against the global binary mask; ``prior_volume`` is their ratio."""
        return _from_prior(self)

    def joined(self, network: Callable[[Tensor], Tensor]) -> Tensor:
        """Let the pieces of the image pass a network, and put its maps together."""
        pieces = self.subject.pieces(self.opened)
        with torch.inference_mode():
            found = [network(x.to(self.subject.device)).cpu() for x in pieces.image.split(1)]
        return pieces.joined(torch.cat(found))


Measure = Callable[[Measured], float]


def _always(means: Means) -> str:
    return ""


@dataclass(frozen=True)
class QualityScore:
    """A number per case that needs no truth, higher for better predictions.

    Args:
        meaning: In words, for pages and files.
        measure: From a `Measured` to a finite number; None where every audit has it anyway.
        why_not: From `Means` to what is missing, or to an empty text.
        over_cases: Makes the values of all cases comparable, where single ones are not.
    """

    meaning: str
    measure: Measure | None
    why_not: Callable[[Means], str] = _always
    over_cases: Callable[[list[float]], list[float]] = list


def _tta(case: Measured) -> float:
    return pairwise_dice(_mirrored(case, case.means.model.spec.mirror_axes), case.classes)


def _mirrored(case: Measured, axes: Sequence[int]) -> list[Tensor]:
    flips = [c for n in range(len(axes) + 1) for c in combinations([2 + a for a in axes], n)]

    def flipped(dims: tuple[int, ...]) -> Tensor:
        # a change that is its own inverse
        maps = case.joined(lambda x: case.subject.probabilities(x.flip(dims)).flip(dims))
        return to_labels(maps[None])[0]

    return [flipped(dims) for dims in flips]


def _no_tta(means: Means) -> str:
    return "" if means.model.spec.mirror_axes else "it was not trained on mirrored images"


def _dropout(case: Measured) -> float:
    return pairwise_dice(_dropped(case), case.classes)


def _dropped(case: Measured) -> list[Tensor]:
    with _dropping(case.subject.net):
        maps = [case.joined(case.subject.probabilities) for _ in range(_SAMPLES)]
    return [to_labels(one[None])[0] for one in maps]


def _no_dropout(means: Means) -> str:
    layers = (m for m in means.model.net.modules() if isinstance(m, _DROPOUTS))
    return "" if any(m.p > 0 for m in layers) else "the network has no dropout"


def _ensemble(case: Measured) -> float:
    answers = [_answer(one, case) for one in (case.means.model, *case.means.ensemble)]
    return pairwise_dice(answers, case.classes)


def _no_ensemble(means: Means) -> str:
    return "" if means.ensemble else "name other runs with --ensemble"


def _vog(case: Measured) -> float:
    pieces = case.subject.pieces(case.opened).image.to(case.subject.device)
    return variance_of_gradients([one.net for one in case.means.snapshots], pieces)


def _no_vog(means: Means) -> str:
    few = "the run kept fewer than two snapshots (train.snapshots)"
    return "" if len(means.snapshots) >= 2 else few


def _no_prior(means: Means) -> str:
    return "" if means.masks else "there are no global binary masks (--masks)"


def _apart_from_median(ratios: list[float]) -> list[float]:
    return [-abs(ratio - median(ratios)) for ratio in ratios]


def _negated(values: list[float]) -> list[float]:
    return [-value for value in normalised(values)]


SCORES: dict[str, QualityScore] = {
    "mu": QualityScore("mean SA of the last two layers' units against the output", None),
    "max_probability": QualityScore("mean maximum probability", None),
    "foreground_certainty": QualityScore("one minus the mean entropy over the foreground", None),
    "tta": QualityScore("pairwise Dice of mirrored predictions", _tta, _no_tta),
    "dropout": QualityScore("pairwise Dice of dropout samples", _dropout, _no_dropout),
    "ensemble": QualityScore("pairwise Dice of several runs", _ensemble, _no_ensemble),
    "vog": QualityScore(
        "variance of gradients over training checkpoints, negated", _vog, _no_vog, _negated
    ),
    "prior_inside": QualityScore(
        "share of the predicted voxels inside the global binary mask",
        lambda case: case.prior["prior_inside"],
        _no_prior,
    ),
    "prior_centre": QualityScore(
        "distance of the prediction's centre from the mask's in mm, negated",
        lambda case: case.prior["prior_centre"],
        _no_prior,
    ),
    "prior_volume": QualityScore(
        "predicted over the mask's volume, as far from the cases' median, negated",
        lambda case: case.prior["prior_volume"],
        _no_prior,
        _apart_from_median,
    ),
}
"""All are higher for better predictions."""


def no_score(found: Any) -> str:
    """What keeps an object from being a `QualityScore`, or nothing.

    Example:
        >>> no_score(3)
        'is an int, where a segscope.audit.QualityScore is expected'
    """
    if not isinstance(found, QualityScore):
        return f"is {plain(found)}, where a segscope.audit.QualityScore is expected"
    if not isinstance(found.meaning, str) or not found.meaning:
        return "has no meaning in words"
    return "" if callable(found.measure) else f"has the measure {found.measure!r}, no function"


SCORE: Kind[QualityScore] = Kind("quality score", "segscope.quality_scores", SCORES, no_score)


def check_scores(names: Sequence[str]) -> None:
    """Refuse names that cannot be measured beside segscope's own scores, before any work.

    Raises:
        InputError: Unknown, measured anyway, or of a package that fails.
    """
    own = [name for name in SCORE.names() if name not in SCORES]
    for name in names:
        if name not in own:
            there = f"these are {', '.join(own)}" if own else "none is installed"
            fault = "is measured anyway" if name in SCORES else "is not known"
            raise InputError(f"--score {name}: {fault}; name those of installed packages ({there})")
        SCORE.get(name)


def measure_case(name: str, case: Measured) -> float:
    """Measure one score of a case; of a package's, see that it is a number.

    Raises:
        InputError: A package's score fails or is no finite number; the package is named.
    """
    score = SCORE.get(name)
    if score.measure is None:
        raise ValueError(f"{name} is measured by the audit itself")
    if name in SCORES:
        return score.measure(case)
    with SCORE.running(name):
        found: Any = score.measure(case)
    if isinstance(found, bool) or not isinstance(found, float | int) or not math.isfinite(found):
        got = plain(found) if not isinstance(found, float) else str(found)
        raise SCORE.fault(name, f"gives {got} for case {case.opened.name}; a finite float is "
                                "expected")  # fmt: skip
    return float(found)


def _answer(model: TrainedModel, case: Measured) -> Tensor:
    """Labels of a model on the file's grid, with its own preparation."""
    assert case.opened.source is not None  # the caller looked
    image = Preparation.of(model).read(case.opened.source, case.subject.reading).image
    return torch.from_numpy(predict_labels(model, image).array.astype("int64"))


def _from_prior(case: Measured) -> dict[str, float]:
    """Compare the prediction with the global binary mask; higher is better for each.

    A prediction that is empty, or an empty mask, is as far as can be: the image's diagonal.
    """
    assert case.means.masks is not None  # the caller looked
    found = _answer(case.means.model, case).numpy()
    mask = read_label(case.means.masks[case.opened.name])
    apart = prior_distance(found, mask.array, mask.grid.spacing_mm)
    sides = [n * s for n, s in zip(mask.grid.shape, mask.grid.spacing_mm, strict=True)]
    worst = math.hypot(*sides)
    return {
        "prior_inside": 0.0 if math.isnan(apart.share_outside) else 1 - apart.share_outside,
        "prior_centre": -worst if math.isnan(apart.centre_mm) else -apart.centre_mm,
        "prior_volume": 0.0 if math.isnan(apart.volume_ratio) else apart.volume_ratio,
    }


@contextmanager
def _dropping(net: nn.Module) -> Iterator[None]:
    """Let dropout drop, by seeded numbers, and everything else stay in evaluation mode."""
    layers = [module for module in net.modules() if isinstance(module, _DROPOUTS)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            for layer in layers:
                layer.train()
            yield
        finally:
            for layer in layers:
                layer.eval()
