"""What stands first on a run's page: can it be used, which cases are bad, and why."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.audit import DatasetAudit
from segscope.audit.readiness import GOOD, Readiness, judge_model
from segscope.audit.result import mean_of
from segscope.data.json_files import read_text_file
from segscope.errors import InputError
from segscope.metrics.estimates import Estimate, by_subject, estimate
from segscope.metrics.failures import failure_of
from segscope.metrics.names import HIGHER_IS_BETTER
from segscope.metrics.summary import counted_value
from segscope.report import Answer, CaseList, Number, Picture
from segscope.training.validation import read_split

_PICTURED = 3
_LISTED = 8
_FEW = 8
_NUMBERS = ("n_pred", "n_ref", "diagonal_mm", *HIGHER_IS_BETTER)


@dataclass(frozen=True)
class Scored:
    """Scores of cases that a run was not trained on.

    Args:
        rows: Of each case, label to its metrics.
        subjects: Case to subject; each case is its own where it is not named.
    """

    rows: Mapping[str, Mapping[str, Mapping[str, Any]]]
    subjects: Mapping[str, str]

    @property
    def unit(self) -> str:
        """What intervals are over."""
        return "subjects" if self.subjects else "cases"

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return list(dict.fromkeys(label for found in self.rows.values() for label in found))

    def dice(self, case: str) -> float:
        """Mean Dice of a case over its labels."""
        return mean_of([_counted(row, "dice") for row in self.rows[case].values()])

    def mean(self, label: str | None = None, metric: str = "dice") -> Estimate:
        """Mean of a metric over subjects, of one label; of Dice also over labels."""
        named = [
            (self.subjects.get(case, case), case,
             self.dice(case) if label is None else _counted(found.get(label, {}), metric))
            for case, found in self.rows.items()
        ]  # fmt: skip
        return estimate(by_subject(named))

    def failures(self, case: str) -> str:
        """What is wrong with a case, label by label."""
        said = {label: failure_of(row) for label, row in self.rows[case].items()}
        alone = len(said) == 1
        return ", ".join(
            text if alone else f"{label} {text}" for label, text in said.items() if text
        )


def read_scores(run: Path) -> Scored | None:
    """Read a run's scores of its validation cases; None where it was not evaluated.

    Raises:
        InputError: A file is damaged, or not the run's.
    """
    file = run / "validation" / "metrics.csv"
    if not file.is_file():
        return None
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    try:
        for row in csv.DictReader(read_text_file(file).splitlines()):
            numbers = {name: float(row[name]) for name in _NUMBERS if row.get(name)}
            label = {"status": row["status"], **numbers}
            rows.setdefault(_plain(row["case"]), {})[_plain(row["label"])] = label
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{file}: is not a table of scores ({error}); train --resume writes it anew"
        ) from None
    known = read_split(run).get("subjects") or {}
    return Scored(rows, {case: str(subject) for case, subject in known.items()})


def first_screen(
    scored: Scored | None,
    found: DatasetAudit | None,
    pictures: Mapping[str, bytes],
    *,
    good: float = GOOD,
) -> Answer:
    """Judge a run, and lay the judgement out.

    Args:
        scored: Its validation cases.
        found: Its audit, where there is one.
        pictures: Of the audit, by name.
        good: Dice that a person would accept.
    """
    scored = scored or (None if found is None else _of_audit(found))
    if scored is None:
        return _unscored(found, pictures)
    verdict = judge(scored, found, good=good)
    order = worst_first(scored)
    worst = [case for case in order if f"heat_{case}" in pictures][:_PICTURED]
    return Answer(
        verdict.level,
        verdict.sentence,
        verdict.reasons,
        _numbers(scored, found, good),
        [
            Picture(pictures[f"heat_{case}"], f"{case}: {_said(scored, case)}") for case in worst
        ],
        _lists(scored, order, good),
    )  # fmt: skip


def worst_first(scored: Scored) -> list[str]:
    """Sort cases by their Dice, lowest first; those that are rightly empty come last."""
    dice = {case: scored.dice(case) for case in scored.rows}
    return sorted(dice, key=lambda case: (math.isnan(dice[case]), dice[case], case))


def judge(scored: Scored, found: DatasetAudit | None, *, good: float = GOOD) -> Readiness:
    """Judge a run by its scores and its audit."""
    cases = () if found is None else found.cases
    chances = [mean_of(layer.chance) for case in cases for layer in case.layers[-1:]]
    return judge_model(
        scored.mean(),
        {label: scored.mean(label) for label in scored.labels},
        {case: scored.dice(case) for case in scored.rows},
        unit=scored.unit,
        chance=None if not any(c == c for c in chances) else mean_of(chances),
        layers=None if found is None or not found.has_truth else layers_above_chance(found),
        good=good,
    )


def layers_above_chance(found: DatasetAudit) -> tuple[int, int]:
    """How many layers' maps lie nearer to the truth than a guide in the wrong place, of how many.

    A layer counts where the 95 % interval over cases of its SA less its chance level lies above 0;
    of one case, where the difference does.
    """
    above = 0
    for number in range(len(found.layers)):
        apart = {
            case.name: mean_of(case.layers[number].scores["dice"])
            - mean_of(case.layers[number].chance)
            for case in found.cases
        }
        known = estimate(apart)
        above += (known.low if known.n > 1 else known.mean) > 0
    return above, len(found.layers)


def _numbers(scored: Scored, found: DatasetAudit | None, good: float) -> list[Number]:
    numbers = [_number("mean Dice", scored.mean(), scored.unit)]
    if len(scored.labels) > 1:
        means = {label: scored.mean(label) for label in scored.labels}
        lowest = min(means, key=lambda label: (means[label].mean != means[label].mean,
                                               means[label].mean))  # fmt: skip
        numbers.append(_number(f"lowest label: {lowest}", means[lowest], scored.unit))
    values = [dice for dice in map(scored.dice, scored.rows) if not math.isnan(dice)]
    fine = sum(value >= good for value in values)
    numbers.append(
        Number(f"cases with Dice {good:g} or more", f"{fine} of {len(values)}", "measured, "
               "against the truth", few=len(values) < _FEW)
    )  # fmt: skip
    mu = math.nan if found is None else mean_of([case.mu for case in found.cases])
    if found is not None and mu == mu:
        said = f"agreement of the last layers with the output, n {len(found.cases)}"
        numbers.append(Number("mean mu", f"{mu:.2f}", said, few=len(found.cases) < _FEW))
    return numbers


def _number(name: str, found: Estimate, unit: str) -> Number:
    ends = "" if found.low != found.low else f"95 % {found.low:.2f} to {found.high:.2f}, "
    value = "undefined" if found.mean != found.mean else f"{found.mean:.2f}"
    return Number(name, value, f"{ends}n {found.n} {unit}", few=found.n < _FEW)


def _lists(scored: Scored, order: Sequence[str], good: float) -> list[CaseList]:
    """Sort cases by their Dice: fine as they are, to be corrected, to be drawn anew."""
    groups: dict[str, list[str]] = {"accept": [], "look": [], "redo": []}
    for case in order:
        dice = scored.dice(case)
        # undefined: nothing is there, and nothing was found
        right = dice >= good or math.isnan(dice)
        kind = "accept" if right else "look" if dice >= good / 2 else "redo"
        groups[kind].append(case)
    said = {
        "accept": f"Dice {good:g} or more, or rightly empty.",
        "look": f"Dice {good / 2:g} to {good:g}: correct them.",
        "redo": f"Dice below {good / 2:g}: draw them anew.",
    }
    return [
        CaseList(
            kind,
            said[kind],
            [(c, _said(scored, c)) for c in cases[:_LISTED]],
            max(0, len(cases) - _LISTED),
        )
        for kind, cases in groups.items()
    ]


def _said(scored: Scored, case: str) -> str:
    dice = scored.dice(case)
    return (
        "rightly empty" if math.isnan(dice) else f"Dice {dice:.2f}{_because(scored.failures(case))}"
    )


def _because(said: str) -> str:
    return f", {said}" if said else ""


def _of_audit(found: DatasetAudit) -> Scored | None:
    """Scores of audited cases, where all have a truth."""
    if not found.has_truth:
        return None
    rows = {
        case.name: {
            label: {"dice": value} for label, value in zip(found.classes, case.output["dice"],
                                                           strict=True)
        }
        for case in found.cases
    }  # fmt: skip
    return Scored(rows, {})


def _unscored(found: DatasetAudit | None, pictures: Mapping[str, bytes]) -> Answer:
    """Nothing is known of the truth: the order in which to look is all that can be said."""
    if found is None:
        return Answer("unknown", "Not validated and not audited: nothing is known of its quality")
    low = sorted(found.cases, key=lambda case: (case.mu == case.mu, case.mu))
    shown = [case for case in low if f"heat_{case.name}" in pictures][:_PICTURED]
    return Answer(
        "unknown",
        f"Not validated: no case has a truth ({len(found.cases)} cases were audited)",
        ["mu orders the cases; how good they are it does not say"],
        pictures=[Picture(pictures[f"heat_{c.name}"], f"{c.name}: mu {c.mu:.2f}") for c in shown],
    )


def _counted(row: Mapping[str, Any], metric: str) -> float:
    """What a row counts with in a mean: no prediction is nothing right."""
    if row.get("status") == "missing" and metric == "dice":
        return 0.0
    return counted_value(dict(row), metric)


def _plain(cell: str) -> str:
    """Undo what keeps a spreadsheet from running a name."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell
