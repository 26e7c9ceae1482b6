"""An experiment: arms, draws, and what is asked of them; ``experiment.yaml`` says it to people.

The dataset is known by its name and the hash of its files, never by where it lies: a folder that is
moved or copied to another machine goes on there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from segscope.data import Dataset, sha256_of, write_text
from segscope.data.fingerprint import CaseFacts, case_facts, combine
from segscope.data.loading import load_of
from segscope.errors import InputError
from segscope.experiments.arm import Arm
from segscope.experiments.draw import Draw
from segscope.images import Case, Fingerprint
from segscope.inference import hash_cases
from segscope.metrics import METRIC, METRICS
from segscope.progress import track
from segscope.training import Recipe, labelled, plan_recipe
from segscope.training.recipe import merge

BUDGETS: dict[str, dict[str, Any]] = {
    "minutes": {
        "network": {"widths": [8, 16, 32, 64]},
        "train": {"epochs": 25, "steps_per_epoch": 20, "learning_rate": 2.0e-3},
    },
    "hours": {
        "network": {"widths": [16, 32, 64, 128]},
        "train": {"epochs": 100, "steps_per_epoch": 50, "learning_rate": 1.0e-3},
    },
    "plan": {},
}
"""Changes of the recipe that all arms share; ``plan`` leaves what is planned for the data."""

FILE = "experiment.yaml"


class Step(BaseModel):
    """An arm that others come after, as the network that makes their masks; it is not compared.

    Args:
        arm: What is done.
        draw: Its only one; every draw of the experiment where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    draw: Draw | None = None


class Experiment(BaseModel):
    """What is compared, on what, by which numbers.

    Args:
        format: Version of this file's form.
        dataset: Its name.
        content: Hash of its labelled cases' files.
        arms: At least one.
        draws: At least one.
        reference: Name of the arm that the others are compared with.
        metrics: The first one decides the order of the table.
        changes: Recipe values that all arms share; an arm's own come after them.
        steps: What arms come after; a step may come after those before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    dataset: str
    content: str
    arms: tuple[Arm, ...]
    draws: tuple[Draw, ...]
    reference: str
    metrics: tuple[str, ...] = ("dice", "hd95_mm")
    changes: dict[str, Any] = {}
    steps: tuple[Step, ...] = ()

    @property
    def plan(self) -> Iterator[tuple[Arm, Draw]]:
        """Every arm on every draw, after the steps: no trial stands before one it comes after."""
        for step in self.steps:
            yield from ((step.arm, draw) for draw in ((step.draw,) if step.draw else self.draws))
        yield from ((arm, draw) for draw in self.draws for arm in self.arms)

    @model_validator(mode="after")
    def _order(self) -> "Experiment":
        known: dict[str, Step] = {}
        for step in (*self.steps, *(Step(arm=arm) for arm in self.arms)):
            for name in step.arm.after:
                if name not in known:
                    raise ValueError(f"arm {step.arm.name}: comes after {name!r}, which is no step")
                if step.draw is not None and known[name].draw is None:
                    raise ValueError(
                        f"step {step.arm.name}: has one draw, and comes after {name}, which has all"
                    )
            known |= {step.arm.name: step} if step in self.steps else {}
        return self

    @model_validator(mode="after")
    def _names(self) -> "Experiment":
        arms, draws = [a.name for a in self.arms], [d.name for d in self.draws]
        steps = [step.arm.name for step in self.steps]
        for what, names in (("arm", arms + steps), ("draw", draws)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice or not names:
                raise ValueError(f"{what}s: {', '.join(twice) or 'none'} twice or missing")
        if self.reference not in arms:
            raise ValueError(f"reference {self.reference!r}: is no arm; there are {arms}")
        no_scores = [name for name, one in METRICS.items() if one.higher_is_better is None]
        scores = [name for name in METRIC.names() if name not in no_scores]
        unknown = [metric for metric in self.metrics if metric not in scores]
        if unknown or not self.metrics:
            known = ", ".join(scores)
            raise ValueError(f"--metric {', '.join(unknown) or 'none'}: expected some of {known}")
        return self


def make_experiment(
    dataset: Dataset,
    arms: Sequence[Arm],
    draws: Sequence[Draw],
    *,
    reference: str | None = None,
    metrics: Sequence[str] = ("dice", "hd95_mm"),
    changes: Mapping[str, Any] | None = None,
    steps: Sequence[Step] = (),
) -> Experiment:
    """Put an experiment together; the first arm is the reference where none is named.

    Raises:
        InputError: Names that are there twice, or none.
    """
    if not arms:
        raise InputError("--arm: name at least one, e.g. --arm unet --arm anunet")
    try:
        return Experiment(
            dataset=dataset.name,
            content=content_of(dataset),
            arms=tuple(arms),
            draws=tuple(draws),
            reference=reference or arms[0].name,
            metrics=tuple(metrics),
            changes=dict(changes or {}),
            steps=tuple(steps),
        )
    except ValidationError as error:
        faults = [str(fault["msg"]).removeprefix("Value error, ") for fault in error.errors()]
        raise InputError(f"compare: {'; '.join(faults)}") from None


def content_of(dataset: Dataset) -> str:
    """Hash of the labelled cases: names, subjects and files."""
    cases = labelled(dataset)
    hashes = hash_cases(cases)
    parts = [f"{case.name} {case.group} {' '.join(hashes[case.name])}" for case in cases]
    said = [*sorted(parts), repr(dataset.reading), repr(sorted(dataset.labels.items()))]
    return sha256_of("\n".join(said).encode("utf-8", "surrogateescape"))


def write_experiment(experiment: Experiment, folder: Path) -> None:
    """Write ``experiment.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, width=96)
    write_text(folder / FILE, text)


def read_experiment(folder: Path) -> Experiment:
    """Read ``experiment.yaml``.

    Raises:
        InputError: Not there, or not such a file.
    """
    file = folder / FILE
    if not file.is_file():
        raise InputError(f"{folder}: holds no {FILE}; name the folder of a comparison")
    try:
        return Experiment.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: is not an experiment of this version ({said})") from None


def measure_cases(dataset: Dataset) -> dict[str, CaseFacts]:
    """Read every labelled case once; plans of draws are made from these."""
    return {
        case.name: case_facts(load_of(dataset, case), dataset.labels)
        for case in track(labelled(dataset), "measuring")
    }


def plan_trial(
    experiment: Experiment, arm: Arm, draw: Draw, dataset: Dataset, facts: Mapping[str, CaseFacts]
) -> tuple[Recipe, Fingerprint]:
    """Plan an arm's recipe from the cases that train and choose: test cases plan nothing.

    Raises:
        InputError: The changes make no recipe.
    """
    known = {*draw.train, *draw.val}
    shown = replace(dataset, training=tuple(c for c in dataset.training if c.name in known))
    fingerprint = combine(shown, [facts[name] for name in sorted(known)])
    changes = merge(experiment.changes, arm.recipe)
    try:
        recipe = plan_recipe(fingerprint, changes, {"train": {"seed": draw.seed}})
    except InputError as error:
        raise InputError(f"arm {arm.name}: {error}") from None
    return recipe, fingerprint


def cases_of(dataset: Dataset, names: Sequence[str]) -> tuple[Case, ...]:
    """Find cases by name.

    Raises:
        InputError: The dataset has no such case.
    """
    by_name = {case.name: case for case in labelled(dataset)}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InputError(f"{dataset.folder}: has no labelled case {missing[0]}")
    return tuple(by_name[name] for name in names)
