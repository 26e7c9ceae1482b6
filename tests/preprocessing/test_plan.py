"""Plans: forward where the world says, back bit for bit, whatever the axis order."""

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from segscope.data import load_case, open_dataset, read_image, read_label
from segscope.images import Grid, Image, LabelMap, Probabilities
from segscope.metrics import count_agreement, overlap_scores
from segscope.preprocessing import (
    ChannelPlan,
    Plan,
    normalise,
    orientation_to_ras,
    plan_preprocessing,
    reorient,
    reorient_grid,
    resample,
    resample_labels,
    resampled_grid,
    restore,
)
from segscope.preprocessing.crop import content_box, cut, cut_grid
from tests.data.test_writers import affine_of, all_orders
from tests.synthetic import ball, fingerprint_2d, fingerprint_3d

CHANNEL = ChannelPlan(name="MR")


def plan_3d(**changes):
    values = {"image_dims": 3, "spatial_dims": 3, "orientation": "RAS", "channels": (CHANNEL,)}
    return Plan(**(values | changes))


def one_hot(labels, classes):
    return np.stack([(labels == k).astype(np.float32) for k in range(classes)])


def dice(a, b):
    return overlap_scores(count_agreement(a, b))["dice"]


@pytest.mark.parametrize("oblique", [0.0, 0.2])
def test_every_axis_order_comes_back_bit_for_bit(oblique):
    random = np.random.default_rng(0)
    image, label = random.normal(size=(1, 4, 5, 6)), random.integers(0, 3, (4, 5, 6))
    for order, signs in all_orders():
        grid = Grid((4, 5, 6), affine_of(order, signs, oblique))
        plan = plan_3d(crop=True)
        prepared = plan.apply(Image(image, grid))
        labels = plan.apply_label(LabelMap(label, grid), prepared)
        back = plan.undo(one_hot(labels, 3), prepared)
        np.testing.assert_array_equal(back.to_labels().array, label)
        np.testing.assert_array_equal(back.grid.affine, grid.affine)
        np.testing.assert_array_equal(plan.undo_labels(one_hot(labels, 3), prepared).array, label)


def test_orientation_agrees_with_nibabel():
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    for order, signs in all_orders():
        affine = affine_of(order, signs, 0.1)
        expected = nib.as_closest_canonical(nib.Nifti1Image(array, affine))
        turn = orientation_to_ras(Grid(array.shape, affine))
        np.testing.assert_array_equal(reorient(array, turn), expected.get_fdata())
        np.testing.assert_allclose(
            reorient_grid(Grid(array.shape, affine), turn).affine, expected.affine
        )
        np.testing.assert_array_equal(restore(reorient(array, turn), turn), array)


def test_what_lies_at_a_place_in_the_world_is_found_there_in_every_orientation():
    target = np.array([2.0, -3.0, 4.0])
    for order, signs in itertools.islice(all_orders(), 0, None, 5):
        linear = affine_of(order, signs)[:3, :3]
        affine = np.eye(4)
        affine[:3, :3] = linear
        affine[:3, 3] = target - linear @ [10, 8, 6]
        grid = Grid((20, 16, 12), affine)
        places = np.indices((20, 16, 12)).T - [10, 8, 6]
        image = np.exp(-(places**2).sum(-1).T / (2 * 2.0**2))
        plan = plan_3d(spacing_mm=(0.8, 1.2, 1.7))
        prepared = plan.apply(Image(image[None], grid))
        values = prepared.array[0] - prepared.array[0].min()
        centre = prepared.grid.to_world(ndimage.center_of_mass(values))
        np.testing.assert_allclose(centre, target, atol=0.05)
        back = plan.undo(values[None] / values.max(), prepared)
        found = back.grid.to_world(ndimage.center_of_mass(back.array[0]))
        np.testing.assert_allclose(found, target, atol=0.1)  # a twentieth of the largest voxel


def test_resampling_there_and_back_keeps_a_smooth_shape():
    label = ball((30, 34, 26), (15, 17, 13), 9).astype(np.uint8)
    grid = Grid.from_spacing(label.shape, (1.0, 1.0, 1.5))
    plan = plan_3d(spacing_mm=(1.3, 0.9, 1.1))
    prepared = plan.apply(Image(label[None].astype(float), grid))
    there = plan.apply_label(LabelMap(label, grid), prepared)
    back = plan.undo_labels(one_hot(there, 2), prepared)
    assert dice(back.array == 1, label == 1) > 0.98


shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(shapes, shapes)
def test_a_constant_stays_that_constant(old, new):
    resampled = resample(np.full((1, *old), 3.5), new)
    np.testing.assert_allclose(resampled, 3.5, rtol=1e-6)


