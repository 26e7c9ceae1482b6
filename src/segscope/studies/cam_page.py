"""The page of the classifier-map study."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np

from segscope.data import open_dataset, read_label, to_csv, write_bytes, write_text
from segscope.explain import otsu_threshold
from segscope.images import Case
from segscope.inference.classify import read_plane_image
from segscope.report import Lines, Picture, Section, Table, Tile, page, tile_sheet
from segscope.studies.cam import Study
from segscope.studies.cam_outcome import ORIGINAL, Outcome
from segscope.studies.cam_paper import PAPER
from segscope.studies.filtered import FILTERS
from segscope.studies.rois import ABNORMAL, NORMAL
from segscope.studies.weak_training import mask_of
from segscope.training.classify_images import Labelled, labelled_images

_SHOWN = 8
_EACH = 3


def write_page(study: Study, folder: Path) -> Path:
    """Write ``report.html``, ``results.csv``, ``layers.csv`` and the figures as PNG files.

    Args:
        study: Whole.
        folder: Of the study.
    """
    pictures = _pictures(study, folder)
    for name, png in pictures.items():
        write_bytes(folder / f"{name}.png", png)
    write_text(folder / "results.csv", to_csv(rows_of(study)))
    layers = [
        {"network": o.network, "seed": o.seed, "layer": row.layer, "depth": row.depth,
         "rows": row.sides[0], "columns": row.sides[1], "channels": row.channels,
         "sa": row.ability, "sa_untrained": row.untrained}
        for o in study.outcomes for row in o.layers
    ]  # fmt: skip
    write_text(folder / "layers.csv", to_csv(layers))
    sections = [
        _first(study, pictures),
        _second(study, pictures),
        _methods(study),
        _by_layer(study),
        _weak(study),
        _layers(study),
        _shortcuts(study),
    ]
    file = folder / "report.html"
    write_text(file, page(f"Segmentation from classifiers: {study.dataset}", sections))
    return file


def rows_of(study: Study) -> list[dict[str, Any]]:
    """One row per network and draw: all that the tables average."""
    rows = []
    for o in study.outcomes:
        row: dict[str, Any] = {"network": o.network, "seed": o.seed}
        for kind in (ORIGINAL, *FILTERS):
            row[f"{kind}_val_accuracy"] = o.trained[kind].val_accuracy
            for name, value in o.trained[kind].test.items():
                row[f"{kind}_test_{name}"] = value.value
        row["mean_dice"] = fmean(o.mean_dice)
        for criterion, arms in o.weak.items():
            for arm, values in arms.items():
                row[f"{criterion}_{arm}_dice"] = fmean(values)
        row["minutes"] = sum(trained.minutes for trained in o.trained.values())
        rows.append(row)
    return rows


def over_draws(study: Study, network: str, number: Callable[[Outcome], float]) -> str:
    """Mean over draws of a network, and their standard deviation where there are several."""
    return said([number(o) for o in study.outcomes if o.network == network])


def said(values: Sequence[float]) -> str:
    """Say a mean, with the standard deviation where there are several.

    Example:
        >>> said([0.5]), said([0.4, 0.6])
        ('0.500', '0.500 (0.100)')
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return ""
    return f"{fmean(known):.3f}" + (f" ({pstdev(known):.3f})" if len(known) > 1 else "")


def _networks(study: Study) -> list[str]:
    return list(dict.fromkeys(o.network for o in study.outcomes))


