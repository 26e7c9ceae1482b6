"""What a wrong unit would make of an image is refused before memory is taken."""

import tracemalloc

import numpy as np
import pytest

from segscope.errors import InputError, naming
from segscope.images import Grid, Image
from segscope.preprocessing import ChannelPlan, Plan
from segscope.preprocessing.size import check_size, shrunk

PLAN = Plan(
    image_dims=3, spatial_dims=3, spacing_mm=(1.0, 1.0, 1.5), channels=(ChannelPlan(name="x"),)
)


def grid(shape, spacing):
    return Grid.from_spacing(shape, (spacing,) * 3)


# 2^31 voxels are 1291 cubed, 2^28 are 646 cubed, 2^24 are 256 cubed
@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [
        ((1300, 1300, 1300), (1300, 1300, 1300), True),
        ((1200, 1200, 1200), (1300, 1300, 1300), False),
        ((500, 500, 500), (640, 640, 640), True),
        ((330, 330, 330), (650, 650, 650), True),
        ((300, 300, 300), (650, 650, 650), False),
        ((33, 33, 33), (257, 257, 257), True),
        ((31, 31, 31), (257, 257, 257), False),
        ((2, 2, 2), (250, 250, 250), True),
    ],
    ids=["as it is", "huge", "a little", "seven times", "ten times", "473", "570", "small"],
)
def test_sizes_at_the_limits(before, after, fine):
    if fine:
        check_size(grid(before, 1.0), after, (1.0, 1.0, 1.0))
        return
    with pytest.raises(InputError, match="check the units"):
        check_size(grid(before, 1.0), after, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("spacing", [20.0, 100.0, 1000.0])
def test_a_small_image_with_a_wrong_unit_is_refused_without_memory(spacing):
    image = Image(np.zeros((1, 20, 22, 14), np.float32), grid((20, 22, 14), spacing))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="times the model") as caught, naming("a.nii"):
            PLAN.apply(image)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert said.startswith(f"a.nii: its spacing {spacing:g} x {spacing:g} x {spacing:g} mm is ")
    assert "1 x 1 x 1.5 mm" in said


def test_what_all_but_vanishes_is_noted():
    said = shrunk(grid((20, 20, 20), 0.01), (1, 1, 1), (1.0, 1.0, 1.0))
    assert said == [
        "its spacing 0.01 x 0.01 x 0.01 mm is 1/100 of the model's 1 x 1 x 1 mm: it becomes "
        "1 x 1 x 1 voxels; check the units in its header"
    ]
    assert shrunk(grid((20, 20, 20), 0.5), (10, 10, 10), (1.0, 1.0, 1.0)) == []
    image = Image(np.zeros((1, 20, 20, 20), np.float32), grid((20, 20, 20), 0.01))
    assert any("1/150 of the model" in note for note in PLAN.apply(image).notes)


def test_numbers_that_float32_does_not_hold_are_bad_input():
    array = np.zeros((1, 4, 4, 4))
    array[0, 1, 1, 1] = 1e39
    said = r"a\.nii: channel x: has values that are not finite"
    with pytest.raises(InputError, match=said), naming("a.nii"):
        PLAN.apply(Image(array, grid((4, 4, 4), 1.0)))
