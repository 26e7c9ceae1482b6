"""The page of the classifier-map study: a function of results and of pictures that trials saved."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segscope.data import json_ready, to_csv, write_json, write_text
from segscope.experiments.statistics import Difference, Estimate, estimate
from segscope.report import Lines, Picture, Section, Table, page
from segscope.studies.cam_outcome import Outcome, cam_dice, right, said
from segscope.studies.cam_pictures import sheets
from segscope.studies.cam_rows import KINDS, layers_of, rows_of, scores_of
from segscope.studies.cam_tables import by_layer, layers, methods, shortcuts, weak_labels
from segscope.studies.cam_trials import ORIGINAL
from segscope.studies.declared import read_paper


def write_page(outcome: Outcome, folder: Path) -> Path:
    """Write ``report.html``, ``study.json``, tables as CSV and the figures as PNG files.

    Args:
        outcome: With a classifier's trial at least.
        folder: Of the study.
    """
    write_text(folder / "scores.csv", to_csv(list(scores_of(outcome))))
    write_text(folder / "results.csv", to_csv(rows_of(outcome)))
    write_text(folder / "layers.csv", to_csv(layers_of(outcome)))
    write_json(folder / "study.json", json_ready(facts_of(outcome)))
    pictures = sheets(outcome, folder)
    sections = [
        Section("What it shows", answer(outcome)),
        _first(outcome, pictures),
        _second(outcome, pictures),
        methods(outcome),
        by_layer(outcome),
        weak_labels(outcome),
        layers(outcome),
        shortcuts(outcome),
    ]
    file = folder / "report.html"
    write_text(file, page(f"Segmentation from classifiers: {outcome.dataset}", sections))
    return file


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """Give the numbers of the page as plain values."""
    networks = {
        name: {
            "right": {kind: vars(outcome.estimate(name, right(kind))) for kind in KINDS},
            "auc": vars(outcome.areas[name]),
            "mean_dice": vars(outcome.estimate(name, cam_dice)),
        }
        for name in outcome.networks
    }
    return {
        "format": 2,
        "study": "cam",
        "dataset": outcome.dataset,
        "budget": outcome.budget,
        "settings": outcome.settings,
        "counts": outcome.regions["counts"],
        "draws": [draw.model_dump(mode="json") for draw in outcome.draws()],
        "networks": networks,
        "differences": {
            name: [{"arm": d.arm, "reference": d.reference, **vars(d.estimate), "p": d.p,
                    "p_holm": d.p_holm, "shown": d.shown} for d in found]
            for name, found in outcome.pairs.items()
        },
        "shortcuts": outcome.regions["shortcuts"],
        "undone": list(outcome.undone),
    }  # fmt: skip


def answer(outcome: Outcome) -> list[str]:
    """Say what the study shows, and what it does not."""
    accuracy = {name: outcome.estimate(name, right(ORIGINAL)) for name in outcome.networks}
    dice = {name: outcome.estimate(name, cam_dice) for name in outcome.networks}
    cone = estimate(outcome.subjects(outcome.regions["centred"].items()))
    found = [
        f"Most accurate in the table: {_best(accuracy)}.",
        f"Best maps in the table: {_best(dice)}; a cone in the middle, which has seen no image, "
        f"has {cone}.",
    ]
    found += [f"{pair.sentence(what)}." for what, some in outcome.pairs.items() for pair in some]
    if outcome.undone:
        found.append(f"Not done: {len(outcome.undone)} trials; nothing below counts them.")
    return found


def _best(found: dict[str, Estimate]) -> str:
    name = max(found, key=lambda one: found[one].mean)
    return f"{name}, {found[name]}"


def _first(outcome: Outcome, pictures: dict[str, bytes]) -> Section:
    printed = read_paper("cam")
    rows: list[list[Any]] = []
    for name in outcome.networks:
        area, paper = outcome.areas[name], printed.get(name, {})
        rows.append(
            [
                name,
                outcome.of_trials(name, lambda found: found["trained"][ORIGINAL]["val_accuracy"]),
                str(outcome.estimate(name, right(ORIGINAL))),
                f"{area.value:.4g} ({area.lower:.4g} to {area.upper:.4g})",
                str(outcome.estimate(name, cam_dice)),
                paper.get("accuracy", ""),
                paper.get("dice", ""),
            ]
        )
    cone = estimate(outcome.subjects(outcome.regions["centred"].items()))
    rows.append(["a cone in the middle", "", "", "", str(cone), "", ""])
    columns = ["classifier", "validation accuracy", "test accuracy", "test AUC", "mean-Dice",
               "paper: accuracy", "paper: mean-Dice"]  # fmt: skip
    return Section(
        "Accuracy and maps (Table I, Figs. 7 and 10)",
        [_about(outcome)],
        tables=[
            Table(columns, rows, "Mean (95 % interval over subjects, n subjects); of validation "
                  "the mean and deviation over draws."),
            *(_pairs(outcome.pairs, what) for what in ("test accuracy", "mean-Dice")
              if outcome.pairs[what]),
        ],
        pictures=[
            Picture(pictures["maps"], "Test regions of the first draw and each classifier's map "
                    "of the abnormal class (usual Grad-CAM); dashed: the mask, solid: above "
                    "Otsu's threshold."),
            Picture(pictures["one_classifier"], "More regions and their maps by the first one."),
        ],
    )  # fmt: skip


def _about(outcome: Outcome) -> str:
    draws, counts = outcome.draws(), outcome.regions["counts"]
    parts = draws[0]
    seeds = len({draw.seed for draw in draws})
    return (
        f"{counts['abnormal']} abnormal and {counts['normal']} normal regions of "
        f"{len(set(outcome.regions['subjects'].values()))} subjects. {len(draws)} draws ({seeds} "
        f"seeds) part them by subject; in the first {len(parts.train)} train, {len(parts.val)} "
        "choose the weights (the validation accuracy is the best of the epochs, as in the paper, "
        f"and so too good), {len(parts.test)} are only tested. {_recipes(outcome)} The "
        f"mean-Dice is of the predicted class's {_map(outcome)} over all abnormal regions, over "
        "all thresholds. A cone that has seen no image stands below: lesions fill the middle of "
        "regions that are cut round them. A subject counts once: its regions, seeds and folds are "
        "averaged first."
    )


def _map(outcome: Outcome) -> str:
    """Which form of Grad-CAM a study has: those from before it was noted had the usual one."""
    forms = {one.found.get("map", "gradcam") for n in outcome.networks for one in outcome.of(n)}
    said = {"gradcam": "Grad-CAM (with a ReLU, which the paper does not print)",
            "gradcam_signed": "Grad-CAM as printed (without a ReLU)"}  # fmt: skip
    return " and ".join(said[form] for form in sorted(forms))


def _recipes(outcome: Outcome) -> str:
    found = [f"Budget {outcome.budget}, the rest as planned."]
    for what, values in outcome.settings.items():
        said = ", ".join(_flat(values)) or "as planned"
        found.append(f"{what.capitalize() if what.islower() else what}: {said}.")
    return " ".join(found)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Say nested settings as ``--set`` takes them."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}={value}"


def _pairs(pairs: Mapping[str, Sequence[Difference]], what: str) -> Table:
    rows = [[d.arm, d.reference, str(d.estimate), d.p, d.p_holm, d.shown] for d in pairs[what]]
    columns = ["arm", "against", "difference", "p", "p (Holm)", "shown"]
    return Table(columns, rows, f"Differences in {what}, paired by subject (Wilcoxon).")


def _second(outcome: Outcome, pictures: dict[str, bytes]) -> Section:
    printed = read_paper("cam")
    titles = [f"{kind}: {part}" for kind in KINDS for part in ("validation", "test")]
    rows: list[list[Any]] = []
    for name in outcome.networks:
        cells: list[Any] = [name, str(outcome.estimate(name, cam_dice))]
        for kind in KINDS:
            of_draws = {d.draw.name: d.found["trained"][kind]["val_accuracy"]
                        for d in outcome.of(name)}  # fmt: skip
            cells += [said(of_draws), str(outcome.estimate(name, right(kind)))]
        rows.append(cells)
    keys = ("dice", "accuracy", "cam", "truth", "inverse")
    paper = [[n, *(printed[n].get(k, "") for k in keys)] for n in outcome.networks if n in printed]
    return Section(
        "Learning again from what maps or masks keep (Table II, Figs. 8 and 9)",
        ["The same architecture from scratch on images times their own map (cam: of the class that "
         "the first network predicts), times the true mask (truth; a normal region takes the mask "
         "of an abnormal one of the same part), times 1 minus that (inverse). Filtered images show "
         "the shape of the filter too: where maps of the two classes differ in shape, a network "
         "can learn that, and the first network's errors with it."],
        tables=[
            Table(["classifier", "mean-Dice", *titles], rows, "Accuracies: of test the mean (95 % "
                  "interval over subjects, n subjects), of validation over draws."),
            Table(["classifier", "mean-Dice", "val_acc", "CAM_val_acc", "mask_val_acc", "inverse"],
                  paper, "The paper, DDSM mammograms."),
        ],
        charts=[_figure_eight(outcome, printed)],
        pictures=[
            Picture(pictures["filtered"], "Regions as they are, and filtered by map, mask, and "
                    "inverse mask; abnormal ones left, normal ones right."),
        ],
    )  # fmt: skip


def _figure_eight(outcome: Outcome, printed: dict[str, Any]) -> Lines:
    rows = rows_of(outcome)
    points = {
        "measured": (
            [row["mean_dice"] for row in rows],
            [row["cam_test_accuracy"] for row in rows],
        ),
        "paper (validation)": (
            [row["dice"] for row in printed.values()],
            [row["cam"] for row in printed.values()],
        ),
    }
    names = [f"{row['network']} {row['draw']}" for row in rows]
    return Lines(
        points, "mean-Dice of maps", "accuracy learned from them",
        "As Fig. 8; a point per classifier and draw, test accuracy.", points=True,
        texts={"measured": names, "paper (validation)": list(printed)},
    )  # fmt: skip
