"""The page of the demo."""

from pathlib import Path

from segscope.data import Dataset, write_bytes, write_text
from segscope.inference import Pruned
from segscope.metrics import SHOWN, Summary
from segscope.report import (
    Lines,
    Picture,
    Section,
    Table,
    contour_sheet,
    page,
    pruning_figure,
    read_log,
)
from segscope.report.panels import case_panels, spread_of_cases


def write_demo_page(
    file: Path, run: Path, dataset: Dataset, summary: Summary, pruned: Pruned, *, template: bool
) -> Path:
    """Write the page and, beside it, its contour sheet as a PNG.

    Args:
        file: The page.
        run: Trained.
        dataset: It was trained on.
        summary: Of its validation cases.
        pruned: Its levels.
        template: Whether the data are pieces of the average brain.
    """
    chosen = spread_of_cases(summary)
    by_name = {case.name: case for case in dataset.training}
    titles = {name: f"{name}  Dice {dice:.3f}" for name, dice in chosen}
    sheet = contour_sheet(
        case_panels(
            dataset,
            [by_name[name] for name, _ in chosen],
            {"prediction": run / "validation"},
            titles,
        )
    )
    write_bytes(file.with_name("contours.png"), sheet)
    write_bytes(file.with_name("prune.png"), pruning_figure(pruned.rows))
    curves = read_log(run / "log.csv")
    dice = {n.removeprefix("val_"): c for n, c in curves.items() if n.startswith("val_")}
    said = [f"Trained on {dataset.name}; scores are of validation cases on their own grids."]
    if template:
        said.append(
            "These are pieces of one average brain: they show that the parts work together, "
            "not how accurate a network is on patients."
        )
    sections = [
        Section(
            "Predictions",
            said,
            pictures=[Picture(sheet, "Validation cases from the worst to the best Dice.")],
        ),
        Section("Scores", tables=[_scores(summary)]),
        Section(
            "Training",
            charts=[
                Lines({"training loss": curves["train_loss"]}, "epoch", "loss"),
                Lines(dice, "epoch", "Dice", "On prepared voxels, used to choose the weights."),
            ],
        ),
        Section(
            "Pruning",
            [
                f"L{pruned.level} was kept: the smallest level within {pruned.max_dice_loss:g} "
                "of the best Dice. Each level is the network cut at one of its heads."
            ],
            tables=[_levels(pruned)],
            pictures=[Picture(pruning_figure(pruned.rows), "Time, Dice and size of each level.")],
        ),
    ]
    write_text(file, page(f"segscope demo: {dataset.name}", sections))
    return file


def _scores(summary: Summary) -> Table:
    rows = []
    for label, metrics in summary.by_label.items():
        means = [metrics[m]["mean"] for m in SHOWN]
        rows.append([label, *means, metrics["dice"]["n"], metrics["dice"]["undefined"]])
    caption = "Means over validation cases; n and undefined are those of Dice."
    return Table(["label", *SHOWN, "n", "undefined"], rows, caption)


def _levels(pruned: Pruned) -> Table:
    rows = [
        [
            f"L{row.level}",
            row.parameters,
            row.multiply_adds / 1e9,
            1000 * row.seconds,
            row.dice,
            row.iou,
        ]
        for row in pruned.rows
    ]
    return Table(["level", "parameters", "multiply-adds, G", "ms per patch", "Dice", "IoU"], rows)