def _first(study: Study, pictures: dict[str, bytes]) -> Section:
    parts = study.parts[0]
    rows = []
    for name in _networks(study):
        paper = PAPER.get(name)
        rows.append(
            [
                name,
                over_draws(study, name, lambda o: o.trained[ORIGINAL].val_accuracy),
                over_draws(study, name, lambda o: o.trained[ORIGINAL].test["accuracy"].value),
                over_draws(study, name, lambda o: o.trained[ORIGINAL].test["auc"].value),
                over_draws(study, name, lambda o: fmean(o.mean_dice)),
                paper.accuracy if paper else "",
                paper.dice if paper else "",
            ]
        )
    rows.append(["a cone in the middle", "", "", "", said([fmean(study.centred)]), "", ""])
    first = study.outcomes[0].trained[ORIGINAL].test["accuracy"]
    text = (
        f"{study.counts['abnormal']} abnormal and {study.counts['normal']} normal regions. Each of "
        f"{len(study.parts)} draws parts them by subject: {len(parts.train)} train, "
        f"{len(parts.val)} choose the weights (the validation accuracy is the best of the epochs, "
        f"as in the paper, and so too good), {len(parts.test)} are only tested. Budget "
        f"{study.options.budget}. With so few, one draw's test accuracy is vague: "
        f"{study.outcomes[0].network} {first.value:.3f}, 95 % {first.lower:.3f} to "
        f"{first.upper:.3f}. The mean-Dice is of the predicted class's Grad-CAM over all abnormal "
        "regions, over all thresholds. A cone that has seen no image stands below: lesions fill "
        "the middle of regions that are cut round them."
    )
    return Section(
        "Accuracy and maps (Table I, Figs. 7 and 10)",
        [text],
        tables=[
            Table(
                ["classifier", "validation accuracy", "test accuracy", "test AUC", "mean-Dice",
                 "paper: accuracy", "paper: mean-Dice"],
                rows,
                "Mean (sd) over draws.",
            )
        ],
        pictures=[
            Picture(pictures["maps"], "Test regions of the first draw and each classifier's map "
                    "of the abnormal class; dashed: the mask, solid: above Otsu's threshold."),
            Picture(pictures["one_classifier"], "More regions and their maps by the first one."),
        ],
    )  # fmt: skip


def _second(study: Study, pictures: dict[str, bytes]) -> Section:
    kinds = (ORIGINAL, *FILTERS)
    rows, paper_rows = [], []
    for name in _networks(study):
        cells: list[Any] = [name, over_draws(study, name, lambda o: fmean(o.mean_dice))]
        for kind in kinds:
            cells.append(over_draws(study, name, lambda o, k=kind: o.trained[k].val_accuracy))  # type: ignore[misc]
            cells.append(
                over_draws(study, name, lambda o, k=kind: o.trained[k].test["accuracy"].value)  # type: ignore[misc]
            )
        rows.append(cells)
        if (row := PAPER.get(name)) is not None:
            inverse = "" if row.inverse_accuracy is None else row.inverse_accuracy
            paper_rows.append(
                [name, row.dice, row.accuracy, row.cam_accuracy, row.mask_accuracy, inverse]
            )
    titles = [f"{kind}: {part}" for kind in kinds for part in ("validation", "test")]
    points = {
        "measured": (
            [fmean(o.mean_dice) for o in study.outcomes],
            [o.trained["cam"].test["accuracy"].value for o in study.outcomes],
        ),
        "paper (validation)": (
            [row.dice for row in PAPER.values()],
            [row.cam_accuracy for row in PAPER.values()],
        ),
    }
    return Section(
        "Learning again from what maps or masks keep (Table II, Figs. 8 and 9)",
        ["The same architecture from scratch on images times their own map (cam: of the class that "
         "the first network predicts), times the true mask (truth; a normal region takes the mask "
         "of an abnormal one of the same part), times 1 minus that (inverse). Filtered images show "
         "the shape of the filter too: where maps of the two classes differ in shape, a network "
         "can learn that, and the first network's errors with it."],
        tables=[
            Table(["classifier", "mean-Dice", *titles], rows, "Accuracies, mean (sd) over draws."),
            Table(["classifier", "mean-Dice", "val_acc", "CAM_val_acc", "mask_val_acc", "inverse"],
                  paper_rows, "The paper, DDSM mammograms."),
        ],
        charts=[
            Lines(points, "mean-Dice of maps", "accuracy learned from them", "As Fig. 8; a point "
                  "per classifier and draw, test accuracy.", points=True,
                  texts={"measured": [o.network for o in study.outcomes],
                         "paper (validation)": list(PAPER)}),
        ],
        pictures=[
            Picture(pictures["filtered"], "Regions as they are, and filtered by map, mask, and "
                    "inverse mask; abnormal ones left, normal ones right."),
        ],
    )  # fmt: skip


