"""The audit as a page: layers, units, heat-maps, quality against truth, cases to look at first."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from segscope.audit import DatasetAudit, layer_groups, quality_of
from segscope.audit.result import mean_of
from segscope.audit.summary import (
    COVERAGES,
    MU,
    layer_means,
    quality_row,
    quarter_means,
    unit_means,
    worst_first,
)
from segscope.explain import at_coverage, coverage_curve
from segscope.report.charts import Lines
from segscope.report.html import Picture, Section, Table

_QUARTERS = ("lowest", "second", "third", "highest")
_SHOWN_CASES = 30


def audit_sections(
    found: DatasetAudit,
    *,
    pictures: Mapping[str, bytes] | None = None,
    against: Mapping[str, DatasetAudit] | None = None,
) -> list[Section]:
    """Lay an audit out.

    Args:
        found: The audit.
        pictures: By name: ``layers``, ``units``, ``heat_NAME`` and ``case_NAME``.
        against: Other audits of the same cases, by name, for the curves over layers.
    """
    shown = pictures or {}
    sections = [layers_section(found, against or {}, shown)]
    if found.cases and found.cases[0].units:
        sections.append(units_section(found, shown))
    if found.has_truth and len(found.cases) > 2:
        sections.append(quality_section(found))
    sections.append(ranking_section(found, shown))
    return sections


def layers_section(
    found: DatasetAudit, against: Mapping[str, DatasetAudit], pictures: Mapping[str, bytes]
) -> Section:
    """Mean SA of every layer (Fig. 5), beside chance and other audits, and Fig. 6's sheet."""
    truth = found.has_truth
    curves: dict[str, tuple[Sequence[Any], Sequence[float]]] = {}
    for name, one in {found.model: found, **against}.items():
        layers = list(range(1, len(one.layers) + 1))
        curves[name] = (layers, layer_means(one, "dice" if truth else "agreement"))
    numbers = list(range(1, len(found.layers) + 1))
    curves["chance level"] = (
        numbers,
        layer_means(found, "chance" if truth else "chance_agreement"),
    )
    if truth:
        level = fmean(known) if (known := _known([c.dice for c in found.cases])) else float("nan")
        curves["the network's output"] = (numbers, [level] * len(numbers))
    said = "the truth" if truth else "the network's own output"
    return Section(
        "What each layer could segment",
        [
            f"Segmentation ability of {len(found.layers)} layers in {len(found.cases)} cases: the "
            f"mean Dice of each layer's prototype map with {said}. Beside it the same with a "
            "guide that was shifted by half the image: what does not come from the object's place.",
        ],
        tables=[_layer_table(found), _group_table(found)],
        charts=[Lines(curves, "layer", "SA", "Mean over cases and classes.")],
        pictures=[
            Picture(pictures[name], caption)
            for name, caption in (
                ("layers", "Maps of all layers of one case, over its image."),
                ("layers_worst", "The same of the case with the lowest mu."),
            )
            if name in pictures
        ],
    )


def units_section(found: DatasetAudit, pictures: Mapping[str, bytes]) -> Section:
    """Sorted SA of the units of the last layers (Figs. 7, 8), active and inert ones."""
    truth = found.has_truth
    curves = {}
    rows = []
    for number, layer in enumerate(found.cases[0].units):
        means = unit_means(found, number, "dice" if truth else "agreement")
        ordered = sorted(means)
        curves[layer.layer] = (list(range(1, len(ordered) + 1)), ordered)
        inert = sum(value < 0.1 for value in means)
        rows.append([layer.layer, len(means), ordered[0], fmean(ordered), ordered[-1], inert])
    return Section(
        "What single units could segment",
        [
            "Every unit of the last layers segments alone, by a threshold half way between its two "
            "prototypes. Units that nearly never overlap with the object (mean SA below 0.1) are "
            "counted as inert."
        ],
        tables=[Table(["layer", "units", "lowest", "mean", "highest", "inert"], rows)],
        charts=[Lines(curves, "unit, sorted", "mean SA")],
        pictures=[Picture(pictures["units"], "Worst, middle and best units of the last layer: "
                          "features above, their maps below.")] if "units" in pictures else [],
    )  # fmt: skip


