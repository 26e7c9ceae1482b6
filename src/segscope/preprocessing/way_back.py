"""The way back of a prepared image, and its label map as it was read, as bytes to be kept."""

import json
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from segscope.images import Frame, Grid, LabelMap
from segscope.preprocessing.plan import Prepared

_FAST = 1  # of isal: label maps are nearly empty, they become small all the same


def pack_way_back(prepared: Prepared) -> NDArray[np.uint8]:
    """Keep all of a prepared image but its voxels."""
    facts = {
        "grid": _grid_facts(prepared.grid),
        "native": _grid_facts(prepared.native),
        "orientation": prepared.orientation,
        "box": prepared.box,
        "reoriented_shape": prepared.reoriented_shape,
        "resampled_shape": prepared.resampled_shape,
        "nearest_axis": prepared.nearest_axis,
        "notes": prepared.notes,
    }
    if prepared.frame is not None:
        frame = prepared.frame
        facts["frame"] = {**_grid_facts(frame.grid), "to_image": frame.to_image.tolist()}
    return _as_bytes(facts)


def unpack_way_back(packed: NDArray[np.uint8], array: NDArray[np.float32]) -> Prepared:
    """Make the prepared image again, around its voxels.

    Example:
        >>> grid = Grid.from_spacing((2, 3), (0.1, 0.3))
        >>> array = np.zeros((1, 2, 3), np.float32)
        >>> axes, box = ((0, 1), (1, 1)), ((0, 2), (0, 3))
        >>> made = Prepared(
        ...     array=array, grid=grid, native=grid, orientation=axes, box=box,
        ...     reoriented_shape=grid.shape, resampled_shape=grid.shape,
        ... )
        >>> unpack_way_back(pack_way_back(made), array).grid.spacing_mm
        (0.1, 0.3)
    """
    facts = json.loads(packed.tobytes())
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
        frame=_frame(facts.get("frame")),
    )


def pack_label(label: LabelMap) -> dict[str, NDArray[np.uint8]]:
    """Keep a label map on its own grid, compressed; undone by `unpack_label`.

    Example:
        >>> label = LabelMap(np.eye(2, dtype=np.uint16), Grid.from_spacing((2, 2)))
        >>> unpack_label(**pack_label(label)).array.tolist()
        [[1, 0], [0, 1]]
    """
    array = np.ascontiguousarray(label.array)
    facts = {
        "grid": _grid_facts(label.grid),
        "dtype": array.dtype.str,
        "notes": label.notes,
    }
    voxels = isal_zlib.compress(array.tobytes(), _FAST)
    return {"facts": _as_bytes(facts), "voxels": np.frombuffer(voxels, np.uint8)}


def unpack_label(facts: NDArray[np.uint8], voxels: NDArray[np.uint8]) -> LabelMap:
    """Make a label map again from what `pack_label` kept."""
    known = json.loads(facts.tobytes())
    grid = _grid(known["grid"])
    values = np.frombuffer(isal_zlib.decompress(voxels.tobytes()), known["dtype"])
    return LabelMap(values.reshape(grid.shape), grid, tuple(known["notes"]))


def _as_bytes(facts: dict[str, Any]) -> NDArray[np.uint8]:
    # JSON writes the shortest digits that give the same float64 again
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _grid_facts(grid: Grid) -> dict[str, Any]:
    return {"shape": grid.shape, "affine": grid.affine.tolist()}


def _grid(facts: dict[str, Any]) -> Grid:
    return Grid(tuple(facts["shape"]), np.array(facts["affine"], np.float64))


def _frame(facts: dict[str, Any] | None) -> Frame | None:
    return None if facts is None else Frame(_grid(facts), np.array(facts["to_image"], np.float64))
