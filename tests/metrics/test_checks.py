"""What would give a number without a meaning is refused by every metric."""

import math

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from segscope.metrics import (
    LabelReader,
    border_distances,
    centre_distance,
    count_agreement,
    evaluate_case,
    evaluate_folders,
    hausdorff_distance,
    lesion_scores,
    nearest_distances,
    surface_dice,
    volume_scores,
    wmh2017,
)
from segscope.metrics.overlap import Counts

MASK = np.array([[[1, 0], [0, 1]], [[0, 0], [0, 0]]], bool)
LABELS = MASK.astype(np.uint8)
ONE = {"a": 1}
READER = LabelReader(lambda _: LabelMap(LABELS, Grid.from_spacing((2, 2, 2))), lambda _: None)

SPACINGS = {
    "negative": (1, 1, -1), "zero": (1, 0, 1), "nan": (1, 1, math.nan),
    "infinite": (math.inf, 1, 1), "two": (1, 1), "four": (1, 1, 1, 1),
    "text": ("a", 1, 1), "none": (None, 1, 1),
}  # fmt: skip
BY_SPACING = {
    "evaluate_case": lambda s: evaluate_case(LABELS, LABELS, s, ONE),
    "overlap only": lambda s: evaluate_case(LABELS, LABELS, s, ONE, overlap_only=True),
    "wmh2017": lambda s: wmh2017(LABELS, LABELS, s),
    "border_distances": lambda s: border_distances(MASK, MASK, s),
    "nearest_distances": lambda s: nearest_distances(np.array([0]), np.array([1]), (2, 2, 2), s),
}


@pytest.mark.parametrize("metric", BY_SPACING)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_spacings_are_finite_and_above_0(metric, spacing):
    BY_SPACING[metric]((1, 2.5, 3))
    with pytest.raises(ValueError, match="spacing_mm must be 3"):
        BY_SPACING[metric](SPACINGS[spacing])


@pytest.mark.parametrize("value", [math.nan, -1.0, math.inf, -math.inf, None])
def test_tolerances_are_finite_and_at_least_0(value, tmp_path):
    with pytest.raises(ValueError, match="tolerance_mm"):
        evaluate_case(LABELS, LABELS, (1, 1, 1), ONE, tolerance_mm=value)
    with pytest.raises(ValueError, match="tolerance_mm"):
        surface_dice(border_distances(MASK, MASK, (1, 1, 1)), value)
    with pytest.raises(InputError, match="tolerance_mm"):
        evaluate_folders(
            tmp_path, tmp_path, read=READER,
            tolerance_mm=value,
        )  # fmt: skip
    assert surface_dice(border_distances(MASK, MASK, (1, 1, 1)), 0) == 1


@pytest.mark.parametrize("value", [math.nan, -1.0, 101.0])
def test_percentiles_are_percent(value):
    with pytest.raises(ValueError, match="percentile"):
        hausdorff_distance(border_distances(MASK, MASK, (1, 1, 1)), value)


BY_MASKS = {
    "border_distances": lambda a, b: border_distances(a, b, (1.0,) * a.ndim).prediction_to_truth,
    "count_agreement": lambda a, b: count_agreement(a, b).tp,
    "lesion_scores": lambda a, b: lesion_scores(a, b)["lesion_f1"],
    "centre_distance": lambda a, b: centre_distance(a, b, Grid.from_spacing(a.shape)),
}


@pytest.mark.parametrize("metric", BY_MASKS)
def test_masks_are_true_and_false_in_one_shape(metric):
    score = BY_MASKS[metric]
    expected = score(MASK, ~MASK)
    for kind in (np.uint8, np.int64, np.float32):
        np.testing.assert_array_equal(score(MASK.astype(kind), (~MASK).astype(kind)), expected)
    for wrong in (MASK * 2, MASK * -1, MASK * 0.5, MASK.astype(str), MASK * math.nan):
        with pytest.raises(ValueError, match="must be a mask"):
            score(MASK, wrong)
        with pytest.raises(ValueError, match="must be a mask"):
            score(wrong, MASK)
    for other in (MASK[:1], MASK[0], MASK[..., None]):
        with pytest.raises(ValueError, match="must agree"):
            score(MASK, other)


@pytest.mark.parametrize(
    "labels",
    [{"a": -1}, {"a": 1.5}, {"a": True}, {"a": "1"}, {"a": 1, "b": 1}, {"a": math.nan}],
    ids=["negative", "a fraction", "a truth", "text", "twice", "nan"],
)
def test_labels_are_whole_numbers_of_their_own(labels, tmp_path):
    with pytest.raises(ValueError, match="labels must give"):
        evaluate_case(LABELS, LABELS, (1, 1, 1), labels)
    with pytest.raises(InputError, match="labels must give"):
        evaluate_folders(tmp_path, tmp_path, read=READER, labels=labels)


def test_negative_numbers_in_maps_are_no_label_that_is_looked_at():
    truth = np.array([[1, 0, -2], [0, 2, 0]])
    found = evaluate_case(truth, truth, (1, 1), {"a": 1, "b": 2}).to_dict()
    assert found["a"]["tp"] == found["b"]["tp"] == found["a"]["dice"] == found["b"]["dice"] == 1


def test_maps_without_a_voxel_are_refused():
    nothing = np.zeros((0, 3), np.uint8)
    with pytest.raises(ValueError, match="at least one voxel"):
        evaluate_case(nothing, nothing, (1, 1), ONE)
    with pytest.raises(ValueError, match="at least one voxel"):
        wmh2017(nothing[..., None], nothing[..., None], (1, 1, 1))
    assert math.isnan(volume_scores(Counts(0, 0, 0, 0))["pcd_percent"])


def test_an_affine_of_another_spacing_is_refused():
    with pytest.raises(ValueError, match="affine's spacing"):
        evaluate_case(LABELS, LABELS, (1, 1, 1), ONE, affine=np.diag([1, 1, 2, 1]))


@pytest.mark.parametrize("kind", [np.uint64, np.int64, np.uint16, np.int8, bool])
def test_label_maps_of_every_whole_type_are_scored(kind):
    found = evaluate_case(LABELS.astype(kind), LABELS.astype(kind), (1, 1, 1), {"a": 1, "b": 2})
    assert found.to_dict()["a"]["tp"] == 2
    assert math.isnan(found.to_dict()["b"]["dice"])
