"""The page of an experiment: the answer first, then the table, the pairs, the cases, the cost.

A paper's study begins with its set-up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segscope.data import Dataset, write_bytes, write_text
from segscope.experiments.experiment import cases_of
from segscope.experiments.statistics import Difference, Estimate, mean_known
from segscope.experiments.table import Outcome
from segscope.images import Case
from segscope.inference.cases import target
from segscope.metrics import is_higher_better
from segscope.report import Lines, Picture, Section, Table, contour_sheet, page
from segscope.report.figures import png, pyplot
from segscope.report.panels import case_panel

_SHOWN_CASES = 3


@dataclass(frozen=True)
class Paper:
    """What a study's page has beyond that of every comparison.

    Args:
        title: Of the page, before the dataset's name.
        sections: Makes more sections from the outcome, the dataset and what the trials' folders
            hold; opens no model.
        measure: Measures more of the trials that are done, by `on_trials`, before the page is made;
            not called where the page alone is made again.
        setup: Makes what the page begins with: what the paper did, and what was done here.
        answer: Sentences that the answer begins with, of the same as ``sections``.
    """

    title: str = "Comparison"
    sections: Callable[[Outcome, Dataset, Path], Sequence[Section]] = lambda *_: ()
    measure: Callable[[Outcome, Dataset, Path], None] = lambda *_: None
    setup: Callable[[Outcome], Sequence[Section]] = lambda _: ()
    answer: Callable[[Outcome, Dataset, Path], Sequence[str]] = lambda *_: ()


COMPARISON = Paper()


def write_page(outcome: Outcome, dataset: Dataset, folder: Path, paper: Paper) -> Path:
    """Write ``report.html``, and its figures beside it."""
    experiment = outcome.experiment
    metric = experiment.metrics[0]
    own = paper.answer(outcome, dataset, folder)
    shows = Section("What it shows", [*own, *answer(outcome, metric)])
    sections = [*paper.setup(outcome), shows, _scores(outcome), _pairs(outcome, folder)]
    sections.append(_cases(outcome, metric))
    sections += _extremes(outcome, metric, dataset, folder)
    sections += [*paper.sections(outcome, dataset, folder), _curves(outcome), _how(outcome)]
    file = folder / "report.html"
    write_text(file, page(f"{paper.title} on {experiment.dataset}", sections))
    return file


def answer(outcome: Outcome, metric: str) -> list[str]:
    """Say what the experiment shows, one sentence per pair, and what it does not."""
    found = outcome.estimates(metric)
    best = next(iter(found))
    said = [f"Highest in the table: {best}, {metric} {found[best]}."]
    if not is_higher_better(metric):
        said = [f"Lowest in the table: {best}, {metric} {found[best]}."]
    pairs = outcome.differences(metric)
    shown = [pair for pair in pairs if pair.shown]
    if pairs and not shown:
        said.append(f"No arm is shown to differ from {outcome.experiment.reference}.")
    said += [f"{pair.sentence(metric)}." for pair in pairs]
    ranks = outcome.ranks(metric)
    if len(found) > 1 and ranks.tau == ranks.tau:
        first = max(ranks.first, key=lambda name: ranks.first[name])
        said.append(
            f"Drawing subjects anew, {first} is first in {100 * ranks.first[first]:.0f} % of draws "
            f"(mean Kendall tau {ranks.tau:.2f})."
        )
    if outcome.undone:
        said.append(f"Not done: {len(outcome.undone)} trials; nothing below counts them.")
    return said


def _scores(outcome: Outcome) -> Section:
    experiment = outcome.experiment
    found = {metric: outcome.estimates(metric) for metric in experiment.metrics}
    order = list(found[experiment.metrics[0]])
    rows = [
        [
            name,
            *(str(found[metric][name]) for metric in experiment.metrics),
            found[experiment.metrics[0]][name].sd,
            len(outcome.costs.get(name, ())),
        ]
        for name in order
    ]
    columns = ["arm", *experiment.metrics, f"sd of {experiment.metrics[0]}", "trials"]
    labels = list(dict.fromkeys(str(row["label"]) for row in outcome.rows))
    tables = [Table(columns, rows, "Mean (95 % interval over subjects, n subjects).")]
    if len(labels) > 1:
        tables.append(_by_label(outcome, order, labels))
    draws, test = experiment.draws, {n for draw in experiment.draws for n in draw.test}
    seeds = len({draw.seed for draw in draws})
    sizes = ", ".join(str(size) for size in outcome.sizes)
    averaged = f" Draws of {sizes} training subjects are averaged here." if sizes else ""
    return Section(
        "Scores on test cases",
        [
            f"{len(draws)} draws ({seeds} seeds), {len(test)} cases tested.{averaged} Test cases "
            "choose nothing: plans, weights and epochs come from the other subjects. A subject "
            "counts once: its cases, seeds and folds are averaged first. A prediction of nothing "
            "counts as the worst."
        ],
        tables=tables,
    )


def _by_label(outcome: Outcome, order: Sequence[str], labels: Sequence[str]) -> Table:
    metric = outcome.experiment.metrics[0]
    by_label = {label: outcome.estimates(metric, label) for label in labels}
    rows = [[name, *(str(by_label[label][name]) for label in labels)] for name in order]
    return Table(["arm", *labels], rows, f"{metric} by label.")


def _pairs(outcome: Outcome, folder: Path) -> Section:
    """Differences from the reference in every metric; the first one's are drawn."""
    metrics, reference = outcome.experiment.metrics, outcome.experiment.reference
    pairs = outcome.differences(metrics[0])
    if not pairs:
        return Section("Differences", ["One arm alone: there is nothing to compare it with."])
    figure = forest_figure(pairs, f"{metrics[0]}, less {reference}")
    write_bytes(folder / "differences.png", figure)
    return Section(
        f"Differences from {reference}, paired by subject",
        [
            "Wilcoxon's signed-rank test over subjects, p corrected by Holm over the arms; fewer "
            "than six subjects cannot show anything and have no p."
        ],
        tables=[_pairs_table(outcome, metric) for metric in metrics],
        pictures=[Picture(figure, "Mean difference and 95 % interval over subjects.")],
    )


