"""Known cases, as they are and damaged: figures beside the true Dice, a row each."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.inference import TrainedModel, predict_prepared
from segscope.preprocessing import Prepared
from segscope.progress import track
from segscope.trust.agreement import class_dice
from segscope.trust.choose import CLEAN
from segscope.trust.corruptions import damage, kinds_for
from segscope.trust.figures import MEAN, Mode
from segscope.trust.judge import Judge
from segscope.trust.lesions import Lesion, find_lesions
from segscope.trust.reference import Reference, noise_level
from segscope.trust.shape import shape_measures, shape_reference
from segscope.trust.shift import feature_reference
from segscope.trust.taps import two_layers
from segscope.trust.watch import CaseWatch, Figures, TrustWatch

_MOST_MASKS, _MOST_FEATURES, _MOST_CLEAN, _MOST_DAMAGED = 200, 60, 400, 600
_MOST_ROUNDS = 4
_VOXELS_A_CASE = 400

Left = Callable[[], float]
"""Seconds that are left."""


@dataclass(frozen=True, eq=False)
class KnownCase:
    """A case with truth.

    Args:
        name: Its own.
        subject: Whose cases stay together.
        open: Reads it: prepared, and its labels ``(*P)`` on the same grid.
    """

    name: str
    subject: str
    open: Callable[[], tuple[Prepared, NDArray[np.integer[Any]]]]


@dataclass(frozen=True, eq=False)
class Row:
    """What was measured of a case.

    Args:
        name: Of the case.
        subject: Its own.
        kind: Of damage; empty of none.
        figures: Of the mean and of every label.
        dice: The true Dice of the same, on the grid that the network works on.
        voxels: Probability of the chosen label, and whether it is right, of some voxels.
        lesions: Predicted components, and whether each is true.
    """

    name: str
    subject: str
    kind: str
    figures: dict[str, Figures]
    dice: dict[str, float]
    voxels: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None
    lesions: tuple[tuple[Lesion, bool], ...] = ()


@dataclass(frozen=True, eq=False)
class Rows:
    """All that was measured.

    Args:
        rows: Clean cases first.
        stopped: The time was over before all were measured.
    """

    rows: list[Row] = field(default_factory=list)
    stopped: bool = False


def forever() -> float:
    """No limit of time.

    Example:
        >>> forever()
        inf
    """
    return math.inf


def measure_reference(
    model: TrainedModel, cases: Sequence[KnownCase], left: Left = forever
) -> Reference:
    """Measure what the training cases are like: masks, features of two layers, noise.

    Args:
        model: Trained.
        cases: That trained.
        left: Seconds that may be taken.
    """
    net, shape = model.net, model.run_spec.patch
    image = torch.zeros((1, model.run_spec.network.in_channels, *shape), device=model.device)
    net.eval()
    layers = two_layers(net, image)
    classes = len(model.spec.labels) - 1
    bare = Reference(shape_reference([], classes), layers, None, (0.0, math.inf))
    watch = TrustWatch(model, "fast", Judge(reference=bare))
    masks, features, noises = [], [], []
    for number, case in enumerate(track(_spread(cases, _MOST_MASKS), "learning what is usual")):
        if left() <= 0:
            break
        prepared, label = case.open()
        masks.append(shape_measures(label, classes))
        noises.append(noise_level(prepared.array))
        if number < _MOST_FEATURES and layers:
            found = _watched(watch, prepared).features()
            features += [] if found is None else [found]
    known = feature_reference(np.array(features)) if features else None
    noise = (min(noises), max(noises)) if noises else (0.0, math.inf)
    return Reference(shape_reference(masks, classes), layers, known, noise)


def measure_rows(
    model: TrainedModel,
    reference: Reference,
    cases: Sequence[KnownCase],
    *,
    mode: Mode = "thorough",
    left: Left = forever,
    rounds: int | None = None,
) -> Rows:
    """Measure cases that did not train, as they are, then damaged, each time in another way.

    Args:
        model: Trained.
        reference: Of its training cases.
        cases: That did not train.
        mode: ``standard`` leaves mirrored copies out.
        left: Seconds that may be taken; nothing is begun that would take longer.
        rounds: How often each case is damaged; by default as often as makes about 600 rows, 4 times
            at most.
    """
    watch = TrustWatch(model, mode, Judge(reference=reference))
    chosen = _spread(cases, _MOST_CLEAN)
    if rounds is None:
        rounds = min(_MOST_ROUNDS, max(1, _MOST_DAMAGED // max(1, len(chosen))))
    found, longest = Rows(), 0.0
    jobs = list(_jobs(chosen, kinds_for(model.run_spec.network.in_channels), rounds))
    for case, kind, seed in track(jobs, "measuring trust"):
        before = left()
        if before <= 2 * longest:
            return replace(found, stopped=True)
        found.rows.append(_row(watch, case, kind, seed))
        longest = max(longest, before - left()) if math.isfinite(before) else 0.0
    return found


def _jobs(
    cases: Sequence[KnownCase], kinds: Sequence[str], rounds: int
) -> Iterator[tuple[KnownCase, str, int]]:
    for number, case in enumerate(cases):
        yield case, CLEAN, number
    for turn in range(rounds):
        # kinds in another order for every turn, so that all of them come about equally often
        order = np.random.default_rng(turn).permutation(len(kinds))
        for number, case in enumerate(cases):
            kind = kinds[int(order[(number + turn) % len(kinds)])]
            yield case, kind, 1 + turn * len(cases) + number


def _row(watch: TrustWatch, case: KnownCase, kind: str, seed: int) -> Row:
    prepared, label = case.open()
    if kind != CLEAN:
        slice_axis = watch.model.run_spec.plan.slice_axis
        axes = tuple(a for a in range(label.ndim) if a != slice_axis)
        image, label = damage(kind, prepared.array, label, axes, seed)
        prepared = replace(prepared, array=image)
    watched = _watched(watch, prepared)
    values = class_dice(watched.labels, label, len(watch.labels))
    known = values[np.isfinite(values)]
    dice = {name: float(v) for name, v in zip(watch.labels, values, strict=True)}
    row = Row(
        case.name,
        case.subject,
        kind,
        watched.figures(),
        {MEAN: float(known.mean()) if len(known) else math.nan, **dice},
    )
    if kind != CLEAN:
        return row
    lesions = find_lesions(watched.labels, watched.peak)
    told = tuple((one, bool((label[one.where] == one.label)[one.mask].any())) for one in lesions)
    bare = tuple((one.without_mask(), true) for one, true in told)
    return replace(row, voxels=_some_voxels(watched, label, seed), lesions=bare)


def _watched(watch: TrustWatch, prepared: Prepared) -> CaseWatch:
    """Show a prediction to a watch."""
    found = watch.over(prepared)
    try:
        array = predict_prepared(watch.model, prepared.array)
        found.add((slice(None),) * (array.ndim - 1), array)
    finally:
        found.close()
    return found


def _some_voxels(
    watched: CaseWatch, label: NDArray[np.integer[Any]], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Some voxels that are foreground in prediction or truth."""
    places = np.flatnonzero((watched.labels.ravel() > 0) | (label.ravel() > 0))
    if len(places) > _VOXELS_A_CASE:
        places = np.random.default_rng(seed).choice(places, _VOXELS_A_CASE, replace=False)
    chosen = watched.labels.ravel()[places]
    peak = watched.peak.ravel()[places].astype(np.float64).clip(0, 1)
    return peak, chosen == label.ravel()[places]


def _spread(cases: Sequence[KnownCase], most: int) -> list[KnownCase]:
    """At most so many, evenly spread."""
    if len(cases) <= most:
        return list(cases)
    return [cases[round(k * (len(cases) - 1) / (most - 1))] for k in range(most)]
