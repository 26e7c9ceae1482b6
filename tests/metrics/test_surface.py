"""Surface distances: hand-worked, other libraries, a literal brute force, laws, the empty sets."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segscope.images import components
from segscope.images.components import bounding_box
from segscope.metrics import (
    average_distance,
    border,
    border_distances,
    hausdorff_distance,
    lesion_scores,
    surface,
    surface_dice,
)

masks = arrays(bool, (5, 6, 4))
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)
SPACING = (1.0, 1.5, 2.0)


def brute_force(a, b, spacing):
    """Every distance from every border voxel to every other, by definition."""

    def edge(mask):
        return mask & ~ndimage.binary_erosion(mask)

    pa, pb = (np.argwhere(edge(m)) * spacing for m in (a, b))
    table = np.linalg.norm(pa[:, None] - pb[None], axis=-1)
    return np.sort(table.min(1)), np.sort(table.min(0))


def figures(a, b, spacing, tolerance=1.0):
    found = border_distances(a, b, spacing)
    return (
        hausdorff_distance(found),
        hausdorff_distance(found, 95),
        average_distance(found),
        surface_dice(found, tolerance),
    )


def two_blobs():
    random = np.random.default_rng(0)
    fields = [ndimage.gaussian_filter(random.normal(size=(30, 34, 22)), 3) for _ in range(2)]
    return fields[0] > 0.02, 0.7 * fields[0] + 0.3 * fields[1] > 0.02


def ball(side, radius):
    axes = np.ogrid[(slice(0, side),) * 3]
    return sum((axis - side // 2) ** 2 for axis in axes) <= radius**2


def test_two_points_two_voxels_apart_along_a_3mm_axis():
    a, b = np.zeros((2, 5, 5), bool)
    a[1, 1], b[3, 1] = True, True
    assert figures(a, b, (3.0, 1.0), 5.9) == (6.0, 6.0, 6.0, 0.0)
    assert figures(a, b, (3.0, 1.0), 6.0)[3] == 1


def test_a_percentile_is_directed_and_interpolated():
    a, b = np.zeros((2, 1, 30), bool)
    a[0, :3] = True  # distances 0, 0, 0
    b[0, :3] = b[0, 12] = True  # distances 0, 0, 0, 10: the 95th percentile is 8.5
    found = figures(a, b, (1.0, 1.0))
    assert found == pytest.approx((10.0, 8.5, 10 / 7, 6 / 7))


def test_only_border_voxels_are_measured():
    outer, inner = np.zeros((2, 9, 9, 9), bool)
    outer[1:8, 1:8, 1:8] = inner[2:7, 2:7, 2:7] = True
    found = border_distances(inner, outer, (1, 1, 1))
    assert len(found.prediction_to_truth) == 5**3 - 3**3
    assert set(found.prediction_to_truth) == {1.0}
    assert len(found.truth_to_prediction) == 7**3 - 5**3


def test_a_block_touching_the_edge_of_the_array_has_a_border_there():
    assert border(np.ones((4, 4), bool)).sum() == 12
    found = border_distances(np.ones((4, 4), bool), np.ones((4, 4), bool), (1, 1))
    assert len(found.prediction_to_truth) == 12


@settings(max_examples=60)
@given(masks, masks, spacings, st.sampled_from([1, 1 << 18]), st.sampled_from([0, 10**9]))
def test_distances_equal_brute_force_by_tree_and_by_slices(a, b, spacing, slab, per_tree_point):
    assume(a.any() and b.any())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_SLAB_VOXELS", slab)
        patch.setattr(surface, "_PER_TREE_POINT", per_tree_point)
        found = border_distances(a, b, spacing)
    expected = brute_force(a, b, spacing)
    np.testing.assert_allclose(np.sort(found.prediction_to_truth), expected[0], atol=1e-12)
    np.testing.assert_allclose(np.sort(found.truth_to_prediction), expected[1], atol=1e-12)
    hd95 = max(np.percentile(e, 95) for e in expected)
    assert hausdorff_distance(found, 95) == pytest.approx(hd95)
    assert average_distance(found) == pytest.approx(np.concatenate(expected).mean())


@given(arrays(bool, (9, 7)), arrays(bool, (9, 7)))
def test_planes_equal_brute_force(a, b):
    assume(a.any() and b.any())
    found = border_distances(a, b, (2.0, 0.7))
    for ours, theirs in zip(
        (found.prediction_to_truth, found.truth_to_prediction),
        brute_force(a, b, (2.0, 0.7)),
        strict=True,
    ):
        np.testing.assert_allclose(np.sort(ours), theirs, atol=1e-12)


def test_a_small_ball_in_a_large_one_takes_slices_and_equals_the_distance_transform(monkeypatch):
    taken = []
    by_slices = surface._by_slices
    monkeypatch.setattr(surface, "_by_slices", lambda *a: taken.append(1) or by_slices(*a))
    inner, outer = ball(71, 6), ball(71, 33)
    found = border_distances(inner, outer, SPACING)
    assert taken
    to_outer = ndimage.distance_transform_edt(~border(outer), sampling=SPACING)[border(inner)]
    np.testing.assert_allclose(
        np.sort(found.prediction_to_truth), np.sort(to_outer), rtol=0, atol=1e-9
    )


@settings(max_examples=30)
@given(masks, masks, st.sampled_from([0.5, 2.0, 10.0]))
def test_distances_scale_with_spacing_and_do_not_care_who_is_first(a, b, scale):
    one = figures(a, b, (1, 1, 2), 1.5)
    scaled = figures(b, a, (scale, scale, 2 * scale), 1.5 * scale)
    np.testing.assert_allclose(scaled, np.multiply(one, (scale, scale, scale, 1)))


@settings(max_examples=30)
@given(masks, masks, spacings, st.lists(st.floats(0.01, 9), min_size=2, max_size=4))
def test_a_percentile_is_never_above_the_largest_and_tolerance_only_helps(a, b, spacing, limits):
    found = border_distances(a, b, spacing)
    if a.any() and b.any():
        whole = hausdorff_distance(found, percentile=100)
        assert hausdorff_distance(found, percentile=95) <= whole
        shares = [surface_dice(found, limit) for limit in sorted(limits)]
        assert shares == sorted(shares)
        assert surface_dice(found, whole) == 1


@settings(max_examples=30)
@given(masks, masks, spacings, st.permutations(range(3)))
def test_the_order_of_axes_does_not_matter(a, b, spacing, order):
    turned = figures(a.transpose(order), b.transpose(order), [spacing[k] for k in order])
    np.testing.assert_allclose(turned, figures(a, b, spacing), atol=1e-9)


@settings(max_examples=30)
@given(masks, masks, st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3))
def test_moving_both_in_a_larger_array_changes_nothing(a, b, margins):
    moved = figures(np.pad(a, margins), np.pad(b, margins), SPACING)
    np.testing.assert_allclose(moved, figures(a, b, SPACING), atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "hd", "nsd"),
    [(0, 0, math.nan, math.nan), (0, 1, math.inf, 0.0), (1, 0, math.inf, 0.0)],
)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4), (1, 1)])
def test_distances_of_empty_masks(shape, first, second, hd, nsd):
    a, b = (np.full(shape, bool(v)) for v in (first, second))
    np.testing.assert_equal(figures(a, b, (1,) * len(shape)), (hd, hd, hd, nsd))


def test_a_single_voxel_is_its_own_border():
    one = np.ones((1, 1, 1), bool)
    assert figures(one, one, (1, 1, 1)) == (0, 0, 0, 1)


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must agree"):
        border_distances(np.ones((2, 2), bool), np.ones((2, 3), bool), (1, 1))
    with pytest.raises(ValueError, match="1 spacings"):
        border_distances(np.ones((2, 2), bool), np.ones((2, 2), bool), (1,))


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
def test_distances_agree_with_monai():
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    a, b = two_blobs()
    found = border_distances(a, b, SPACING)
    tensors = [torch.from_numpy(m)[None, None] for m in (a, b)]
    options = {"include_background": True, "spacing": list(SPACING)}
    # MONAI's percentile is the larger of the two directed ones, as ours; it computes in float32
    for percentile in (None, 95):
        theirs = compute_hausdorff_distance(*tensors, percentile=percentile, **options)
        assert hausdorff_distance(found, percentile or 100) == pytest.approx(
            theirs.item(), abs=1e-5
        )
    mean = compute_average_surface_distance(*tensors, **options)
    assert found.prediction_to_truth.mean() == pytest.approx(mean.item(), abs=1e-5)
    dice = compute_surface_dice(*tensors, [1.5], **options)
    assert surface_dice(found, 1.5) == pytest.approx(dice.item(), abs=1e-6)


def test_distances_agree_with_medpy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from medpy.metric import binary

    a, b = two_blobs()
    found = border_distances(a, b, SPACING)
    both = np.concatenate([found.prediction_to_truth, found.truth_to_prediction])
    assert hausdorff_distance(found) == pytest.approx(binary.hd(a, b, SPACING))
    assert found.prediction_to_truth.mean() == pytest.approx(binary.asd(a, b, SPACING))
    # MedPy pools both directions before it takes the percentile
    assert np.percentile(both, 95) == pytest.approx(binary.hd95(a, b, SPACING))
    means = [binary.asd(*pair, SPACING) for pair in ((a, b), (b, a))]
    sizes = [len(found.prediction_to_truth), len(found.truth_to_prediction)]
    assert average_distance(found) == pytest.approx(np.average(means, weights=sizes))


@settings(max_examples=30)
@given(masks, masks)
def test_hollow_masks_agree_with_scikit_image(a, b):
    from skimage.metrics import hausdorff_distance as peer

    a[1:-1, 1:-1, 1:-1] = b[1:-1, 1:-1, 1:-1] = False  # every voxel that is left is border
    assume(a.any() and b.any())
    assert hausdorff_distance(border_distances(a, b, (1, 1, 1))) == pytest.approx(peer(a, b))


def test_sparse_lesions_need_less_memory_than_their_volume():
    random = np.random.default_rng(0)
    masks_of_lesions = np.zeros((2, 120, 128, 96), bool)
    for mask in masks_of_lesions:
        for i, j, k in random.integers(0, 80, (20, 3)):
            mask[i : i + 6, j : j + 6, k : k + 6] = True
    box = bounding_box(*masks_of_lesions)
    tracemalloc.start()
    try:
        border_distances(*masks_of_lesions, SPACING)
        lesion_scores(*masks_of_lesions)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * masks_of_lesions[0][box].nbytes


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 3.0, 1.1)])
@pytest.mark.parametrize("apart", [1, 2, 3, 9])
def test_near_and_far_voxels_have_the_distances_of_all_pairs(spacing, apart):
    random = np.random.default_rng(apart)
    shape = (6, 7, 24)
    truth = random.random(shape) > 0.97
    prediction = np.roll(truth, apart, 2)
    found = border_distances(prediction, truth, spacing)
    p, t = (np.argwhere(mask) * spacing for mask in (prediction, truth))
    pairs = np.sqrt(((p[:, None] - t[None]) ** 2).sum(-1))
    np.testing.assert_allclose(
        np.sort(found.prediction_to_truth), np.sort(pairs.min(1)), rtol=1e-12
    )
    np.testing.assert_allclose(
        np.sort(found.truth_to_prediction), np.sort(pairs.min(0)), rtol=1e-12
    )
