"""Predictions against the truth: scores of every case, written and summed up."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there, kind_of, make_folder
from segscope.workflows.options import Options

if TYPE_CHECKING:
    from segscope.metrics import Summary


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Options):
    """How predictions are scored.

    Args:
        labels: Dataset (or its dataset.json) that names the labels; others are refused.
        convention: ``default``, or ``wmh2017`` (the challenge's figures).
        empty: Overlap of two empty masks: ``nan`` or ``one``.
        tolerance_mm: Of the surface Dice.
    """

    labels: Path | None = None
    convention: str = "default"
    empty: str = "nan"
    tolerance_mm: float = 1.0


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

    from segscope.data import read_label, write_json, write_text
    from segscope.metrics import evaluate_folders

    names = None if chosen.labels is None else _names(chosen.labels)
    # the challenge's label 2 need not be declared by a dataset of lesions
    declared = names if chosen.convention == "default" else None
    summary = evaluate_folders(
        predictions,
        truth,
        read=partial(read_label, labels=declared),
        labels=names,
        empty=chosen.empty,
        tolerance_mm=chosen.tolerance_mm,
        convention=chosen.convention,
    )
    make_folder(output)
    write_json(output / "summary.json", summary.to_dict())
    write_text(output / "metrics.csv", summary.to_csv())
    return summary


def _names(source: Path) -> Mapping[str, int]:
    from segscope.data import open_dataset

    kind = kind_of(source) if is_there(source) else "a folder"
    if kind not in (None, "a folder"):
        raise InputError(f"{source}: is {kind}; name a dataset or its dataset.json")
    return open_dataset(source if kind else source.parent).labels
