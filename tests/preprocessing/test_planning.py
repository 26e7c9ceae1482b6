"""From fingerprint to plan: every rule by hand."""

import pytest
from pydantic import ValidationError

from segscope.images import Grid
from segscope.preprocessing import Plan, plan_preprocessing
from tests.synthetic import fingerprint_2d, fingerprint_3d


def with_spacings(*spacings, shape=(256, 256, 30)):
    return fingerprint_3d(shape).model_copy(update={"spacings_mm": spacings})


def ct_fingerprint(name="CT", **changes):
    base = fingerprint_3d()
    channel = base.channels[0].model_copy(update={"name": name, **changes})
    return base.model_copy(update={"channels": (channel,)})


def test_voxels_of_the_common_spacing_stay_and_others_are_brought_to_it():
    plan = plan_preprocessing(fingerprint_3d(spacing=(1.0, 1.0, 1.5)))
    assert plan.spacing_mm == (1.0, 1.0, 1.5)
    for spacing, shape in (
        ((1.0, 1.0005, 1.5), (400, 900, 300)),
        ((2.0, 1.0, 0.5), (800, 900, 100)),
    ):
        grid = Grid.from_spacing((400, 900, 300), spacing)
        assert plan.resampled_shape(grid) == shape


def test_other_spacings_go_to_the_median_per_axis():
    plan = plan_preprocessing(with_spacings((1.0, 1.0, 2.0), (1.2, 1.0, 2.5), (3.0, 0.9, 2.2)))
    assert plan.spacing_mm == (1.2, 1.0, 2.2)


def test_a_coarse_axis_goes_to_its_tenth_percentile():
    spacings = tuple((1.0, 1.0, z) for z in (4.0, 5.0, 5.0, 5.0, 6.0))
    plan = plan_preprocessing(with_spacings(*spacings))
    assert plan.spacing_mm == pytest.approx((1.0, 1.0, 4.4))


def test_but_never_finer_than_the_others():
    spacings = ((1.0, 1.5, 0.5), *(((1.0, 1.5, 5.0),) * 3))
    assert plan_preprocessing(with_spacings(*spacings)).spacing_mm == pytest.approx((1, 1.5, 1.85))
    spacings = ((1.0, 1.5, 0.5), (1.0, 1.5, 0.5), *(((1.0, 1.5, 5.0),) * 3))
    assert plan_preprocessing(with_spacings(*spacings)).spacing_mm == (1.0, 1.5, 1.5)


def test_and_not_where_it_has_the_most_voxels():
    spacings = tuple((1.0, 1.0, z) for z in (4.0, 5.0, 5.0, 5.0, 6.0))
    plan = plan_preprocessing(with_spacings(*spacings, shape=(60, 60, 400)))
    assert plan.spacing_mm == (1.0, 1.0, 5.0)


def test_volumes_are_turned_and_cropped_and_pictures_are_not():
    volume, picture = plan_preprocessing(fingerprint_3d()), plan_preprocessing(fingerprint_2d())
    assert (volume.orientation, volume.crop, volume.spatial_dims) == ("RAS", True, 3)
    assert (picture.orientation, picture.crop, picture.spatial_dims) == (None, False, 2)
    assert picture.spacing_mm is None


def test_thin_volumes_and_wishes_give_slices():
    thin = plan_preprocessing(fingerprint_3d((40, 40, 5), (1.0, 1.0, 6.0)))
    assert (thin.spatial_dims, thin.slice_axis) == (2, 2)
    assert plan_preprocessing(fingerprint_3d((40, 40, 8), (1.0, 1.0, 6.0))).spatial_dims == 3
    wished = plan_preprocessing(fingerprint_3d((40, 40, 40)), spatial_dims=2)
    assert (wished.spatial_dims, wished.slice_axis) == (2, 2)