def _methods(study: Study) -> Section:
    rows = []
    for name in _networks(study):
        own = [o for o in study.outcomes if o.network == name]
        for method in own[0].methods:
            found = [
                [fmean(float(getattr(row, part)) for row in o.methods[method]) for o in own]
                for part in ("mean_dice", "dice", "oracle_dice")
            ]
            rows.append([name, method, *(said(values) for values in found)])
    whole = [fmean(values) for values in study.whole]
    return Section(
        "Six ways to make maps",
        ["Abnormal test regions, maps of the abnormal class at the last layer with a spatial map. "
         "Otsu's threshold needs no mask; the oracle's is the best of each image, which only its "
         f"mask can tell. Calling the whole region lesion has Dice {said(whole)}."],
        tables=[Table(["classifier", "method", "mean-Dice", "Dice, Otsu", "Dice, oracle"], rows,
                      "Mean over regions, (sd) over draws.")],
    )  # fmt: skip


def _by_layer(study: Study) -> Section:
    rows: list[list[Any]] = []
    for name in _networks(study):
        own = [o for o in study.outcomes if o.network == name]
        for layer in own[0].by_layer:
            sides = _layer(own[0], layer).sides
            cells: list[Any] = [name, layer, f"{sides[0]} x {sides[1]}"]
            for method in own[0].by_layer[layer]:
                for part in ("mean_dice", "dice"):
                    found = [o.by_layer[layer][method] for o in own]
                    cells.append(said([fmean(getattr(r, part) for r in one) for one in found]))
            rows.append(cells)
    methods = next(iter(study.outcomes[0].by_layer.values()))
    titles = [f"{method}: {part}" for method in methods for part in ("mean-Dice", "Dice, Otsu")]
    return Section(
        "Maps from earlier layers",
        ["Abnormal test regions, maps of the abnormal class at the last layer of each size. Few "
         "pixels cannot follow an outline; early layers have many and know little of the class. "
         "gradcam averages the gradient over the map, hirescam multiplies it place by place; they "
         "are the same where the network averages over space next."],
        tables=[Table(["classifier", "layer", "its maps", *titles], rows,
                      "Mean over regions, (sd) over draws.")],
    )  # fmt: skip


def _weak(study: Study) -> Section:
    rows: list[list[Any]] = []
    for name in _networks(study):
        own = [o for o in study.outcomes if o.network == name]
        for criterion in own[0].weak:
            arms = [[fmean(o.weak[criterion][arm]) for o in own] for arm in ("maps", "unet")]
            rows.append([name, criterion, *(said(values) for values in arms)])
    rows.append(["true masks", "", "", said([fmean(values) for values in study.supervised])])
    rows.append(["the whole region", "", said([fmean(values) for values in study.whole]), ""])
    return Section(
        "Maps as labels for a U-Net",
        ["The labels that train are maps of the abnormal class above a threshold chosen without "
         "masks, for images known to be abnormal, and empty for the others. The U-Net's last "
         "weights are scored with the true masks of abnormal test regions, as are the maps alone "
         "and the same network trained on true masks."],
        tables=[Table(["labels from", "threshold", "Dice of the maps", "Dice of the U-Net"], rows,
                      "Mean over regions, (sd) over draws.")],
    )  # fmt: skip


