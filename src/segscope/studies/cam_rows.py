"""Results of the classifier-map study as rows, for CSV and charts."""

from collections.abc import Iterator
from typing import Any

from segscope.experiments.statistics import mean_known
from segscope.explain.weak_labels import CRITERIA
from segscope.studies.cam_outcome import Outcome, Reader, cam_dice, right, weak
from segscope.studies.cam_trials import ORIGINAL, SUPERVISED
from segscope.workflows.filtered import FILTERS

KINDS = (ORIGINAL, *FILTERS)


def scores_of(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Every value that the tables average: trial x case x measure, tidy."""
    readers: dict[str, Reader] = {
        **{f"{kind} right": right(kind) for kind in KINDS},
        "mean_dice": cam_dice,
        **{f"{c} {arm}": weak(c, arm) for c in CRITERIA for arm in ("maps", "unet")},
    }
    for one in outcome.done:
        own = {"unet": lambda found: found["unet"]} if one.arm == SUPERVISED else readers
        for measure, reader in own.items():
            for case, value in reader(one.found).items():
                yield {
                    "arm": one.arm,
                    "draw": one.draw.name,
                    "seed": one.draw.seed,
                    "case": case,
                    "subject": outcome.regions["subjects"][case],
                    "measure": measure,
                    "value": value,
                }


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    """One row per classifier and draw: means over its regions."""
    rows = []
    for one in (one for name in outcome.networks for one in outcome.of(name)):
        row: dict[str, Any] = {"network": one.arm, "draw": one.draw.name, "seed": one.draw.seed}
        for kind in KINDS:
            trained = one.found["trained"][kind]
            row[f"{kind}_val_accuracy"] = trained["val_accuracy"]
            row |= {f"{kind}_test_{name}": v["value"] for name, v in trained["test"].items()}
        row["mean_dice"] = mean_known(list(cam_dice(one.found).values()))
        for criterion, arms in one.found["weak"].items():
            for arm, values in arms.items():
                row[f"{criterion}_{arm}_dice"] = mean_known(list(values.values()))
        row["minutes"] = sum(kind["minutes"] for kind in one.found["trained"].values())
        rows.append(row)
    return rows


def layers_of(outcome: Outcome) -> list[dict[str, Any]]:
    """One row per classifier, draw and layer: mean SA scores, trained and untrained."""
    return [
        {"network": one.arm, "draw": one.draw.name, "layer": row["layer"], "depth": row["depth"],
         "rows": row["sides"][0], "columns": row["sides"][1], "channels": row["channels"],
         "sa": mean_known(list(row["ability"].values())),
         "sa_untrained": mean_known(list(row["untrained"].values()))}
        for name in outcome.networks for one in outcome.of(name) for row in one.found["layers"]
    ]  # fmt: skip