def test_slices_are_taken_along_the_coarsest_axis():
    sagittal = plan_preprocessing(fingerprint_3d((12, 200, 200), (4.0, 1.0, 1.0)), spatial_dims=2)
    assert sagittal.slice_axis == 0
    assert (
        plan_preprocessing(fingerprint_3d(), spatial_dims=2, spacing_mm=(1, 3, 1)).slice_axis == 1
    )


def test_pictures_of_different_sizes_get_one_size():
    many = fingerprint_2d().model_copy(update={"shapes": ((100, 640), (130, 600))})
    assert plan_preprocessing(many).resize == (128, 256)
    tiny = fingerprint_2d().model_copy(update={"shapes": ((9, 70), (10, 70))})
    assert plan_preprocessing(tiny).resize == (32, 64)
    assert plan_preprocessing(fingerprint_2d()).resize is None


def test_a_wished_size_replaces_a_spacing():
    mixed = with_spacings((1.0, 1.0, 2.0), (1.2, 1.0, 2.5), (3.0, 0.9, 2.2))
    plan = plan_preprocessing(mixed, spatial_dims=2, resize=(128, 128))
    assert (plan.resize, plan.spacing_mm, plan.slice_axis) == ((128, 128), None, 2)
    with pytest.raises(ValidationError, match="exclude each other"):
        plan_preprocessing(mixed, spatial_dims=2, resize=(8, 8), spacing_mm=(1, 1, 1))
    with pytest.raises(ValidationError, match="resize is for 2D networks"):
        plan_preprocessing(mixed, resize=(128, 128))
    with pytest.raises(ValidationError, match="cannot train a 3D network"):
        plan_preprocessing(fingerprint_2d(), spatial_dims=3)


@pytest.mark.parametrize("name", ["CT", "ct"])
def test_ct_in_the_name_switches_the_window_on(name):
    channel = plan_preprocessing(ct_fingerprint(name)).channels[0]
    assert (channel.scheme, channel.lower, channel.upper) == ("ct", 1.0, 9.0)
    assert (channel.mean, channel.sd) == (5.0, 1.0)
    channel = plan_preprocessing(ct_fingerprint(name), ct_window=(-200, 200)).channels[0]
    assert (channel.lower, channel.upper) == (-200, 200)


def test_a_mean_outside_the_window_moves_to_its_edge():
    channel = plan_preprocessing(ct_fingerprint(), ct_window=(-4, 2)).channels[0]
    assert channel.mean == 2


def test_a_foreground_without_spread_still_makes_a_plan():
    assert plan_preprocessing(ct_fingerprint(foreground_sd=0.0)).channels[0].sd == 1.0


def test_other_names_are_normalised_image_by_image():
    for name in ("MR", "T1-CTA", "ultrasound"):
        assert plan_preprocessing(ct_fingerprint(name)).channels[0].scheme == "zscore"


def test_a_planned_plan_survives_json():
    plan = plan_preprocessing(ct_fingerprint())
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


NAMED = {
    "noNorm": "none",
    "NONORM": "none",
    "zscore": "zscore",
    "rescale_to_0_1": "own_range",
    "rescale_0_1": "own_range",
    "rgb_to_0_1": "rgb",
    "CT1": "zscore",
}


@pytest.mark.parametrize(("name", "scheme"), NAMED.items(), ids=NAMED)
def test_names_of_normalisations_are_planned_and_kept(name, scheme):
    plan = plan_preprocessing(ct_fingerprint(name))
    assert plan.channels[0].scheme == scheme
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_scheme_for_all_channels_goes_before_names():
    for scheme in ("zscore", "own_range", "rgb", "maximum", "none"):
        assert plan_preprocessing(ct_fingerprint(), scheme=scheme).channels[0].scheme == scheme
    window = plan_preprocessing(ct_fingerprint("noNorm"), scheme="window")
    assert window.channels[0].scheme == "none"
    with pytest.raises(ValueError, match="zscore, own_range, rgb, maximum, none or window"):
        plan_preprocessing(ct_fingerprint(), scheme="mask")
