"""The paper's set-up beside this run's: what a study's page begins with."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from segscope.experiments import Outcome, Trial
from segscope.report import Section, Table
from segscope.studies.declared import read_setup

_DEVIATES = "deviates"
_MISSING = object()


RecipeOf = Callable[[Trial], Mapping[str, Any] | None]


def setup_section(
    name: str, outcome: Outcome, *, recipe_of: RecipeOf | None = None
) -> list[Section]:
    """Lay the paper's set-up beside what the trials' recipes say.

    ``setup`` of ``NAME_paper.yaml``, or of ``NAME_setup.yaml``, is a list of ``what`` (in words),
    ``keys`` (of the recipe; the first one that is there counts), ``paper`` (the value; absent where
    the paper names none), ``arms`` (which it is about; all where not given) and ``absent`` (what a
    recipe without the keys means). The key ``split`` is the numbers of training, validation and
    test cases.

    Args:
        name: Of the study.
        outcome: With its trials.
        recipe_of: What decides a trial where that is not its recipe; None of one that is left out.
            Steps are looked at too.
    """
    trials = {}
    steps: Sequence[Trial] = () if recipe_of is None else outcome.steps
    for trial in reversed((*outcome.trials, *steps)):
        recipe = trial.recipe if recipe_of is None else recipe_of(trial)
        if recipe is not None:
            trials[trial.arm.name] = replace(trial, recipe=dict(recipe))
    entries = [one for one in read_setup(name) if _about(one, trials)]
    rows = [setup_row(one, _about(one, trials)) for one in entries]
    count = sum(row[-1] == _DEVIATES for row in rows)
    said = f"{count} of {len(rows)} differ from the paper." if count else "Nothing differs."
    return [
        Section(
            "The paper's set-up and this run's",
            [f"By the trials' recipes. {said} Where the paper names nothing, nothing is compared."],
            tables=[Table(["", "the paper", "this run", ""], rows)],
        )
    ]


def classifier_of(trial: Trial) -> Mapping[str, Any] | None:
    """A classifier's recipe, of a trial that trains one by work of its own."""
    found: Any = trial.arm.options.get("recipe")
    return found if isinstance(found, Mapping) and "network" in found and "size" in found else None


def setup_row(entry: Mapping[str, Any], trials: Mapping[str, Trial]) -> list[str]:
    """One line: what, the paper's value, this run's (by arm where they differ), and a mark."""
    values = {arm: value_of(entry, trial) for arm, trial in trials.items()}
    shown: dict[str, list[str]] = {}
    for arm, value in values.items():
        shown.setdefault(_said(value), []).append(arm)
    run = next(iter(shown))
    if len(shown) > 1:
        run = "; ".join(f"{', '.join(arms)}: {value}" for value, arms in shown.items())
    if "paper" not in entry:
        return [entry["what"], "not named", run, ""]
    same = all(is_same(value, entry["paper"]) for value in values.values())
    return [entry["what"], _said(entry["paper"]), run, "" if same else _DEVIATES]


def value_of(entry: Mapping[str, Any], trial: Trial) -> Any:
    """What a trial has: the first of the entry's keys that its recipe holds."""
    if entry["keys"] == ["split"]:
        return [len(part) for part in (trial.draw.train, trial.draw.val, trial.draw.test)]
    for key in entry["keys"]:
        found = _at(trial.recipe, key.split("."))
        if found is not _MISSING:
            return found
    return entry.get("absent")


def is_same(value: Any, wanted: Any) -> bool:
    """Whether two plain values say the same; numbers to a millionth.

    Example:
        >>> is_same((224, 224), [224, 224.0]), is_same(True, 1), is_same(None, 0)
        (True, False, False)
    """
    if isinstance(value, list | tuple) and isinstance(wanted, list | tuple):
        return len(value) == len(wanted) and all(map(is_same, value, wanted))
    kinds = {isinstance(one, bool) for one in (value, wanted)}
    if kinds == {False} and all(isinstance(one, int | float) for one in (value, wanted)):
        return math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-12)
    return len(kinds) == 1 and value == wanted


def _about(entry: Mapping[str, Any], trials: Mapping[str, Trial]) -> dict[str, Trial]:
    arms: Sequence[str] = entry.get("arms", list(trials))
    return {arm: trial for arm, trial in trials.items() if arm in arms}


def _at(values: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(values, list | tuple) and key.isdecimal() and int(key) < len(values):
            values = values[int(key)]
        elif isinstance(values, Mapping) and key in values:
            values = values[key]
        else:
            return _MISSING
    return values


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)