def _pairs_table(outcome: Outcome, metric: str) -> Table:
    rows = [
        [p.arm, str(p.estimate), p.p, p.p_holm, "differs" if p.shown else "no difference shown"]
        for p in outcome.differences(metric)
    ]
    return Table(["arm", "difference", "p", "p (Holm)", ""], rows, metric)


def forest_figure(pairs: Sequence[Difference], title: str) -> bytes:
    """Draw differences with their intervals, one line per arm; 0 is marked."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.4, 0.5 * len(pairs) + 1.2), layout="constrained")
    for k, pair in enumerate(pairs):
        found: Estimate = pair.estimate
        colour = "#0b5394" if pair.shown else "#888888"
        if found.low == found.low:
            axis.plot([found.low, found.high], [k, k], color=colour, linewidth=2)
        axis.plot([found.mean], [k], "o", color=colour)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(pairs)), [pair.arm for pair in pairs])
    axis.invert_yaxis()
    axis.set_xlabel(title)
    return png(plt, figure)


def _cases(outcome: Outcome, metric: str) -> Section:
    series, texts = {}, {}
    for arm in dict.fromkeys(str(row["arm"]) for row in outcome.rows):
        values = outcome.values(arm, metric)
        names = sorted(values)
        series[arm] = (list(range(len(names))), [values[name] for name in names])
        texts[arm] = [f"{name}: {values[name]:.4g}" for name in names]
    chart = Lines(series, "subject, by name", metric, "Point at a dot to see whose it is.", True,
                  texts)  # fmt: skip
    return Section("Every subject", charts=[chart])


def _extremes(outcome: Outcome, metric: str, dataset: Dataset, folder: Path) -> list[Section]:
    """Cases with the largest differences for and against, and the median, with both contours."""
    pairs = outcome.differences(metric)
    known = [pair for pair in pairs if pair.estimate.n]
    if not known:
        return []
    pair = max(known, key=lambda one: abs(one.estimate.mean))
    apart = _case_differences(outcome, metric, pair)
    order = sorted(apart, key=lambda name: apart[name])
    chosen = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))[:_SHOWN_CASES]
    titles = {name: f"{name}: {apart[name]:+.3f}" for name in chosen}
    arms = {name: name for name in (pair.reference, pair.arm)}
    sheet = draw_contours(
        outcome, dataset, folder, arms, titles, file="cases.png", columns=_SHOWN_CASES
    )
    said = f"{pair.arm} less {pair.reference} in {metric}: lowest, median and highest case."
    return pictured("Where they differ", said, sheet, said)


def draw_contours(
    outcome: Outcome,
    dataset: Dataset,
    folder: Path,
    arms: Mapping[str, str],
    titles: Mapping[str, str],
    *,
    file: str = "contours.png",
    columns: int = 2,
) -> bytes | None:
    """Draw test cases with the predictions of some arms, and write the sheet; None of none.

    Args:
        outcome: Whose trials have predicted.
        dataset: Of the cases.
        folder: Of the experiment; receives the sheet.
        arms: Arm to what it is called.
        titles: Cases in their order, each to what stands above it.
        file: Of the sheet.
        columns: At most so many side by side.
    """
    panels = []
    for case in cases_of(dataset, list(titles)):
        files = prediction_files(outcome, folder, list(arms), case)
        named = {arms[name]: found for name, found in files.items()}
        panels += case_panel(dataset, case, titles[case.name], named)
    if not panels:
        return None
    sheet = contour_sheet(panels, columns=columns)
    write_bytes(folder / file, sheet)
    return sheet


def pictured(title: str, said: str, sheet: bytes | None, caption: str) -> list[Section]:
    """A section of one picture; nothing where there is none."""
    return [Section(title, [said], pictures=[Picture(sheet, caption)])] if sheet else []


def _case_differences(outcome: Outcome, metric: str, pair: Difference) -> dict[str, float]:
    found, base = outcome.of_cases(pair.arm, metric), outcome.of_cases(pair.reference, metric)
    apart = {case: value - base[case] for case, value in found.items() if case in base}
    return {case: value for case, value in apart.items() if value == value}


def prediction_files(
    outcome: Outcome, folder: Path, arms: Sequence[str], case: Case
) -> dict[str, Path]:
    """Find arms' predictions of a test case, each of the first trial that has it."""
    found: dict[str, Path] = {}
    for trial in outcome.trials:
        name = trial.arm.name
        if name in arms and name not in found and case.name in trial.draw.test:
            own = folder / trial.place / "predictions"
            file = target(case, own if trial.arm.folder is None or trial.arm.kind == "run"
                          else Path(trial.arm.folder))  # fmt: skip
            found |= {name: file} if file.is_file() else {}
    return {name: found[name] for name in arms if name in found}


