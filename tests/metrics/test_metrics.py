"""Metrics: hand-worked, other libraries, a literal brute force, laws, and the empty sets."""

import csv
import io
import json
import math

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial import cKDTree

from segscope.data import json_ready, read_label
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from segscope.metrics import (
    Counts,
    average_distance,
    border,
    border_distances,
    centre_distance,
    count_agreement,
    evaluate_case,
    evaluate_folders,
    hausdorff_distance,
    lesion_scores,
    overlap_scores,
    surface_dice,
    volume_scores,
    wmh2017,
)

masks_3d = arrays(bool, (5, 6, 4))
LABELS = {"background": 0, "lesion": 1}


def brute_force(a, b, spacing):
    """Every distance from every border voxel to every other, by definition."""

    def edge(mask):
        return mask & ~ndimage.binary_erosion(mask)

    pa, pb = (np.argwhere(edge(m)) * spacing for m in (a, b))
    table = np.linalg.norm(pa[:, None] - pb[None], axis=-1)
    return np.sort(table.min(1)), np.sort(table.min(0))


def test_ratios_by_hand():
    found = overlap_scores(Counts(tp=6, fp=2, fn=4, tn=88))
    assert found == pytest.approx(
        {
            "dice": 12 / 18,
            "iou": 6 / 12,
            "precision": 6 / 8,
            "recall": 6 / 10,
            "specificity": 88 / 90,
            "accuracy": 94 / 100,
        }
    )


def test_empty_masks_are_undefined_or_one_by_choice():
    assert math.isnan(overlap_scores(Counts(0, 0, 0, 9))["dice"])
    assert overlap_scores(Counts(0, 0, 0, 9), empty="one")["dice"] == 1
    for one_empty in (Counts(0, 3, 0, 6), Counts(0, 0, 3, 6)):
        found = overlap_scores(one_empty, empty="one")
        assert found["dice"] == found["precision"] == found["recall"] == 0


def test_two_points_two_voxels_apart_along_a_3mm_axis():
    a, b = np.zeros((2, 5, 5), bool)
    a[1, 1], b[3, 1] = True, True
    found = border_distances(a, b, (3.0, 1.0))
    assert hausdorff_distance(found) == average_distance(found) == 6.0
    assert surface_dice(found, 5.9) == 0
    assert surface_dice(found, 6.0) == 1


def test_a_block_touching_the_edge_of_the_array_has_a_border_there():
    mask = np.ones((4, 4), bool)
    assert border(mask).sum() == 12


@settings(max_examples=60, deadline=None)
@given(masks_3d, masks_3d, st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3))
def test_distances_equal_brute_force(a, b, spacing):
    if not (a.any() and b.any()):
        return
    found = border_distances(a, b, spacing)
    expected = brute_force(a, b, spacing)
    np.testing.assert_allclose(np.sort(found.prediction_to_truth), expected[0])
    np.testing.assert_allclose(np.sort(found.truth_to_prediction), expected[1])
    hd95 = max(np.percentile(e, 95) for e in expected)
    assert hausdorff_distance(found, 95) == pytest.approx(hd95)
    assert average_distance(found) == pytest.approx(np.concatenate(expected).mean())


@settings(max_examples=30, deadline=None)
@given(masks_3d, masks_3d, st.sampled_from([0.5, 2.0, 10.0]))
def test_distances_scale_with_spacing_and_do_not_care_who_is_first(a, b, scale):
    one = border_distances(a, b, (1, 1, 2))
    scaled = border_distances(b, a, (scale, scale, 2 * scale))
    expected = hausdorff_distance(one) * scale
    np.testing.assert_allclose(hausdorff_distance(scaled), expected)


@pytest.mark.parametrize(
    ("first", "second", "hd", "nsd"),
    [(0, 0, math.nan, math.nan), (0, 1, math.inf, 0.0), (1, 0, math.inf, 0.0)],
)
def test_distances_of_empty_masks(first, second, hd, nsd):
    a, b = (np.full((3, 3), bool(v)) for v in (first, second))
    found = border_distances(a, b, (1, 1))
    np.testing.assert_equal(hausdorff_distance(found), hd)
    np.testing.assert_equal(average_distance(found), hd)
    np.testing.assert_equal(surface_dice(found, 1.0), nsd)


