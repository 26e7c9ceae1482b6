"""What is kept of a prepared image and of its label map comes back as it was, to the bit."""

from dataclasses import fields

import numpy as np
import pytest

from segscope.images import Grid, Image, LabelMap
from segscope.preprocessing import Plan
from segscope.preprocessing.normalise import ChannelPlan
from segscope.preprocessing.way_back import (
    pack_label,
    pack_way_back,
    unpack_label,
    unpack_way_back,
)

# turned axes, one of them backwards, an origin that no decimal number is
GRID = Grid((7, 9, 5), [[0, 0, 3.1, 1 / 3], [-0.7, 0, 0, 2e-7], [0, 1.3, 0, -91.7], [0, 0, 0, 1]])


def prepared_volume():
    plan = Plan(
        image_dims=3,
        spatial_dims=3,
        orientation="RAS",
        spacing_mm=(1.0, 1.0, 1.0),
        through_plane="nearest",
        crop=True,
        channels=(ChannelPlan(name="MRI"),),
    )
    array = np.zeros((1, *GRID.shape), np.float32)
    array[0, 1:6, 2:8, 1:4] = np.random.default_rng(0).random((5, 6, 3))
    return plan, plan.apply(Image(array, GRID, notes=("a tag of 7 is taken for 8",)))


def test_all_of_a_prepared_image_but_its_voxels_comes_back():
    plan, prepared = prepared_volume()
    again = unpack_way_back(pack_way_back(prepared), prepared.array)
    for field in fields(prepared):
        if field.name not in ("array", "grid", "native"):
            assert getattr(again, field.name) == getattr(prepared, field.name)
    for name in ("grid", "native"):
        one, other = getattr(again, name), getattr(prepared, name)
        assert one.shape == other.shape
        np.testing.assert_array_equal(one.affine, other.affine, strict=True)
    assert again.array is prepared.array
    expected = plan.undo(prepared.array, prepared)
    np.testing.assert_array_equal(plan.undo(prepared.array, again).array, expected.array)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
def test_a_label_map_comes_back_in_its_own_type(kind):
    array = np.random.default_rng(1).integers(0, 200, GRID.shape).astype(kind)
    found = unpack_label(**pack_label(LabelMap(array.T.copy().T, GRID, notes=("of a mask",))))
    np.testing.assert_array_equal(found.array, array, strict=True)
    np.testing.assert_array_equal(found.grid.affine, GRID.affine)
    assert found.notes == ("of a mask",)


def test_a_nearly_empty_label_map_takes_little():
    array = np.zeros((100, 100, 100), np.uint8)
    array[40:60, 40:60, 40:60] = 1
    kept = pack_label(LabelMap(array, Grid.from_spacing(array.shape)))
    assert sum(part.nbytes for part in kept.values()) < array.nbytes / 50
