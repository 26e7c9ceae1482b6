"""Plans follow from fingerprints by rules a person can check by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.errors import InputError
from segscope.training import load_partial
from segscope.training.memory import estimated_memory_gb
from segscope.training.planner import (
    Machine,
    plan_batch,
    plan_patch,
    plan_recipe,
    plan_strides,
)
from tests.synthetic import fingerprint_2d, fingerprint_3d

CPU = Machine("cpu", 8.0)


def test_small_volumes_train_whole():
    recipe = plan_recipe(fingerprint_3d(shape=(35, 50, 36)), machine=CPU)
    assert recipe.patch == (40, 56, 40)
    assert recipe.network.widths == (16, 32, 64, 128)


def test_a_coarse_axis_waits_to_be_halved():
    # 1 mm, 1 mm, 5 mm: 5 > 2 x 1, 5 > 2 x 2, 5 <= 2 x 4; then 10 / 2 = 5 < 8 voxels
    strides = plan_strides((64, 64, 10), (1.0, 1.0, 5.0), 4)
    assert strides == ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 1))


sizes = st.integers(1, 400)


@given(shape=st.tuples(sizes, sizes, sizes), spacing=st.tuples(*[st.floats(0.3, 6)] * 3))
def test_every_patch_can_be_halved_and_fits(shape, spacing):
    patch, strides = plan_patch(shape, spacing, 96 * 1024, 4)
    for axis, side in enumerate(patch):
        assert side % math.prod(step[axis] for step in strides) == 0
    assert math.prod(patch) <= 96 * 1024 or max(patch) <= 16


def test_batches_grow_until_half_the_memory_is_used():
    widths = (4, 8, 16)
    need = estimated_memory_gb((64, 64), widths, 8, device="cuda")
    assert plan_batch((64, 64), widths, Machine("cuda", 2.01 * need), 400) == 8
    assert plan_batch((64, 64), widths, Machine("cuda", 1.99 * need), 400) == 4


@pytest.mark.parametrize(
    ("dims", "batch"),
    # 3 volumes: 2, the least; 8 + 12 + 20 slices: 40 // 4 = 10 allow 8
    [(3, 2), (2, 8)],
)
def test_the_batch_is_planned_by_slices_where_volumes_are_cut_into_them(dims, batch):
    volumes = fingerprint_3d().model_copy(
        update={
            "cases": ("a", "b", "c"),
            "shapes": ((40, 48, 8), (40, 48, 12), (40, 48, 20)),
            "spacings_mm": ((1.0, 1.0, 5.0),) * 3,
        }
    )
    preset = {"preprocessing": {"spatial_dims": dims}}
    large = Machine("cuda", 80.0)
    assert plan_recipe(volumes, preset, machine=large).train.batch_size == batch


def test_widths_that_are_no_network_are_told_with_all_other_faults():
    settings = {"network": {"widths": [4, "x"]}, "train": {"epochs": -1}}
    many = fingerprint_2d().model_copy(update={"cases": tuple(f"c{k}" for k in range(40))})
    with pytest.raises(InputError) as caught:
        plan_recipe(many, None, settings, machine=CPU)
    assert "network.widths" in str(caught.value)
    assert "train.epochs" in str(caught.value)


def test_sided_labels_switch_mirroring_off_along_the_sides():
    sided = fingerprint_3d(labels={"background": 0, "left_kidney": 1, "right_kidney": 2})
    assert 0 not in plan_recipe(sided, machine=CPU).augment.mirror_axes
    assert 0 in plan_recipe(fingerprint_3d(), machine=CPU).augment.mirror_axes


def test_sigmoid_needs_a_single_foreground_label():
    with pytest.raises(InputError, match="use softmax"):
        plan_recipe(fingerprint_3d(), None, {"network": {"output": "sigmoid"}}, machine=CPU)


def test_balanced_alpha_comes_from_the_label_frequencies():
    fingerprint = fingerprint_2d(label_voxels={0: 900, 1: 100})
    changes = {"loss": {"name": "hybrid", "options": {"alpha": "balanced"}}}
    recipe = plan_recipe(fingerprint, None, changes, machine=CPU)
    assert recipe.loss.options["alpha"] == pytest.approx(0.9)


def test_plane_images_get_a_plane_network():
    recipe = plan_recipe(fingerprint_2d(), machine=CPU)
    assert len(recipe.patch) == 2
    assert recipe.preprocessing.spatial_dims == 2


def test_more_widths_than_the_patch_allows_still_make_a_network():
    recipe = plan_recipe(fingerprint_3d(), None, {"network": {"widths": [4] * 5}}, machine=CPU)
    assert all(side % 16 == 0 for side in recipe.patch)


def test_rotations_turn_millimetres_where_voxels_are_no_cubes():
    thick = fingerprint_3d((160, 160, 30), (1.0, 1.0, 3.0))
    assert plan_recipe(thick, machine=CPU).augment.voxel_mm == (1.0, 1.0, 3.0)
    assert plan_recipe(fingerprint_3d(), machine=CPU).augment.voxel_mm == ()


def test_a_network_that_is_shown_a_mask_is_planned_for_it():
    recipe = plan_recipe(
        fingerprint_3d(), {"inputs": "image+gbm", "mask": {"method": "threshold"}}, machine=CPU
    )
    assert [channel.scheme for channel in recipe.preprocessing.channels] == ["zscore", "mask"]
    assert recipe.augment.mask_channels == (1,)
    assert recipe.augment.mirror_axes == ()  # position is what a mask tells
    assert recipe.mask.image_channels == tuple(c.name for c in fingerprint_3d().channels)
    again = plan_recipe(fingerprint_3d(), recipe.model_dump(mode="json"), machine=CPU)
    assert again == recipe


def test_the_gbm_preset_builds_the_papers_network_however_small_the_volumes_are():
    """Four isotropic poolings of 128 x 128 x 128, on hippocampi of 35 x 50 x 36 voxels too."""
    for shape, spacing in (((35, 50, 36), 1.0), ((300, 300, 90), 1.0), ((20, 200, 20), 1.0)):
        volumes = fingerprint_3d(shape=shape, spacing=(spacing,) * 3)
        recipe = plan_recipe(volumes, load_partial("gbm"), machine=CPU)
        assert recipe.patch == (128, 128, 128)
        assert recipe.network.strides == ((2, 2, 2),) * 4
        assert recipe.preprocessing.crop_mm == (192, 192, 192)  # 128 voxels of 1.5 mm


def test_a_patch_that_was_asked_for_decides_the_strides_of_widths_that_were():
    # 16 x 16 x 4: 4 is too short to be halved at first, and never more than 8 later
    fixed = {"patch": [16, 16, 4], "network": {"widths": [4, 6, 8]}}
    recipe = plan_recipe(fingerprint_3d(), fixed, machine=CPU)
    assert recipe.network.strides == ((2, 2, 1), (2, 2, 1))


def test_the_patch_is_planned_for_the_middle_that_is_kept():
    preset = {"preprocessing": {"crop_mm": [16, 24, 32]}}
    assert plan_recipe(fingerprint_3d(), preset, machine=CPU).patch == (16, 24, 32)


def test_the_gbm_preset_is_the_papers():
    fingerprint = fingerprint_3d()
    ct = fingerprint.model_copy(
        update={"channels": (fingerprint.channels[0].model_copy(update={"name": "CT"}),)}
    )
    recipe = plan_recipe(ct, load_partial("gbm"), machine=CPU)
    assert recipe.inputs == "image+gbm"
    channel = recipe.preprocessing.channels[0]
    assert (channel.scheme, channel.lower, channel.upper) == ("window", -200, 200)
    assert recipe.preprocessing.spacing_mm == (1.5, 1.5, 1.5)
    assert recipe.patch == (128, 128, 128)
    assert recipe.network.widths == (32, 64, 128, 256, 512)
    assert (recipe.train.batch_size, recipe.train.learning_rate) == (1, 1e-4)
    assert recipe.augment.noise_share == recipe.augment.geometry_share == 0


def test_one_number_is_the_side_of_every_axis():
    assert plan_recipe(fingerprint_3d(), {"patch": 32}, machine=CPU).patch == (32, 32, 32)


def test_the_templates_frame_is_planned_with_the_mask_and_not_without():
    mask = {"method": "threshold", "frame": "template"}
    for inputs, names in (("image", ["MR"]), ("image+gbm", ["MR", "global binary mask"])):
        recipe = plan_recipe(fingerprint_3d(), {"inputs": inputs, "mask": mask}, machine=CPU)
        plan = recipe.preprocessing
        assert (plan.frame, plan.crop) == ("template", False)
        assert len(plan.channels) == len(names)
    with pytest.raises(InputError, match=r"preprocessing\.frame is planned from mask\.frame"):
        plan_recipe(fingerprint_3d(), {"preprocessing": {"frame": "template"}}, machine=CPU)
    with pytest.raises(InputError, match="inputs image takes none but for mask"):
        plan_recipe(fingerprint_3d(), {"mask": {"method": "threshold"}}, machine=CPU)
