"""Plans: forward where the world says, back bit for bit, whatever the axis order."""

import tracemalloc

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from segscope.images import Grid, Image, LabelMap
from segscope.preprocessing import ChannelPlan, Plan, resample
from tests.preprocessing.orders import affine_of, all_orders, dice, one_hot, there_and_back
from tests.synthetic import ball

CHANNEL = ChannelPlan(name="MR")


def plan_3d(**changes):
    values = {"image_dims": 3, "spatial_dims": 3, "orientation": "RAS", "channels": (CHANNEL,)}
    return Plan(**(values | changes))


def plan_2d(**changes):
    return Plan(**({"image_dims": 2, "spatial_dims": 2, "channels": (CHANNEL,)} | changes))


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(1, *shape))


# --- exactly back, where nothing is resampled -----------------------------------------------


@pytest.mark.parametrize("oblique", [0.0, 0.2])
def test_every_axis_order_comes_back_bit_for_bit(oblique):
    label = np.random.default_rng(0).integers(0, 3, (4, 5, 6))
    plan = plan_3d(crop=True)
    for order, signs in all_orders():
        grid = Grid((4, 5, 6), affine_of(order, signs, oblique))
        prepared = plan.apply(Image(noise((4, 5, 6)), grid))
        p = one_hot(plan.apply_label(LabelMap(label, grid), prepared), 3)
        back = plan.undo(p, prepared)
        np.testing.assert_array_equal(back.to_labels().array, label)
        np.testing.assert_array_equal(back.grid.affine, grid.affine)
        np.testing.assert_array_equal(plan.undo_labels(p, prepared).array, label)


sides = st.integers(1, 7)


@given(
    st.tuples(sides, sides, sides),
    st.sampled_from(list(all_orders())),
    st.floats(-0.7, 0.7),
    st.booleans(),
    st.sampled_from([None, 0, 1, 2]),
)
def test_any_volume_comes_back_bit_for_bit(shape, order, oblique, crop, slice_axis):
    random = np.random.default_rng(sum(shape))
    label = np.pad(random.integers(0, 4, shape), 1)  # so that 0 is the border's value
    image = np.where(label > 0, random.normal(size=label.shape), 0)[None]
    plan = plan_3d(crop=crop, spatial_dims=3 if slice_axis is None else 2, slice_axis=slice_axis)
    grid = Grid(label.shape, affine_of(*order, oblique))
    back = there_and_back(plan, Image(image, grid), LabelMap(label, grid), 4)
    np.testing.assert_array_equal(back.array, label)
    np.testing.assert_array_equal(back.grid.affine, grid.affine)


def test_a_plane_image_comes_back_bit_for_bit():
    label = np.random.default_rng(0).integers(0, 3, (7, 9))
    grid = Grid.from_spacing((7, 9))
    back = there_and_back(plan_2d(), Image(noise((7, 9)), grid), LabelMap(label, grid), 3)
    np.testing.assert_array_equal(back.array, label)


def test_outside_of_the_crop_is_background():
    image = np.zeros((1, 8, 8, 8))
    image[0, 2:5, 3:6, 1:7] = 1
    plan = plan_3d(crop=True)
    prepared = plan.apply(Image(image, Grid((8, 8, 8), np.eye(4))))
    assert prepared.array.shape == (1, 3, 3, 6)
    np.testing.assert_array_equal(prepared.grid.affine[:3, 3], [2, 3, 1])
    all_foreground = np.stack([np.zeros((3, 3, 6)), np.ones((3, 3, 6))]).astype(np.float32)
    back = plan.undo(all_foreground, prepared)
    np.testing.assert_array_equal(back.to_labels().array, image[0])
    np.testing.assert_array_equal(back.array.sum(0), 1)
    sigmoid = plan.undo(all_foreground[1:], prepared)
    np.testing.assert_array_equal(sigmoid.array[0], image[0])
    np.testing.assert_array_equal(plan.undo_labels(all_foreground[1:], prepared).array, image[0])


