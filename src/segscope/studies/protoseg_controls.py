"""Layers against their chance, and controls: what SA comes to where nothing was learned.

A layer's chance is its SA with the guide moved half the image away: as large, as compact, and
elsewhere. A layer counts as above it where the interval over subjects leaves out 0 and the test,
corrected over layers, agrees.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segscope.audit.active import ALLOWED, ActiveUnits
from segscope.experiments import Outcome, Trial
from segscope.experiments.measures import Compared
from segscope.experiments.tables import spread
from segscope.report import Section, Table
from segscope.studies import protoseg_numbers as numbers
from segscope.studies.protoseg_measures import ARMS, DETACHED, read_active, read_controls
from segscope.studies.protoseg_numbers import CHANCE, Audits, Subjects

_HEADS = ("network", "layer", "name", "SA", "chance", "SA less chance", "p (Holm)", "")


def controls_section(
    outcome: Outcome, folder: Path, audits: Audits, subjects: Subjects
) -> tuple[dict[str, Any], Section]:
    """Make the section of controls, and its numbers for ``study.json``."""
    chance = {arm: numbers.above_chance(audits[arm], subjects) for arm in ARMS}
    names = audits[ARMS[0]][0].found.layers
    under = {
        arm: numbers.controls(found, names, subjects)
        for arm, found in read_controls(outcome, folder).items()
    }
    facts: dict[str, Any] = {
        "above_chance": {arm: [chance_facts(one) for one in of] for arm, of in chance.items()},
        "controls": {
            arm: {name: [vars(one) for one in of.values()] for name, of in controls.items()}
            for arm, controls in under.items()
        },
    }
    tables = [
        Table(_HEADS, [row for arm in ARMS for row in chance_rows(arm, chance[arm])],
              "Mean, sd between subjects (95 % interval); paired by subject.")
    ]  # fmt: skip
    for arm, controls in under.items():
        kinds = list(controls)
        rows = [[k, name, *(spread(controls[kind][name]) for kind in kinds)]
                for k, name in enumerate(names, start=1)]  # fmt: skip
        tables.append(Table(["layer", "name", *kinds], rows, f"SA under controls, {arm}."))
    if audits.get(DETACHED):
        found = numbers.against_offline(audits, DETACHED, subjects)
        facts["detached"] = [
            {"name": one.name, **{arm: vars(of) for arm, of in one.arms.items()},
             "difference": vars(one.difference.estimate)}
            for one in found
        ]  # fmt: skip
        rows = [[one.name, *(spread(one.arms[arm]) for arm in (ARMS[0], DETACHED)),
                 str(one.difference.estimate), one.difference.p_holm] for one in found]  # fmt: skip
        heads = ["", ARMS[0], DETACHED, "difference", "p (Holm)"]
        tables.append(Table(heads, rows, "The online loss whose guide teaches nothing."))
    units = read_active(outcome, folder)
    facts["active"] = [
        {"arm": trial.arm.name, "draw": trial.draw.name, "units": len(one.order),
         "active": one.active, "dice": one.dice, "random": one.random, "whole": one.dice_whole}
        for trial, one in units
    ]  # fmt: skip
    tables += [active_table(units)] if units else []
    said = [
        "Chance is SA with the guide moved half the image away. Untrained: the same network with "
        "random weights, its own output as guide. Other truth: the trained network's maps against "
        "another subject's truth. What a layer scores counts by what it adds to these.",
        *(_sentence(arm, chance[arm]) for arm in ARMS),
    ]
    return facts, Section("Layers against chance, and controls", said, tables=tables)


def active_table(found: Sequence[tuple[Trial, ActiveUnits]]) -> Table:
    """How many units of the last layer are needed, by network (eqs. 9 to 11)."""
    rows = [
        [trial.arm.name, trial.draw.name, one.layer, len(one.order), one.active, one.dice_whole,
         one.dice[one.active - 1], one.random[one.active - 1]]
        for trial, one in found
    ]  # fmt: skip
    heads = ["network", "draw", "last layer", "units", "active, N_1", "Dice, all", "Dice, N_1",
             "Dice, as many at random"]  # fmt: skip
    return Table(
        heads, rows,
        "The others are replaced by their means over these cases. N_1 is the fewest units, by "
        "agreement with the output, with which, and with any more, Dice falls by no more than "
        f"{ALLOWED:g}.",
    )  # fmt: skip


def is_above(one: Compared) -> bool:
    """Whether a layer is shown to be above its chance."""
    return one.difference.shown and one.difference.estimate.mean > 0


def chance_rows(arm: str, found: Sequence[Compared]) -> list[list[Any]]:
    """One row per layer: SA, chance, what is between them, and whether that is shown."""
    return [
        [arm, k, one.name, spread(one.arms["SA"]), spread(one.arms[CHANCE]),
         str(one.difference.estimate), one.difference.p_holm,
         "above chance" if is_above(one) else "not shown"]
        for k, one in enumerate(found, start=1)
    ]  # fmt: skip


def chance_facts(one: Compared) -> dict[str, Any]:
    """A layer's numbers as plain values."""
    return {
        "name": one.name,
        **{arm: vars(found) for arm, found in one.arms.items()},
        "difference": vars(one.difference.estimate),
        "p_holm": one.difference.p_holm,
        "above": is_above(one),
    }


def _sentence(arm: str, found: Sequence[Compared]) -> str:
    above = sum(map(is_above, found))
    return f"{arm}: {above} of {len(found)} layers are shown to be above their chance."
