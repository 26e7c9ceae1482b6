"""Tables of the classifier-map study beyond the paper's two: maps, layers, weak labels."""

from typing import Any

from segscope.experiments.statistics import estimate, mean_known
from segscope.explain.weak_labels import CRITERIA
from segscope.report import Lines, Section, Table
from segscope.studies.cam_outcome import (
    SUPERVISED,
    Classifiers,
    of_layer,
    of_maps,
    unet_of,
    weak,
)

_MEANS = "Mean (95 % interval over subjects, n subjects)."
_SCORES = ("mean_dice", "dice", "oracle_dice")


def methods(found: Classifiers) -> Section:
    """Compare ways to make maps at the last layer."""
    rows: list[list[Any]] = []
    for name in found.networks:
        for method in found.of(name)[0].found["methods"]:
            scores = [found.estimate(name, of_maps("methods", method, part=p)) for p in _SCORES]
            rows.append([name, method, *map(str, scores)])
    return Section(
        "Ways to make maps",
        ["Abnormal test regions, maps of the abnormal class at the last layer with a spatial map. "
         "The paper prints gradcam_signed; the usual gradcam and hirescam have a ReLU. "
         "Otsu's threshold needs no mask; the oracle's is the best of each image, which only its "
         f"mask can tell. Calling the whole region lesion has Dice {_whole(found)}."],
        tables=[Table(["classifier", "method", "mean-Dice", "Dice, Otsu", "Dice, oracle"], rows,
                      _MEANS)],
    )  # fmt: skip


def by_layer(found: Classifiers) -> Section:
    """Compare maps of earlier layers."""
    rows: list[list[Any]] = []
    own: dict[str, Any] = {}
    for name in found.networks:
        first = found.of(name)[0].found
        sides = {row["layer"]: row["sides"] for row in first["layers"]}
        for layer, own in first["by_layer"].items():
            scores = [
                found.estimate(name, of_maps("by_layer", layer, method, part=part))
                for method in own
                for part in _SCORES[:2]
            ]
            rows.append([name, layer, _sides(sides[layer]), *map(str, scores)])
    titles = [f"{method}: {part}" for method in own for part in ("mean-Dice", "Dice, Otsu")]
    return Section(
        "Maps from earlier layers",
        ["Abnormal test regions, maps of the abnormal class at the last layer of each size. Few "
         "pixels cannot follow an outline; early layers have many and know little of the class. "
         "gradcam averages the gradient over the map, hirescam multiplies it place by place; "
         "signed ones have no ReLU, as the paper prints them. The two are the same where the "
         "network averages over space next."],
        tables=[Table(["classifier", "layer", "its maps", *titles], rows, _MEANS)],
    )  # fmt: skip


def weak_labels(found: Classifiers) -> Section:
    """Compare U-Nets that learned from maps with one that learned true masks."""
    learned = found.outcome.estimates("dice")
    rows: list[list[Any]] = []
    for name in found.networks:
        for criterion in CRITERIA:
            maps = found.estimate(name, weak(criterion))
            unet = learned.get(unet_of(name, criterion), "not done")
            rows.append([name, criterion, str(maps), str(unet)])
    rows.append([SUPERVISED, "", "", str(learned.get(SUPERVISED, "not done"))])
    rows.append(["the whole region", "", _whole(found), ""])
    return Section(
        "Maps as labels for a U-Net",
        ["The labels that train are maps of the abnormal class above a threshold chosen without "
         "masks, for images known to be abnormal, and empty for the others. The U-Net's last "
         "weights are scored with the true masks of abnormal test regions, as are the maps alone "
         "and the same network trained on true masks; differences from that one stand above."],
        tables=[
            Table(["labels from", "threshold", "Dice of the maps", "Dice of the U-Net"], rows,
                  _MEANS),
        ],
    )  # fmt: skip


def layers(found: Classifiers) -> Section:
    """Show what each layer's features could segment, trained and untrained."""
    series, rows = {}, []
    for name in found.networks:
        of_one = found.of(name)[0].found["layers"]
        depths = [row["depth"] for row in of_one]
        means = {
            part: [mean_known(list(row[part].values())) for row in of_one]
            for part in ("ability", "untrained")
        }
        series[name] = (depths, means["ability"])
        series[f"{name}, untrained"] = (depths, means["untrained"])
        best = of_one[max(range(len(of_one)), key=means["ability"].__getitem__)]
        last = of_one[-1]
        cells = [
            str(found.estimate(name, of_layer(row["layer"], part)))
            for row in (best, last)
            for part in ("ability", "untrained")
        ]
        rows.append([name, best["layer"], _sides(best["sides"]), best["depth"], *cells])
    return Section(
        "What each layer could segment (SA with the true mask as guide)",
        ["Dice of each layer's prototype map with the mask, on abnormal test regions; the mask "
         "guides the prototypes, so this says what the features hold, not what could be had "
         "without truth. The same network before training shows what any filters give. The best "
         "layer is chosen on the first draw and named for all."],
        tables=[Table(["classifier", "best layer", "sides", "depth", "SA", "untrained",
                       "SA, last layer", "untrained, last"], rows, _MEANS)],
        charts=[Lines(series, "depth (0: input, 1: output)", "SA", "First draw.")],
    )  # fmt: skip


def shortcuts(found: Classifiers) -> Section:
    """Show what sorts the classes without a network."""
    rows = [
        [name, one["value"], one["lower"], one["upper"]]
        for name, one in found.regions["shortcuts"].items()
    ]
    return Section(
        "What tells the classes apart without a network",
        ["AUC of plain figures of the regions: 0.5 says nothing, 0 or 1 everything. A classifier "
         "that is no better than the best of them may have learned no more."],
        tables=[Table(["figure", "AUC, abnormal against normal", "95 % from", "to"], rows,
                      "Intervals over subjects.")],
    )  # fmt: skip


def _whole(found: Classifiers) -> str:
    """Dice of calling tested regions lesion as a whole."""
    tested = {name for draw in found.draws() for name in draw.test}
    whole = found.regions["whole"]
    return str(estimate(found.subjects((n, v) for n, v in whole.items() if n in tested)))


def _sides(sides: Any) -> str:
    return f"{sides[0]} x {sides[1]}"
