"""What the classifier-map study's classifiers came to as rows, for CSV and charts."""

from collections.abc import Iterator
from typing import Any

from segscope.experiments.statistics import mean_known
from segscope.explain.weak_labels import CRITERIA
from segscope.studies.cam_outcome import Classifiers, Reader, cam_dice, right, unet_of, weak
from segscope.studies.cam_regions import ORIGINAL
from segscope.workflows.filtered import FILTERS

KINDS = (ORIGINAL, *FILTERS)


def scores_of(found: Classifiers) -> Iterator[dict[str, Any]]:
    """Every value of a classifier that the tables average: trial x case x measure, tidy."""
    readers: dict[str, Reader] = {
        **{f"{kind} right": right(kind) for kind in KINDS},
        "mean_dice": cam_dice,
        **{f"{criterion} maps": weak(criterion) for criterion in CRITERIA},
    }
    for one in found.done:
        for measure, reader in readers.items():
            for case, value in reader(one.found).items():
                yield {
                    "arm": one.arm,
                    "draw": one.draw.name,
                    "seed": one.draw.seed,
                    "case": case,
                    "subject": found.regions["subjects"][case],
                    "measure": measure,
                    "value": value,
                }


def rows_of(found: Classifiers) -> list[dict[str, Any]]:
    """One row per classifier and draw: means over its regions."""
    rows = []
    for one in (one for name in found.networks for one in found.of(name)):
        row: dict[str, Any] = {"network": one.arm, "draw": one.draw.name, "seed": one.draw.seed}
        for kind in KINDS:
            trained = one.found["trained"][kind]
            row[f"{kind}_val_accuracy"] = trained["val_accuracy"]
            row |= {f"{kind}_test_{name}": v["value"] for name, v in trained["test"].items()}
        row["mean_dice"] = mean_known(list(cam_dice(one.found).values()))
        unets = found.outcome.of_draws([one.draw.name])
        for criterion, maps in one.found["weak"].items():
            learned = unets.of_cases(unet_of(one.arm, criterion), "dice")
            row[f"{criterion}_maps_dice"] = mean_known(list(maps.values()))
            row[f"{criterion}_unet_dice"] = mean_known(list(learned.values()))
        row["minutes"] = sum(kind["minutes"] for kind in one.found["trained"].values())
        rows.append(row)
    return rows


def layers_of(found: Classifiers) -> list[dict[str, Any]]:
    """One row per classifier, draw and layer: mean SA scores, trained and untrained."""
    return [
        {"network": one.arm, "draw": one.draw.name, "layer": row["layer"], "depth": row["depth"],
         "rows": row["sides"][0], "columns": row["sides"][1], "channels": row["channels"],
         "sa": mean_known(list(row["ability"].values())),
         "sa_untrained": mean_known(list(row["untrained"].values()))}
        for name in found.networks for one in found.of(name) for row in one.found["layers"]
    ]  # fmt: skip
