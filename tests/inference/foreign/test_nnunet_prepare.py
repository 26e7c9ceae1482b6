"""Images as nnU-Net prepares them, step by step, and the way back."""

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap
from segscope.inference.foreign.nnunet_normalise import ChannelRule
from segscope.inference.foreign.nnunet_prepare import NnunetPreparer
from segscope.inference.foreign.nnunet_resample import Resampler

NOTHING = ChannelRule("MR", "NoNormalization")
CUBIC = Resampler("resample_data_or_seg_to_shape", 3, separate=None)
LINEAR = Resampler("resample_data_or_seg_to_shape", 1, separate=None)


def preparer(reader="NibabelIO", spacing=(1.0, 1.0, 1.0), patch=(2, 2, 2), **changes):
    settings = {"transpose": (0, 1, 2), "channels": (NOTHING,), "data": CUBIC, "scores": LINEAR}
    return NnunetPreparer(reader=reader, spacing=spacing, patch=patch, **(settings | changes))


def numbered(*shape, spacing=None):
    values = np.arange(1.0, np.prod(shape) + 1).reshape(1, *shape)
    return Image(values, Grid.from_spacing(shape, spacing))


def test_axes_are_those_of_the_file_in_reverse():
    image = numbered(2, 3, 4)
    prepared = preparer().apply(image)
    assert prepared.array.shape == (1, 4, 3, 2)
    assert prepared.array[0, 3, 1, 0] == image.array[0, 0, 1, 3]


def test_transposed_plans_turn_them_once_more():
    image = numbered(2, 3, 4)
    prepared = preparer(transpose=(2, 0, 1)).apply(image)
    assert prepared.array.shape == (1, 2, 4, 3)
    back = preparer(transpose=(2, 0, 1)).undo(prepared.array, prepared)
    assert np.array_equal(back.array, image.array)


def test_a_plane_is_a_volume_of_one_slice():
    image = numbered(3, 4)
    prepared = preparer("NaturalImage2DIO", (1.0, 1.0), (2, 2)).apply(image)
    assert np.array_equal(prepared.array[:, 0], image.array)
    assert prepared.spacing == (999.0, 1.0, 1.0)


def test_readers_that_reorient_begin_at_right_anterior_superior():
    flipped = Image(numbered(2, 3, 4).array, Grid((2, 3, 4), np.diag([-1.0, 1, 1, 1])))
    plain, turned = (preparer(r).apply(flipped) for r in ("NibabelIO", "NibabelIOWithReorient"))
    assert np.array_equal(turned.array, plain.array[..., ::-1])
    back = preparer("NibabelIOWithReorient").undo(turned.array, turned)
    assert np.array_equal(back.array, flipped.array)


def test_what_is_zero_all_around_is_cut_off_and_comes_back_as_background():
    array = np.zeros((1, 6, 6, 6))
    array[0, 1:4, 2:5, 3:6] = 5
    array[0, 2, 3, 4] = 0  # a hole is part of the object
    prepared = preparer().apply(Image(array, Grid.from_spacing((6, 6, 6))))
    assert prepared.array.shape == (1, 3, 3, 3)
    back = preparer().undo(np.full((2, 3, 3, 3), 0.25), prepared).array
    assert back[:, 2, 3, 4].tolist() == [0.25, 0.25]
    assert back[:, 0, 0, 0].tolist() == [1, 0]


def test_an_image_of_zeros_is_taken_whole():
    prepared = preparer().apply(Image(np.zeros((1, 3, 3, 3)), Grid.from_spacing((3, 3, 3))))
    assert prepared.array.shape == (1, 3, 3, 3)


def test_masked_scores_are_of_the_object_with_its_holes():
    rule = ChannelRule("MR", "ZScoreNormalization", masked=True)
    array = np.zeros((1, 5, 3, 3))
    array[0, 0], array[0, 4] = 1, 3
    prepared = preparer(channels=(rule,)).apply(Image(array, Grid.from_spacing((5, 3, 3))))
    assert prepared.array[0, 0, 0].tolist() == [-1, 0, 0, 0, 1]


@pytest.mark.parametrize(("spacing", "shape"), [
    ((1.0, 1.0, 2.0), (8, 3, 2)),
    ((0.5, 1.0, 1.0), (4, 3, 1)),
])  # fmt: skip
def test_spacings_are_in_the_order_of_the_array(spacing, shape):
    image = numbered(2, 3, 4, spacing=spacing)
    prepared = preparer(patch=(1, 1, 1)).apply(image)
    assert prepared.array.shape[1:] == shape


def test_a_2d_configuration_leaves_the_slices_alone():
    image = numbered(4, 4, 3, spacing=(2.0, 2.0, 5.0))
    prepared = preparer(spacing=(1.0, 1.0), patch=(10, 4)).apply(image)
    assert prepared.array.shape == (1, 3, 10, 8)
    assert preparer(spacing=(1.0, 1.0), patch=(10, 4)).slice_axis == 0


def test_padding_is_zero_around_the_image_with_the_odd_voxel_behind():
    prepared = preparer(patch=(4, 5, 2)).apply(numbered(2, 2, 3))
    assert prepared.array.shape == (1, 4, 5, 2)
    assert prepared.array[0, :, :, 0].astype(bool).tolist() == [
        [False, True, True, False, False]
    ] * 3 + [[False] * 5]


def test_labels_are_brought_along_and_what_is_ignored_is_background():
    image = numbered(4, 4, 4, spacing=(2.0, 1.0, 1.0))
    label = np.zeros((4, 4, 4), np.uint8)
    label[:2], label[3] = 1, 3
    prepare = preparer(patch=(4, 4, 10), ignore=3)
    prepared = prepare.apply(image)
    found = prepare.apply_label(LabelMap(label, image.grid), prepared)
    assert found[0, 0].tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="does not lie"):
        prepare.apply_label(LabelMap(label, Grid.from_spacing((4, 4, 4))), prepared)


def test_values_of_the_image_are_left_as_they_were():
    rule = ChannelRule("MR", "ZScoreNormalization")
    image = Image(np.ascontiguousarray(numbered(4, 3, 2).array, np.float32).transpose(0, 3, 2, 1),
                  Grid.from_spacing((2, 3, 4)))  # fmt: skip
    before = image.array.copy()
    preparer(channels=(rule,)).apply(image)
    assert np.array_equal(image.array, before)


def test_other_dimensions_than_the_readers_are_refused():
    with pytest.raises(InputError, match="is 2D, the model is for 3D"):
        preparer().apply(numbered(3, 4))
    with pytest.raises(InputError, match="would have"):
        preparer().apply(numbered(2, 3, 4, spacing=(0.1, 1.0, 1.0)))