def test_the_middle_is_the_same_place_of_every_image_and_comes_back():
    """Of 9 x 8 x 4 voxels of 1 x 2 x 1 mm, 4 x 7 x 9 mm are 4 x 3 x 4 voxels from 2, 2, 0."""
    plan = plan_3d(crop_mm=(4, 7, 9))
    grid = Grid.from_spacing((9, 8, 4), (1.0, 2.0, 1.0))
    image = noise((9, 8, 4))
    prepared = plan.apply(Image(image, grid))
    assert prepared.array.shape == (1, 4, 3, 4)
    np.testing.assert_array_equal(prepared.grid.affine[:3, 3], [2, 4, 0])
    inside = image[0, 2:6, 2:5]
    order = np.argsort(prepared.array, axis=None)
    np.testing.assert_array_equal(order, np.argsort(inside, axis=None))
    assert prepared.notes == ("cut to its middle, 4 x 7 x 9 mm; background is predicted beyond it",)
    label = np.ones((9, 8, 4), np.int64)
    expected = np.zeros_like(label)
    expected[2:6, 2:5] = 1
    p = one_hot(plan.apply_label(LabelMap(label, grid), prepared), 2)
    np.testing.assert_array_equal(plan.undo(p, prepared).to_labels().array, expected)


def test_a_volume_within_the_size_is_kept_whole_without_a_note():
    plan = plan_3d(crop_mm=(192, 192, 192), spacing_mm=(1.5, 1.5, 1.5))
    grid = Grid.from_spacing((8, 8, 5), (1.5, 1.5, 1.5))
    prepared = plan.apply(Image(noise((8, 8, 5)), grid))
    assert (prepared.array.shape, prepared.notes) == ((1, 8, 8, 5), ())


@given(st.floats(0.2, 9.0), st.integers(1, 60))
def test_the_middle_fits_the_patch_after_resampling(spacing, side):
    """12 mm are 8 voxels of 1.5 mm: no volume's middle is larger, whatever its own spacing."""
    plan = plan_3d(crop_mm=(12, 12, 12), spacing_mm=(1.5, 1.5, 1.5))
    grid = Grid.from_spacing((side, 2, 2), (spacing, 1.5, 1.5))
    assert plan.apply(Image(noise((side, 2, 2)), grid)).array.shape[1] <= max(8, 6 * (side == 1))


def test_a_plan_without_the_middle_is_written_as_before():
    assert "crop_mm" not in plan_3d().model_dump()
    assert Plan.model_validate(plan_3d(crop_mm=(1, 2, 3)).model_dump()).crop_mm == (1, 2, 3)
    for wrong in ((1, 2), (1, 2, 0)):
        with pytest.raises(ValueError, match="crop_mm: 3 positive numbers"):
            plan_3d(crop_mm=wrong)


# --- where the world says, and nearly back, where something is resampled -------------------


