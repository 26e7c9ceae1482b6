"""What the ANU-Net study shows beyond a comparison: the paper's tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, to_csv, write_bytes, write_text
from segscope.experiments import Outcome, draw_contours, pictured
from segscope.experiments.statistics import (
    Difference,
    Estimate,
    differences,
    estimate,
    mean_known,
)
from segscope.experiments.tables import (
    differences_table,
    headed,
    minutes,
    scores_table,
    spread,
    trained_as,
)
from segscope.inference import LevelRow
from segscope.report import (
    Picture,
    Section,
    Table,
    pruning_figure,
    scores_figure,
)
from segscope.report.panels import at_equal_steps
from segscope.studies.anunet_attention import read_attention
from segscope.studies.anunet_levels import level_values, read_levels
from segscope.studies.declared import read_paper, write_facts

PAPER = read_paper("anunet")
NETWORKS: dict[str, str] = PAPER["networks"]
"""The six networks in the order of the paper's tables, with their printed names."""

_PICTURED = 8


def sections(outcome: Outcome, dataset: Dataset, folder: Path) -> list[Section]:
    """Make the paper's tables and figures from the trials' folders, ``study.json`` and
    ``networks.csv``."""
    trials, levels = read_levels(outcome, folder)
    values = {metric: level_values(outcome, folder, metric) for metric in ("dice", "iou")}
    found = {m: {k: estimate(v) for k, v in of_levels.items()} for m, of_levels in values.items()}
    plain = {m: {k: vars(one) for k, one in levels.items()} for m, levels in found.items()}
    rows = [asdict(row) for row in levels]
    facts = {"levels": rows, "levels_trials": trials, "levels_by_subject": plain}
    write_facts(folder, "anunet", outcome, **json_ready(facts))
    write_text(folder / "networks.csv", to_csv(_rows(outcome)))
    shown = [_networks(outcome, folder), *_contours(outcome, dataset, folder)]
    shown += _attention(outcome, folder)
    if levels:
        apart = differences(values["dice"], f"L{levels[-1].level}")
        shown.append(_pruned(trials, levels, found, apart, folder))
    return shown


def _networks(outcome: Outcome, folder: Path) -> Section:
    sizes = {name: _size(outcome, name) for name in outcome.costs}
    cells = {name: (size[0], size[1] / 1e9) for name, size in sizes.items()}
    measured = scores_table(
        outcome, "Measured.", names=NETWORKS, extra=cells,
        columns=["parameters", "multiply-adds, G"],
    )  # fmt: skip
    values = {NETWORKS[name]: list(outcome.of_cases(name, "dice").values()) for name in sizes}
    png = scores_figure(values, "Dice")
    write_bytes(folder / "dice_of_cases.png", png)
    return Section(
        "Six networks, the same draws, one budget (Tables 2-5)",
        [
            f"{trained_as(outcome)}; the same samples in the same order for all "
            "networks of a draw; last weights; scores are of test cases, which choose nothing."
        ],
        tables=[measured, *_paper_tables()],
        pictures=[Picture(png, "Dice of every test case (points), quartiles (boxes).")],
    )


def _paper_tables() -> list[Table]:
    return [
        headed(
            ["network", "IoU %", "Dice %", "precision", "recall"],
            {NETWORKS[name]: values for name, values in rows.items()},
            f"The paper's {title}",
        )
        for title, rows in PAPER["segmentation"].items()
    ]


def _contours(outcome: Outcome, dataset: Dataset, folder: Path) -> list[Section]:
    """Cases from the worst to the best, at equal steps, so that nothing is hidden."""
    reference = outcome.experiment.reference
    dice = {n: v for n, v in outcome.of_cases(reference, "dice").items() if v == v}
    order = sorted(dice, key=lambda name: dice[name])
    shown = [reference, *(n for n in ("unet",) if n != reference and n in outcome.costs)]
    cases = {name: name for name in at_equal_steps(order, _PICTURED)}
    named = {name: NETWORKS[name] for name in shown}
    sheet = draw_contours(outcome, dataset, folder, named, cases, columns=4)
    said = f"Cases at equal steps from the worst to the best Dice of {NETWORKS[reference]}."
    caption = "The expert's contour and the networks'."
    return pictured("Contours (as Figs. 8-11)", said, sheet, caption)


def _attention(outcome: Outcome, folder: Path) -> list[Section]:
    found = read_attention(outcome, folder)
    if found is None:
        return []
    case, png = found
    write_bytes(folder / "attention.png", png)
    said = "Gates at full resolution; node i,j,k is the skip X(i,k) into X(i,j)."
    caption = f"Attention coefficients of test case {case}."
    return pictured("Attention over epochs (as Fig. 12)", said, png, caption)


def _pruned(
    trials: int,
    levels: list[LevelRow],
    found: Mapping[str, Mapping[str, Estimate]],
    apart: Sequence[Difference],
    folder: Path,
) -> Section:
    png = pruning_figure(levels)
    write_bytes(folder / "pruning.png", png)
    printed = {f"L{level}": values for level, values in PAPER["pruning"].items()}
    heads = ["level", "parameters, M", "seconds for 2,000", "Dice %", "IoU %"]
    return Section(
        "Pruned networks (as Table 6 and Fig. 13)",
        [
            "The paper's times are for 2,000 images including what is not the network; its Dice "
            "and IoU of L1 and L2 are swapped in print and given the right way round here, those "
            "of L3 are corrupt in print."
        ],
        tables=[
            _levels_table(trials, levels, found),
            differences_table(apart, "Dice of each level, paired by subject."),
            headed(heads, printed, "The paper's Table 6: liver, CT (LiTS)"),
        ],
        pictures=[Picture(png, "Time, Dice and size of each level.")],
    )


def _levels_table(
    trials: int, levels: list[LevelRow], found: Mapping[str, Mapping[str, Estimate]]
) -> Table:
    deepest = levels[-1].seconds
    rows = []
    for row in levels:
        dice, iou = (found[metric][f"L{row.level}"] for metric in ("dice", "iou"))
        size = [row.parameters, row.multiply_adds / 1e9, 1000 * row.seconds, row.seconds / deepest]
        rows.append([f"L{row.level}", *size, spread(dice), spread(iou), dice.n, dice.undefined])
    columns = ["level", "parameters", "multiply-adds, G", "ms", "of the deepest", "Dice", "IoU",
               "subjects", "undefined"]  # fmt: skip
    said = f"Measured on test cases of {trials} trials: mean, sd between subjects (95 % interval)."
    return Table(columns, rows, said)


def _rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row per network."""
    rows = []
    for name in outcome.costs:
        row: dict[str, Any] = {"network": name}
        for metric in outcome.experiment.metrics:
            found = outcome.estimates(metric)[name]
            row |= {metric: found.mean, f"{metric}_sd": found.sd, f"{metric}_n": found.n,
                    f"{metric}_undefined": found.undefined}  # fmt: skip
        parameters, multiply_adds = _size(outcome, name)
        row |= {"parameters": int(parameters), "multiply_adds": int(multiply_adds),
                "minutes": minutes(outcome, name)}  # fmt: skip
        rows.append(row)
    return rows


def _size(outcome: Outcome, name: str) -> tuple[float, float]:
    costs = outcome.costs[name]
    return (
        mean_known([float(cost["parameters"]) for cost in costs]),
        mean_known([float(cost["multiply_adds"]) for cost in costs]),
    )
