"""The demo: data, training, prediction, evaluation, pruning and a page, in one call.

Without data of your own it uses pieces of the MNI152 average brain with its grey- and white-matter
maps, which nilearn ships: real MRI, but one averaged head, so its figures show that everything
works and say nothing about accuracy on patients.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segscope.paths import check_new_folder
from segscope.workflows.opening import check_dataset_folder

_SMALL = {
    "preprocessing": {"spatial_dims": 2},
    "network": {"name": "anunet", "widths": [8, 16, 32, 64, 128], "norm": "instance"},
    "train": {"epochs": 200, "steps_per_epoch": 20, "batch_size": 4},
}


@dataclass(frozen=True)
class DemoResult:
    """Where the demo's page is, and its main numbers."""

    page: str
    run: str
    dice: float
    level: int
    levels: int
    minutes: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def run_demo(folder: Path, *, data: Path | None = None, max_minutes: float = 2.0) -> DemoResult:
    """Run everything into ``folder``: ``dataset``, ``run``, ``pruned``, ``report.html``.

    Args:
        folder: New or empty.
        data: nnU-Net v2 raw folder; the average brain by default.
        max_minutes: Time for training; the rest takes less than another minute on small data.
    """
    check_new_folder(folder)
    if data is not None:
        check_dataset_folder(data)
    started = time.monotonic()

    from segscope.data import Cache, measure_fingerprint, open_dataset, write_json
    from segscope.inference import prune_run
    from segscope.training import (
        evaluate_validation,
        load_partial,
        plan_recipe,
        train_dataset,
        validation_cases,
    )
    from segscope.training.recipe import merge
    from segscope.training.run_folder import CACHE, hidden
    from segscope.workflows.demo_data import write_demo_dataset
    from segscope.workflows.demo_page import write_demo_page

    source = (
        write_demo_dataset(folder / "dataset", image_dims=2, spacing_mm=1.5)
        if data is None
        else data
    )
    dataset = open_dataset(source)
    fingerprint = measure_fingerprint(dataset)
    small = merge(_SMALL, {"train": {"max_minutes": max_minutes}})
    recipe = plan_recipe(fingerprint, merge(load_partial("anunet_3d"), small))
    run = folder / "run"
    subjects = len({case.group for case in dataset.training})
    train_dataset(dataset, fingerprint, recipe, run, folds=min(4, subjects))
    summary = evaluate_validation(
        run, dataset, device=recipe.train.device, store=Cache(hidden(run, CACHE))
    )
    validation = validation_cases(run, dataset)
    pruned = prune_run(run, folder / "pruned", cases=validation, reading=dataset.reading)
    page = write_demo_page(
        folder / "report.html", run, dataset, summary, pruned, template=data is None
    )
    result = DemoResult(
        page=str(page),
        run=str(run),
        dice=float(summary.foreground_mean["dice"]),
        level=pruned.level,
        levels=len(pruned.rows),
        minutes=(time.monotonic() - started) / 60,
    )
    write_json(folder / "demo.json", result.to_dict())
    return result