def two_blobs():
    random = np.random.default_rng(0)
    fields = [ndimage.gaussian_filter(random.normal(size=(30, 34, 22)), 3) for _ in range(2)]
    return fields[0] > 0.02, 0.7 * fields[0] + 0.3 * fields[1] > 0.02


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
def test_hausdorff_agrees_with_monai():
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    a, b = two_blobs()
    found = border_distances(a, b, (1.0, 1.5, 2.0))
    tensors = [torch.from_numpy(m)[None, None] for m in (a, b)]
    theirs = compute_hausdorff_distance(*tensors, include_background=True, spacing=[1.0, 1.5, 2.0])
    assert hausdorff_distance(found) == pytest.approx(theirs.item(), abs=1e-5)
    mean = compute_average_surface_distance(
        *tensors, include_background=True, spacing=[1.0, 1.5, 2.0]
    )
    assert found.prediction_to_truth.mean() == pytest.approx(mean.item(), abs=1e-5)


def test_lesions_by_hand():
    truth = np.zeros((7, 7), bool)
    truth[0, 0] = truth[1, 1] = True  # one lesion: corners touch
    truth[3, 3] = truth[6, 0] = True
    found = np.zeros((7, 7), bool)
    found[1, 1] = found[3, 3] = found[0, 6] = found[6, 6] = True
    scores = lesion_scores(found, truth)
    assert scores["lesions_true"] == 3
    assert scores["lesion_recall"] == pytest.approx(2 / 3)
    assert scores["lesion_precision"] == pytest.approx(2 / 4)
    assert scores["lesion_f1"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))


@pytest.mark.parametrize(
    ("found", "true", "recall", "precision", "f1"),
    [(0, 0, 1, 1, 1), (1, 0, 1, 0, 0), (0, 1, 0, 1, 0)],
)
def test_lesions_of_empty_masks(found, true, recall, precision, f1):
    scores = lesion_scores(np.full((3, 3), bool(found)), np.full((3, 3), bool(true)))
    assert (scores["lesion_recall"], scores["lesion_precision"], scores["lesion_f1"]) == (
        recall,
        precision,
        f1,
    )


def test_volumes_by_hand():
    assert volume_scores(Counts(tp=5, fp=0, fn=5, tn=90)) == {
        "avd_percent": 50.0,
        "volume_difference_percent": -50.0,
        "pcd_percent": 10.0,
    }
    assert math.isnan(volume_scores(Counts(0, 3, 0, 7))["avd_percent"])


def test_centres_go_through_the_affine():
    a, b = np.zeros((2, 9, 9), bool)
    a[2, 2], b[5, 6] = True, True
    grid = Grid((9, 9), np.array([[0, 2.0, 7], [1.0, 0, 3], [0, 0, 1]]))
    assert centre_distance(a, b, grid) == pytest.approx(math.hypot(3, 8))
    assert math.isnan(centre_distance(a, np.zeros_like(a), grid))


