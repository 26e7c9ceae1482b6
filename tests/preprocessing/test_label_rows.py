"""Labels that come row by row are those of all rows at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segscope.images import Grid, Image
from segscope.preprocessing import LabelRows
from tests.preprocessing.orders import affine_of, all_orders
from tests.preprocessing.test_plan import noise, plan_3d


def labels_of(slabs, prepared, axis):
    rows = LabelRows(prepared, axis)
    for slab in slabs:
        rows.add(slab)
    return rows.label()


@settings(max_examples=60)
@given(
    shape=st.tuples(*[st.integers(3, 12)] * 3),
    spacing=st.sampled_from([None, (1.3, 1.3, 1.3), (0.6, 1.0, 2.2)]),
    axis=st.integers(0, 2),
    classes=st.sampled_from([1, 2, 5]),
    order=st.sampled_from(list(all_orders())),
    crop=st.booleans(),
    nearest=st.booleans(),
    cuts=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
def test_labels_from_slabs_are_those_of_the_whole(
    shape, spacing, axis, classes, order, crop, nearest, cuts
):
    plan = plan_3d(spacing_mm=spacing, crop=crop, through_plane="nearest" if nearest else "blend")
    grid = Grid(shape, affine_of(*order) @ np.diag([1.0, 1.0, 4.0 if nearest else 1.0, 1]))
    prepared = plan.apply(Image(noise(shape), grid))
    rng = np.random.default_rng(sum(shape))
    p = rng.random((classes, *prepared.grid.shape)).astype(np.float32)
    side, slabs, at = prepared.grid.shape[axis], [], 0
    while at < side:
        step = cuts[len(slabs) % len(cuts)]
        slabs.append(np.take(p, range(at, min(side, at + step)), 1 + axis))
        at += step
    found = labels_of(slabs, prepared, axis)
    native = plan.undo(p, prepared).array
    if classes == 1:
        assert (found.array == (native[0] > 0.5))[abs(native[0] - 0.5) > 1e-6].all()
    else:  # but for rounding of equals
        chosen = np.take_along_axis(native, found.array[None].astype(np.intp), 0)[0]
        assert (chosen >= native.max(0) - 1e-6).all()
        assert (found.array == plan.undo_labels(p, prepared).array).mean() > 0.99
    with pytest.raises(ValueError, match="rows"):
        labels_of(slabs[:-1] or [np.take(p, [], 1 + axis)], prepared, axis)
