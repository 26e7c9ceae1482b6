"""nnU-Net's resampling: against scikit-image and scipy, which it calls, and against torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.transform import resize

from segscope.errors import InputError
from segscope.inference.foreign.nnunet_resample import Resampler, new_shape, resampler

SPLINES = "resample_data_or_seg_to_shape"
NOISE = np.random.default_rng(0).normal(size=(2, 5, 6, 7)).astype(np.float32)
EVEN = (1.0, 1.0, 1.0)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("shape", [(8, 6, 11), (3, 9, 4)], ids=["larger", "mixed"])
def test_splines_are_those_of_scikit_image_clipped_to_the_range(order, shape):
    found = Resampler(SPLINES, order, separate=None)(NOISE, shape, EVEN, EVEN)
    for one, channel in zip(found, NOISE, strict=True):
        expected = resize(channel.astype(float), shape, order, mode="edge", anti_aliasing=False)
        assert np.array_equal(one, expected.astype(np.float32))
        assert one.min() >= channel.min()
        assert one.max() <= channel.max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_coarse_axis_is_resampled_on_its_own_by_the_nearest_voxel(axis):
    spacing = tuple(4.0 if k == axis else 1.0 for k in range(3))
    shape = (9, 8, 10)
    found = Resampler(SPLINES, 3, separate=None)(NOISE, shape, spacing, EVEN)
    plane = tuple(side for k, side in enumerate(shape) if k != axis)
    for one, channel in zip(found, NOISE, strict=True):
        slices = [
            resize(part, plane, 3, mode="edge", anti_aliasing=False)
            for part in np.moveaxis(channel.astype(float), axis, 0)
        ]
        stacked = np.stack(slices, axis)
        grid = np.mgrid[tuple(slice(0, side) for side in shape)].astype(float)
        grid[axis] = stacked.shape[axis] / shape[axis] * (grid[axis] + 0.5) - 0.5
        expected = ndimage.map_coordinates(stacked, grid, order=0, mode="nearest")
        assert np.array_equal(one, expected.astype(np.float32))


def test_what_has_its_shape_is_not_touched():
    assert Resampler(SPLINES)(NOISE, NOISE.shape[1:], EVEN, (2.0, 2.0, 2.0)) is NOISE
    assert Resampler("no_resampling_hack")(NOISE, (1, 1, 1), EVEN, EVEN) is NOISE


def test_numbers_keep_their_kind():
    half = NOISE.astype(np.float16)
    assert Resampler(SPLINES, 1)(half, (5, 6, 8), EVEN, EVEN).dtype == np.float16


@pytest.mark.parametrize("separate", [False, None])
def test_torch_interpolates_linearly_and_the_coarse_axis_by_its_nearest(separate):
    found = Resampler("resample_torch_fornnunet", separate=separate)(
        NOISE, (10, 8, 7), (4.0, 1.0, 1.0), EVEN
    )
    x = torch.from_numpy(NOISE)
    if separate is None:
        flat = torch.nn.functional.interpolate(x, (8, 7), mode="bilinear")
        expected = flat.repeat_interleave(2, 1)
    else:
        expected = torch.nn.functional.interpolate(x[None], (10, 8, 7), mode="trilinear")[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(("current", "new", "axis"), [
    ((3.0, 1.0, 1.0), EVEN, None),
    ((3.1, 1.0, 1.0), EVEN, 0),
    (EVEN, (1.0, 1.0, 5.0), 2),
    ((5.0, 5.0, 1.0), EVEN, None),
])  # fmt: skip
def test_an_axis_is_apart_where_it_alone_is_three_times_coarser(current, new, axis):
    assert Resampler(SPLINES, separate=None).axis(current, new) == axis
    assert Resampler(SPLINES, separate=False).axis(current, new) is None


def test_sides_are_rounded_as_python_rounds():
    assert new_shape((5, 3), (0.5, 1.0), (1.0, 2.0)) == (2, 2)


@pytest.mark.parametrize(("name", "options", "said"), [
    ("os.system", {}, "os.system is not known"),
    (SPLINES, {"order": 7}, "order = 7"),
    (SPLINES, {"order_z": 1}, "order_z = 1"),
    (SPLINES, {"strange": 1}, "strange = 1"),
])  # fmt: skip
def test_functions_and_options_that_are_not_known_are_refused(name, options, said):
    with pytest.raises(InputError, match=rf"plans.json: .*{said}"):
        resampler(Path("plans.json"), name, options)


def test_options_are_those_of_the_plans():
    given = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    assert resampler(Path("p"), SPLINES, given) == Resampler(SPLINES, 1, 0, None)