PLANS = {
    "as it is": plan_3d(),
    "cropped": plan_3d(crop=True),
    "linear": plan_3d(crop=True, spacing_mm=(0.8, 1.2, 1.7)),
    "cubic": plan_3d(spacing_mm=(0.8, 1.2, 1.7), interpolation="cubic"),
    "coarser": plan_3d(spacing_mm=(2.3, 1.9, 2.1)),
    "slices": plan_3d(spatial_dims=2, slice_axis=2, resize=(40, 30)),
    "slices, aspect kept": plan_3d(
        spatial_dims=2, slice_axis=1, resize=(31, 42), resize_mode="fit"
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_what_lies_at_a_place_in_the_world_is_found_there_in_every_orientation(name):
    plan, target, shape = PLANS[name], np.array([2.0, -3.0, 4.0]), (20, 16, 14)
    for k, (order, signs) in enumerate(all_orders()):
        linear = affine_of(order, signs, oblique=0.3 * (k % 2))[:3, :3]
        affine = np.eye(4)
        affine[:3, :3] = linear
        affine[:3, 3] = target - linear @ [10, 8, 6]
        grid = Grid(shape, affine)
        world = grid.to_world(np.moveaxis(np.indices(shape), 0, -1))
        blob = np.exp(-((world - target) ** 2).sum(-1) / (2 * 2.5**2))
        blob[blob < 0.01] = 0
        prepared = plan.apply(Image(blob[None], grid))
        values = prepared.array[0] - np.median(prepared.array[0])
        values = np.where(values > 0.05 * values.max(), values, 0)
        centre = prepared.grid.to_world(ndimage.center_of_mass(values))
        np.testing.assert_allclose(centre, target, atol=0.1)
        back = plan.undo(values[None] / values.max(), prepared)
        found = back.grid.to_world(ndimage.center_of_mass(back.array[0]))
        np.testing.assert_allclose(found, target, atol=0.15)  # of voxels up to 2 mm


@pytest.mark.parametrize(
    ("spacing_mm", "least"),
    [((1.3, 0.9, 1.1), 0.98), ((0.5, 0.5, 0.5), 0.999), ((2.0, 2.0, 2.0), 0.95)],
)
def test_resampling_there_and_back_keeps_a_smooth_shape(spacing_mm, least):
    label = ball((30, 34, 26), (15, 17, 13), 9).astype(np.uint8)
    grid = Grid(label.shape, affine_of((2, 0, 1), (1, -1, -1), 0.2))
    plan = plan_3d(spacing_mm=spacing_mm)
    back = there_and_back(plan, Image(label[None], grid), LabelMap(label, grid), 2)
    assert dice(back.array == 1, label == 1) > least


def test_the_prepared_array_is_what_is_normalised_then_resampled():
    image = noise((6, 7, 8))
    grid = Grid.from_spacing((6, 7, 8), (2.0, 1.0, 1.0))
    prepared = plan_3d(spacing_mm=(1.0, 1.0, 1.0), interpolation="cubic").apply(Image(image, grid))
    normal = (image - image.mean()) / image.std()
    expected = resample(normal, (12, 7, 8), kind="cubic")
    np.testing.assert_allclose(prepared.array, expected, atol=1e-5)
    assert prepared.grid.spacing_mm == (1.0, 1.0, 1.0)


def test_undo_labels_equals_undo_and_choose():
    grid = Grid((6, 7, 8), affine_of((2, 1, 0), (1, -1, 1)))
    plan = plan_3d(spacing_mm=(1.1, 1.4, 1.9))
    prepared = plan.apply(Image(noise((6, 7, 8)), grid))
    p = np.random.default_rng(0).dirichlet(np.ones(4), prepared.grid.shape).astype(np.float32)
    p = np.ascontiguousarray(np.moveaxis(p, -1, 0))
    a, b = plan.undo(p, prepared).to_labels(), plan.undo_labels(p, prepared)
    np.testing.assert_array_equal(a.array, b.array)
    np.testing.assert_allclose(plan.undo(p, prepared).array.sum(0), 1, atol=1e-6)


def test_a_spacing_within_a_thousandth_is_the_same():
    grid = Grid.from_spacing((900, 4, 4), (1.0007, 1.0, 1.0))
    prepared = plan_3d(spacing_mm=(1.0, 1.0, 1.0)).apply(Image(noise(grid.shape), grid))
    assert prepared.grid.shape == grid.shape


def test_the_slice_axis_is_never_resampled():
    plan = plan_3d(spatial_dims=2, slice_axis=2, spacing_mm=(1.0, 1.0, 5.0))
    grid = Grid.from_spacing((6, 6, 5), (2.0, 2.0, 8.0))
    prepared = plan.apply(Image(noise(grid.shape), grid))
    assert prepared.grid.shape == (12, 12, 5)
    assert prepared.grid.spacing_mm == (1.0, 1.0, 8.0)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 2.0), (1.0, 1.0, 8.0)])