def quality_section(found: DatasetAudit) -> Section:
    """How the figures of quality follow the true Dice (Figs. 10 to 12, Table 2)."""
    kept = [case for case in found.cases if case.dice == case.dice]
    dice = [case.dice for case in kept]
    lists = quality_of(DatasetAudit(found.model, found.classes, tuple(kept)))
    names = [case.name for case in kept]
    figures = list(lists)
    curves = {name: coverage_curve(values, dice) for name, values in lists.items()}
    return Section(
        "Quality without truth, against the truth",
        [
            f"{len(kept)} cases with a defined Dice. Every figure is higher for better "
            "predictions; AURC and AUGRC are areas under risk-coverage curves, lower is better; "
            "ties count with their mean, so the order of cases cannot matter.",
        ],
        tables=[
            Table(
                ["figure", "Pearson", "Spearman", "AURC", "AUGRC", "to review for a mean of 0.9"],
                [quality_row(name, lists[name], dice) for name in figures],
            ),
            Table(
                ["figure", *(f"{100 * c:.0f} % kept" for c in COVERAGES)],
                [[n, *(at_coverage(lists[n], dice, c) for c in COVERAGES)] for n in figures],
                "Mean Dice of what is kept when the cases with the lowest figure are rejected.",
            ),
            Table(
                ["figure", *(f"{name} quarter" for name in _QUARTERS)],
                [[n, *quarter_means(lists[n], dice)] for n in figures],
                "Mean Dice of the cases in each quarter of the figure (Figs. 11, 12).",
            ),
        ],
        charts=[
            Lines({"mu": (lists["mu"], dice)}, "mu", "Dice of the output", "One point per case.",
                  points=True, texts={"mu": names}),
            Lines({n: (list(c.coverage), list(c.mean_score)) for n, c in curves.items()},
                  "coverage", "mean Dice of what is kept"),
        ],
    )  # fmt: skip


def ranking_section(found: DatasetAudit, pictures: Mapping[str, bytes]) -> Section:
    """List cases, lowest mu first, with the pictures of those that have one."""
    ranked = worst_first(found)
    names = list(dict.fromkeys(name for case in ranked for name in case.quality))
    truth = found.has_truth
    rows = [
        [case.name, case.mu, *(case.quality.get(name) for name in names),
         *([case.dice] if truth else []), "; ".join(case.notes)]
        for case in ranked[:_SHOWN_CASES]
    ]  # fmt: skip
    more = len(ranked) - _SHOWN_CASES
    return Section(
        "Cases, the ones to look at first",
        [
            f"Sorted by mu, lowest first. {MU}."
            + (f" {more} more are in cases.csv." if more > 0 else "")
        ],
        tables=[Table(["case", "mu", *names, *(["Dice"] if truth else []), "notes"], rows)],
        pictures=[
            Picture(pictures[f"heat_{case.name}"], f"{case.name}: mu {case.mu:.3f}")
            for case in ranked
            if f"heat_{case.name}" in pictures
        ],
    )


def _layer_table(found: DatasetAudit) -> Table:
    scores = ("dice", "iou", "accuracy", "sensitivity", "specificity") if found.has_truth else ()
    others = ("chance", "agreement") if found.has_truth else ("agreement", "chance_agreement")
    columns = {name: layer_means(found, name) for name in (*scores, *others)}
    return Table(
        ["layer", "name", "where", *("SA (Dice)" if name == "dice" else name.replace("_", " ")
                            for name in columns)],
        [[k + 1, name, place, *(column[k] for column in columns.values())]
         for k, (name, place) in enumerate(zip(found.layers, found.places, strict=True))],
        "Means over cases and classes where defined; agreement is the Dice with the network's own "
        "output.",
    )  # fmt: skip


def _group_table(found: DatasetAudit) -> Table:
    """Means over early, deep and late layers, as the paper groups them."""
    score, chance = ("dice", "chance") if found.has_truth else ("agreement", "chance_agreement")
    means, low = layer_groups(layer_means(found, score)), layer_groups(layer_means(found, chance))
    names = layer_groups(found.layers)
    return Table(
        ["group", "layers", "SA" if found.has_truth else "agreement", "chance level"],
        [[n, len(names[n]), mean_of(means[n]), mean_of(low[n])] for n in names if names[n]],
        "Early, deep and late layers, in the proportions of the paper's 4, 10 and 4 of 18.",
    )


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if value == value]
