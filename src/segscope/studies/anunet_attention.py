"""Attention coefficients of one test image over the epochs whose weights were kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segscope.data import Dataset, load_of, open_dataset, write_bytes
from segscope.errors import InputError
from segscope.experiments import Outcome, cases_of, on_trials, read_again, write_again
from segscope.images import Case
from segscope.inference import TrainedModel, load_model
from segscope.report import attention_figure
from segscope.studies.anunet_levels import MAIN, trials_of

_NAME = "attention"
_PICTURE = "attention.png"


@dataclass(frozen=True)
class AttentionMap:
    """Attention coefficients of one image after one epoch."""

    epoch: int
    node: str
    coefficients: NDArray[np.float32]


def draw_attention(outcome: Outcome, dataset: Dataset, folder: Path) -> None:
    """Draw the attention of the first trial of ANU-Net that is done, on its first test case."""
    done = [t for t in trials_of(outcome, MAIN) if (folder / t.place / "result.json").is_file()]
    on_trials(_draw, done[:1], dataset, folder, _NAME)


def read_attention(outcome: Outcome, folder: Path) -> tuple[str, bytes] | None:
    """Read the picture and whose it is; None where there is none."""
    for trial in trials_of(outcome, MAIN):
        facts = read_again(folder / trial.place, _NAME)
        if facts is not None and facts["maps"]:
            picture = folder / trial.place / "again" / _NAME / _PICTURE
            return str(facts["case"]), picture.read_bytes()
    return None


def attention_over_epochs(run: Path, image: NDArray[np.float32]) -> list[AttentionMap]:
    """Read the first level's attention of every kept epoch on one prepared image (C, *P)."""
    maps = []
    for file in sorted(run.glob("weights_epoch*.safetensors")):
        name = file.stem.removeprefix("weights_")
        model = load_model(run, weights=name)
        with torch.inference_mode():
            gates = model.net.attention(torch.from_numpy(image)[None])
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
    plan = model.spec.plan
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


def _draw(dataset_folder: str, folder: str, name: str, place: str) -> None:
    root = Path(folder) / place
    draw = json.loads((root / "trial.json").read_text("utf-8"))["draw"]
    dataset = open_dataset(Path(dataset_folder))
    (case,) = cases_of(dataset, draw["test"][:1])
    image, truth = prepared_slice(load_model(root / "run", weights="last"), case, dataset)
    found = attention_over_epochs(root / "run", image)
    maps = [(one.epoch, one.node, one.coefficients) for one in found]
    if maps:
        into = root / "again" / name
        into.mkdir(parents=True, exist_ok=True)
        write_bytes(into / _PICTURE, attention_figure(image, truth, maps))
    write_again(root, name, {"case": case.name, "maps": len(maps)})