@pytest.mark.parametrize("shape", [(9, 12, 20), (15, 8, 14)])
def test_linear_resampling_agrees_with_scipy(shape):
    array = np.random.default_rng(0).normal(size=(8, 7, 10))
    places = [
        (np.arange(n) + 0.5) * side / n - 0.5 for n, side in zip(shape, array.shape, strict=True)
    ]
    expected = ndimage.map_coordinates(
        array, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest"
    )
    np.testing.assert_allclose(resample(array[None], shape)[0], expected, atol=1e-5)


def test_a_resampled_grid_keeps_its_outer_faces():
    grid = Grid((4, 6), np.diag([2.0, 1.0, 1.0]))
    new = resampled_grid(grid, (8, 3))
    assert new.spacing_mm == (1.0, 2.0)
    for corner in ([-0.5, -0.5], [3.5, 5.5]):
        scaled = (np.array(corner) + 0.5) * [2, 0.5] - 0.5
        np.testing.assert_allclose(new.to_world(scaled), grid.to_world(corner))


def test_label_resampling_takes_the_largest_share():
    # 5 voxels to 2: the new voxels lie at 0.75 and 3.25 of the old ones
    assert resample_labels(np.array([2, 2, 0, 1, 1]), (2,)).tolist() == [2, 1]


def test_undo_labels_equals_undo_and_choose():
    random = np.random.default_rng(0)
    grid = Grid((6, 7, 8), affine_of((2, 1, 0), (1, -1, 1)))
    plan = plan_3d(spacing_mm=(1.1, 1.4, 1.9))
    prepared = plan.apply(Image(random.normal(size=(1, 6, 7, 8)), grid))
    p = random.dirichlet(np.ones(4), prepared.grid.shape).astype(np.float32)
    p = np.ascontiguousarray(np.moveaxis(p, -1, 0))
    a, b = plan.undo(p, prepared).to_labels(), plan.undo_labels(p, prepared)
    np.testing.assert_array_equal(a.array, b.array)


def test_outside_of_the_crop_is_background():
    image = np.zeros((1, 8, 8, 8))
    image[0, 2:5, 3:6, 1:7] = 1
    plan = plan_3d(crop=True)
    prepared = plan.apply(Image(image, Grid((8, 8, 8), np.eye(4))))
    assert prepared.array.shape == (1, 3, 3, 6)
    np.testing.assert_array_equal(prepared.grid.affine[:3, 3], [2, 3, 1])
    all_foreground = np.stack([np.zeros((3, 3, 6)), np.ones((3, 3, 6))]).astype(np.float32)
    back = plan.undo(all_foreground, prepared)
    assert back.to_labels().array.sum() == 3 * 3 * 6
    np.testing.assert_array_equal(back.array.sum(0), 1)


boxes = st.tuples(st.integers(0, 3), st.integers(4, 6))


@given(st.tuples(boxes, boxes))
def test_a_box_and_its_grid_are_cut_alike(box):
    array = np.arange(2 * 36).reshape(2, 6, 6)
    (a, b), (c, d) = box
    np.testing.assert_array_equal(cut(array, box), array[:, a:b, c:d])
    assert cut_grid(Grid.from_spacing((6, 6)), box).to_world([0, 0]).tolist() == [
        start for start, _ in box
    ]


def test_a_constant_image_has_no_box_and_no_nan():
    image = Image(np.full((1, 4, 4, 4), 7.0), Grid((4, 4, 4), np.eye(4)))
    prepared = plan_3d(crop=True).apply(image)
    assert not prepared.array.any()
    assert "constant" in prepared.notes[0]
    assert content_box(image.array) == ((0, 4),) * 3


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_zscore_forgets_scale_and_offset(offset, scale):
    x = np.array([1.0, 2.0, 4.0, 9.0])
    a, _ = normalise(x, CHANNEL)
    b, _ = normalise(offset + scale * x, CHANNEL)
    np.testing.assert_allclose(a, b, atol=2e-2)


def test_a_ct_window_by_hand():
    plan = ChannelPlan(name="CT", scheme="ct", lower=-200, upper=200, mean=50, sd=10)
    values, _ = normalise(np.array([-3024, -200, 50, 60, 900]), plan)
    assert values.tolist() == [-25, -25, 0, 1, 15]


def test_stripped_skulls_do_not_count():
    x = np.array([-3.0, -3.0, -3.0, 1.0, 3.0])
    values, _ = normalise(x, ChannelPlan(name="T1", nonzero_only=True))
    assert values.tolist() == [0, 0, 0, -1, 1]


