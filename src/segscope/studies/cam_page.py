"""What the classifier-map study shows beyond a comparison: the paper's tables and figures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segscope.data import Dataset, json_ready, to_csv, write_text
from segscope.experiments import Outcome
from segscope.experiments.statistics import Difference, Estimate, estimate
from segscope.report import Lines, Picture, Section, Table
from segscope.studies.cam_outcome import (
    Classifiers,
    cam_dice,
    described,
    read_classifiers,
    right,
)
from segscope.studies.cam_pictures import sheets
from segscope.studies.cam_regions import ORIGINAL
from segscope.studies.cam_rows import KINDS, layers_of, rows_of, scores_of
from segscope.studies.cam_tables import by_layer, layers, methods, shortcuts, weak_labels
from segscope.studies.declared import read_paper, write_facts


def sections(outcome: Outcome, rois: Dataset, folder: Path) -> list[Section]:
    """Make the paper's tables and figures; also ``study.json``, tables as CSV and PNG files.

    Args:
        outcome: Of the U-Nets.
        rois: The regions.
        folder: Of the study.
    """
    found = read_classifiers(outcome, rois, folder)
    write_facts(folder, "cam", outcome, **json_ready(facts_of(found)))
    if not found.done:
        return []
    write_text(folder / "classifiers.csv", to_csv(list(scores_of(found))))
    write_text(folder / "results.csv", to_csv(rows_of(found)))
    write_text(folder / "layers.csv", to_csv(layers_of(found)))
    pictures = sheets(found, folder)
    return [
        _first(found, pictures),
        _second(found, pictures),
        methods(found),
        by_layer(found),
        weak_labels(found),
        layers(found),
        shortcuts(found),
    ]


def facts_of(found: Classifiers) -> dict[str, Any]:
    """Give the classifiers' numbers as plain values, for ``study.json``."""
    networks = {
        name: {
            "right": {kind: vars(found.estimate(name, right(kind))) for kind in KINDS},
            "auc": vars(found.areas[name]),
            "mean_dice": vars(found.estimate(name, cam_dice)),
        }
        for name in found.networks
    }
    pairs = {
        name: [{"arm": d.arm, "reference": d.reference, **vars(d.estimate), "p": d.p,
                "p_holm": d.p_holm, "shown": d.shown} for d in some]
        for name, some in found.pairs.items()
    }  # fmt: skip
    return {
        "answer": sentences(found),
        "settings": found.settings,
        "counts": found.regions["counts"],
        "draws": [draw.model_dump(mode="json") for draw in found.draws()],
        "networks": networks,
        "pairs": pairs,
        "shortcuts": found.regions["shortcuts"],
        "undone": [*found.undone, *found.outcome.undone],
    }


def answer(outcome: Outcome, rois: Dataset, folder: Path) -> list[str]:
    """Say what the classifiers show, and what they do not."""
    return sentences(read_classifiers(outcome, rois, folder))


def sentences(found: Classifiers) -> list[str]:
    """The same of what was read."""
    said = []
    if found.done:
        accuracy = {name: found.estimate(name, right(ORIGINAL)) for name in found.networks}
        dice = {name: found.estimate(name, cam_dice) for name in found.networks}
        said = [
            f"Most accurate in the table: {_best(accuracy)}.",
            f"Best maps in the table: {_best(dice)}; a cone in the middle, which has seen no "
            f"image, has {_cone(found)}.",
        ]
    said += [f"{pair.sentence(what)}." for what, some in found.pairs.items() for pair in some]
    if found.undone:
        said.append(f"Not done: {len(found.undone)} classifiers' trials; nothing counts them.")
    return said


def _cone(found: Classifiers) -> Estimate:
    return estimate(found.subjects(found.regions["centred"].items()))


def _best(of_names: dict[str, Estimate]) -> str:
    name = max(of_names, key=lambda one: of_names[one].mean)
    return f"{name}, {of_names[name]}"


