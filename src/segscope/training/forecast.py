"""How long the final evaluation of each validation case will take, from measured speed."""

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segscope.data import read_label, write_label
from segscope.images import Case
from segscope.inference import TrainedModel, hash_cases, predict_prepared
from segscope.inference.cases import target
from segscope.inference.predict import count_passes
from segscope.metrics.scores import evaluate_case
from segscope.training.patches import PreparedCase


def seconds_a_pass(model: TrainedModel) -> float:
    """Measure one pass of a patch through the network, forward alone; the first one warms up."""
    shape = list(model.run_spec.patch)
    if model.run_spec.plan.slice_axis is not None:
        shape.insert(model.run_spec.plan.slice_axis, 1)
    image = np.zeros((model.run_spec.network.in_channels, *shape), np.float32)
    predict_prepared(model, image)
    started = time.monotonic()
    predict_prepared(model, image)
    return time.monotonic() - started


def evaluation_seconds(
    model: TrainedModel,
    cases: Sequence[Case],
    prepared: Sequence[PreparedCase],
    *,
    pass_s: float,
    most_s: float,
) -> dict[str, float]:
    """Expect what predicting and scoring each case takes, by its windows and its voxels.

    Args:
        model: To be trained.
        cases: That validate.
        prepared: The same, prepared.
        pass_s: Of one pass, see `seconds_a_pass`.
        most_s: Where not even the network's passes over one case fit into it, the rest is not
            measured.
    """
    shapes = {case.name: case.label.shape for case in prepared}
    network = {name: pass_s * count_passes(model, shape) for name, shape in shapes.items()}
    if min(network.values()) > most_s:
        return network
    voxels = {name: math.prod(shape) for name, shape in shapes.items()}
    rest = _measure_rest(model, cases[0], prepared[0]) / voxels[cases[0].name]
    return {name: seconds + rest * voxels[name] for name, seconds in network.items()}


def _measure_rest(model: TrainedModel, case: Case, prepared: PreparedCase) -> float:
    """All that is not the network's work: undo; write, read, score labels."""
    assert prepared.undo is not None  # a plan has prepared it
    assert prepared.truth is not None
    started = time.monotonic()
    hash_cases([case])
    image = prepared.image
    outputs = (model.run_spec.network.out_channels, *image.shape[1:])
    model.run_spec.plan.undo_labels(np.broadcast_to(image[:1], outputs), prepared.undo)
    truth = prepared.truth()
    with tempfile.TemporaryDirectory() as folder:
        file = target(case, Path(folder))
        write_label(file, truth, like=case.image_files[0])
        found = read_label(file)
    evaluate_case(found.array, truth.array, truth.grid.spacing_mm, model.spec.labels)
    return time.monotonic() - started