def test_ct_in_the_name_switches_the_window_on():
    fingerprint = fingerprint_3d()
    renamed = fingerprint.channels[0].model_copy(update={"name": "CT"})
    ct = fingerprint.model_copy(update={"channels": (renamed,)})
    channel = plan_preprocessing(ct).channels[0]
    assert (channel.scheme, channel.lower, channel.upper) == ("ct", 1.0, 9.0)
    channel = plan_preprocessing(ct, ct_window=(-200, 200)).channels[0]
    assert (channel.lower, channel.upper) == (-200, 200)


def test_equal_spacings_are_left_and_others_go_to_the_median():
    assert plan_preprocessing(fingerprint_3d()).spacing_mm is None
    mixed = fingerprint_3d().model_copy(
        update={"spacings_mm": ((1.0, 1.0, 1.0),) * 6 + ((1.0, 1.0, 2.0),) * 4}
    )
    assert plan_preprocessing(mixed).spacing_mm == (1.0, 1.0, 1.0)


def test_a_coarse_axis_goes_to_its_tenth_percentile():
    spacings = tuple((1.0, 1.0, z) for z in (4.0, 5.0, 5.0, 5.0, 6.0))
    coarse = fingerprint_3d().model_copy(update={"spacings_mm": spacings})
    assert plan_preprocessing(coarse).spacing_mm == pytest.approx((1.0, 1.0, 4.4))


def test_thin_volumes_and_wishes_give_slices():
    thin = plan_preprocessing(fingerprint_3d((40, 40, 5), (1.0, 1.0, 6.0)))
    assert (thin.spatial_dims, thin.slice_axis) == (2, 2)
    wished = plan_preprocessing(fingerprint_3d((40, 40, 40)), spatial_dims=2)
    assert (wished.spatial_dims, wished.slice_axis) == (2, 2)


def test_pictures_of_different_sizes_get_one_size():
    many = fingerprint_2d().model_copy(update={"shapes": ((100, 640), (130, 600))})
    assert plan_preprocessing(many).resize == (128, 256)
    assert plan_preprocessing(fingerprint_2d()).resize is None


def test_slices_of_volumes_are_resized_in_their_plane():
    plan = plan_3d(spatial_dims=2, slice_axis=1, resize=(8, 10))
    grid = Grid((16, 5, 20), np.eye(4))
    prepared = plan.apply(Image(np.random.default_rng(0).normal(size=(1, 16, 5, 20)), grid))
    assert prepared.array.shape == (1, 8, 5, 10)


def test_plans_survive_json_and_contradictions_are_refused():
    plan = plan_3d(spacing_mm=(1, 1, 2))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    for bad in ({"slice_axis": 1}, {"resize": (8, 8)}, {"spacing_mm": (1, 1)}, {"colour": 1}):
        with pytest.raises(ValidationError):
            plan_3d(**bad)


def test_other_channels_or_shapes_are_refused():
    plan = plan_3d()
    grid = Grid((4, 4, 4), np.eye(4))
    with pytest.raises(ValueError, match="1 channels in 3D, got 2"):
        plan.apply(Image(np.zeros((2, 4, 4, 4)), grid))
    prepared = plan.apply(Image(np.zeros((1, 4, 4, 4)), grid))
    with pytest.raises(ValueError, match="prepared shape"):
        plan.undo(np.zeros((2, 3, 4, 4), np.float32), prepared)


def test_real_labels_come_back(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    loaded = load_case(dataset.training[0], channels=1)
    plan = plan_3d(crop=True)
    prepared = plan.apply(loaded.image)
    there = plan.apply_label(loaded.label, prepared)
    back = plan.undo_labels(one_hot(there, 3), prepared)
    np.testing.assert_array_equal(back.array, loaded.label.array)

    folder = shared_data / "single_case_samples" / "mr_spinalcord"
    image, label = (
        read_image(folder / "t2_0000.nii.gz"),
        read_label(folder / "t2_cord_label.nii.gz"),
    )
    prepared = plan.apply(image)
    back = plan.undo_labels(one_hot(plan.apply_label(label, prepared), 2), prepared)
    np.testing.assert_array_equal(back.array, label.array)


def test_real_pictures_of_many_sizes_come_back_nearly(shared_data):
    dataset = open_dataset(shared_data / "busi_breast_us")
    plan = Plan(image_dims=2, spatial_dims=2, resize=(256, 256), channels=(CHANNEL,))
    for case in dataset.training[:8]:
        loaded = load_case(case, channels=1)
        prepared = plan.apply(loaded.image)
        there = plan.apply_label(loaded.label, prepared)
        back = plan.undo_labels(one_hot(there, 2), prepared)
        assert dice(back.array == 1, loaded.label.array == 1) > 0.97


def test_one_sigmoid_channel_is_foreground_above_a_half():
    grid = Grid.from_spacing((3,))
    labels = Probabilities(np.array([[0.2, 0.5, 0.9]], np.float32), grid).to_labels()
    assert labels.array.tolist() == [0, 0, 1]
