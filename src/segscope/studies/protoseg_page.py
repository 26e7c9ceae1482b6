"""What the segmentation-ability study shows beyond a comparison: the paper's tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segscope.audit import DatasetAudit, quality_of
from segscope.audit.sensitivity import Separable
from segscope.audit.summary import COVERAGES, pooled, quality_row, with_dice, worst_first
from segscope.data import Dataset, json_ready
from segscope.experiments import Outcome
from segscope.experiments.measures import Compared
from segscope.experiments.statistics import Estimate
from segscope.experiments.tables import differences_table, headed, spread, trained_as
from segscope.explain import at_coverage
from segscope.metrics import Interval
from segscope.report import Lines, Section, Table
from segscope.report.audit_page import (
    layers_section,
    quality_section,
    ranking_section,
    units_section,
)
from segscope.studies import protoseg_numbers as numbers
from segscope.studies.declared import read_paper, write_facts
from segscope.studies.protoseg_controls import controls_section
from segscope.studies.protoseg_measures import (
    ARMS,
    Audited,
    read_audits,
    read_noise,
    read_separable,
)
from segscope.studies.protoseg_numbers import Audits, Subjects

PAPER = read_paper("protoseg")

_FEWEST_FOR_QUALITY = 3
_PICTURED = 8


def sections(outcome: Outcome, dataset: Dataset, folder: Path) -> list[Section]:
    """Make the paper's tables and figures from the trials' folders, and ``study.json``."""
    subjects = numbers.subjects_of(dataset)
    audits = read_audits(outcome, folder)
    separable = read_separable(outcome, folder)
    noise = {
        arm: numbers.noise_curves(cases, subjects)
        for arm, cases in read_noise(outcome, folder).items()
    }
    facts: dict[str, Any] = {"audits": {arm: len(found) for arm, found in audits.items()}}
    found: list[Section] = []
    if all(audits.get(arm) for arm in ARMS):
        shown, found = _audited(outcome, audits, subjects)
        facts |= shown
    if separable:
        means = {arm: numbers.separableness(of, subjects) for arm, of in separable.items()}
        facts["separable"] = {arm: _plain(of) for arm, of in means.items()}
        found.append(_separable(outcome, separable, means))
    if noise:
        facts["noise"] = {
            arm: {str(k): [vars(one) for one in curve] for k, curve in curves.items()}
            for arm, curves in noise.items()
        }
        found.append(_noise(noise))
    if all(audits.get(arm) for arm in ARMS):
        shown, more = controls_section(outcome, folder, audits, subjects)
        facts |= shown
        found.append(more)
    write_facts(folder, "protoseg", outcome, **json_ready(facts))
    return found


def _audited(
    outcome: Outcome, audits: Audits, subjects: Subjects
) -> tuple[dict[str, Any], list[Section]]:
    """What the audits of both arms show, as numbers and as sections."""
    outputs, layers = numbers.outputs(audits, subjects), numbers.layers(audits, subjects)
    ranks = {arm: numbers.rank_correlations(audits[arm], subjects) for arm in ARMS}
    facts = {
        "outputs": [_facts(one) for one in outputs],
        "layers": [_facts(one) for one in layers],
        "spearman": {arm: _plain(found) for arm, found in ranks.items()},
    }
    first, *_ = audits[ARMS[0]]
    found = [
        _outputs(outcome, outputs),
        _layers(audits, layers),
        *([_units(first)] if first.found.cases[0].units else []),
        *_quality(audits, ranks, subjects),
        _ranking(audits[ARMS[0]]),
    ]
    return facts, found


def _outputs(outcome: Outcome, found: Sequence[Compared]) -> Section:
    """Dice of the output and of the last layer's map, offline and online (Table 1)."""
    row: list[Any] = [outcome.experiment.dataset]
    for arm in ARMS:
        row += [f"{spread(one.arms[arm])}, n {one.arms[arm].n}" for one in found[:2]]
    heads = ["dataset", "output B, offline", "last map, offline", "output B, online",
             "last map, online"]  # fmt: skip
    return Section(
        "Output and last layer, with and without the online loss (Table 1)",
        [
            f"{trained_as(outcome)}; last weights; test cases, which choose nothing. "
            "Mean, sd between subjects (95 % interval) over the n subjects where the output's Dice "
            "is defined, on the images as they are prepared."
        ],
        tables=[
            Table(heads, [row], "Measured."),
            headed(heads, PAPER["outputs"], "The paper's."),
            _differences(found, "The online loss's effect, paired by subject."),
        ],
    )


