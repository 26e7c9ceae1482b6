"""What the mask study shows beyond a comparison: the paper's tables and figures, by subjects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, to_csv, write_bytes, write_text
from segscope.experiments import Outcome, draw_contours, pictured
from segscope.experiments.curves import converged_rows, converged_table, loss_charts
from segscope.experiments.sizes import size_figure, size_pairs, size_table
from segscope.experiments.statistics import Estimate, by_subject, estimate, mean_known
from segscope.experiments.trial import read_result
from segscope.report import Picture, Section, Table, feature_sheet
from segscope.studies.declared import read_paper, write_facts
from segscope.studies.gbm_gains import gain_table, paper_tables
from segscope.studies.gbm_masks import SHEET
from segscope.studies.gbm_measures import (
    inputs_of,
    masks_step,
    method_of,
    pictured_trials,
    read_maps,
    read_modalities,
    shown_size,
)
from segscope.workflows.modalities import ModalityRow

PAPER = read_paper("gbm")
_PICTURED = 4
_NAMES = ("image", "mask", "image and mask")


def sections(
    outcome: Outcome, dataset: Dataset, folder: Path, *, layer: str | None
) -> list[Section]:
    """Make the paper's tables and figures from the trials' folders, ``study.json``,
    ``results.csv`` and ``modalities.csv``."""
    changed = read_modalities(outcome, folder)
    subjects = {case.name: case.group for case in dataset.training}
    masks = _mask_dice(outcome, folder)
    facts = {"masks": {"method": method_of(outcome), "dice": vars(masks)},
             "by_size": {size: outcome.of_size(size).to_dict()["arms"] for size in outcome.sizes},
             "modalities": [asdict(row) for row in changed]}  # fmt: skip
    write_facts(folder, "gbm", outcome, **json_ready(facts))
    write_text(folder / "results.csv", to_csv(converged_rows(outcome)))
    if changed:
        write_text(folder / "modalities.csv", to_csv([asdict(row) for row in changed]))
    return [
        _dice(outcome, folder),
        _centres(outcome),
        _convergence(outcome),
        _masks(outcome, folder, masks),
        *modality_sections(changed, subjects),
        *_contours(outcome, dataset, folder),
        *_features(outcome, folder, layer),
    ]


def mean_dice(table: Mapping[int, Mapping[str, Sequence[Sequence[float]]]]) -> list[list[float]]:
    """Mean over structures of each input, with the size before them (Fig. 4).

    Example:
        >>> [round(value, 2) for value in mean_dice(PAPER["heart_dice"])[0]]
        [1, 0.46, 0.67, 0.68]
    """
    return [
        [size, *(mean_known([arms[k][0] for arms in rows.values()]) for k in range(3))]
        for size, rows in table.items()
    ]


def _dice(outcome: Outcome, folder: Path) -> Section:
    recipe: dict[str, Any] = outcome.trials[0].recipe or {}
    train, draw = recipe["train"], outcome.experiment.draws[0]
    png = size_figure(outcome, "dice")
    write_bytes(folder / "learning.png", png)
    seeds = len({draw.seed for draw in outcome.experiment.draws})
    heart, brain = PAPER["heart_dice"], PAPER["brain_dice"]
    return Section(
        "Dice by training subjects (Tables 1 and 2, Fig. 4)",
        [
            f"{recipe['network']['name']}, widths {list(recipe['network']['widths'])}, patch "
            f"{list(recipe['patch'])}, {train['epochs']} epochs of {train['steps_per_epoch']} "
            f"steps, batch {train['batch_size']}, the same for all; {seeds} draws of subjects and "
            f"weights. The weights are the best on {len(draw.val)} cases, the figures are of "
            f"{len(draw.test)} others. Masks come from method {method_of(outcome)}; those from "
            "labels are what no image can give, an upper bound."
        ],
        tables=[
            size_table(outcome, "dice"),
            size_pairs(outcome, "dice"),
            gain_table(outcome),
            *paper_tables({"heart": mean_dice(heart), "brain": mean_dice(brain)}),
            Table(["cases", *_NAMES], mean_dice(heart), "The paper, heart: mean of labels."),
            Table(["cases", *_NAMES], mean_dice(brain), "The paper, brain: mean of labels."),
            Table(["cases", "label", *_NAMES], _printed(heart), "The paper's Table 2."),
            Table(["cases", "label", *_NAMES], _printed(brain), "The paper's Table 1."),
        ],
        pictures=[Picture(png, "Mean Dice; bars: 95 % interval over subjects.")],
    )  # fmt: skip


def _printed(table: Mapping[int, Mapping[str, Sequence[Sequence[float]]]]) -> list[list[Any]]:
    return [
        [size, label, *(f"{mean:.2f} ({sd:.2f})" for mean, sd in arms)]
        for size, rows in table.items()
        for label, arms in rows.items()
    ]


def _centres(outcome: Outcome) -> Section:
    paper = [
        [part, label, f"{mean} ({sd})"]
        for part in ("brain", "heart")
        for label, (mean, sd) in PAPER[f"{part}_centre_mm"].items()
    ]
    return Section(
        "Distance of centres of mass, mm (Tables 3 and 4)",
        ["Where nothing was predicted, the diagonal of the image counts."],
        tables=[
            size_table(outcome, "centre_mm"),
            Table(["part", "label", "mask alone"], paper, "The paper, all training cases."),
        ],
    )


def _convergence(outcome: Outcome) -> Section:
    paper = [
        [part, size, *hours]
        for part in ("brain", "heart")
        for size, hours in PAPER[f"{part}_hours"].items()
    ]
    return Section(
        "Time to converge (Tables 5 and 6, Fig. 6)",
        ["A run has converged at the first epoch whose validation loss (1 - Dice) is within 0.01 "
         "of its lowest; the span of epochs is the same for all, and the learning rate falls over "
         "it unless it is constant, so these figures compare runs and say little by themselves."],
        tables=[
            converged_table(outcome),
            Table(["part", "cases", "image, h", "image and mask, h"], paper, "The paper."),
        ],
        charts=loss_charts(outcome),
    )  # fmt: skip


def _mask_dice(outcome: Outcome, folder: Path) -> Estimate:
    rows = (read_result(folder, masks_step(outcome)) or {"rows": []})["rows"]
    dice = [(row["subject"], row["case"], row["scores"]["dice"]) for row in rows]
    return estimate(by_subject([(s, c, math.nan if v is None else v) for s, c, v in dice]))


def _masks(outcome: Outcome, folder: Path, dice: Estimate) -> Section:
    sheet = folder / masks_step(outcome).place / SHEET
    caption = f"Masks by method {method_of(outcome)}, of test cases."
    return Section(
        "The masks",
        [f"Dice of the masks of the test cases with the union of the labels: {dice}."],
        pictures=[Picture(sheet.read_bytes(), caption)] if sheet.is_file() else [],
    )


def modality_sections(rows: Sequence[ModalityRow], subjects: Mapping[str, str]) -> list[Section]:
    """Lay rows out, averaged by subject; nothing of none.

    Args:
        rows: Of any cases.
        subjects: Of the cases.
    """
    if not rows:
        return []
    table = []
    for change in dict.fromkeys(row.change for row in rows):
        of = [row for row in rows if row.change == change]
        masks = by_subject([(subjects[row.case], row.case, row.mask_dice) for row in of])
        labels = by_subject([(subjects[row.case], row.case, row.dice) for row in of])
        table.append([change, str(estimate(masks)), str(estimate(labels))])
    same = "yes" if all(row.same_mask_same_bits for row in rows) else "NO"
    return [
        Section(
            "Other intensities, other modalities",
            [f"The network that is shown the mask alone gives the same bits for the same mask: "
             f"{same}. Where the mask is made anew from a changed image, both may differ:"],
            tables=[Table(["image", "Dice of masks", "Dice of predictions"], table,
                          "Mean (95 % interval over subjects, n subjects).")],
        )
    ]  # fmt: skip


def _contours(outcome: Outcome, dataset: Dataset, folder: Path) -> list[Section]:
    trials = pictured_trials(outcome)
    part = outcome.of_draws([trials[0].draw.name])
    arms = {trial.arm.name: trial.arm.name for trial in trials}
    cases = {name: name for name in trials[0].draw.test[:_PICTURED]}
    sheet = draw_contours(part, dataset, folder, arms, cases)
    said = f"Test cases of runs with {shown_size(outcome)} training subjects, first seed."
    caption = "The expert's contour and each input's."
    return pictured("Contours (as Figs. 3 and 5)", said, sheet, caption)


def _features(outcome: Outcome, folder: Path, layer: str | None) -> list[Section]:
    """The same layer of each input's network; also of the image alone with twice the subjects."""
    trials = pictured_trials(outcome, twice=True)
    found = {f"{inputs_of(trial)}, {trial.draw.size}": maps for trial in trials
             if (maps := read_maps(folder, trial, layer)) is not None}  # fmt: skip
    if not found:
        return []
    first = next(iter(found.values()))
    sheet = feature_sheet({name: maps.maps for name, maps in found.items()}, first.image,
                          first.truth)  # fmt: skip
    write_bytes(folder / "features.png", sheet)
    said = (
        "All channels of one layer, by what the network is shown and training subjects; each "
        "channel has its own scale. On the left the image and the expert's contour."
    )
    caption = "Channels of the same layer in each network."
    return pictured("Feature maps (as Figs. 7 and 8)", said, sheet, caption)
