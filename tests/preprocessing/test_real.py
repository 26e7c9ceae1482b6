"""Real images: the expert's labels through a plan and back."""

import numpy as np
import pytest

from segscope.data import load_case, open_dataset, read_image, read_label
from segscope.preprocessing import ChannelPlan, Plan
from tests.preprocessing.orders import dice, there_and_back

CHANNEL = ChannelPlan(name="MR")


def plan_3d(**changes):
    values = {"image_dims": 3, "spatial_dims": 3, "orientation": "RAS", "crop": True}
    return Plan(**values, channels=(CHANNEL,), **changes)


def test_a_real_hippocampus_comes_back_bit_for_bit(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    loaded = load_case(dataset.training[0], channels=1)
    back = there_and_back(plan_3d(), loaded.image, loaded.label, 3)
    assert loaded.label.array.max() == 2
    np.testing.assert_array_equal(back.array, loaded.label.array)


def test_a_real_sagittal_spinal_cord_comes_back(shared_data):
    folder = shared_data / "single_case_samples" / "mr_spinalcord"
    image = read_image(folder / "t2_0000.nii.gz")
    label = read_label(folder / "t2_cord_label.nii.gz")
    plan = plan_3d()
    prepared = plan.apply(image)
    assert [axis for axis, _ in prepared.orientation] != [0, 1, 2]
    back = there_and_back(plan, image, label, 2)
    np.testing.assert_array_equal(back.array, label.array)
    finer = plan_3d(spacing_mm=tuple(0.8 * s for s in prepared.grid.spacing_mm))
    back = there_and_back(finer, image, label, 2)
    assert dice(back.array == 1, label.array == 1) > 0.97


@pytest.mark.parametrize("mode", ["stretch", "fit"])
def test_real_pictures_of_many_sizes_come_back_nearly(shared_data, mode):
    dataset = open_dataset(shared_data / "busi_breast_us")
    plan = Plan(
        image_dims=2, spatial_dims=2, resize=(256, 256), resize_mode=mode, channels=(CHANNEL,)
    )
    scores, shapes = [], set()
    for case in dataset.training[::8]:
        loaded = load_case(case, channels=1)
        back = there_and_back(plan, loaded.image, loaded.label, 2)
        shapes.add(back.array.shape)
        if loaded.label.array.any():
            scores.append(dice(back.array == 1, loaded.label.array == 1))
    assert len(shapes) > 2
    # what 256 x 256 whole pixels can hold of a lesion of some 20 pixels; the median is larger
    assert min(scores) > 0.97
    assert np.median(scores) > 0.99
