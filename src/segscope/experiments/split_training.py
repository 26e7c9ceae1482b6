"""Training on one split of a dataset, planned from nothing else, and what it comes to on others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segscope.data import Dataset, Split, measure_fingerprint
from segscope.experiments.trial import predict_run, score_predictions
from segscope.images import Case, Fingerprint
from segscope.training import Progress, has_begun, plan_recipe, read_recipe, train_dataset


def train_split(
    dataset: Dataset,
    run: Path,
    split: Split,
    settings: Mapping[str, Any],
    *,
    cache: Path | None = None,
) -> Progress:
    """Train a network that is planned from the split's cases alone.

    A run that was begun goes on as it was planned, on whatever machine.

    Args:
        dataset: With more cases, perhaps.
        run: Folder of the run.
        split: Cases that train and that are watched.
        settings: Recipe values over the plan.
        cache: Of prepared cases; the run's own where not given.
    """
    begun = has_begun(run)
    if begun:
        text = (run / "fingerprint.json").read_text("utf-8")
        fingerprint = Fingerprint.model_validate_json(text)
        recipe = read_recipe(run / "recipe.yaml")
    else:
        known = {*split.train, *split.val}
        shown = replace(dataset, training=tuple(c for c in dataset.training if c.name in known))
        fingerprint = measure_fingerprint(shown)
        recipe = plan_recipe(fingerprint, dict(settings))
    return train_dataset(dataset, fingerprint, recipe, run, split=split, cache=cache, resume=begun)


def score_run(
    run: Path, dataset: Dataset, cases: Sequence[Case], predictions: Path
) -> dict[str, Any]:
    """Predict cases by a run's last weights, and score them with the dataset's labels.

    Returns:
        A trial's result: the network's size, and one row per case and label.
    """
    found = predict_run(run, "last", cases, predictions)
    return {**found, "rows": score_predictions(predictions, dataset, cases)}
