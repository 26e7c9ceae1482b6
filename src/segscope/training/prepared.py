"""A dataset's cases as a plan leaves them, kept so that a training reads each file once for them.

An entry of the cache also keeps what prediction and scores need of a case that validates: the way
back to the file's grid, and the truth on its own grid.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data import Cache, Dataset, cache_key, load_of
from segscope.errors import InputError, naming
from segscope.images import Case
from segscope.preprocessing import (
    Plan,
    pack_label,
    pack_way_back,
    unpack_label,
    unpack_way_back,
)
from segscope.training.patches import PreparedCase, foreground_voxels

_FORMAT = "prepared-2"


def prepare_case(case: Case, dataset: Dataset, plan: Plan, store: Cache) -> PreparedCase:
    """Apply the plan to a case, or take the stored result of the same files and the same plan.

    Raises:
        InputError: A file is refused, or the case has no label map.
    """
    key = cache_key(_FORMAT, plan.model_dump_json(), repr(dataset.reading), *case.files)

    def make() -> dict[str, NDArray[Any]]:
        loaded = load_of(dataset, case)
        if loaded.label is None:
            raise InputError(f"case {case.name}: has no label map; training needs one")
        with naming(case.image_files[0]):
            prepared = plan.apply(loaded.image)
        label = plan.apply_label(loaded.label, prepared)
        found = foreground_voxels(label)
        return {
            "image": prepared.array,
            "label": label,
            "undo": pack_way_back(prepared),
            **{f"truth_{part}": kept for part, kept in pack_label(loaded.label).items()},
            **{f"foreground_{value}": voxels for value, voxels in found.items()},
        }

    stored = store.get(key, make)
    foreground = {
        int(name.removeprefix("foreground_")): np.asarray(voxels)
        for name, voxels in stored.items()
        if name.startswith("foreground_")
    }
    return PreparedCase(
        case.name,
        stored["image"],
        stored["label"],
        foreground,
        unpack_way_back(stored["undo"], stored["image"]),
        partial(unpack_label, stored["truth_facts"], stored["truth_voxels"]),
    )
