"""What the content loss study shows beyond a comparison: the paper's tables and figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import Dataset, json_ready, read_label_of, write_bytes
from segscope.experiments import Outcome, cases_of, draw_contours, pictured, scored_again
from segscope.experiments.tables import headed, scores_table
from segscope.images import Case
from segscope.report import Lines, Picture, Section, scores_figure
from segscope.report.panels import at_equal_steps
from segscope.studies.declared import read_paper, write_facts

_SHOWN = ("dice", "tversky", "content", "content_dice")
_GAME = ("content", "content_game")
_FEWEST_FOR_BINS = 9
_MOST = 300.0


def sections(outcome: Outcome, dataset: Dataset, folder: Path) -> list[Section]:
    """Make the paper's tables and figures from the trials' folders, and ``study.json``."""
    again = scored_again(outcome, folder)
    cases = cases_of(dataset, sorted({row["case"] for row in outcome.rows}))
    pcd = {case.name: density(dataset, case) for case in cases}
    _write_facts(outcome, folder, pcd, again)
    found = [_table_one(outcome, again)]
    found += _table_two(outcome)
    found += _contours(outcome, dataset, folder, pcd)
    return [*found, _density(outcome, folder, pcd)]


def density(dataset: Dataset, case: Case) -> float:
    """Positive class density (PCD): percent of voxels that are foreground."""
    label = read_label_of(dataset, case).array
    return 100 * float(np.count_nonzero(label)) / label.size


def features_of(outcome: Outcome) -> str:
    """Weights of the content losses' features, as asked for; empty where none is an arm."""
    asked = [t.recipe["loss"] for t in outcome.trials if t.recipe]
    found = {str(loss["options"]["weights"]) for loss in asked if loss["name"] == "content"}
    return ", ".join(sorted(found))


def _write_facts(
    outcome: Outcome, folder: Path, pcd: dict[str, float], again: dict[str, tuple[str, Outcome]]
) -> None:
    others = {
        name: {"dataset": dataset, "cases": len({row["case"] for row in scored.rows}),
               "arms": scored.to_dict()["arms"]}
        for name, (dataset, scored) in again.items()
    }  # fmt: skip
    facts = {"features": features_of(outcome), "pcd_percent": pcd, "again": others}
    write_facts(folder, "siamese", outcome, **json_ready(facts))


def _table_one(outcome: Outcome, again: dict[str, tuple[str, Outcome]]) -> Section:
    tables = [scores_table(outcome, "Measured.")]
    for name, (dataset, scored) in sorted(again.items(), reverse=True):
        where = "The same in the WMH 2017 challenge's definitions."
        if name.startswith("external"):
            where = f"Measured on another dataset, {dataset}."
        tables.append(scores_table(scored, where))
    printed = read_paper("siamese")
    heads = ["loss", "Dice", "lesion recall"]
    for key, caption in (
        ("hold_out", "The paper's hold-out."),
        ("independent", "The paper's independent set."),
    ):
        tables.append(headed(heads, printed[key], caption))
    recipe: dict[str, Any] = outcome.trials[0].recipe or {}
    network, train = recipe["network"], recipe["train"]
    features = features_of(outcome)
    said = f" The content loss's features had weights: {features}." if features else ""
    return Section(
        "Losses compared (Table 1)",
        [
            f"One network ({network['name']}, widths {list(network['widths'])}), "
            f"{train['epochs']} epochs of {train['steps_per_epoch']} steps, batch "
            f"{train['batch_size']}, patch {list(recipe['patch'])}, the same samples for all "
            f"losses of a draw; last weights.{said} Means count a prediction of nothing with the "
            "worst value."
        ],
        tables=tables,
    )


def _table_two(outcome: Outcome) -> list[Section]:
    rows = tuple(row for row in outcome.rows if row["arm"] in _GAME)
    if {row["arm"] for row in rows} != set(_GAME):
        return []
    chosen = Outcome(outcome.experiment, rows, outcome.costs, outcome.undone, outcome.trials)
    said = (
        "The game moves the features up the loss while the network goes down; the paper found it "
        "worse."
    )
    title = "Features as they were, and trained against the network (Table 2)"
    return [Section(title, [said], tables=[scores_table(chosen, "Measured.")])]


def _contours(
    outcome: Outcome, dataset: Dataset, folder: Path, pcd: dict[str, float]
) -> list[Section]:
    """Cases with the least and the most foreground, and two between."""
    order = sorted(pcd, key=lambda name: pcd[name])
    arms = [arm.name for arm in outcome.experiment.arms]
    shown = [name for name in _SHOWN if name in arms] or arms[:1]
    titles = {name: f"{name}  PCD {pcd[name]:.2g} %" for name in at_equal_steps(order, 4)}
    sheet = draw_contours(outcome, dataset, folder, {name: name for name in shown}, titles)
    said = "The cases with the least and the most foreground, and two between."
    caption = f"The expert's contour and those of {', '.join(shown)}."
    return pictured("Predictions (as Fig. 4)", said, sheet, caption)


def _density(outcome: Outcome, folder: Path, pcd: dict[str, float]) -> Section:
    arms = dict.fromkeys(str(row["arm"]) for row in outcome.rows)
    by_loss = {arm: outcome.of_cases(arm, "avd_percent") for arm in arms}
    points = {
        arm: ([pcd[name] for name in found], list(found.values())) for arm, found in by_loss.items()
    }
    chart = Lines(
        points,
        "PCD, %",
        "volume difference, %",
        "One point per case and loss, over seeds the mean.",
        points=True,
        texts={arm: list(found) for arm, found in by_loss.items()},
    )
    return Section(
        "Volume difference and density (as Fig. 5)",
        ["Positive class density (PCD) is the share of voxels that are foreground."],
        charts=[chart],
        pictures=_boxes(by_loss, sorted(pcd, key=lambda name: pcd[name]), folder),
    )


def _boxes(
    by_loss: dict[str, dict[str, float]], order: Sequence[str], folder: Path
) -> list[Picture]:
    """Volume differences by thirds of PCD, where there are cases enough."""
    if len(order) < _FEWEST_FOR_BINS:
        return []
    found = []
    for name, part in zip(("low", "middle", "high"), np.array_split(order, 3), strict=True):
        values = {
            loss: [min(of_cases[str(case)], _MOST) for case in part if str(case) in of_cases]
            for loss, of_cases in by_loss.items()
        }
        png = scores_figure(values, f"volume difference, % ({_MOST:g} at most)")
        write_bytes(folder / f"density_{name}.png", png)
        found.append(Picture(png, f"By loss: cases of {name} PCD."))
    return found
