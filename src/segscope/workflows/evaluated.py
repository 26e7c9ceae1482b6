"""What folders of predictions and truth say of themselves: names of labels, subjects of cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from segscope.data import Problem
from segscope.data.cases_table import read_table
from segscope.data.description import read_description
from segscope.data.predictions import read_predictions
from segscope.data.subjects import subjects_of
from segscope.metrics import Summary
from segscope.paths import is_file, is_folder


@dataclass(frozen=True)
class Described:
    """What is known without being told.

    Args:
        labels: Name to value; empty where nothing says it.
        subjects: Case to whom it is of.
    """

    labels: Mapping[str, int] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)


def describe_folders(predictions: Path, truth: Path) -> Described:
    """Read names and subjects beside predictions and truth, as far as they are there and whole.

    The manifest of the predictions says what the model's labels are, and comes first; the truth's
    dataset (``labelsTr`` beside a ``dataset.json``) says the same of itself.
    """
    folder = predictions if is_folder(predictions) else predictions.parent
    labels = read_predictions(folder).labels or {}
    dataset = (truth if is_folder(truth) else truth.parent).parent
    if not is_file(dataset / "dataset.json"):
        return Described(labels)
    problems: list[Problem] = []
    found = read_description(dataset, problems)
    if not labels and found is not None and not problems and not found.label_mapping:
        labels = found.labels
    return Described(labels, _subjects(dataset))


def _subjects(dataset: Path) -> dict[str, str]:
    """Whom cases are of, as ``cases.csv`` says; whether it is right is ``data check``'s to tell."""
    ignored: list[Problem] = []
    table = read_table(dataset, ignored, [])
    if table is None or ignored:
        return {}
    return subjects_of(table, table.rows, [], []) or {}


def named(summary: Summary, labels: Mapping[str, int]) -> Summary:
    """Give labels that are known by their value alone their names."""
    names = {str(value): name for name, value in labels.items()}
    taken = {str(row["label"]) for row in summary.rows}
    if len(names) < len(labels) or taken & (set(names.values()) - set(names)):
        return summary  # two names of one value, or a name that is another label's number
    rows = tuple(
        {**row, "label": names.get(str(row["label"]), row["label"])} for row in summary.rows
    )
    return replace(summary, rows=rows)
