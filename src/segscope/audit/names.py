"""Scores of quality by name: what each means, how a case is measured, and what it needs.

A new score is a function here or in a file of this room, and a line in `SCORES`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from segscope.audit.measured import Means, Measured, answer_of
from segscope.errors import InputError
from segscope.explain.vog import normalised, variance_of_gradients
from segscope.plugins import Kind, other_than, plain
from segscope.trust.agreement import pairwise_dice

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_SAMPLES = 8


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
    mirrored = []
    for dims in chain.from_iterable(combinations(axes, n) for n in range(len(axes) + 1)):
        maps = case.answered(partial(torch.flip, dims=[2 + axis for axis in dims]))
        mirrored.append(case.subject.labels(maps[None])[0])
    return mirrored


def _no_tta(means: Means) -> str:
    return "" if means.model.spec.mirror_axes else "it was not trained on mirrored images"


def _dropout(case: Measured) -> float:
    return pairwise_dice(_dropped(case), case.classes)


def _dropped(case: Measured) -> list[Tensor]:
    dropped = []
    with _dropping(case.subject.net):
        for _ in range(_SAMPLES):
            dropped.append(case.subject.labels(case.answered()[None])[0])
    return dropped


def _no_dropout(means: Means) -> str:
    layers = (m for m in means.model.net.modules() if isinstance(m, _DROPOUTS))
    return "" if any(m.p > 0 for m in layers) else "the network has no dropout"


def _ensemble(case: Measured) -> float:
    answers = [answer_of(one, case) for one in (case.means.model, *case.means.ensemble)]
    return pairwise_dice(answers, case.classes)


def _no_ensemble(means: Means) -> str:
    return "" if means.ensemble else "name other runs with --ensemble"


def _folds(case: Measured) -> float:
    members, opened = _members(case.means), case.opened
    assert members is not None  # the caller looked
    assert opened.prepared is not None  # as it came from a file
    found = members(case.means.model, opened.prepared)
    labels = [torch.from_numpy(one.astype("int64")) for one in found]
    return pairwise_dice(labels, case.classes)


def _members(means: Means) -> Any:
    parts = means.model.parts
    return None if parts is None else parts.members


def _no_folds(means: Means) -> str:
    return "" if _members(means) is not None else "the model is one network, not several folds"


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
    "foreground_negative_entropy": QualityScore(
        "one minus the mean entropy over the foreground", None
    ),
    "profile": QualityScore(
        "mean agreement of all layers' maps with the output, minus that by chance", None
    ),
    "mu_above_chance": QualityScore(
        "mu, minus what chance gives the maps of the same layers", None
    ),
    "tta": QualityScore("pairwise Dice of mirrored predictions", _tta, _no_tta),
    "dropout": QualityScore("pairwise Dice of dropout samples", _dropout, _no_dropout),
    "ensemble": QualityScore("pairwise Dice of several runs", _ensemble, _no_ensemble),
    "folds": QualityScore("pairwise Dice of the model's folds", _folds, _no_folds),
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
    if fault := other_than(found, QualityScore):
        return fault
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
