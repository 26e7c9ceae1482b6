"""The page of the content loss study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segscope.data import Dataset, write_bytes, write_text
from segscope.report import Lines, Picture, Section, Table, contour_sheet, page, scores_figure
from segscope.studies.panels import case_panels
from segscope.studies.siamese import METRICS, LossScore, Study
from segscope.studies.siamese_paper import HOLD_OUT, INDEPENDENT
from segscope.training import validation_cases

_SHOWN = ("dice", "tversky", "content", "content_dice")
_FEWEST_FOR_BINS = 9


def write_page(study: Study, dataset: Dataset, folder: Path) -> Path:
    """Write ``report.html`` and its figures into the study's folder."""
    pictures = _figures(study, dataset, folder)
    for name, png in pictures.items():
        write_bytes(folder / f"{name}.png", png)
    sections = [
        _table_one(study),
        _table_two(study),
        Section(
            "Predictions (as Fig. 4)",
            ["The cases with the least and the most foreground, and two between."],
            pictures=[Picture(pictures["contours"], "The expert's contour and four losses'.")],
        ),
        _density(study, pictures),
        _tests(study),
    ]
    file = folder / "report.html"
    write_text(file, page(f"Losses for small lesions on {study.dataset}", sections))
    return file


def _table_one(study: Study) -> Section:
    train = study.recipe.train
    tables = [_rows(study.scores, "Measured: mean (sd) over held-out cases.")]
    if study.challenge:
        tables.append(_rows(study.challenge, "The same in the WMH 2017 challenge's definitions."))
    if study.external:
        caption = f"Measured on another dataset, {study.external_name}."
        tables.append(_rows(study.external, caption))
    heads = ["loss", "Dice", "lesion recall"]
    tables.append(Table(heads, [[n, *v] for n, v in HOLD_OUT.items()], "The paper's hold-out."))
    tables.append(
        Table(heads, [[n, *v] for n, v in INDEPENDENT.items()], "The paper's independent set.")
    )
    return Section(
        "Losses compared (Table 1)",
        [
            f"One network ({study.recipe.network.name}, widths "
            f"{list(study.recipe.network.widths)}), {train.epochs} epochs of "
            f"{train.steps_per_epoch} steps, batch {train.batch_size}, patch "
            f"{list(study.recipe.patch)}, seed {train.seed}, the same samples for all; last "
            f"weights; {len(study.case_names)} held-out cases. The content loss's features had "
            f"weights: {study.features}. Means count a prediction of nothing with the worst value.",
        ],
        tables=tables,
    )


def _rows(scores: Sequence[LossScore], caption: str) -> Table:
    names = ("lesion_recall", "lesion_f1", "dice", "hd95_mm", "avd_percent")
    return Table(
        ["loss", *(name.replace("_", " ") for name in names), "undefined", "minutes"],
        [
            [
                score.loss,
                *(f"{score.means[name]:.4g} ({score.sd[name]:.3g})" for name in names),
                sum(score.undefined[name] for name in METRICS),
                score.minutes,
            ]
            for score in scores
        ],
        caption,
    )


def _table_two(study: Study) -> Section:
    chosen = [s for s in study.scores if s.loss in ("content", "content_game")]
    return Section(
        "Features as they were, and trained against the network (Table 2)",
        ["The game moves the features up the loss while the network goes down; the paper found it "
         "worse."],
        tables=[_rows(chosen, "Measured.")],
    )  # fmt: skip


def _density(study: Study, pictures: dict[str, bytes]) -> Section:
    points = {
        score.loss: (list(study.pcd_percent), list(score.values["avd_percent"]))
        for score in study.scores
    }
    texts = {score.loss: list(study.case_names) for score in study.scores}
    return Section(
        "Volume difference and density (as Fig. 5)",
        ["Positive class density (PCD) is the share of voxels that are foreground."],
        charts=[
            Lines(points, "PCD, %", "volume difference, %", "One point per case and loss.",
                  points=True, texts=texts)
        ],
        pictures=[
            Picture(png, f"By loss: cases of {name.removeprefix('density_')} PCD.")
            for name, png in pictures.items()
            if name.startswith("density_")
        ],
    )  # fmt: skip


def _tests(study: Study) -> Section:
    if not study.tests:
        return Section(
            "Are the differences real?",
            [f"{len(study.case_names)} cases are too few for a paired test (six are the least): "
             "these figures cannot rank the losses."],
        )  # fmt: skip
    return Section(
        "Are the differences real?",
        ["Wilcoxon's signed-rank test of the content loss against each other one, over the same "
         "cases; p corrected by Holm over the losses. Cases of one subject are not independent."],
        tables=[
            Table(
                ["loss", "metric", "content minus loss", "p", "p, Holm"],
                [[t.loss, t.metric, t.difference, t.p, t.p_holm] for t in study.tests],
            )
        ],
    )  # fmt: skip


def _figures(study: Study, dataset: Dataset, folder: Path) -> dict[str, bytes]:
    cases = validation_cases(folder / "runs" / study.scores[0].loss, dataset)
    order = np.argsort(study.pcd_percent)
    places = np.unique(np.linspace(0, len(order) - 1, min(4, len(order))).round().astype(int))
    chosen = [cases[order[k]] for k in places]
    shown = [score.loss for score in study.scores if score.loss in _SHOWN]
    folders = {name: folder / "predictions" / "own" / name for name in shown}
    titles = {cases[k].name: f"{cases[k].name}  PCD {study.pcd_percent[k]:.2g} %" for k in order}
    sheet = contour_sheet(case_panels(dataset, chosen, folders, titles), columns=2)
    return {"contours": sheet, **_boxes(study, order)}


def _boxes(study: Study, order: Any) -> dict[str, bytes]:
    """Volume differences by thirds of PCD, where there are cases enough."""
    if len(order) < _FEWEST_FOR_BINS:
        return {}
    found = {}
    for name, part in zip(("low", "middle", "high"), np.array_split(order, 3), strict=True):
        values = {
            score.loss: [min(score.values["avd_percent"][k], 300.0) for k in part]
            for score in study.scores
        }
        found[f"density_{name}"] = scores_figure(values, "volume difference, % (300 at most)")
    return found
