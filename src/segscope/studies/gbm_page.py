"""The page of the global binary mask study."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from segscope.data import Dataset, to_csv, write_bytes, write_text
from segscope.images import Case
from segscope.inference import load_model
from segscope.report import (
    Lines,
    Picture,
    Section,
    Table,
    contour_sheet,
    feature_sheet,
    learning_figure,
    page,
)
from segscope.studies.feature_maps import feature_maps
from segscope.studies.gbm import Job, Result, Study, mean_known
from segscope.studies.gbm_paper import (
    BRAIN_CENTRE_MM,
    BRAIN_DICE,
    BRAIN_HOURS,
    HEART_CENTRE_MM,
    HEART_DICE,
    HEART_HOURS,
    Arm,
    mean_dice,
)
from segscope.studies.modalities import ModalityRow, check_modalities
from segscope.studies.panels import case_panels
from segscope.training import labelled

_SHOWN_SIZE = 4  # the paper's pictures are of four training cases
_PICTURED = 4
_CHECKED = 5


def write_page(study: Study, dataset: Dataset, folder: Path, *, layer: str | None = None) -> Path:
    """Write ``report.html``, ``results.csv`` and the figures as PNG files into ``folder``.

    Args:
        study: Whole.
        dataset: Of the study.
        folder: Of the study.
        layer: Whose channels are shown; the last one by default.
    """
    by_name = {case.name: case for case in labelled(dataset)}
    tested = [by_name[name] for name in study.roles.test]
    modalities = _modalities(study, dataset, folder, tested)
    pictures = _pictures(study, dataset, folder, tested, layer)
    for name, png in pictures.items():
        write_bytes(folder / f"{name}.png", png)
    write_text(folder / "results.csv", to_csv(rows_of(study)))
    if modalities:
        write_text(folder / "modalities.csv", to_csv([asdict(row) for row in modalities]))
    sections = [
        _dice(study, pictures),
        _centres(study),
        _convergence(study),
        _masks(study, folder),
        *_independence(modalities),
        Section(
            "Contours (as Figs. 3 and 5)",
            [f"Test cases of runs with {_shown_size(study)} training subjects, first seed."],
            pictures=[Picture(pictures["contours"], "The expert's contour and each input's.")],
        ),
        Section(
            "Feature maps (as Figs. 7 and 8)",
            ["All channels of one layer, by what the network is shown; each channel has its own "
             "scale. On the left the image or, for the mask alone, the mask."],
            pictures=[Picture(pictures["features"], "Channels of the same layer in each network.")],
        ),
    ]  # fmt: skip
    file = folder / "report.html"
    write_text(file, page(f"Image, mask or both: few cases of {study.dataset}", sections))
    return file


def rows_of(study: Study) -> list[dict[str, Any]]:
    """One row per run and label: means over the test cases, with how many are undefined."""
    rows = []
    for result in study.results:
        for label, values in result.dice.items():
            apart = [d for d in result.centre_mm[label] if math.isfinite(d)]
            rows.append(
                {
                    "arm": result.job.arm,
                    "subjects": result.job.size,
                    "cases": len(result.job.train),
                    "seed": result.job.seed,
                    "label": label,
                    "dice": mean_known(values),
                    "centre_mm": mean_known(apart),
                    "n": len(values),
                    "centre_undefined": len(values) - len(apart),
                    "epochs_to_converge": result.epochs,
                    "minutes_to_converge": result.minutes,
                    "minutes": result.total_minutes,
                }
            )
    return rows


def of_arm(study: Study, arm: str, size: int) -> list[Result]:
    """All seeds of one input and size."""
    return [r for r in study.results if r.job.arm == arm and r.job.size == size]


def arms_of(study: Study) -> list[str]:
    """What is compared, in order."""
    return list(dict.fromkeys(result.job.arm for result in study.results))


def sizes_of(study: Study) -> list[int]:
    """Numbers of training subjects."""
    return sorted({result.job.size for result in study.results})


def spread(values: Sequence[float]) -> str:
    """Mean (sd) of the finite values, and how many are not.

    Example:
        >>> spread([1.0, 3.0, float("inf")]), spread([])
        ('2.000 (1.000), 1 undefined', '')
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return f"{len(values)} undefined" if values else ""
    rest = f", {len(values) - len(known)} undefined" if len(known) < len(values) else ""
    return f"{fmean(known):.3f} ({pstdev(known):.3f}){rest}"


