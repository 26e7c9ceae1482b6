"""One arm on one draw: a folder that says what it is, and in the end what came out.

``trial.json`` is written first, ``result.json`` last. The folder's name holds a hash of all that
decides the result, so other settings are another folder, and an old result is never shown under
new settings. Whoever sees the folder and the dataset can do the trial.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segscope.data import (
    Dataset,
    Split,
    image_ending,
    json_ready,
    open_dataset,
    read_label,
    read_label_of,
    write_json,
    write_text,
)
from segscope.errors import InputError
from segscope.experiments.arm import Arm
from segscope.experiments.draw import Draw
from segscope.experiments.experiment import Experiment, cases_of, content_of
from segscope.experiments.task import Task, call_work, shown_dataset
from segscope.experiments.work import alone, content_of_files, content_of_folder, key_of
from segscope.images import Case, Fingerprint
from segscope.inference import load_model, predict_cases
from segscope.metrics import METRIC, LabelReader, counted_value, evaluate_folders
from segscope.networks import count_parameters, multiply_adds
from segscope.training import Progress, Recipe, has_begun, read_split, train_dataset
from segscope.training.recipe import recipe_from

FORMAT = 1


@dataclass(frozen=True)
class Trial:
    """What a trial is.

    Args:
        arm: Which.
        draw: Which.
        recipe: Complete, as plain values; None for arms that do not train.
        dataset: Name.
        content: Hash of the dataset's files.
        after: Trials of steps that come before it; what decides them decides it.
        metrics: Of installed packages, each with its package, to be measured too.
    """

    arm: Arm
    draw: Draw
    recipe: dict[str, Any] | None
    dataset: str
    content: str
    after: tuple["Trial", ...] = ()
    metrics: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """All that decides the result, as plain values; where arms' folders lie does not."""
        arm: dict[str, Any] = {"kind": self.arm.kind, "weights": self.arm.weights}
        if self.arm.folder is not None:
            arm["source"] = content_of_folder(Path(self.arm.folder))
        if self.arm.work is not None:
            arm |= {"work": self.arm.work, "options": self.arm.options}
        if named := content_of_files([self.recipe, self.arm.options]):
            arm["files"] = named
        before = {"after": {one.arm.name: one.key for one in self.after}} if self.after else {}
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "content": self.content,
            "arm": arm,
            "draw": self.draw.model_dump(mode="json", exclude={"name", "size"}),
            "recipe": self.recipe,
            **before,
            **({"metrics": self.metrics} if self.metrics else {}),
        }

    @property
    def key(self) -> str:
        """Hash of `facts`."""
        return key_of(self.facts())

    @property
    def place(self) -> str:
        """Of its folder within the experiment's."""
        name = self.arm.name.replace(" ", "_")
        return f"trials/{name}/{self.draw.name}_{self.key}"

    @property
    def wave(self) -> int:
        """How many trials come one after the other before this one."""
        return 1 + max((one.wave for one in self.after), default=-1)


def make_trial(
    experiment: Experiment,
    arm: Arm,
    draw: Draw,
    recipe: Recipe | None,
    after: tuple[Trial, ...] = (),
) -> Trial:
    """Put a trial together."""
    values = None if recipe is None else recipe.model_dump(mode="json")
    return _trial(experiment, arm, draw, values, after)


def _trial(
    experiment: Experiment,
    arm: Arm,
    draw: Draw,
    recipe: dict[str, Any] | None,
    after: tuple[Trial, ...],
) -> Trial:
    own = {name: METRIC.declared(name) for name in experiment.metrics}
    metrics = {name: found.package for name, found in own.items() if found is not None}
    if arm.work is not None:  # which brings numbers of its own
        metrics = {}
    return Trial(arm, draw, recipe, experiment.dataset, experiment.content, after, metrics)


def write_trial(folder: Path, trial: Trial, fingerprint: Fingerprint | None) -> Path:
    """Write ``trial.json`` where it is not there yet; a trial that is there is the same one."""
    place = folder / trial.place
    if not (place / "trial.json").is_file():
        place.mkdir(parents=True, exist_ok=True)
        if fingerprint is not None:
            write_text(place / "fingerprint.json", fingerprint.model_dump_json(indent=1))
        facts = {**trial.facts(), "name": trial.arm.name, "draw_name": trial.draw.name,
                 "folder": trial.arm.folder,
                 "places": {one.arm.name: one.place for one in trial.after}}  # fmt: skip
        write_json(place / "trial.json", facts)
    return place


def read_trial(
    place: Path, experiment: Experiment, arm: Arm, draw: Draw, after: tuple[Trial, ...] = ()
) -> Trial:
    """Read a trial that was written for this arm and draw.

    Raises:
        ValueError: It is not.
        OSError: Nothing is there.
    """
    facts = json.loads((place / "trial.json").read_text("utf-8"))
    trial = _trial(experiment, arm, draw, facts["recipe"], after)
    if json_ready(trial.facts()) != {key: facts.get(key) for key in trial.facts()}:
        raise ValueError(f"{place}: is of another experiment")
    return trial


def do_trial(dataset_folder: str, folder: str, place: str) -> None:
    """Do one trial; nothing happens where it was done, or is being done by another process.

    Args:
        dataset_folder: Where the dataset lies on this machine.
        folder: Of the experiment.
        place: Of the trial within it.

    Raises:
        InputError: The dataset is not the one of the trial; something cannot be read.
        WorkError: The training or a prediction failed.
    """
    _do(Path(dataset_folder), Path(folder), place, wait=False)


def await_trial(dataset_folder: str, folder: str, place: str) -> None:
    """The same, after whoever does it now has ended; a machine that was lost lets go late."""
    _do(Path(dataset_folder), Path(folder), place, wait=True)