def _first(found: Classifiers, pictures: dict[str, bytes]) -> Section:
    printed = read_paper("cam")
    rows: list[list[Any]] = []
    for name in found.networks:
        area, paper = found.areas[name], printed.get(name, {})
        rows.append(
            [
                name,
                found.of_trials(name, lambda of_one: of_one["trained"][ORIGINAL]["val_accuracy"]),
                str(found.estimate(name, right(ORIGINAL))),
                f"{area.value:.4g} ({area.lower:.4g} to {area.upper:.4g})",
                str(found.estimate(name, cam_dice)),
                paper.get("accuracy", ""),
                paper.get("dice", ""),
            ]
        )
    rows.append(["a cone in the middle", "", "", "", str(_cone(found)), "", ""])
    columns = ["classifier", "validation accuracy", "test accuracy", "test AUC", "mean-Dice",
               "paper: accuracy", "paper: mean-Dice"]  # fmt: skip
    return Section(
        "Accuracy and maps (Table I, Figs. 7 and 10)",
        [_about(found)],
        tables=[
            Table(columns, rows, "Mean (95 % interval over subjects, n subjects); of validation "
                  "the mean and deviation over draws."),
            *(_pairs(found.pairs, what) for what in ("test accuracy", "mean-Dice")
              if found.pairs[what]),
        ],
        pictures=[
            Picture(pictures["maps"], "Test regions of the first draw and each classifier's map "
                    "of the abnormal class (usual Grad-CAM); dashed: the mask, solid: above "
                    "Otsu's threshold."),
            Picture(pictures["one_classifier"], "More regions and their maps by the first one."),
        ],
    )  # fmt: skip


def _about(found: Classifiers) -> str:
    draws, counts = found.draws(), found.regions["counts"]
    parts = draws[0]
    seeds = len({draw.seed for draw in draws})
    return (
        f"{counts['abnormal']} abnormal and {counts['normal']} normal regions of "
        f"{len(set(found.regions['subjects'].values()))} subjects. {len(draws)} draws ({seeds} "
        f"seeds) part them by subject; in the first {len(parts.train)} train, {len(parts.val)} "
        "choose the weights (the validation accuracy is the best of the epochs, as in the paper, "
        f"and so too good), {len(parts.test)} are only tested. {_recipes(found)} The "
        f"mean-Dice is of the predicted class's {_map(found)} over all abnormal regions, over "
        "all thresholds. A cone that has seen no image stands below: lesions fill the middle of "
        "regions that are cut round them. A subject counts once: its regions, seeds and folds are "
        "averaged first."
    )


def _map(found: Classifiers) -> str:
    """Which form of Grad-CAM a study has."""
    forms = {one.found["map"] for n in found.networks for one in found.of(n)}
    names = {"gradcam": "Grad-CAM (with a ReLU, which the paper does not print)",
             "gradcam_signed": "Grad-CAM as printed (without a ReLU)"}  # fmt: skip
    return " and ".join(names[form] for form in sorted(forms))


def _recipes(found: Classifiers) -> str:
    parts = ["What no recipe value says is as planned."]
    for what, values in found.settings.items():
        given = ", ".join(_flat(values)) or "as planned"
        parts.append(f"{what.capitalize() if what.islower() else what}: {given}.")
    return " ".join(parts)


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


def _second(found: Classifiers, pictures: dict[str, bytes]) -> Section:
    printed = read_paper("cam")
    titles = [f"{kind}: {part}" for kind in KINDS for part in ("validation", "test")]
    rows: list[list[Any]] = []
    for name in found.networks:
        cells: list[Any] = [name, str(found.estimate(name, cam_dice))]
        for kind in KINDS:
            of_draws = {d.draw.name: d.found["trained"][kind]["val_accuracy"]
                        for d in found.of(name)}  # fmt: skip
            cells += [described(of_draws), str(found.estimate(name, right(kind)))]
        rows.append(cells)
    keys = ("dice", "accuracy", "cam", "truth", "inverse")
    paper = [[n, *(printed[n].get(k, "") for k in keys)] for n in found.networks if n in printed]
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
        charts=[_figure_eight(found, printed)],
        pictures=[
            Picture(pictures["filtered"], "Regions as they are, and filtered by map, mask, and "
                    "inverse mask; abnormal ones left, normal ones right."),
        ],
    )  # fmt: skip


def _figure_eight(found: Classifiers, printed: dict[str, Any]) -> Lines:
    rows = rows_of(found)
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
