"""What weights are chosen by while a network trains: a small, fixed part of the validation cases.

Forward passes alone, without overlap, one for every five samples trained on since the last time: a
sample takes about three passes, so this is less than a tenth of the time. The part is the same
from the first epoch to the last, and recipe and cases decide it, never the clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.images import likeliest
from segscope.inference import TrainedModel, predict_prepared
from segscope.inference.predict import count_passes
from segscope.metrics.overlap import Counts, count_agreement, overlap_scores
from segscope.training.augment import AugmentPlan
from segscope.training.budget import as_many_as_fit, spread
from segscope.training.patches import PatchDataset, PreparedCase
from segscope.training.recipe import Recipe

_SAMPLES_A_PASS = 5
_FEW = 4  # whole cases, below which patches of all of them say more
_ON_FOREGROUND = 0.5  # of the patches

Pair = tuple[NDArray[np.float32], NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Part:
    """A fixed part of the validation cases.

    Args:
        groups: Yields images ``(C, *P)`` with their labels; a group's voxels are counted together.
        passes: Of the network, that measuring takes.
        said: What it is, in words.
    """

    groups: Callable[[], Iterator[Iterable[Pair]]]
    passes: float
    said: str


def choose_part(model: TrainedModel, cases: Sequence[PreparedCase], recipe: Recipe) -> Part:
    """Choose what is measured: whole cases where some fit, else patches of all.

    Args:
        model: To be trained.
        cases: That validate.
        recipe: Of the training.
    """
    settings, n = recipe.train, len(cases)
    samples = settings.steps_per_epoch * settings.batch_size * settings.validate_every
    most = max(1, samples // _SAMPLES_A_PASS)
    cost = {k: count_passes(model, case.label.shape, overlap=0.0) for k, case in enumerate(cases)}
    chosen = as_many_as_fit(range(n), cost, most)
    if not chosen and max(cost.values()) < 2:  # a case is a patch
        chosen = spread(range(n), 1)
    if chosen and (len(chosen) in (n, *range(_FEW, n)) or max(cost.values()) < 2):
        whole = [cases[k] for k in chosen]
        said = f"{f'{len(whole)} of ' if len(whole) < n else 'all '}{n} validation cases, whole"
        return Part(lambda: (_whole(case) for case in whole), sum(cost[k] for k in chosen), said)
    patches = PatchDataset(
        cases,
        recipe.patch,
        samples=most,
        seed=settings.seed,
        augment=AugmentPlan.model_validate({"preset": "none"}),
        foreground_share=_ON_FOREGROUND,
        slice_axis=model.run_spec.plan.slice_axis,
    )
    said = f"{most} patches of {n} validation cases"
    return Part(lambda: iter([_pairs(patches)]), float(most), said)


def part_dice(model: TrainedModel, part: Part) -> dict[str, float]:
    """Dice per label on prepared voxels, averaged over the groups where it is defined.

    A quick measure to choose weights by; figures to report come from the native grids.
    """
    names = {value: name for name, value in model.spec.labels.items() if value > 0}
    scores: dict[int, list[float]] = {value: [] for value in names}
    for group in part.groups():
        for value, counts in _counted(model, group, names).items():
            if counts.tp + counts.fp + counts.fn:
                scores[value].append(overlap_scores(counts)["dice"])
    means = {value: float(np.mean(found)) for value, found in scores.items() if found}
    result = {"dice": float(np.mean(list(means.values()))) if means else float("nan")}
    return result | {f"dice_{names[value]}": mean for value, mean in means.items()}


def _counted(
    model: TrainedModel, group: Iterable[Pair], values: Iterable[int]
) -> dict[int, Counts]:
    total = dict.fromkeys(values, Counts(0, 0, 0, 0))
    for image, truth in group:
        predicted = likeliest(predict_prepared(model, image, overlap=0.0))
        for value, old in total.items():
            new = count_agreement(predicted == value, truth == value)
            total[value] = Counts(
                old.tp + new.tp, old.fp + new.fp, old.fn + new.fn, old.tn + new.tn
            )
    return total


def _whole(case: PreparedCase) -> list[Pair]:
    return [(np.asarray(case.image), np.asarray(case.label))]


def _pairs(patches: PatchDataset) -> Iterator[Pair]:
    axis = patches.slice_axis
    for k in range(len(patches)):
        image, label = (part.numpy() for part in patches[0, k])
        if axis is not None:  # a slice, as the volume that it is of
            image, label = (np.expand_dims(part, 1 + axis) for part in (image, label))
        yield image, label[0]
