"""Components, runs and boxes: hand-worked, scipy's and SimpleITK's answers, and the edges."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from segscope.images import components
from segscope.images.components import (
    bounding_box,
    find_runs,
    label_components,
    number_runs,
    slabs,
)

masks = arrays(bool, array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6))


def painted(mask):
    """The numbers of the runs, put back into an array."""
    runs, numbers, count = number_runs(mask)
    found = np.zeros(mask.size, int)
    for start, stop, number in zip(runs.starts, runs.stops, numbers, strict=True):
        found[start:stop] = number + 1
    return found.reshape(mask.shape), count


def test_runs_by_hand():
    runs = find_runs(np.array([[0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool))
    assert runs.starts.tolist() == [1, 3, 9]
    assert runs.stops.tolist() == [3, 5, 12]


def test_corners_join_and_the_end_of_a_line_does_not_join_the_next():
    corner = np.array([[1, 0, 0], [0, 1, 0]], bool)
    assert number_runs(np.pad(corner, 20))[2] == 1
    line_end = np.zeros((40, 40), bool)
    line_end[3, -1] = line_end[4, 0] = True
    assert number_runs(line_end)[2] == 2


@settings(max_examples=150)
@given(masks, st.sampled_from([0, 10**6]))
def test_either_way_of_numbering_equals_scipy(mask, voxels_per_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_VOXELS_PER_RUN", voxels_per_run)
        found, count = painted(mask)
    expected, number = ndimage.label(mask, np.ones((3,) * mask.ndim))
    assert count == number
    np.testing.assert_array_equal(found, expected)
    assert label_components(mask)[1] == number


def test_components_of_a_volume_equal_simpleitk():
    mask = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(50, 40, 60)), 1.2) > 0.13
    theirs = SimpleITK.ConnectedComponent(SimpleITK.GetImageFromArray(mask.astype(np.uint8)), True)
    numbered = SimpleITK.GetArrayFromImage(theirs)
    found, count = painted(mask)
    assert count == numbered.max() > 20
    assert len(set(zip(found[mask], numbered[mask], strict=True))) == count


@given(masks, st.sampled_from([1, 7, 1 << 18]))
def test_slabs_of_any_size_give_the_same_runs_and_centre(mask, voxels):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_SLAB_VOXELS", voxels)
        runs = find_runs(mask)
    spans = zip(runs.starts, runs.stops, strict=True)
    voxels = [k for start, stop in spans for k in range(start, stop)]
    np.testing.assert_array_equal(voxels, np.flatnonzero(mask))
    if mask.any():
        np.testing.assert_allclose(runs.centre(), np.argwhere(mask).mean(0))
    else:
        assert np.isnan(runs.centre()).all()


@given(arrays(bool, (4, 5)), arrays(bool, (4, 5)))
def test_runs_of_two_masks_are_those_of_what_they_share(first, second):
    shared, expected = find_runs(first, second), find_runs(first & second)
    np.testing.assert_array_equal(shared.starts, expected.starts)
    np.testing.assert_array_equal(shared.stops, expected.stops)


@given(masks, st.booleans())
def test_the_box_is_the_smallest(mask, as_labels):
    box = bounding_box(mask.astype(np.int16) * 7 if as_labels else mask)
    if box is None:
        assert not mask.any()
        return
    assert mask[box].sum() == mask.sum()
    for axis in range(mask.ndim):
        ends = np.moveaxis(mask[box], axis, 0)
        assert ends[0].any()
        assert ends[-1].any()


def test_the_box_of_two_holds_both_and_the_box_of_nothing_is_none():
    first, second = np.zeros((2, 6, 6), bool)
    assert bounding_box(first, second) is None
    first[1, 2] = True
    assert bounding_box(first, second) == (slice(1, 2), slice(2, 3))
    second[4, 0] = True
    assert bounding_box(first, second) == (slice(1, 5), slice(0, 3))


@given(array_shapes(min_dims=1, max_dims=3, max_side=700))
def test_slabs_cover_the_first_axis_once(shape):
    covered = [k for slab in slabs(shape) for k in range(slab.start, slab.stop)]
    assert covered == list(range(shape[0]))