def _layers(study: Study) -> Section:
    first = [o for o in study.outcomes if o.seed == 0]
    series = {}
    for o in first:
        series[o.network] = ([row.depth for row in o.layers], [row.ability for row in o.layers])
        series[f"{o.network}, untrained"] = (
            [row.depth for row in o.layers], [row.untrained for row in o.layers],
        )  # fmt: skip
    rows = []
    for name in _networks(study):
        own = [o for o in study.outcomes if o.network == name]
        best = max(own[0].layers, key=lambda row: row.ability)
        rows.append(
            [
                name, best.layer, f"{best.sides[0]} x {best.sides[1]}", best.depth,
                said([_layer(o, best.layer).ability for o in own]),
                said([_layer(o, best.layer).untrained for o in own]),
                said([o.layers[-1].ability for o in own]),
                said([o.layers[-1].untrained for o in own]),
            ]
        )  # fmt: skip
    return Section(
        "What each layer could segment (SA with the true mask as guide)",
        ["Dice of each layer's prototype map with the mask, on abnormal test regions; the mask "
         "guides the prototypes, so this says what the features hold, not what could be had "
         "without truth. The same network before training shows what any filters give. The best "
         "layer is chosen on the first draw and named for all."],
        tables=[Table(["classifier", "best layer", "sides", "depth", "SA", "untrained",
                       "SA, last layer", "untrained, last"], rows, "Mean (sd) over draws.")],
        charts=[Lines(series, "depth (0: input, 1: output)", "SA", "First draw.")],
    )  # fmt: skip


def _layer(outcome: Outcome, name: str) -> Any:
    return next(row for row in outcome.layers if row.layer == name)


def _shortcuts(study: Study) -> Section:
    rows = [[row.name, row.auc] for row in study.shortcuts]
    return Section(
        "What tells the classes apart without a network",
        ["AUC of plain figures of the regions: 0.5 says nothing, 0 or 1 everything. A classifier "
         "that is no better than the best of them may have learned no more."],
        tables=[Table(["figure", "AUC, abnormal against normal"], rows)],
    )  # fmt: skip


def _pictures(study: Study, folder: Path) -> dict[str, bytes]:
    rois = open_dataset(folder / "rois")
    images = labelled_images(rois, "class")
    tested = images.part(study.parts[0].test)
    abnormal, normal = _of(tested, ABNORMAL), _of(tested, NORMAL)
    networks = _networks(study)
    first = networks[0]
    own = folder / "runs" / f"{first}_seed0"
    kinds = [(kind, open_dataset(own / f"filtered_{kind}")) for kind in FILTERS]
    shown = [*abnormal[:_EACH], *normal[:_EACH]]
    filtered = [[Tile(f"{ORIGINAL}: {case.name}", _image(case)) for case in shown]]
    for kind, dataset in kinds:
        by_name = {case.name: case for case in dataset.training}
        filtered.append([Tile(kind, _image(by_name[case.name])) for case in shown])
    more = abnormal[:_SHOWN]
    return {
        "maps": tile_sheet(
            [
                [Tile(case.name, _image(case), truth=mask_of(case)),
                 *(_map(folder, name, case) for name in networks)]
                for case in _spaced(abnormal, 4)
            ]
        ),
        "one_classifier": tile_sheet(
            [
                [Tile(case.name, _image(case), truth=mask_of(case)) for case in more],
                [_map(folder, first, case) for case in more],
            ]
        ),
        "filtered": tile_sheet(filtered),
    }  # fmt: skip


def _of(images: Labelled, name: str) -> tuple[Case, ...]:
    number = images.classes.index(name)
    pairs = zip(images.cases, images.truth, strict=True)
    return tuple(case for case, truth in pairs if truth == number)


def _spaced(cases: Sequence[Case], count: int) -> list[Case]:
    """Some at equal steps in the order of names, so that nobody chose them."""
    places = np.unique(np.linspace(0, len(cases) - 1, min(count, len(cases))).round().astype(int))
    return [cases[int(k)] for k in places]


def _image(case: Case) -> Any:
    return read_plane_image(Case(case.name, case.image_files), 1).numpy()


def _map(folder: Path, network: str, case: Case) -> Tile:
    maps = folder / "runs" / f"{network}_seed0" / "labels_otsu" / "heatmaps"
    levels = read_label(maps / f"{case.name}.png").array.astype(np.uint8)
    return Tile(
        network,
        _image(case),
        heat=(levels / 255).astype(np.float32),
        truth=mask_of(case),
        found=levels > otsu_threshold(levels),
    )
