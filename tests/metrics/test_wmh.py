"""The challenge's figures against its definition, written out with SimpleITK and a k-d tree."""

import math

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from scipy.spatial import cKDTree

from segscope.data import read_label
from segscope.metrics import wmh2017

KEYS = ("dice", "hd95_mm", "avd_percent", "lesion_recall", "lesion_f1")


def literal(prediction, truth, spacing):
    """The challenge's five figures, step by step on SimpleITK images."""

    def image(array):
        # as floats: thresholds between whole numbers do not work on integer images
        made = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T, dtype=np.float32))
        made.SetSpacing([float(s) for s in spacing])
        made.SetOrigin((7.0, -3.0, 11.0))
        made.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
        return made

    reference = image(truth)
    t = SimpleITK.BinaryThreshold(reference, 0.5, 1.5, 1, 0)
    allowed = SimpleITK.BinaryThreshold(reference, 1.5, 2.5, 0, 1)
    p = SimpleITK.BinaryThreshold(SimpleITK.Mask(image(prediction), allowed), 0.5, 1000, 1, 0)

    points = []
    for mask in (p, t):
        edge = SimpleITK.Subtract(mask, SimpleITK.BinaryErode(mask, (1, 1, 0)))
        where = np.argwhere(SimpleITK.GetArrayFromImage(edge))[:, ::-1]
        points.append([mask.TransformIndexToPhysicalPoint([int(c) for c in w]) for w in where])
    directed = [cKDTree(points[1 - k]).query(points[k])[0] for k in (0, 1)]

    def share_that_touches(mask, other):
        numbered = SimpleITK.GetArrayFromImage(SimpleITK.ConnectedComponent(mask, True))
        hit = set(np.unique(numbered[SimpleITK.GetArrayFromImage(other) > 0])) - {0}
        return len(hit) / numbered.max()

    recall, precision = share_that_touches(t, p), share_that_touches(p, t)
    pa, ta = (SimpleITK.GetArrayFromImage(m).astype(bool) for m in (p, t))
    return {
        "dice": 2 * (pa & ta).sum() / (pa.sum() + ta.sum()),
        "hd95_mm": max(np.percentile(d, 95) for d in directed),
        "avd_percent": 100 * abs(int(pa.sum()) - int(ta.sum())) / ta.sum(),
        "lesion_recall": recall,
        "lesion_f1": 2 * recall * precision / (recall + precision),
    }


def agree(prediction, truth, spacing):
    found, expected = wmh2017(prediction, truth, spacing), literal(prediction, truth, spacing)
    assert tuple(found) == KEYS
    assert found == pytest.approx(expected, abs=1e-9)


def blobs(seed, shape=(40, 36, 12)):
    random = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(random.normal(size=shape), 1.5) for _ in range(3)]
    truth = (fields[0] > 0.1).astype(np.uint8)
    truth[fields[1] > 0.12] = 2
    return (0.7 * fields[0] + 0.5 * fields[2] > 0.09).astype(np.uint8), truth


@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_equal_the_definition(seed):
    agree(*blobs(seed), (1.0, 1.2, 3.0))


@pytest.mark.parametrize("fill", [0.05, 0.4, 0.9])
def test_noise_up_to_the_edges_equals_the_definition(fill):
    random = np.random.default_rng(4)
    truth = random.choice([0, 1, 2], (9, 8, 5), p=[1 - fill, 0.8 * fill, 0.2 * fill])
    prediction = (random.random((9, 8, 5)) < fill).astype(np.uint8)
    agree(prediction, truth, (0.9, 0.9, 3.0))


def test_a_block_that_grows_out_of_the_image_is_not_eroded_there():
    truth = np.zeros((10, 10, 4), np.uint8)
    truth[:6, 3:8, :] = 1
    prediction = np.roll(truth, 1, 1)
    agree(prediction, truth, (1.0, 1.0, 3.0))
    assert wmh2017(truth, truth, (1.0, 1.0, 3.0))["hd95_mm"] == 0


@pytest.mark.parametrize("name", ["ms_patient07", "ms_patient19"])
@pytest.mark.parametrize("change", ["moved", "grown", "half lost"])
def test_real_lesions_equal_the_definition(shared_data, name, change):
    real = read_label(shared_data / "openms_ms_lesions" / "labelsTr" / f"{name}.nii.gz")
    truth = real.array[20:110, 30:130, 40:90].astype(np.uint8)
    truth[(truth == 1) & (np.indices(truth.shape)[0] < 12)] = 2  # some of it is other pathology
    prediction = (truth > 0).astype(np.uint8)
    if change == "moved":
        prediction = np.roll(prediction, (1, 2, 1), (0, 1, 2))
    elif change == "grown":
        prediction = ndimage.binary_dilation(prediction).astype(np.uint8)
    else:
        prediction[:, 50:] = 0
    agree(prediction, truth, real.grid.spacing_mm)


def test_other_pathology_costs_nothing():
    truth = np.zeros((8, 8, 3), np.uint8)
    truth[1:4, 1:4, 1], truth[5:7, 5:7, 1] = 1, 2
    found = wmh2017((truth > 0).astype(np.uint8), truth, (1, 1, 3))
    assert list(found.values()) == [1.0, 0.0, 0.0, 1.0, 1.0]


def test_whatever_number_a_prediction_carries_counts():
    prediction, truth = blobs(0)
    assert wmh2017(prediction * 2, truth, (1, 1, 3)) == wmh2017(prediction, truth, (1, 1, 3))


def test_borders_lie_in_the_plane():
    truth = np.zeros((9, 9, 5), np.uint8)
    truth[2:7, 2:7, 1:4] = 1
    prediction = np.zeros_like(truth)
    prediction[4, 4, 2] = 1  # 2 pixels from the border in its plane, 1 slice from the top
    found = wmh2017(prediction, truth, (1.0, 1.0, 0.1))
    assert found["hd95_mm"] >= 2.0


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        (0, 0, (math.nan, math.nan, math.nan, 1, 1)),
        (0, 1, (0, math.nan, 100, 0, 0)),
        (1, 0, (0, math.nan, math.nan, 1, 0)),
    ],
)
def test_empty_masks(found, true, expected):
    arrays = [np.zeros((4, 4, 2), int) for _ in range(2)]
    arrays[0][1, 1, 1], arrays[1][1, 1, 1] = found, true
    np.testing.assert_equal(tuple(wmh2017(*arrays, (1, 1, 3)).values()), expected)


def test_only_volumes_of_one_shape_are_scored():
    for shapes in (((4, 4), (4, 4)), ((4, 4, 2), (4, 4, 3))):
        with pytest.raises(ValueError, match="two volumes"):
            wmh2017(*(np.zeros(shape, int) for shape in shapes), (1, 1, 3))
