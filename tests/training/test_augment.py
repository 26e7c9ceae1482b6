"""Augmentation: nothing changes by chance, labels stay labels, sides are not mixed up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from segscope.training import AugmentPlan, allowed_mirror_axes, sided_axes
from segscope.training.augment import augment

SHARES = (
    "geometry", "elastic", "noise", "blur", "brightness", "contrast", "gamma", "low_resolution",
)  # fmt: skip
EVERYTHING = AugmentPlan(mirror_axes=(0, 1), **{f"{name}_share": 1.0 for name in SHARES})


def sample(*shape, channels=2, seed=0):
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.standard_normal((channels, *shape)).astype(np.float32))
    return image, torch.from_numpy(random.choice([0, 2, 5], shape))


def only(name, **values):
    return AugmentPlan(preset="none", **{f"{name}_share": 1.0}, **values)


@pytest.mark.parametrize("shape", [(7, 9), (5, 6, 7)])
def test_no_augmentation_returns_the_input_exactly(shape):
    image, label = sample(*shape)
    for index in range(20):
        x, y = augment(image, label, AugmentPlan.none(), np.random.default_rng(index))
        assert torch.equal(x, image)
        assert torch.equal(y, label)


@given(
    st.sampled_from([(6, 9), (5, 8, 7), (1, 6, 6)]),
    st.integers(0, 10_000),
    st.sampled_from([EVERYTHING, AugmentPlan.strong(mirror_axes=(0, 1)), AugmentPlan.mild()]),
)
def test_labels_keep_their_values_and_images_stay_finite(shape, seed, plan):
    image, label = sample(*shape, seed=seed)
    before = (image.clone(), label.clone())
    x, y = augment(image, label, plan, np.random.default_rng((0, 0, seed)))
    assert x.shape == image.shape
    assert x.dtype == torch.float32
    assert y.shape == label.shape
    assert y.dtype == label.dtype
    assert set(y.unique().tolist()) <= {0, 2, 5}
    assert torch.isfinite(x).all()
    assert torch.equal(image, before[0])  # the input is left alone
    assert torch.equal(label, before[1])


@pytest.mark.parametrize("name", SHARES)
def test_the_same_address_gives_the_same_sample_and_another_one_another(name):
    image, label = sample(8, 8, 8)
    plan = only(name)
    a, b, c = (
        augment(image, label, plan, np.random.default_rng((1, 2, index)))[0] for index in (3, 3, 4)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not torch.equal(a, image)


@pytest.mark.parametrize("name", [n for n in SHARES if n not in ("geometry", "elastic")])
def test_changes_of_intensity_leave_the_label_alone(name):
    image, label = sample(6, 6)
    assert torch.equal(augment(image, label, only(name), np.random.default_rng(0))[1], label)


def test_image_and_label_move_together():
    axes = np.meshgrid(*[np.arange(24)] * 3, indexing="ij")
    disc = sum((a - 11) ** 2 for a in axes) < 49
    label = torch.from_numpy(disc.astype(np.int64))
    plan = only("geometry", mirror_axes=(0, 1, 2), elastic_share=1.0)
    for index in range(10):
        x, y = augment(label[None].float(), label, plan, np.random.default_rng(index))
        assert ((x[0] > 0.5) == (y > 0)).float().mean() > 0.97
        assert y.sum() > 300


def test_mirroring_twice_is_the_identity_and_each_axis_is_drawn_by_itself():
    image, label = sample(4, 5, 6)
    plan = AugmentPlan(preset="none", mirror_axes=(0, 2))
    seen = set()
    for index in range(40):
        x, y = augment(image, label, plan, np.random.default_rng(index))
        flips = next(
            f for f in ((), (0,), (2,), (0, 2)) if torch.equal(label.flip(f), y)
        )  # axis 1 never
        assert torch.equal(x.flip([1 + k for k in flips]), image)
        seen.add(flips)
        again = augment(x, y, plan, np.random.default_rng(index))
        assert torch.equal(again[0], image)
        assert torch.equal(again[1], label)
    assert len(seen) == 4


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_how_often_a_change_happens(name):
    image, label = sample(4, 4, channels=1)
    plan = AugmentPlan(preset="none", **{f"{name}_share": 0.3})
    changed = [
        not torch.equal(augment(image, label, plan, np.random.default_rng((5, k)))[0], image)
        for k in range(600)
    ]
    # four standard deviations; blurs below a tenth of a voxel and zooms near 1 change nothing
    assert 0.18 < np.mean(changed) < 0.38


@pytest.mark.parametrize(
    ("names", "sided"),
    [
        (("left lung", "right lung"), True),
        (("Kidney_L", "Kidney_R"), True),
        (("lh-cortex", "rh-cortex"), True),
        (("LeftVentricle", "RightVentricle"), True),
        (("l", "r"), True),
        (("left atrium", "liver"), False),
        (("bright", "cleft"), False),
        (("anterior", "posterior"), False),
        (("bowel", "bower"), False),  # an l is a side only when it stands alone
        ((), False),
    ],
)
def test_sides_are_found_in_names(names, sided):
    labels = {"background": 0, **{name: k + 1 for k, name in enumerate(names)}}
    assert sided_axes(labels) == ((0,) if sided else ())
    assert allowed_mirror_axes(labels, spatial_dims=3, image_dims=3) == (
        (1, 2) if sided else (0, 1, 2)
    )


def test_plane_images_have_their_sides_along_the_columns_and_slices_keep_none():
    labels = {"left": 1, "right": 2}
    assert allowed_mirror_axes(labels, spatial_dims=2, image_dims=2) == (0,)
    assert allowed_mirror_axes(labels, spatial_dims=2, image_dims=3) == ()
    assert allowed_mirror_axes({"a": 1}, spatial_dims=2, image_dims=3) == (0, 1)


def test_presets_fill_in_what_is_not_given():
    assert AugmentPlan(preset="none") == AugmentPlan.none()
    assert AugmentPlan(preset="mild") == AugmentPlan() == AugmentPlan.mild()
    plan = AugmentPlan(preset="strong", mirror_axes=(1,), noise_share=0.0)
    assert plan == AugmentPlan.strong(mirror_axes=(1,)).model_copy(update={"noise_share": 0.0})
    assert AugmentPlan(**plan.model_dump()) == plan


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preset": "wild"}, "none"),
        ({"scale": (1.2, 0.8)}, "smaller one first"),
        ({"gamma": (0.0, 1.0)}, "above 0"),
        ({"mirror_axes": (0, 0)}, "different axes"),
        ({"mirror_axes": (3,)}, "out of 0, 1, 2"),
        ({"voxel_mm": (1.0, 0.0)}, "above 0"),
        ({"blur_share": 1.5}, "less than or equal to 1"),
        ({"rotations": 3}, "not permitted"),
    ],
)
def test_plans_out_of_range_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        AugmentPlan(**values)


def test_intensities_of_a_mask_are_never_touched_and_its_place_moves_with_the_image():
    random = np.random.default_rng(0)
    mask = torch.zeros(24, 24)
    mask[5:17, 8:20] = 1
    label = mask.long()
    plan = AugmentPlan(preset="strong", mirror_axes=(0, 1), elastic_share=1.0, mask_channels=(1,),
                       geometry_share=1.0, noise_share=1.0, blur_share=1.0, gamma_share=1.0,
                       contrast_share=1.0, brightness_share=1.0,
                       low_resolution_share=1.0)  # fmt: skip
    for seed in range(8):
        image = torch.stack(
            [torch.from_numpy(random.normal(size=(24, 24)).astype(np.float32)), mask]
        )
        x, y = augment(image, label, plan, np.random.default_rng(seed))
        assert set(x[1].unique().tolist()) <= {0.0, 1.0}
        # the label is read from the nearest voxel, the mask is blended and rounded
        assert (x[1].long() != y).float().mean() < 0.03
        assert not torch.equal(x[1], mask)
        assert len(x[0].unique()) > 100


def test_the_mask_alone_is_augmented_too():
    mask = torch.zeros(1, 12, 12)
    mask[0, 2:6, 3:9] = 1
    plan = AugmentPlan(preset="strong", noise_share=1.0, mask_channels=(0,), mirror_axes=(0,))
    for seed in range(6):
        x, _ = augment(mask, mask[0].long(), plan, np.random.default_rng(seed))
        assert set(x.unique().tolist()) <= {0.0, 1.0}


def test_other_channels_get_what_they_would_get_without_a_mask():
    image = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(16, 16, dtype=torch.long)
    strong = {"noise_share": 0.0, "geometry_share": 0.0, "blur_share": 1.0, "gamma_share": 1.0}
    alone, _ = augment(image[:1], label, AugmentPlan(**strong), np.random.default_rng(5))
    plan = AugmentPlan(**strong, mask_channels=(1,))
    both, _ = augment(image, label, plan, np.random.default_rng(5))
    torch.testing.assert_close(both[:1], alone)
    torch.testing.assert_close(both[1], (image[1] >= 0.5).float())