def _do(dataset_folder: Path, folder: Path, place: str, *, wait: bool) -> None:
    root = folder / place
    with alone(root, wait=wait) as free:
        if not free or (root / "result.json").is_file():
            return
        facts = json.loads((root / "trial.json").read_text("utf-8"))
        dataset = open_dataset(dataset_folder)
        if content_of(dataset) != facts["content"]:
            raise InputError(
                f"{dataset_folder}: is not the dataset of {root}, or its files have changed; name "
                "the one that the comparison was begun with"
            )
        task = Task(
            root=root,
            dataset=dataset,
            draw=Draw(name=facts["draw_name"], **facts["draw"]),
            options=facts["arm"].get("options", {}),
            after={name: folder / where for name, where in facts.get("places", {}).items()},
            cache=folder / "cache",
        )
        if facts["arm"]["kind"] == "work":
            found = call_work(facts["arm"]["work"], task)
        else:
            found = _predicted(task, facts)
        write_json(root / "result.json", json_ready({"format": FORMAT, **found}))


def read_result(folder: Path, trial: Trial) -> dict[str, Any] | None:
    """Read what came out; None where the trial is not done.

    Raises:
        InputError: The file is damaged.
    """
    file = folder / trial.place / "result.json"
    if not file.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        rows = found["rows"]
        if found["format"] != FORMAT or not all({"case", "label"} <= row.keys() for row in rows):
            raise ValueError("another form")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is damaged ({error}); remove it to do the trial again") from None
    return found


def _predicted(task: Task, facts: dict[str, Any]) -> dict[str, Any]:
    """Train where the arm does, predict the test cases where they are not yet, and score them."""
    kind, dataset = facts["arm"]["kind"], task.dataset
    test, more = cases_of(dataset, task.draw.test), tuple(facts.get("metrics", {}))
    if kind == "predictions":
        rows = score_predictions(Path(facts["folder"]), dataset, test, metrics=more)
        return {"rows": rows}
    found: dict[str, Any] = {}
    shown, run = test, task.root / "run"
    if kind == "train":
        recipe = recipe_from(facts["recipe"], source=str(task.root / "trial.json"))
        masked = shown_dataset(task, recipe)
        found |= _train(task, recipe, masked)
        shown = cases_of(masked, task.draw.test)
    else:
        run = Path(facts["folder"])
        _never_tested(run, dataset, test)
    found |= predict_run(run, facts["arm"]["weights"], shown, task.root / "predictions")
    rows = score_predictions(task.root / "predictions", dataset, test, metrics=more)
    return {**found, "rows": rows}


def _train(task: Task, recipe: Recipe, shown: Dataset) -> dict[str, Any]:
    run = task.root / "run"
    text = (task.root / "fingerprint.json").read_text("utf-8")
    progress = train_dataset(
        shown,
        Fingerprint.model_validate_json(text),
        recipe,
        run,
        split=Split(task.draw.train, task.draw.val),
        cache=task.cache,
        resume=has_begun(run),
    )
    return training_facts(progress)


def training_facts(progress: Progress) -> dict[str, Any]:
    """What a result says of a training: what it took, and how it went."""
    return {
        "minutes": progress.elapsed_s / 60,
        "epochs": progress.epoch,
        "steps": progress.step,
        "curve": [
            [row["epoch"], row["train_loss"], row.get("val_dice"), row["seconds"]]
            for row in progress.rows
        ],
    }


def predict_run(run: Path, weights: str, cases: Sequence[Case], folder: Path) -> dict[str, Any]:
    """Predict test cases with a run; what a result says of its network's size."""
    model = load_model(run, weights=weights, device="auto")
    predict_cases(model, cases, folder, anyway=True)  # a test case is never left out
    spec = model.run_spec
    shape = (1, spec.network.in_channels, *spec.patch)
    return {
        "parameters": count_parameters(model.net),
        "multiply_adds": multiply_adds(model.net, shape),
    }


def _never_tested(run: Path, dataset: Dataset, test: tuple[Case, ...]) -> None:
    """Refuse a run that has seen a subject that it would be tested on."""
    split = read_split(run)
    seen = {*split.get("train", ()), *split.get("val", ())}
    subjects = {case.group for case in dataset.training if case.name in seen}
    leaked = [case.name for case in test if case.group in subjects or case.name in seen]
    if leaked:
        raise InputError(
            f"{run}: has trained on, or chosen weights by, the subject of test case {leaked[0]}; "
            "such a run cannot be tested on it"
        )


def score_predictions(
    predictions: Path,
    dataset: Dataset,
    cases: Sequence[Case],
    *,
    convention: str = "default",
    metrics: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Score predicted cases: one row per case and label.

    Metrics are as they count in means: nothing found counts as the worst.

    Args:
        predictions: Folder of ``CASE.ext``.
        dataset: Of the cases.
        cases: All of them; one without a prediction is an error.
        convention: Whose definitions of the metrics.
        metrics: Of installed packages, to measure too.

    Raises:
        InputError: A prediction is missing, or is of another shape.
    """
    by_file = {case.label_file: case for case in cases}
    subjects = {case.name: case.group for case in cases}
    summary = evaluate_folders(
        predictions,
        dataset.truth,
        read=LabelReader(
            read_label, image_ending, lambda file: read_label_of(dataset, by_file[file])
        ),
        labels=dataset.labels,
        cases=[case.name for case in cases],
        convention=convention,
        metrics=metrics,
    )
    return [
        {
            "case": row["case"],
            "subject": subjects[str(row["case"])],
            "label": row["label"],
            "status": row["status"],
            "scores": {metric: counted_value(row, metric) for metric in summary.metrics},
            "undefined": [m for m in summary.metrics if math.isnan(float(row.get(m, math.nan)))],
        }
        for row in summary.rows
    ]