def test_coarse_axes_may_be_taken_over_unblended(spacing_mm):
    plan = plan_3d(spacing_mm=spacing_mm, through_plane="nearest")
    grid = Grid.from_spacing((8, 8, 6), (2.0, 2.0, 6.0 if spacing_mm[2] > 2 else 8.0))
    label = np.random.default_rng(0).integers(0, 2, grid.shape)
    prepared = plan.apply(Image(label[None], grid))
    assert prepared.nearest_axis == 2
    labels = plan.apply_label(LabelMap(label, grid), prepared)
    source = np.floor((np.arange(labels.shape[2]) + 0.5) * 6 / labels.shape[2]).astype(int)
    in_plane = prepared.array[0]
    for slice_a, slice_b in zip(range(labels.shape[2]), range(1, labels.shape[2]), strict=False):
        if source[slice_a] == source[slice_b]:
            np.testing.assert_array_equal(in_plane[..., slice_a], in_plane[..., slice_b])
            np.testing.assert_array_equal(labels[..., slice_a], labels[..., slice_b])
    blended = plan_3d(spacing_mm=spacing_mm).apply(Image(label[None], grid))
    assert blended.nearest_axis is None
    mild = Grid.from_spacing((8, 8, 6), (2.0, 2.0, 2.5))
    if spacing_mm[2] == 2:
        assert plan.apply(Image(label[None], mild)).nearest_axis is None


# --- fixed sizes in the plane ---------------------------------------------------------------


def test_slices_of_volumes_are_resized_in_their_plane():
    plan = plan_3d(spatial_dims=2, slice_axis=1, resize=(8, 10))
    grid = Grid((16, 5, 20), np.eye(4))
    prepared = plan.apply(Image(noise((16, 5, 20)), grid))
    assert prepared.array.shape == (1, 8, 5, 10)
    assert prepared.grid.spacing_mm == (2.0, 1.0, 2.0)


def test_fitting_keeps_the_aspect_and_pads_around_the_middle():
    plan = plan_2d(resize=(8, 8), resize_mode="fit")
    grid = Grid.from_spacing((4, 16))
    image = noise((4, 16))
    prepared = plan.apply(Image(image, grid))
    assert prepared.resampled_shape == (2, 8)
    assert prepared.array.shape == (1, 8, 8)
    assert not prepared.array[:, :3].any()
    assert not prepared.array[:, 5:].any()
    np.testing.assert_array_equal(prepared.grid.to_world([3, 0]), [0.5, 0.5])
    # 2 x 2 pixels became one: the centre of the first lies between rows 0 and 1, columns 0 and 1
    label = ball((4, 16), (1, 8), 2).astype(np.uint8)
    labels = plan.apply_label(LabelMap(label, grid), prepared)
    assert labels[:3].sum() == labels[5:].sum() == 0
    back = plan.undo(one_hot(labels, 2), prepared)
    assert back.array.shape == (2, 4, 16)
    np.testing.assert_allclose(back.array.sum(0), 1, atol=1e-6)


def test_fitting_counts_in_millimetres():
    plan = plan_3d(spatial_dims=2, slice_axis=2, resize=(12, 12), resize_mode="fit")
    grid = Grid.from_spacing((10, 10, 3), (1.0, 2.0, 1.0))  # 10 x 20 mm
    prepared = plan.apply(Image(noise(grid.shape), grid))
    assert prepared.resampled_shape == (6, 12, 3)
    np.testing.assert_allclose(prepared.grid.spacing_mm[:2], 20 / 12)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(24, 90), st.integers(24, 90)),
    st.tuples(st.integers(32, 96), st.integers(32, 96)),
    st.sampled_from(["stretch", "fit"]),
)
def test_discs_survive_any_size(shape, resize, mode):
    label = ball(shape, (shape[0] / 2, shape[1] / 2), min(shape) / 3).astype(np.uint8)
    grid = Grid.from_spacing(shape)
    plan = plan_2d(resize=resize, resize_mode=mode)
    back = there_and_back(plan, Image(label[None], grid), LabelMap(label, grid), 2)
    assert dice(back.array == 1, label == 1) > 0.93


# --- labels -------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "kind"), [(3, np.uint8), (255, np.uint8), (256, np.uint16)])
def test_labels_take_the_smallest_type(value, kind):
    label = np.zeros((4, 4), np.int64)
    label[1, 2] = value
    grid = Grid.from_spacing((4, 4))
    prepared = plan_2d().apply(Image(noise((4, 4)), grid))
    labels = plan_2d().apply_label(LabelMap(label, grid), prepared)
    assert labels.dtype == kind
    np.testing.assert_array_equal(labels, label)


