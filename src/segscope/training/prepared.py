"""A dataset's cases as a plan leaves them, kept so that a training reads each file once for them.

An entry of the cache also keeps what prediction and scores need of a case that validates: the way
back to the file's grid, and the truth on its own grid.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data import Cache, Dataset, cache_key, load_of
from segscope.errors import InputError, naming
from segscope.images import Case, Grid, LabelMap
from segscope.preprocessing import Plan, Prepared
from segscope.training.patches import PreparedCase, foreground_voxels

_FORMAT = "prepared-2"


@dataclass(frozen=True, eq=False)
class KeptCase:
    """A case as it is kept; arrays may be memory-mapped.

    Args:
        sample: What training takes patches of.
        image: What prediction takes, and what leads back to the file's grid.
        truth: The label map on its own grid.
    """

    sample: PreparedCase
    image: Prepared
    truth: LabelMap


def prepare_case(case: Case, dataset: Dataset, plan: Plan, store: Cache) -> KeptCase:
    """Apply the plan to a case, or take the stored result of the same files and the same plan.

    Raises:
        InputError: A file is refused, or the case has no label map.
    """
    files = [*case.image_files, *([case.label_file] if case.label_file else [])]
    key = cache_key(_FORMAT, plan.model_dump_json(), repr(dataset.reading), *files)

    def make() -> dict[str, NDArray[Any]]:
        loaded = load_of(dataset, case)
        if loaded.label is None:
            raise InputError(f"case {case.name}: has no label map; training needs one")
        with naming(case.image_files[0]):
            prepared = plan.apply(loaded.image)
        label = plan.apply_label(loaded.label, prepared)
        found = foreground_voxels(label)
        truth = loaded.label.array
        apart = {} if np.array_equal(truth, label) else {"truth": _smallest(truth)}
        return {
            "image": prepared.array,
            "label": label,
            **apart,
            "facts": _packed(_facts(prepared, loaded.label)),
            **{f"foreground_{value}": voxels for value, voxels in found.items()},
        }

    stored = store.get(key, make)
    foreground = {
        int(name.removeprefix("foreground_")): np.asarray(voxels)
        for name, voxels in stored.items()
        if name.startswith("foreground_")
    }
    facts = json.loads(stored["facts"].tobytes())
    return KeptCase(
        PreparedCase(case.name, stored["image"], stored["label"], foreground),
        _prepared(facts, stored["image"]),
        LabelMap(
            stored.get("truth", stored["label"]), _grid(facts["truth"]), tuple(facts["truth_notes"])
        ),
    )


def _smallest(labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    return labels.astype(np.min_scalar_type(int(labels.max(initial=0))))


def _packed(facts: dict[str, Any]) -> NDArray[np.uint8]:
    """Facts as an array of bytes, since that is what a cache keeps."""
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _facts(prepared: Prepared, truth: LabelMap) -> dict[str, Any]:
    """All but the arrays; numbers keep every bit as JSON."""
    return {
        "grid": _numbers(prepared.grid),
        "native": _numbers(prepared.native),
        "orientation": prepared.orientation,
        "box": prepared.box,
        "reoriented_shape": prepared.reoriented_shape,
        "resampled_shape": prepared.resampled_shape,
        "nearest_axis": prepared.nearest_axis,
        "notes": prepared.notes,
        "truth": _numbers(truth.grid),
        "truth_notes": truth.notes,
    }


def _prepared(facts: dict[str, Any], array: NDArray[np.float32]) -> Prepared:
    return Prepared(
        array=array,
        grid=_grid(facts["grid"]),
        native=_grid(facts["native"]),
        orientation=tuple((axis, sign) for axis, sign in facts["orientation"]),
        box=tuple((start, stop) for start, stop in facts["box"]),
        reoriented_shape=tuple(facts["reoriented_shape"]),
        resampled_shape=tuple(facts["resampled_shape"]),
        nearest_axis=facts["nearest_axis"],
        notes=tuple(facts["notes"]),
    )


def _numbers(grid: Grid) -> dict[str, Any]:
    return {"shape": grid.shape, "affine": grid.affine.tolist()}


def _grid(numbers: dict[str, Any]) -> Grid:
    return Grid(tuple(numbers["shape"]), np.array(numbers["affine"], np.float64))
