"""Attention coefficients of one image over the epochs whose weights a run has kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.data import Dataset, load_of
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import TrainedModel, load_model


@dataclass(frozen=True)
class AttentionMap:
    """Attention coefficients of one image after one epoch."""

    epoch: int
    node: str
    coefficients: NDArray[np.float32]


def attention_over_epochs(run: Path, image: NDArray[np.float32]) -> list[AttentionMap]:
    """Read the first level's attention of every kept epoch on one prepared image (C, *P)."""
    maps = []
    for file in sorted(run.glob("weights_epoch*.safetensors")):
        name = file.stem.removeprefix("weights_")
        model = load_model(run, weights=name)
        with torch.inference_mode():
            gates = model.segmenter.attention(torch.from_numpy(image)[None])
        full = [node for node, alpha in gates.items() if alpha.shape[2:] == image.shape[1:]]
        maps += [
            AttentionMap(int(name.removeprefix("epoch")), node, gates[node][0, 0].numpy())
            for node in full
        ]
    return maps


def prepared_slice(
    model: TrainedModel, case: Case, dataset: Dataset
) -> tuple[NDArray[np.float32], NDArray[np.integer[Any]]]:
    """Prepare one case; of a volume, the slice with the largest truth."""
    plan = model.run_spec.plan
    loaded = load_of(dataset, case)
    prepared = plan.apply(loaded.image)
    if loaded.label is None:
        raise InputError(f"case {case.name}: has no label map")
    truth = plan.apply_label(loaded.label, prepared)
    image = prepared.array
    if plan.spatial_dims < plan.image_dims:
        axis = plan.slice_axis if plan.slice_axis is not None else truth.ndim - 1
        areas = (truth > 0).sum(tuple(k for k in range(truth.ndim) if k != axis))
        best = int(areas.argmax())
        image, truth = np.take(image, best, axis + 1), np.take(truth, best, axis)
    return np.ascontiguousarray(image, dtype=np.float32), truth