def _layers(audits: Audits, found: Sequence[Compared]) -> Section:
    """Mean SA of every layer over all audits (Fig. 5), then by subject."""
    first, *_ = audits[ARMS[0]]
    offline, online = (_pooled(audits[arm], arm) for arm in ARMS)
    section = layers_section(offline, {"with the online loss": online}, first.pictures())
    rows = [[k, one.name, *(spread(one.arms[arm]) for arm in ARMS), one.arms[ARMS[0]].n]
            for k, one in enumerate(found, start=1)]  # fmt: skip
    by_subject = Table(
        ["layer", "name", "SA, offline", "SA, online", "subjects"], rows,
        "Mean, sd between subjects (95 % interval).",
    )  # fmt: skip
    apart = _differences(found, "The online loss's effect on each layer, paired by subject.")
    said = f"Over {len(audits[ARMS[0]])} trials an arm; pictures of {first.trial.draw.name}."
    return replace(
        section,
        paragraphs=[*section.paragraphs, said],
        tables=[*section.tables, by_subject, apart],
    )


def _units(first: Audited) -> Section:
    """Units of one network: those of another training are other units."""
    section = units_section(first.found, first.pictures())
    said = f"Of the offline network of {first.trial.draw.name}."
    return replace(section, paragraphs=[*section.paragraphs, said])


def _quality(
    audits: Audits, ranks: Mapping[str, Mapping[str, Interval]], subjects: Subjects
) -> list[Section]:
    """Figures of quality against Dice: correlations by subject, then the paper's Table 2."""
    offline, online = (with_dice(_pooled(audits[arm], arm)) for arm in ARMS)
    if min(len(offline.cases), len(online.cases)) < _FEWEST_FOR_QUALITY:
        return []
    section = quality_section(offline)
    rows = [[name, *(_interval(ranks[arm][name]) for arm in ARMS)] for name in ranks[ARMS[0]]]
    n = len({subjects[case.name] for case in offline.cases})
    by_subject = Table(
        ["figure", *ARMS], rows,
        f"Spearman's correlation with Dice (95 % interval over {n} subjects); of each seed, over "
        "seeds the mean.",
    )  # fmt: skip
    return [replace(section, tables=[by_subject, *section.tables]), _coverage(online)]


def _coverage(online: DatasetAudit) -> Section:
    dice = [case.dice for case in online.cases]
    lists = quality_of(online)
    heads = [f"{100 * c:.0f} %" for c in COVERAGES]
    kept = [[n, *(at_coverage(v, dice, c) for c in COVERAGES)] for n, v in lists.items()]
    return Section(
        "Coverage with the online loss (Table 2)",
        [f"{len(dice)} predictions of test cases."],
        tables=[
            Table(
                ["figure", "Pearson", "Spearman", "AURC", "AUGRC", "to review for 0.9"],
                [quality_row(name, values, dice) for name, values in lists.items()],
            ),
            Table(["figure", *heads], kept, "Measured: mean Dice of what is kept."),
            headed(["dataset", *heads], PAPER["kept"], "The paper's, by mu."),
        ],
    )


