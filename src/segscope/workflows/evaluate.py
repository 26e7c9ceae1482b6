"""Predictions against the truth: scores of every case, written and summed up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there, kind_of, make_folder
from segscope.workflows.arguments import check_choice, check_there
from segscope.workflows.options import Options

if TYPE_CHECKING:
    from segscope.data.description import Description
    from segscope.metrics import Summary

CONVENTIONS = ("default", "wmh2017")
EMPTY = ("nan", "one")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Options):
    """How predictions are scored.

    Args:
        labels: Dataset (or its dataset.json) that names the labels; others are refused. Where not
            given, labels have their names from the predictions' manifest or from the dataset that
            the truth lies in, and nothing is refused.
        convention: ``default``, or ``wmh2017`` (the challenge's figures).
        empty: Overlap of two empty masks: ``nan`` or ``one``.
        tolerance_mm: Of the surface Dice.
        metrics: Of installed packages, to measure too.
    """

    labels: Path | None = None
    convention: str = "default"
    empty: str = "nan"
    tolerance_mm: float = 1.0
    metrics: tuple[str, ...] = ()


def evaluate(
    predictions: Path, truth: Path, output: Path, options: EvaluateOptions | None = None
) -> "Summary":
    """Score predictions, into ``output/summary.json`` and ``output/metrics.csv``.

    Args:
        predictions: Folder of label maps, or one file.
        truth: The same.
        output: Folder for the results.
        options: The defaults where not given.

    Returns:
        The scores; a prediction that is missing counts as failed and is in ``missing``.

    Raises:
        InputError: A file is refused; an unknown choice; there is nothing to score.
    """
    chosen = options or EvaluateOptions()
    if is_there(output) and not is_folder(output):
        raise InputError(f"{output}: is a file; name a folder for the results")
    for path in (predictions, truth):
        check_there(path)
    check_choice("--convention", chosen.convention, CONVENTIONS)
    check_choice("--empty", chosen.empty, EMPTY)

    from segscope.data import ReadOptions, image_ending, read_label, write_json, write_text
    from segscope.metrics import LabelReader, evaluate_folders
    from segscope.workflows.evaluated import describe_folders, named

    names, mapping, subjects = (
        (None, {}, {}) if chosen.labels is None else _labels_of(chosen.labels)
    )
    # truth of a dataset may hold values that dataset.json maps to labels; predictions are labels
    mapped = ReadOptions(label_mapping=mapping)
    # the challenge's label 2 need not be declared by a dataset of lesions
    declared = names if chosen.convention == "default" else None
    described = describe_folders(predictions, truth)
    summary = evaluate_folders(
        predictions,
        truth,
        read=LabelReader(
            partial(read_label, labels=declared),
            image_ending,
            partial(read_label, labels=declared, reading=mapped),
        ),
        labels=names,
        empty=chosen.empty,
        tolerance_mm=chosen.tolerance_mm,
        convention=chosen.convention,
        metrics=chosen.metrics,
    )
    if names is None and chosen.convention == "default":
        summary = named(summary, described.labels)
    summary = replace(summary, subjects=subjects if subjects else described.subjects)
    make_folder(output)
    write_json(output / "summary.json", summary.to_dict())
    write_text(output / "metrics.csv", summary.to_csv())
    return summary


def _labels_of(source: Path) -> "tuple[dict[str, int], Mapping[int, int], dict[str, str]]":
    """Names of a dataset's labels, stored values that stand for others, and cases' subjects."""
    from segscope.data import open_dataset
    from segscope.data.layouts import LAYOUTS, layout_of

    if is_folder(source) and (layout_of(source) or "nnunet") not in LAYOUTS:
        dataset = open_dataset(source)
        known = {case.name: case.subject or "" for case in dataset.training}
        return dataset.labels, dataset.reading.label_mapping, known
    described = _description(source)
    return described.labels, described.label_mapping, {}


def _description(source: Path) -> "Description":
    """Read a ``dataset.json`` alone: results and lists of labels have one without images."""
    from segscope.data import Problem
    from segscope.data.description import read_description
    from segscope.data.problems import refuse

    if not is_there(source):
        raise InputError(f"{source}: no such folder or file; name a dataset or its dataset.json")
    kind = kind_of(source)
    if kind not in (None, "a folder") or (kind is None and source.name != "dataset.json"):
        said = kind or "no dataset.json"
        raise InputError(f"{source}: is {said}; name a dataset or its dataset.json")
    folder = source if kind else source.parent
    problems: list[Problem] = []
    found = read_description(folder, problems)
    refuse(str(folder), problems)
    if found is None:  # its problems say why, and are raised
        raise InputError(f"{folder}: is not a dataset")
    return found
