"""Trials measured once more: whatever a study wants to know beyond the scores.

What comes out lies in the trial's folder under ``again/NAME``, with ``scores.json`` written last;
nothing is trained. So are trials scored by another convention, or on another centre's cases.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, open_dataset, write_json
from segscope.data.json_files import read_record
from segscope.experiments.carried import run_trials
from segscope.experiments.experiment import cases_of, content_of
from segscope.experiments.table import Outcome, flat_row
from segscope.experiments.trial import Trial, score_predictions
from segscope.experiments.work import alone
from segscope.images import Case
from segscope.inference import TrainedModel, load_model, predict_cases
from segscope.jobs import Item, Work
from segscope.training import labelled

_FILE = "scores.json"


def on_trials(
    work: Work,
    trials: Sequence[Trial],
    dataset: Dataset,
    folder: Path,
    name: str,
    *,
    options: Callable[[Trial], Sequence[str]] = lambda _: (),
    jobs: int = 1,
    ray: bool = False,
) -> None:
    """Do more with every trained trial that is done, where that was not done yet.

    Args:
        work: A module's function of the dataset's folder, the experiment's, the name, the options
            and the trial's place; it writes ``PLACE/again/NAME/scores.json`` last (`write_again`).
            It is called where that file is not there and no other process works on the trial; what
            it left when it was killed may lie in ``PLACE/again/NAME``.
        trials: With which.
        dataset: That the work needs.
        folder: Of the experiment.
        name: Of what is made.
        options: Trial to plain texts for the work.
        jobs: Trials at a time.
        ray: Hand them to Ray.

    Raises:
        WorkError: Some failed; each is named with its reason.
    """
    where, here = str(dataset.folder.resolve()), str(folder.resolve())
    todo = [
        (where, here, name, *options(trial), trial.place)
        for trial in trials
        if trial.arm.kind == "train"
        and (folder / trial.place / "result.json").is_file()
        and read_again(folder / trial.place, name) is None
    ]
    if todo:
        run_trials(
            partial(_once, work), todo, needs=_places, jobs=jobs, ray=ray, doing=f"measuring {name}"
        )


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
    """Score all trained trials by a convention, or on all cases of another dataset.

    Raises:
        WorkError: Some could not be scored; each is named with its reason.
    """
    on_trials(
        _score, outcome.trials, dataset, folder, name, options=lambda _: [convention], jobs=jobs,
        ray=ray,
    )  # fmt: skip


def scored_again(outcome: Outcome, folder: Path) -> dict[str, tuple[str, Outcome]]:
    """Read what `score_again` made: name to the dataset's name and the scores."""
    found: dict[str, tuple[str, list[dict[str, object]]]] = {}
    for trial in outcome.trials:
        for file in sorted((folder / trial.place / "again").glob(f"*/{_FILE}")):
            facts = json.loads(file.read_text("utf-8"))
            if "rows" not in facts:  # more than scores was measured
                continue
            _, rows = found.setdefault(file.parent.name, (facts["dataset"], []))
            rows += [flat_row(trial, row) for row in facts["rows"]]
    return {
        name: (dataset, replace(outcome, rows=tuple(rows)))
        for name, (dataset, rows) in found.items()
    }


def write_again(root: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Write what was measured once more into a trial's folder."""
    file = root / "again" / name / _FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, json_ready({"format": 1, **facts}))


def read_again(root: Path, name: str) -> dict[str, Any] | None:
    """Read it; None where it is not there.

    Raises:
        InputError: The file is damaged.
    """
    file = root / "again" / name / _FILE
    if not file.is_file():
        return None
    return read_record(file, "format", remedy="remove it to have it measured again")


@dataclass(frozen=True, eq=False)
class OpenTrial:
    """What work on a trial that is done begins with.

    Args:
        root: The trial's folder.
        facts: Its ``trial.json``.
        dataset: Of its cases.
        cases: Those that it tests.
        model: Its network, with the weights that its arm names.
    """

    root: Path
    facts: Mapping[str, Any]
    dataset: Dataset
    cases: tuple[Case, ...]
    model: TrainedModel


def open_trial(dataset_folder: str, folder: str, place: str) -> OpenTrial:
    """Open a trained trial for work of `on_trials`.

    Raises:
        InputError: The run or the dataset cannot be read.
    """
    root, dataset = Path(folder) / place, open_dataset(Path(dataset_folder))
    facts = json.loads((root / "trial.json").read_text("utf-8"))
    model = load_model(root / "run", weights=facts["arm"]["weights"], device="auto")
    return OpenTrial(root, facts, dataset, cases_of(dataset, facts["draw"]["test"]), model)


def _places(item: Item) -> list[str]:
    """Trials that the work reads: its own, and those that its options name."""
    return [text for text in item[3:] if text.startswith("trials/")]


def _once(work: Work, dataset_folder: str, folder: str, name: str, *more: str) -> None:
    root = Path(folder) / more[-1]
    with alone(root) as nobody_else:
        if nobody_else and read_again(root, name) is None:
            work(dataset_folder, folder, name, *more)


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
    write_again(root, name, {"dataset": dataset.name, "rows": rows})
