"""What a run learns of its own predictions' quality, when its training has ended."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segscope.data import Cache, Dataset
from segscope.images import Case
from segscope.inference import TrainedModel, load_model
from segscope.inference.manifest import weights_hash
from segscope.preprocessing import Plan, Prepared
from segscope.training import read_split
from segscope.training.prepared import prepare_case
from segscope.trust.figures import MEAN, Mode
from segscope.trust.fit import fit_quality
from segscope.trust.measure import KnownCase, forever, measure_reference, measure_rows
from segscope.trust.predictor import FEWEST_SUBJECTS
from segscope.trust.quality_file import QUALITY, Quality, write_quality

if TYPE_CHECKING:
    from segscope.training import Budget

_AFTERWARDS = "segscope quality RUN --calibrate DATASET makes it"
_REFERENCE_SHARE = 0.3  # of the time, at most, for what the training cases are like
_FIT_S, _FIT_ROW_S = 1.0, 0.01


def quality_in_time(
    run: Path, dataset: Dataset, budget: "Budget", *, device: str, store: Cache
) -> None:
    """Make a run's ``quality.json`` in the time that is left; else say what makes it.

    Args:
        run: Trained and evaluated.
        dataset: That it was trained on.
        budget: Of the training; its share was kept by `Budget.plan_quality`.
        device: That predicts.
        store: Where the training has kept its prepared cases.
    """
    limited = budget.left_s() < float("inf")
    if limited and budget.left_s() < _FIT_S:
        budget.say(f"{QUALITY} left out: max_minutes has no time for it; {_AFTERWARDS}")
        return
    began = time.monotonic()
    found = make_quality(
        run, dataset, device=device, store=store, left=budget.left_s if limited else forever
    )
    if found is None:
        budget.say(f"{QUALITY} left out: max_minutes has no time for it; {_AFTERWARDS}")
        return
    for line in describe_quality(found):
        budget.say(line)
    budget.say(f"{QUALITY} took {time.monotonic() - began:.0f} s")


def make_quality(
    run: Path,
    dataset: Dataset,
    *,
    device: str = "auto",
    store: Cache,
    mode: Mode = "standard",
    left: Callable[[], float] = forever,
) -> Quality | None:
    """Measure what trained and what validated, fit what predicts the quality, and write it.

    Args:
        run: Trained.
        dataset: That it was trained on.
        device: That predicts.
        store: Of prepared cases; what is not there is prepared anew.
        mode: ``thorough`` measures mirrored copies too, which takes several times as long.
        left: Seconds that may be taken.

    Returns:
        What was written; None where there was no time for it.

    Raises:
        InputError: A case is missing or refused.
    """
    split = read_split(run, "train")
    model = load_model(run, device=device)
    trained = _known(split["train"], dataset, model, store)
    held = _known(split["val"], dataset, model, store)
    limited = left() < float("inf")
    begun = left()
    reference = measure_reference(
        model,
        trained,
        (lambda: left() - (1 - _REFERENCE_SHARE) * begun) if limited else forever,
    )
    enough = len({case.subject for case in held}) >= FEWEST_SUBJECTS
    # with too few subjects no regression is fitted, and damaged images would teach nothing
    found = measure_rows(
        model,
        reference,
        held,
        mode=mode,
        rounds=None if enough else 0,
        left=(lambda: left() - _FIT_S - _FIT_ROW_S * 5 * len(held)) if limited else forever,
    )
    subjects = {row.subject for row in found.rows}
    if enough and found.stopped and len(subjects) < FEWEST_SUBJECTS:
        return None
    quality = fit_quality(found.rows, reference, weights=weights_hash(model))
    write_quality(run, quality)
    return quality


def describe_quality(quality: Quality) -> list[str]:
    """Say what predicts the quality, and how well.

    Args:
        quality: Of a run.
    """
    cases = quality.cases
    lines = [
        f"{QUALITY}: learned from {cases['clean']} cases of {cases['subjects']} subjects that did "
        f"not train, and {cases['damaged']} damaged ones"
    ]
    for mode, targets in quality.predictors.items():
        lines.append(f"{mode}: {in_words(targets[MEAN].measured)}")
    lines += [f"{mode}: no predicted Dice, {why}" for mode, why in quality.why.items()]
    return lines


def in_words(measured: dict[str, Any]) -> str:
    """Say what a predictor was worth in cross-validation.

    Example:
        >>> in_words({"family": "ridge", "mean_absolute_error": 0.05, "error_of_the_median": 0.08,
        ...           "covered": 0.9, "cases": 30})
        'predicted Dice (ridge) is off by 0.050 on average (the median for all: 0.080), 90 % \
within their intervals; 30 cases, cross-validated'
    """
    return (
        f"predicted Dice ({measured['family']}) is off by {measured['mean_absolute_error']:.3f} "
        f"on average (the median for all: {measured['error_of_the_median']:.3f}), "
        f"{100 * measured['covered']:.0f} % within their intervals; {measured['cases']} cases, "
        "cross-validated"
    )


def _known(
    names: list[str], dataset: Dataset, model: TrainedModel, store: Cache
) -> list[KnownCase]:
    by_name = {case.name: case for case in dataset.training}
    plan = model.run_spec.plan
    return [
        KnownCase(name, by_name[name].group, _opener(by_name[name], dataset, plan, store))
        for name in names
        if name in by_name
    ]


def _opener(
    case: Case, dataset: Dataset, plan: Plan, store: Cache
) -> Callable[[], tuple[Prepared, NDArray[np.integer[Any]]]]:
    def read() -> tuple[Prepared, NDArray[np.integer[Any]]]:
        kept = prepare_case(case, dataset, plan, store)
        assert kept.undo is not None  # a plan has prepared it
        # as a copy: torch takes no array that is read-only
        return replace(kept.undo, array=np.array(kept.undo.array)), np.array(kept.label)

    return read