def _curves(outcome: Outcome) -> Section:
    loss, dice = {}, {}
    for arm, trials in outcome.costs.items():
        for one in trials:
            if one.get("curve"):
                name = f"{arm} {one['draw']}"
                epochs = [row[0] for row in one["curve"]]
                loss[name] = (epochs, [row[1] for row in one["curve"]])
                known = [(row[0], row[2]) for row in one["curve"] if row[2] is not None]
                dice[name] = ([k for k, _ in known], [v for _, v in known])
    charts = [Lines(loss, "epoch", "training loss"), Lines(dice, "epoch", "validation Dice")]
    return Section("Learning curves", charts=charts if loss else [])


def _how(outcome: Outcome) -> Section:
    rows = []
    for arm in outcome.experiment.arms:
        trials = outcome.costs.get(arm.name, ())
        minutes = mean_known([float(t["minutes"]) for t in trials if "minutes" in t])
        sizes = [t for t in trials if "parameters" in t]
        parameters = mean_known([float(t["parameters"]) for t in sizes]) / 1e6
        work = mean_known([float(t["multiply_adds"]) for t in sizes]) / 1e9
        rows.append([arm.name, arm.kind, arm.weights, minutes, parameters, work,
                     str(arm.recipe or arm.options)])  # fmt: skip
    columns = ["arm", "kind", "weights", "minutes a trial", "parameters (M)",
               "multiply-adds (G) a window", "changes"]  # fmt: skip
    return Section(
        "How",
        [
            f"Dataset {outcome.experiment.dataset}, content {outcome.experiment.content[:12]}; "
            f"all arms: {outcome.experiment.changes or 'as planned'}. experiment.yaml and "
            "trials/*/trial.json hold the rest; scores.csv every score."
        ],
        tables=[Table(columns, rows)],
    )