def _dice(study: Study, pictures: dict[str, bytes]) -> Section:
    train, arms = study.recipe.train, arms_of(study)
    labels = list(study.results[0].dice)
    rows = [
        [
            size,
            label,
            *(spread([v for r in of_arm(study, arm, size) for v in r.dice[label]]) for arm in arms),
        ]
        for size in sizes_of(study)
        for label in labels
    ]
    seeds = len({result.job.seed for result in study.results})
    text = (
        f"{study.recipe.network.name}, widths {list(study.recipe.network.widths)}, patch "
        f"{list(study.recipe.patch)}, {train.epochs} epochs of {train.steps_per_epoch} steps, "
        f"batch {train.batch_size}, the same for all; {seeds} draws of subjects and weights. The "
        f"weights are the best on {len(study.roles.val)} cases, the figures are of "
        f"{len(study.roles.test)} others. Masks come from method {study.method}; those from labels "
        "are what no image can give, an upper bound."
    )
    names = ("image", "mask", "image and mask")
    return Section(
        "Dice by training subjects (Tables 1 and 2, Fig. 4)",
        [text],
        tables=[
            Table(["subjects", "label", *arms], rows, "Measured: mean (sd) over cases and seeds."),
            Table(["cases", *names], _paper_means(HEART_DICE), "The paper, heart: mean of labels."),
            Table(["cases", *names], _paper_means(BRAIN_DICE), "The paper, brain: mean of labels."),
            Table(["cases", "label", *names], _paper_rows(HEART_DICE), "The paper's Table 2."),
            Table(["cases", "label", *names], _paper_rows(BRAIN_DICE), "The paper's Table 1."),
        ],
        pictures=[Picture(pictures["learning"], "Mean Dice; bars: standard deviation of seeds.")],
    )


def _paper_means(table: dict[int, dict[str, tuple[Arm, Arm, Arm]]]) -> list[list[Any]]:
    return [[size, *values] for size, values in mean_dice(table).items()]


def _paper_rows(table: dict[int, dict[str, tuple[Arm, Arm, Arm]]]) -> list[list[Any]]:
    return [
        [size, label, *(f"{mean:.2f} ({sd:.2f})" for mean, sd in arms)]
        for size, rows in table.items()
        for label, arms in rows.items()
    ]


def _centres(study: Study) -> Section:
    arms, labels = arms_of(study), list(study.results[0].dice)
    rows = [
        [
            size,
            label,
            *(
                spread([v for r in of_arm(study, arm, size) for v in r.centre_mm[label]])
                for arm in arms
            ),
        ]
        for size in sizes_of(study)
        for label in labels
    ]
    paper = [
        [part, label, f"{mean} ({sd})"]
        for part, table in (("brain", BRAIN_CENTRE_MM), ("heart", HEART_CENTRE_MM))
        for label, (mean, sd) in table.items()
    ]
    return Section(
        "Distance of centres of mass, mm (Tables 3 and 4)",
        ["Undefined where nothing was predicted; these are counted, not averaged."],
        tables=[
            Table(["subjects", "label", *arms], rows, "Measured: mean (sd) over cases and seeds."),
            Table(["part", "label", "mask alone"], paper, "The paper, all training cases."),
        ],
    )


def _convergence(study: Study) -> Section:
    arms, largest = arms_of(study), sizes_of(study)[-1]
    rows = []
    for size in sizes_of(study):
        found = [of_arm(study, arm, size) for arm in arms]
        rows.append([size, "epochs", *(fmean(r.epochs for r in runs) for runs in found)])
        rows.append([size, "minutes", *(fmean(r.minutes for r in runs) for runs in found)])
    first = [of_arm(study, arm, largest)[0] for arm in arms]
    charts = [
        Lines(
            {r.job.arm: (list(range(1, len(curve) + 1)), list(curve)) for r, curve in shown},
            "epoch",
            title,
            f"{largest} training subjects, first seed.",
        )
        for title, shown in (
            ("training loss", [(r, r.train_curve) for r in first]),
            ("validation loss (1 - Dice)", [(r, r.curve) for r in first]),
        )
    ]
    paper = [
        [part, size, *hours]
        for part, table in (("brain", BRAIN_HOURS), ("heart", HEART_HOURS))
        for size, hours in table.items()
    ]
    return Section(
        "Time to converge (Tables 5 and 6, Fig. 6)",
        ["A run has converged at the first epoch whose validation loss (1 - Dice) is within 0.01 "
         "of its lowest; the span of epochs is the same for all, and the learning rate falls over "
         "it unless it is constant, so these figures compare runs and say little by themselves."],
        tables=[
            Table(["subjects", "until", *arms], rows, "Measured: mean over seeds."),
            Table(["part", "cases", "image, h", "image and mask, h"], paper, "The paper."),
        ],
        charts=charts,
    )  # fmt: skip


