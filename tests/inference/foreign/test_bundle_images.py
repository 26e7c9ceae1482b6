"""Images of our readers in the form that MONAI's transforms take, and the way back."""

import numpy as np
from monai.transforms import Rotate90d

from segscope.images import Grid, Image, LabelMap
from segscope.inference.foreign.bundle_images import BundlePreparer


def test_pictures_are_shown_as_x_and_y_and_come_back_as_rows_and_columns():
    preparer = BundlePreparer((), 2, 2, None, 1)
    grid = Grid.from_spacing((2, 3))
    array = np.arange(6.0).reshape(1, 2, 3)
    prepared = preparer.apply(Image(array, grid))
    np.testing.assert_array_equal(prepared.array[0], array[0].T)
    np.testing.assert_array_equal(preparer.undo(prepared.array, prepared).array, array)


def test_labels_follow_the_images_voxels():
    turn = Rotate90d(keys="image", spatial_axes=(0, 1))
    preparer = BundlePreparer((turn,), 3, 3, None, 1)
    grid = Grid.from_spacing((2, 3, 4))
    array = np.arange(24).reshape(2, 3, 4)
    prepared = preparer.apply(Image(array[None].astype(float), grid))
    found = preparer.apply_label(LabelMap(array, grid), prepared)
    np.testing.assert_array_equal(found, prepared.array[0])
    assert found.shape == (3, 2, 4)
