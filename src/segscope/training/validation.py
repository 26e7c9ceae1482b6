"""The validation cases of a run, predicted and scored on their own grids."""

import json
from pathlib import Path
from typing import Any

from segscope.data import Dataset, Reading, read_label, read_label_of, write_json, write_text
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import hash_cases, load_model, predict_cases
from segscope.metrics import Summary, evaluate_folders
from segscope.training.run_folder import check_inputs


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


def read_split(folder: Path) -> dict[str, Any]:
    """Read ``split.json`` of a run."""
    try:
        split: dict[str, Any] = json.loads((folder / "split.json").read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no split.json; is it a run of segscope?") from None
    return split


def reading_of(folder: Path) -> Reading:
    """What was changed when the run's training cases were read, as its ``split.json`` says.

    The mapping of labels is the dataset's own and not part of it.
    """
    return Reading(**read_split(folder).get("reading", {}))


def evaluate_validation(folder: Path, dataset: Dataset, *, device: str = "auto") -> Summary:
    """Predict the validation cases with the best weights, score them, write both.

    Writes ``validation/CASE.ext``, ``validation/summary.json`` and ``validation/metrics.csv``.

    Raises:
        InputError: A case is missing, refused, or has changed since the run was begun.
    """
    cases = validation_cases(folder, dataset)
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
    )
    by_file = {case.label_file: case for case in cases}
    summary = evaluate_folders(
        out,
        dataset.truth,
        read=read_label,
        read_truth=lambda file: read_label_of(dataset, by_file[file]),
        labels=dataset.labels,
        cases=[case.name for case in cases],
    )
    write_json(out / "summary.json", summary.to_dict())
    write_text(out / "metrics.csv", summary.to_csv())
    return summary