def _ranking(audits: Sequence[Audited]) -> Section:
    """Every test case of the first seed, with pictures of those to look at first."""
    seed = audits[0].trial.draw.seed
    chosen = [one for one in audits if one.trial.draw.seed == seed]
    found = _pooled(chosen, ARMS[0])
    names = {f"heat_{case.name}" for case in worst_first(found)[:_PICTURED]}
    pictures = {n: png for one in chosen for n, png in one.pictures().items() if n in names}
    section = ranking_section(found, pictures)
    return replace(section, paragraphs=[*section.paragraphs, f"Offline networks of seed {seed}."])


def _separable(
    outcome: Outcome,
    found: Mapping[str, Sequence[Separable]],
    means: Mapping[str, Mapping[str, Estimate]],
) -> Section:
    """Intensities alone against the network (Table 3, Fig. 15)."""
    columns = ["dataset", "network", "SA of intensities S_x", "Dice of output B", "m(d)"]
    rows = [
        [outcome.experiment.dataset, arm, *map(spread, means[arm].values()),
         means[arm]["distance"].n]
        for arm in _as_paper(means)
    ]  # fmt: skip
    printed = [[n, "online", *v] for n, v in PAPER["separableness"].items()]
    points = {
        arm: ([one.intensities for one in found[arm]], [one.dice for one in found[arm]])
        for arm in _as_paper(found)
    }
    return Section(
        "Separableness of the images (Table 3)",
        ["How far the intensities alone, by the same prototypes, come to the network's output. The "
         "paper's table is of the online network. Intensities are as the network is shown them: "
         "where channels are scaled one by one, colours lie otherwise apart than in the files."],
        tables=[
            Table([*columns, "subjects"], rows, "Measured, subjects with a defined Dice: mean, sd "
                  "between subjects (95 % interval)."),
            Table(columns, printed, "The paper's."),
        ],
        charts=[
            Lines(
                points, "SA of intensities", "Dice of output", points=True,
                texts={arm: [one.case for one in found[arm]] for arm in points},
            )
        ],
    )  # fmt: skip


def _noise(found: Mapping[str, Mapping[float, Sequence[Estimate]]]) -> Section:
    """Change of every layer's SA under noise (Fig. 16)."""
    charts, rows = [], []
    for arm in _as_paper(found):
        curves: dict[str, tuple[list[int], list[float]]] = {
            f"up to {maximum:g}": (list(range(1, len(curve) + 1)), [one.mean for one in curve])
            for maximum, curve in found[arm].items()
        }
        charts.append(Lines(curves, "layer", f"change of SA, {arm}"))
        strongest = found[arm][max(found[arm])]
        rows += [[arm, k, spread(one), one.n] for k, one in enumerate(strongest, start=1)]
    return Section(
        "Sensitivity to noise (Fig. 16)",
        [
            "SA with uniform noise less SA without, mean over the subjects. The maximum is given "
            "in units of each image's range."
        ],
        tables=[
            Table(["network", "layer", "change of SA", "subjects"], rows,
                  "The strongest noise: mean, sd between subjects (95 % interval).")
        ],
        charts=charts,
    )  # fmt: skip


def _as_paper(arms: Mapping[str, Any]) -> list[str]:
    """The arms that are there, the online one, which the paper's table is of, first."""
    return [arm for arm in reversed(ARMS) if arm in arms]


def _pooled(audits: Sequence[Audited], arm: str) -> DatasetAudit:
    return pooled([one.found for one in audits], arm)


def _differences(found: Sequence[Compared], caption: str) -> Table:
    named = [replace(one.difference, arm=one.name) for one in found]
    return differences_table(named, caption)


def _facts(one: Compared) -> dict[str, Any]:
    difference = {**vars(one.difference.estimate), "p_holm": one.difference.p_holm}
    return {"name": one.name, **_plain(one.arms), "difference": difference}


def _interval(found: Interval) -> str:
    return f"{found.value:.4g} ({found.lower:.4g} to {found.upper:.4g})"


def _plain(found: Mapping[str, Estimate | Interval]) -> dict[str, Any]:
    return {name: vars(one) for name, one in found.items()}
