"""Trials scored once more: by another convention, or on another centre's cases.

What comes out lies in the trial's folder under ``again/NAME``; nothing is trained.
"""

import json
from dataclasses import replace
from pathlib import Path

from segscope.data import Dataset, json_ready, open_dataset, write_json
from segscope.experiments.experiment import cases_of, content_of
from segscope.experiments.queue import run_jobs
from segscope.experiments.table import Outcome, flat_row
from segscope.experiments.trial import score_predictions
from segscope.inference import load_model, predict_cases
from segscope.training import labelled

_FILE = "scores.json"


def score_again(
    outcome: Outcome,
    dataset: Dataset,
    folder: Path,
    name: str,
    *,
    convention: str = "default",
    jobs: int = 1,
    ray: bool = False,
) -> None:
    """Score every trained trial that is done, where that was not done yet.

    Args:
        outcome: Of the experiment.
        dataset: The experiment's own, for its test cases; or another one, for all its cases.
        folder: Of the experiment.
        name: Of what is made.
        convention: Whose definitions of the metrics.
        jobs: Trials at a time.
        ray: Hand them to Ray.

    Raises:
        WorkError: Some could not be scored; each is named with its reason.
    """
    where, here = str(dataset.folder.resolve()), str(folder.resolve())
    places = [t.place for t in outcome.trials if t.arm.kind == "train"]
    todo = [
        (where, here, name, convention, place)
        for place in places
        if (folder / place / "result.json").is_file()
        and not (folder / place / "again" / name / _FILE).is_file()
    ]
    run_jobs(_score, todo, jobs=jobs, ray=ray, doing=f"scoring {name}")


def scored_again(outcome: Outcome, folder: Path) -> dict[str, tuple[str, Outcome]]:
    """Read what `score_again` made: name to the dataset's name and the scores."""
    found: dict[str, tuple[str, list[dict[str, object]]]] = {}
    for trial in outcome.trials:
        for file in sorted((folder / trial.place / "again").glob(f"*/{_FILE}")):
            facts = json.loads(file.read_text("utf-8"))
            _, rows = found.setdefault(file.parent.name, (facts["dataset"], []))
            rows += [flat_row(trial, row) for row in facts["rows"]]
    return {
        name: (dataset, replace(outcome, rows=tuple(rows)))
        for name, (dataset, rows) in found.items()
    }


def _score(dataset_folder: str, folder: str, name: str, convention: str, place: str) -> None:
    root = Path(folder) / place
    facts = json.loads((root / "trial.json").read_text("utf-8"))
    dataset = open_dataset(Path(dataset_folder))
    into, predictions = root / "again" / name, root / "predictions"
    if content_of(dataset) == facts["content"]:
        cases = cases_of(dataset, facts["draw"]["test"])
    else:
        cases, predictions = tuple(labelled(dataset)), into / "predictions"
        model = load_model(root / "run", weights=facts["arm"]["weights"], device="auto")
        predict_cases(model, cases, predictions, anyway=True)
    rows = score_predictions(predictions, dataset, cases, convention=convention)
    write_json(into / _FILE, json_ready({"format": 1, "dataset": dataset.name, "rows": rows}))
