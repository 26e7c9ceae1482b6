"""The validation cases of a run, predicted and scored on their own grids."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from segscope.data import (
    Cache,
    Dataset,
    ReadOptions,
    image_ending,
    read_label,
    read_label_of,
    write_json,
    write_text,
)
from segscope.data.json_files import as_typed, read_json
from segscope.errors import InputError
from segscope.images import Case, LabelMap
from segscope.inference import hash_cases, load_model, predict_cases
from segscope.inference.run_files import ANEW, check_run_file
from segscope.metrics import LabelReader, Summary, evaluate_folders
from segscope.preprocessing import Plan, Prepared
from segscope.training.budget import Budget
from segscope.training.prepared import prepare_case
from segscope.training.run_folder import check_inputs

_SPLIT = "split.json"


def validation_cases(folder: Path, dataset: Dataset) -> tuple[Case, ...]:
    """Cases that the run did not train on, as its ``split.json`` says."""
    names = read_split(folder)["val"]
    by_name = {case.name: case for case in dataset.training}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InputError(
            f"{folder / 'split.json'}: {dataset.folder} has no case {missing[0]!r}; "
            "name the dataset that the run was trained on"
        )
    return tuple(by_name[name] for name in names)


class _ReadingFacts(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    replace_nonfinite: float | None = None
    resample_shear: bool = False
    resample_labels: bool = False


class SplitFacts(BaseModel):
    """The form of ``split.json``: which cases train and validate, and how they were read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: str | None = None
    fold: int | None = Field(default=None, ge=0)
    folds: int | None = Field(default=None, ge=1)
    train: list[str] | None = Field(default=None, min_length=1)
    val: list[str] = Field(min_length=1)
    subjects: dict[str, int] = {}
    """Validation case to the number of its subject; older runs do not say it."""
    reading: _ReadingFacts = _ReadingFacts()

    @model_validator(mode="after")
    def _apart(self) -> "SplitFacts":
        both = set(self.train or ()) & set(self.val)
        if both:
            raise ValueError(f"trains and validates on {min(both)}")
        for name, names in (("train", self.train or []), ("val", self.val)):
            if len(set(names)) < len(names):
                raise ValueError(f"names a case twice in {name}")
        return self


def read_split(folder: Path, *needed: str) -> dict[str, Any]:
    """Read ``split.json`` of a run.

    Args:
        folder: The run.
        needed: Keys that must be there, beside ``val``.

    Raises:
        InputError: Not there, not such a file, without what is needed, or not the run's own.
    """
    file = folder / _SPLIT
    facts: dict[str, Any] = read_json(
        file, missing=f"{folder}: holds no {_SPLIT}; is it a run of segscope?", remedy=ANEW
    )
    as_typed(file, facts, SplitFacts, what="a split of segscope", remedy=ANEW)
    for name in needed:
        if facts.get(name) is None:
            raise InputError(f"{file}: does not say {name}; {ANEW}")
    check_run_file(folder, _SPLIT)
    return facts


def reading_of(folder: Path) -> ReadOptions:
    """What was changed when the run's training cases were read, as its ``split.json`` says.

    The mapping of labels is the dataset's own and not part of it.
    """
    return ReadOptions(**read_split(folder).get("reading", {}))


def evaluate_validation(
    folder: Path,
    dataset: Dataset,
    *,
    device: str = "auto",
    names: Sequence[str] | None = None,
    store: Cache | None = None,
) -> Summary:
    """Predict the validation cases with the best weights, score them, write both.

    Writes ``validation/CASE.ext``, ``validation/summary.json`` and ``validation/metrics.csv``.

    Args:
        folder: The run.
        dataset: That it was trained on.
        device: That predicts.
        names: Cases to evaluate; all that validate by default.
        store: Where the training has kept its prepared cases; where not given, files are read.

    Raises:
        InputError: A case is missing, refused, or has changed since the run was begun.
    """
    cases = validation_cases(folder, dataset)
    if names is not None:
        cases = tuple(case for case in cases if case.name in names)
    check_inputs(folder, hash_cases(cases), dataset)
    model = load_model(folder, weights="best", device=device)
    out = folder / "validation"
    reading = dataset.reading

    predict_cases(
        model,
        cases,
        out,
        overwrite=True,
        replace_nonfinite=reading.replace_nonfinite,
        resample_shear=reading.resample_shear,
        known=None if store is None else partial(_kept_image, dataset, model.run_spec.plan, store),
    )
    by_file = {case.label_file: case for case in cases}

    def truth(file: Path) -> LabelMap:
        case = by_file[file]
        if store is None:
            return read_label_of(dataset, case)
        kept = prepare_case(case, dataset, model.run_spec.plan, store).truth
        assert kept is not None  # `prepare_case` keeps it
        return kept()

    summary = evaluate_folders(
        out,
        dataset.truth,
        read=LabelReader(read_label, image_ending, truth),
        labels=dataset.labels,
        cases=[case.name for case in cases],
    )
    write_json(out / "summary.json", summary.to_dict())
    write_text(out / "metrics.csv", summary.to_csv())
    return summary


def _kept_image(dataset: Dataset, plan: Plan, store: Cache, case: Case) -> Prepared:
    """As a copy: torch takes no array that is read-only."""
    image = prepare_case(case, dataset, plan, store).undo
    assert image is not None  # `prepare_case` keeps it
    return replace(image, array=np.array(image.array))


def evaluate_in_time(
    folder: Path,
    dataset: Dataset,
    budget: Budget,
    *,
    device: str = "auto",
    store: Cache | None = None,
) -> Summary | None:
    """Evaluate as many validation cases as there is time for; see `evaluate_validation`.

    Args:
        folder: The run.
        dataset: That it was trained on.
        budget: In which the evaluation was planned when the training began; it says beforehand how
            many cases, and about how long.
        device: That predicts.
        store: Where the training has kept its prepared cases.

    Returns:
        The scores; None where there was no time for a single case.
    """
    names = budget.to_evaluate()
    budget.say(budget.describe(names))
    if not names:
        return None
    return evaluate_validation(folder, dataset, device=device, names=names, store=store)