def test_a_label_map_on_another_grid_is_refused():
    plan, grid = plan_3d(), Grid.from_spacing((4, 5, 6))
    prepared = plan.apply(Image(noise((4, 5, 6)), grid))
    moved = np.eye(4)
    moved[0, 3] = 2.5
    for other, what in ((Grid((4, 5, 6), moved), "2.5 mm"), (Grid((6, 5, 4), np.eye(4)), "shape")):
        label = LabelMap(np.zeros(other.shape, np.uint8), other)
        with pytest.raises(ValueError, match=f"does not lie on the image's grid.*{what}"):
            plan.apply_label(label, prepared)


# --- what is said, refused, written ---------------------------------------------------------


def test_a_constant_image_is_prepared_as_zeros_and_told():
    image = Image(np.full((1, 4, 4, 4), 7.0), Grid((4, 4, 4), np.eye(4)), ("read so",))
    prepared = plan_3d(crop=True, spacing_mm=(1.0, 2.0, 0.5)).apply(image)
    assert not prepared.array.any()
    assert prepared.notes == ("read so", "channel MR is constant: it tells nothing")


@pytest.mark.parametrize("plan", [*PLANS.values(), plan_2d(resize=(8, 8), resize_mode="fit")])
def test_plans_survive_json_and_yaml(plan):
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    written = yaml.safe_dump(plan.model_dump(mode="json"), sort_keys=False)
    assert Plan.model_validate(yaml.safe_load(written)) == plan


@pytest.mark.parametrize(
    "changes",
    [
        {"slice_axis": 1},
        {"spatial_dims": 2},
        {"resize": (8, 8)},
        {"spacing_mm": (1, 1)},
        {"spacing_mm": (1, 1, 0)},
        {"spacing_mm": (1, 1, float("nan"))},
        {"spatial_dims": 2, "slice_axis": 2, "resize": (8, 8, 8)},
        {"spatial_dims": 2, "slice_axis": 2, "resize": (8, 0)},
        {"spatial_dims": 2, "slice_axis": 2, "resize": (8, 8), "spacing_mm": (1, 1, 1)},
        {"image_dims": 2},
        {"image_dims": 2, "spatial_dims": 2},
        {"channels": ()},
        {"interpolation": "lanczos"},
        {"colour": 1},
    ],
)
def test_contradictions_are_refused(changes):
    with pytest.raises(ValidationError):
        plan_3d(**changes)


def test_plans_cannot_be_changed():
    with pytest.raises(ValidationError):
        plan_3d().crop = True


def test_other_channels_or_shapes_are_refused():
    plan = plan_3d()
    grid = Grid((4, 4, 4), np.eye(4))
    with pytest.raises(ValueError, match="1 channels in 3D, got 2"):
        plan.apply(Image(np.zeros((2, 4, 4, 4)), grid))
    with pytest.raises(ValueError, match="1 channels in 3D, got 1 in 2D"):
        plan.apply(Image(np.zeros((1, 4, 4)), Grid((4, 4), np.eye(3))))
    prepared = plan.apply(Image(np.zeros((1, 4, 4, 4)), grid))
    for shape in ((2, 3, 4, 4), (0, 4, 4, 4), (4, 4, 4)):
        for undo in (plan.undo, plan.undo_labels):
            with pytest.raises(ValueError, match="prepared shape"):
                undo(np.zeros(shape, np.float32), prepared)


# --- memory ---------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_number_of_classes():
    grid = Grid((80, 80, 80), affine_of((2, 0, 1), (1, -1, -1)))
    plan = plan_3d(spacing_mm=(1.9, 1.9, 1.9))
    prepared = plan.apply(Image(noise(grid.shape), grid))
    one_class = 4 * 80**3
    for classes in (3, 12):
        p = np.full((classes, *prepared.grid.shape), 1 / classes, np.float32)
        tracemalloc.start()
        plan.undo_labels(p, prepared)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6 * one_class


def test_preparing_holds_one_channel_beside_the_result():
    grid = Grid.from_spacing((60, 60, 60))
    image = np.concatenate([noise(grid.shape, k) for k in range(8)]).astype(np.float32)
    plan = plan_3d(channels=(CHANNEL,) * 8, crop=True)
    tracemalloc.start()
    prepared = plan.apply(Image(image, grid))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < prepared.array.nbytes * (1 + 2 / 8)