def _masks(study: Study, folder: Path) -> Section:
    sheet = folder / "masks" / study.method / "masks.png"
    pictures = [Picture(sheet.read_bytes(), f"Masks by method {study.method}.")]
    values = list(study.mask_dice.values())
    return Section(
        "The masks",
        [f"Dice of the masks of the test cases with the union of the labels: {spread(values)}."],
        pictures=pictures,
    )


def _independence(rows: Sequence[ModalityRow]) -> list[Section]:
    if not rows:
        return []
    changes = list(dict.fromkeys(row.change for row in rows))
    table = [
        [
            change,
            spread([row.mask_dice for row in rows if row.change == change]),
            spread([row.dice for row in rows if row.change == change]),
        ]
        for change in changes
    ]
    same = all(row.same_mask_same_bits for row in rows)
    return [
        Section(
            "Other intensities, other modalities",
            [f"The network that is shown the mask alone gives the same bits for the same mask: "
             f"{'yes' if same else 'NO'}. Where the mask is made anew from a changed image, both "
             "may differ:"],
            tables=[Table(["image", "Dice of masks", "Dice of predictions"], table)],
        )
    ]  # fmt: skip


def _shown_size(study: Study) -> int:
    return min(sizes_of(study), key=lambda size: abs(size - _SHOWN_SIZE))


def _shown(study: Study, inputs: Sequence[str] | None = None) -> list[Job]:
    """The first seed's runs of the size that is pictured, with masks by the study's method."""
    size = _shown_size(study)
    return [
        result.job
        for result in study.results
        if result.job.size == size
        and result.job.seed == 0
        and (result.job.inputs == "image" or result.job.masks == study.method)
        and (inputs is None or result.job.inputs in inputs)
    ]


def _modalities(
    study: Study, dataset: Dataset, folder: Path, tested: Sequence[Case]
) -> list[ModalityRow]:
    if study.method not in ("threshold", "network"):
        return []
    runs = [r.job for r in study.results if r.job.inputs == "gbm" and r.job.masks == study.method]
    run = folder / "runs" / max(runs, key=lambda job: (job.size, -job.seed)).name
    return check_modalities(load_model(run), run, tested[:_CHECKED], reading=dataset.reading)


def _pictures(
    study: Study, dataset: Dataset, folder: Path, tested: Sequence[Case], layer: str | None
) -> dict[str, bytes]:
    curves = {}
    for arm in arms_of(study):
        points = []
        for size in sizes_of(study):
            means = [result.mean_dice for result in of_arm(study, arm, size)]
            points.append((float(size), fmean(means), pstdev(means)))
        curves[arm] = points
    jobs = _shown(study)
    folders: dict[str, Path] = {job.inputs: folder / "runs" / job.name / "test" for job in jobs}
    titles = {case.name: case.name for case in tested}
    panels = case_panels(dataset, tested[:_PICTURED], folders, titles)
    return {
        "learning": learning_figure(curves, "training subjects", "mean Dice of test cases"),
        "contours": contour_sheet(panels, columns=2),
        "features": _features(study, dataset, folder, tested[0], layer),
    }


def _features(study: Study, dataset: Dataset, folder: Path, case: Case, layer: str | None) -> bytes:
    """The same layer of each input's network; also of the image alone with twice the subjects."""
    jobs = _shown(study)
    twice = [
        r.job for r in study.results
        if r.job.inputs == "image" and r.job.seed == 0 and r.job.size == 2 * _shown_size(study)
    ]  # fmt: skip
    found = {}
    shown = None
    for job in (*jobs, *twice):
        masked = case
        if job.inputs != "image":
            (file,) = (folder / "masks" / job.masks).glob(f"{case.name}.*")
            own = case.image_files if job.inputs == "image+gbm" else ()
            masked = Case(case.name, (*own, file), case.label_file, case.subject)
        maps = feature_maps(
            load_model(folder / "runs" / job.name), masked, layer=layer, reading=dataset.reading
        )
        found[f"{job.inputs}, {job.size}"] = maps.maps
        shown = shown or maps
    assert shown is not None  # there is a run of every size
    return feature_sheet(found, shown.image, shown.truth)
