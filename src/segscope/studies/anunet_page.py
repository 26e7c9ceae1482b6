"""The page and tables of the ANU-Net study."""

import csv
import io
from pathlib import Path
from typing import Any

from segscope.data import Dataset, write_bytes, write_text
from segscope.report import (
    Lines,
    Picture,
    Section,
    Table,
    attention_figure,
    contour_sheet,
    page,
    pruning_figure,
    read_log,
    scores_figure,
)
from segscope.studies.anunet import METRICS, Study
from segscope.studies.anunet_paper import NETWORKS, PRUNING, SEGMENTATION
from segscope.studies.panels import case_panels
from segscope.training import validation_cases


def write_page(study: Study, dataset: Dataset, folder: Path) -> Path:
    """Write ``report.html``, ``scores.csv`` and the figures as PNG files into ``folder``."""
    figures = _figures(study, dataset, folder)
    for name, (png, _) in figures.items():
        write_bytes(folder / f"{name}.png", png)
    write_text(folder / "scores.csv", _scores_csv(study))
    sections = [
        Section(
            "Six networks, one split, one budget",
            [_setting(study)],
            tables=[_scores_table(study), *_paper_tables()],
            pictures=_pick(figures, "dice_of_cases"),
        ),
        Section(
            "Contours (as Figs. 8-11)",
            ["Cases at equal steps from the worst to the best Dice of ANU-Net."],
            pictures=_pick(figures, "contours"),
        ),
        Section("Training", charts=[_curves(study, folder)]),
    ]
    if study.attention:
        sections.append(
            Section(
                "Attention over epochs (as Fig. 12)",
                ["Gates at full resolution; node i,j,k is the skip X(i,k) into X(i,j)."],
                pictures=_pick(figures, "attention"),
            )
        )
    if study.levels:
        sections.append(
            Section(
                "Pruned networks (as Table 6 and Fig. 13)",
                [
                    "The paper's times are for 2,000 images including what is not the network; "
                    "its Dice and IoU of L1 and L2 are swapped in print and given the right way "
                    "round here, those of L3 are corrupt in print."
                ],
                tables=[_levels_table(study), _paper_levels()],
                pictures=_pick(figures, "pruning"),
            )
        )
    file = folder / "report.html"
    write_text(file, page(f"ANU-Net and its peers on {study.dataset}", sections))
    return file


def _setting(study: Study) -> str:
    train, patch = study.recipe.train, study.recipe.patch
    first = study.scores[0]
    return (
        f"{train.epochs} epochs of {train.steps_per_epoch} steps, batch {train.batch_size}, "
        f"patch {list(patch)}, widths {list(study.recipe.network.widths)}, seed {train.seed}, one "
        f"split by subject; {first.cases} pairs of validation case and label, {first.undefined} "
        "without a defined Dice. The weights were chosen on the same validation fold, for all six "
        "alike: these are not test results, and one seed cannot rank networks whose means lie "
        "within the spread."
    )


def _scores_table(study: Study) -> Table:
    rows: list[list[Any]] = [
        [
            NETWORKS[s.network],
            *(f"{s.means[m]:.4f} ({s.sd[m]:.4f})" for m in METRICS),
            s.parameters,
            s.multiply_adds / 1e9,
            s.minutes,
            s.best_epoch,
        ]
        for s in study.scores
    ]
    columns = ["network", *METRICS, "parameters", "multiply-adds, G", "minutes", "best epoch"]
    return Table(columns, rows, "Measured: mean over cases (standard deviation between cases).")


def _paper_tables() -> list[Table]:
    return [
        Table(
            ["network", "IoU %", "Dice %", "precision", "recall"],
            [[NETWORKS[name], *values] for name, values in rows.items()],
            f"The paper's {title}",
        )
        for title, rows in SEGMENTATION.items()
    ]


def _levels_table(study: Study) -> Table:
    deepest = study.levels[-1].seconds
    rows = [
        [
            f"L{row.level}",
            row.parameters,
            row.multiply_adds / 1e9,
            1000 * row.seconds,
            row.seconds / deepest,
            row.dice,
            row.iou,
        ]
        for row in study.levels
    ]
    columns = ["level", "parameters", "multiply-adds, G", "ms", "of the deepest", "Dice", "IoU"]
    return Table(columns, rows, "Measured on the validation cases.")


def _paper_levels() -> Table:
    rows = [[f"L{level}", *values] for level, values in PRUNING.items()]
    columns = ["level", "parameters, M", "seconds for 2,000", "Dice %", "IoU %"]
    return Table(columns, rows, "The paper's Table 6: liver, CT (LiTS)")


def _curves(study: Study, folder: Path) -> Lines:
    series = {}
    for score in study.scores:
        curves = read_log(folder / "runs" / score.network / "log.csv")
        if "val_dice" in curves:
            series[NETWORKS[score.network]] = curves["val_dice"]
    return Lines(series, "epoch", "validation Dice", "On prepared voxels.")


def _figures(study: Study, dataset: Dataset, folder: Path) -> dict[str, tuple[bytes, str]]:
    runs = folder / "runs"
    values = {NETWORKS[s.network]: s.case_dice for s in study.scores}
    found = {
        "dice_of_cases": (
            scores_figure(values, "Dice"),
            "Dice of every validation case (points), quartiles (boxes).",
        )
    }
    shown = [s for s in study.scores if s.network in ("anunet", "unet")] or [study.scores[-1]]
    cases = {case.name: case for case in validation_cases(runs / shown[-1].network, dataset)}
    chosen = [name for name in study.shown_cases if name in cases]
    folders = {NETWORKS[s.network]: runs / s.network / "validation" for s in shown}
    sheet = contour_sheet(case_panels(dataset, [cases[n] for n in chosen], folders, {}))
    found["contours"] = (sheet, "The expert's contour and those of two networks.")
    if study.attention:
        maps = [(m.epoch, m.node, m.coefficients) for m in study.attention]
        found["attention"] = (
            attention_figure(study.image, study.truth, maps),
            "Attention coefficients of one validation image.",
        )
    if study.levels:
        found["pruning"] = (pruning_figure(study.levels), "Time, Dice and size of each level.")
    return found


def _pick(figures: dict[str, tuple[bytes, str]], name: str) -> list[Picture]:
    png, caption = figures[name]
    return [Picture(png, caption)]


def _scores_csv(study: Study) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["network", *METRICS, *(f"{m}_sd" for m in METRICS), "parameters", "multiply_adds",
         "minutes", "best_epoch", "pairs", "undefined"]
    )  # fmt: skip
    for s in study.scores:
        means, sds = [s.means[m] for m in METRICS], [s.sd[m] for m in METRICS]
        writer.writerow(
            [s.network, *means, *sds, s.parameters, s.multiply_adds, s.minutes, s.best_epoch,
             s.cases, s.undefined]
        )  # fmt: skip
    return text.getvalue()