def literal_wmh(prediction, truth, spacing):
    """The challenge's definition with SimpleITK and a k-d tree."""

    def image(array):
        made = SimpleITK.GetImageFromArray(
            np.ascontiguousarray(array.transpose(2, 1, 0), dtype=np.uint8)
        )
        made.SetSpacing([float(s) for s in spacing])
        return made

    keep = image(truth != 2)
    t = SimpleITK.BinaryThreshold(image(truth), 1, 1, 1, 0)
    p = SimpleITK.Mask(image(prediction == 1), keep)
    points = []
    for mask in (p, t):
        edge = SimpleITK.Subtract(mask, SimpleITK.BinaryErode(mask, (1, 1, 0), SimpleITK.sitkBox))
        where = np.argwhere(SimpleITK.GetArrayFromImage(edge))[:, ::-1]
        points.append([mask.TransformIndexToPhysicalPoint([int(c) for c in w]) for w in where])
    directed = [cKDTree(points[1 - k]).query(points[k])[0] for k in (0, 1)]
    pa, ta = (SimpleITK.GetArrayFromImage(m).astype(bool) for m in (p, t))
    components = SimpleITK.ConnectedComponent(t, True)
    numbered = SimpleITK.GetArrayFromImage(components)
    hit = set(np.unique(numbered[pa])) - {0}
    return {
        "dice": 2 * (pa & ta).sum() / (pa.sum() + ta.sum()),
        "hd95_mm": max(np.percentile(d, 95) for d in directed),
        "avd_percent": 100 * abs(int(pa.sum()) - int(ta.sum())) / ta.sum(),
        "lesion_recall": len(hit) / numbered.max(),
    }


def test_the_challenges_figures_equal_its_definition(shared_data):
    random = np.random.default_rng(0)
    truth = np.where(ndimage.gaussian_filter(random.normal(size=(40, 40, 12)), 1.5) > 0.12, 1, 0)
    truth[:20][ndimage.gaussian_filter(random.normal(size=(20, 40, 12)), 1.5) > 0.15] = 2
    folder = shared_data / "openms_ms_lesions" / "labelsTr"
    real = read_label(folder / "ms_patient19.nii.gz")
    cases = [(truth, (1.0, 1.2, 3.0)), (real.array[30:100, 40:120, 40:90], real.grid.spacing_mm)]
    for label, spacing in cases:
        prediction = np.roll(label == 1, 1, 0) | (np.roll(label, 2, 1) == 1)
        found = wmh2017(prediction.astype(int), label, spacing)
        for name, expected in literal_wmh(prediction, label, spacing).items():
            assert found[name] == pytest.approx(expected, abs=1e-9), name


def test_nothing_predicted_has_no_distance_in_the_challenge():
    truth = np.zeros((4, 4, 2), int)
    truth[1, 1, 1] = 1
    found = wmh2017(np.zeros_like(truth), truth, (1, 1, 3))
    assert math.isnan(found["hd95_mm"])
    assert (found["dice"], found["lesion_f1"], found["avd_percent"]) == (0, 0, 100)


def test_a_case_has_every_metric_for_every_label():
    truth = np.zeros((8, 8, 8), np.uint8)
    truth[2:5, 2:5, 2:5], truth[6, 6, 6] = 1, 2
    labels = {"background": 0, "a": 1, "b": 2}
    found = evaluate_case(truth, truth, (1, 1, 1), labels).to_dict()
    assert set(found) == {"a", "b"}
    for metrics in found.values():
        assert metrics["dice"] == metrics["nsd"] == metrics["lesion_f1"] == 1
        assert metrics["hd_mm"] == metrics["hd95_mm"] == metrics["centre_mm"] == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        evaluate_case(np.zeros((2, 2), int), np.zeros((2, 3), int), (1, 1), LABELS)
    with pytest.raises(ValueError, match="empty must be"):
        overlap_scores(Counts(1, 1, 1, 1), empty="zero")


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("truth", "good", "none"):
        (tmp_path / kind).mkdir()
    for k in range(4):
        truth = (ndimage.gaussian_filter(random.normal(size=(12, 12, 8)), 2) > 0.05).astype(
            np.uint8
        )
        if k == 3:
            truth[:] = 0
        for kind, array in (("truth", truth), ("good", np.roll(truth, 1, 0)), ("none", 0 * truth)):
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / kind / f"c{k}.nii.gz")
    return tmp_path


def evaluate(folders, kind, **options):
    return evaluate_folders(
        folders / kind, folders / "truth", read=read_label, labels=LABELS, **options
    )


