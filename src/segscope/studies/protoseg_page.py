"""The page of the segmentation-ability study."""

from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from segscope.audit import DatasetAudit, quality_of
from segscope.audit.result import mean_of
from segscope.audit.summary import COVERAGES, quality_row
from segscope.data import write_text
from segscope.explain import at_coverage
from segscope.report import (
    Lines,
    Section,
    Table,
    audit_sections,
    page,
)
from segscope.studies.protoseg import Study
from segscope.studies.protoseg_paper import KEPT, OUTPUTS, SEPARABLENESS
from segscope.workflows.audit_folder import read_pictures


def write_page(study: Study, folder: Path) -> Path:
    """Write ``report.html`` into the study's folder."""
    offline, online = study.audits["offline"], study.audits["online"]
    pictures = read_pictures(folder / "audits" / "offline")
    sections = [
        outputs_section(study),
        *audit_sections(offline, pictures=pictures, against={"with the online loss": online}),
        online_section(online),
        separable_section(study),
        noise_section(study),
    ]
    file = folder / "report.html"
    write_text(file, page(f"Segmentation ability on {study.dataset}", sections))
    return file


def outputs_section(study: Study) -> Section:
    """Dice of the output and of the last layer's map, offline and online (Table 1)."""
    row: list[Any] = [study.dataset]
    for name in ("offline", "online"):
        row += [_spread(dices(study.audits[name])), _spread(last_maps(study.audits[name]))]
    train = study.recipe.train
    columns = ["dataset", "output B, offline", "last map, offline", "output B, online",
               "last map, online"]  # fmt: skip
    return Section(
        "Output and last layer, with and without the online loss (Table 1)",
        [
            f"{train.epochs} epochs of {train.steps_per_epoch} steps, batch {train.batch_size}, "
            f"patch {list(study.recipe.patch)}, widths {list(study.recipe.network.widths)}, seed "
            f"{train.seed}; {len(study.audits['offline'].cases)} held-out cases, last weights: "
            "nothing was chosen on them. Mean (standard deviation) over the n cases where the "
            "output's Dice is defined.",
        ],
        tables=[
            Table(columns, [row], "Measured."),
            Table(columns, [[n, *values] for n, values in OUTPUTS.items()], "The paper's."),
        ],
    )


def online_section(online: DatasetAudit) -> Section:
    """Table 2 for the network with the online loss, as in the paper."""
    kept = [case for case in online.cases if case.dice == case.dice]
    dice = [case.dice for case in kept]
    lists = quality_of(DatasetAudit("", (), tuple(kept)))
    heads = [f"{100 * c:.0f} %" for c in COVERAGES]
    return Section(
        "Coverage with the online loss (Table 2)",
        tables=[
            Table(
                ["figure", "Pearson", "Spearman", "AURC", "AUGRC", "to review for 0.9"],
                [quality_row(name, values, dice) for name, values in lists.items()],
            ),
            Table(
                ["figure", *heads],
                [[n, *(at_coverage(v, dice, c) for c in COVERAGES)] for n, v in lists.items()],
                "Measured: mean Dice of what is kept.",
            ),
            Table(["dataset", *heads], [[n, *v] for n, v in KEPT.items()], "The paper's, by mu."),
        ],
    )


def separable_section(study: Study) -> Section:
    """Intensities alone against the network (Table 3, Fig. 15)."""
    found = study.separable
    row: list[Any] = [study.dataset]
    for values in (
        [one.intensities for one in found],
        [one.dice for one in found],
        [one.distance for one in found],
    ):
        row.append(mean_of(values))
    columns = ["dataset", "SA of intensities S_x", "Dice of output B", "m(d)"]
    points = ([one.intensities for one in found], [one.dice for one in found])
    return Section(
        "Separableness of the images (Table 3)",
        ["How far the intensities alone, by the same prototypes, come to the network's output."],
        tables=[
            Table(columns, [row], f"Measured, {len(found)} cases with a defined Dice."),
            Table(columns, [[n, *v] for n, v in SEPARABLENESS.items()], "The paper's."),
        ],
        charts=[
            Lines(
                {"cases": points}, "SA of intensities", "Dice of output", points=True,
                texts={"cases": [one.case for one in found]},
            )
        ],
    )  # fmt: skip


def noise_section(study: Study) -> Section:
    """Change of every layer's SA under noise (Fig. 16)."""
    curves: dict[str, tuple[list[int], list[float]]] = {
        f"up to {maximum:g}": (list(range(1, len(curve) + 1)), list(curve))
        for maximum, curve in study.noise.items()
    }
    return Section(
        "Sensitivity to noise (Fig. 16)",
        [
            f"SA with uniform noise less SA without, mean over {study.noisy_cases} cases. The "
            "maximum is given in units of each image's range."
        ],
        charts=[Lines(curves, "layer", "change of SA")],
    )


def dices(found: DatasetAudit) -> list[float]:
    """Dice of the output of every case where it is defined."""
    return [case.dice for case in found.cases if case.dice == case.dice]


def last_maps(found: DatasetAudit) -> list[float]:
    """SA of the last layer, of the cases where the output's Dice is defined too: the same ones.

    Where truth and output are both empty a layer's map need not be, and would count as 0.
    """
    kept = [case for case in found.cases if case.dice == case.dice]
    values = [mean_of(case.layers[-1].scores["dice"]) for case in kept]
    return [value for value in values if value == value]


def _spread(values: list[float]) -> str:
    if not values:
        return "undefined"
    return f"{fmean(values):.4f} ({stdev(values) if len(values) > 1 else 0.0:.4f}), n {len(values)}"