def test_a_model_that_predicts_nothing_scores_worst_in_every_mean(folders):
    nothing, something = (evaluate(folders, k).foreground_mean for k in ("none", "good"))
    for name in ("dice", "iou", "recall", "precision", "nsd", "lesion_recall", "lesion_f1"):
        assert nothing[name] < something[name], name
    for name in ("hd_mm", "hd95_mm", "assd_mm", "avd_percent"):
        assert nothing[name] > something[name], name
    assert nothing["hd95_mm"] == pytest.approx(math.hypot(12, 12, 8))


def test_a_missing_prediction_is_listed_and_counts_as_failed(folders):
    whole = evaluate(folders, "good")
    (folders / "good" / "c0.nii.gz").unlink()
    (folders / "good" / "extra.nii.gz").write_bytes(b"")
    found = evaluate(folders, "good")
    assert (found.missing, found.extra) == (("c0",), ("extra",))
    dice = found.by_label["lesion"]["dice"]
    others = [r["dice"] for r in whole.rows if r["case"] in ("c1", "c2")]
    assert dice["mean"] == pytest.approx(sum(others) / 3)
    assert (dice["n"], dice["undefined"], dice["missing"], dice["empty_in_truth"]) == (3, 1, 1, 1)


def test_the_summary_has_nnunets_keys_and_no_nan(folders):
    found = json.loads(json.dumps(json_ready(evaluate(folders, "good").to_dict()), allow_nan=False))
    case = found["metric_per_case"][0]
    assert set(found) >= {"foreground_mean", "mean", "metric_per_case"}
    assert set(case["metrics"]["1"]) >= {"Dice", "IoU", "TP", "FP", "FN", "TN", "n_pred", "n_ref"}
    assert case["reference_file"].endswith("c0.nii.gz")
    assert found["metric_per_case"][3]["metrics"]["1"]["Dice"] is None
    assert found["mean"]["1"]["Dice"] == pytest.approx(found["foreground_mean"]["Dice"])


def test_a_table_has_empty_cells_for_what_is_undefined_and_no_formulas(folders):
    for kind in ("truth", "good"):
        (folders / kind / "c0.nii.gz").rename(folders / kind / "=1+1.nii.gz")
    rows = list(csv.DictReader(io.StringIO(evaluate(folders, "good").to_csv())))
    by_case = {row["case"]: row for row in rows}
    assert by_case["c3"]["dice"] == ""
    assert "'=1+1" in by_case


def test_other_grids_are_refused_together(folders):
    for k in (0, 2):
        array = np.zeros((12, 12, 8), np.uint8)
        nib.save(
            nib.Nifti1Image(array, np.diag([1, 1, 1 + k, 1])), folders / "good" / f"c{k}.nii.gz"
        )
    nib.save(
        nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4)), folders / "good" / "c1.nii.gz"
    )
    with pytest.raises(InputError) as caught:
        evaluate(folders, "good")
    assert len(caught.value.problems) == 2
    assert "shapes" in str(caught.value)
    assert "14 mm apart" in str(caught.value)


def test_both_conventions_run_on_folders(folders):
    found = evaluate(folders, "good", convention="wmh2017")
    assert set(found.metrics) == {"dice", "hd95_mm", "avd_percent", "lesion_recall", "lesion_f1"}
    with pytest.raises(InputError, match="expected default or wmh2017"):
        evaluate(folders, "good", convention="wmh")


def test_spacing_and_affine_come_from_the_truth():
    truth = np.zeros((4, 4, 4), np.uint8)
    truth[0, 0, 0] = 1
    moved = np.roll(truth, 2, 2)
    maps = {"t": truth, "p": moved}
    grid = Grid((4, 4, 4), np.diag([1, 1, 2.5, 1]))
    found = evaluate_case(maps["p"], maps["t"], grid.spacing_mm, LABELS, affine=grid.affine)
    assert found.to_dict()["lesion"]["hd_mm"] == found.to_dict()["lesion"]["centre_mm"] == 5.0
    assert LabelMap(truth, grid).array.sum() == 1


def test_counts_add_up():
    a, b = two_blobs()
    found = count_agreement(a, b)
    assert found.tp + found.fp + found.fn + found.tn == a.size
