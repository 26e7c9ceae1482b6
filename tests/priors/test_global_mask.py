"""Masks by every method: by hand, on real heads, and refused where they are none."""

import numpy as np
import pytest
from scipy import ndimage

from segscope.data import read_image, write_image
from segscope.errors import InputError
from segscope.images import Grid, Image, LabelMap
from segscope.preprocessing import MaskPlan
from segscope.priors import global_binary_mask
from segscope.priors.global_mask import _closed, _filled, _otsu
from tests.inference.nets import random_model

GRID = Grid.from_spacing((20, 30), (1.0, 2.0))


def picture():
    """A bright frame with a hole, a speck, on a dark surround."""
    array = np.zeros((20, 30))
    array[4:14, 5:20] = 100
    array[7:10, 9:12] = 0
    array[17, 26] = 100
    return array


def threshold(array, grid=GRID, **options):
    plan = MaskPlan(method="threshold", **options)
    return global_binary_mask(Image(array[None], grid), method="threshold", plan=plan)


def test_the_largest_piece_is_kept_and_its_holes_are_filled():
    found = threshold(picture(), closing_mm=0)
    expected = np.zeros((20, 30), np.uint8)
    expected[4:14, 5:20] = 1
    np.testing.assert_array_equal(found.mask.array, expected)
    assert (found.figures.pieces, found.figures.holes) == (2, 1)
    assert found.figures.size_mm == 10 * 15 * 2
    assert found.figures.extent_mm == (10.0, 30.0)
    every = threshold(picture(), closing_mm=0, components="all")
    expected[17, 26] = 1
    np.testing.assert_array_equal(every.mask.array, expected)


def test_bright_or_dark_does_not_matter_only_what_the_border_shows():
    dark = threshold(250 - picture(), closing_mm=0)
    np.testing.assert_array_equal(dark.mask.array, threshold(picture(), closing_mm=0).mask.array)
    assert "below" in dark.mask.notes[0]


def test_a_given_threshold_is_taken():
    array = picture()
    array[4:14, 5:8] = 40
    assert threshold(array, closing_mm=0, threshold=60).mask.array[5, 6] == 0
    assert threshold(array, closing_mm=0, threshold=30).mask.array[5, 6] == 1


def test_otsu_is_scikit_images():
    from skimage.filters import threshold_otsu

    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 1, 4000), random.normal(9, 2, 2500)])
    expected = threshold_otsu(np.clip(values, *np.percentile(values, [0.1, 99.9])), 256)
    assert _otsu(values.reshape(65, 100)) == pytest.approx(expected, abs=0.06)
    assert _otsu(np.full((3, 3), 4.0)) == 4.0


def test_a_margin_and_gaps_are_in_millimetres():
    array = np.zeros((21, 31))
    array[10, 15] = 1
    grown = threshold(array, Grid.from_spacing((21, 31), (1.0, 2.0)), closing_mm=0, dilation_mm=4.0)
    rows, columns = np.nonzero(grown.mask.array)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 14, 13, 17)


def test_closing_is_a_balls_dilation_and_erosion():
    random = np.random.default_rng(0)
    mask = random.random((25, 25)) < 0.15
    y, x = np.mgrid[-3:4, -3:4]
    ball = y**2 + x**2 <= 9
    wide = np.pad(mask, 5)
    expected = ndimage.binary_closing(wide, ball)[5:-5, 5:-5]
    np.testing.assert_array_equal(_closed(mask, Grid.from_spacing((25, 25)), 3.0), expected)
    assert not _closed(np.zeros((9, 9), bool), Grid.from_spacing((9, 9)), 2.0).any()


@pytest.mark.parametrize("shape", [(30, 30), (14, 14, 14)])
def test_holes_are_scipys(shape):
    mask = np.random.default_rng(1).random(shape) < 0.6
    np.testing.assert_array_equal(_filled(mask)[0], ndimage.binary_fill_holes(mask))
    full, holes = _filled(np.ones(shape, bool))
    assert full.all()
    assert holes == 0


def test_a_constant_image_gives_an_empty_mask():
    found = threshold(np.full((20, 30), 5.0))
    assert not found.mask.array.any()
    assert found.figures.size_mm == 0


def test_labels_and_files(tmp_path):
    labels = LabelMap(np.where(picture() > 0, 3, 0), GRID)
    image = Image(np.zeros((1, 20, 30)), GRID)
    found = global_binary_mask(image, method="labels", source=labels)
    assert found.mask.array.sum() == 150
    cube = np.zeros((6, 7, 8), np.uint8)
    cube[2:4, 2:4, 2:4] = 255
    grid = Grid.from_spacing(cube.shape)
    write_image(tmp_path / "m.nii.gz", Image(cube[None], grid))
    volume = Image(np.zeros((1, 6, 7, 8)), grid)
    found = global_binary_mask(volume, method="file", source=tmp_path / "m.nii.gz")
    assert found.mask.array.max() == 1
    assert found.mask.array.sum() == 8


@pytest.mark.parametrize(
    ("values", "said"),
    [([0, 1, 2], "is no binary mask; expected 0 and one other value, got 0, 1, 2"),
     ([3, 7], "is no binary mask")],
)  # fmt: skip
def test_a_file_that_is_no_mask_is_refused(tmp_path, values, said):
    cube = np.resize(np.array(values, np.uint8), (4, 4, 4))
    grid = Grid.from_spacing(cube.shape)
    write_image(tmp_path / "m.nii.gz", Image(cube[None], grid))
    image = Image(np.zeros((1, 4, 4, 4)), grid)
    with pytest.raises(InputError, match=said):
        global_binary_mask(image, method="file", source=tmp_path / "m.nii.gz")


def test_a_file_on_another_grid_is_refused(tmp_path):
    grid = Grid.from_spacing((4, 4, 4), (1.0, 1.0, 2.0))
    write_image(tmp_path / "m.nii.gz", Image(np.ones((1, 4, 4, 4), np.uint8), grid))
    image = Image(np.zeros((1, 4, 4, 4)), Grid.from_spacing((4, 4, 4)))
    with pytest.raises(InputError, match=r"another grid .* corners 3 mm apart"):
        global_binary_mask(image, method="file", source=tmp_path / "m.nii.gz")


def test_a_coarse_network_gives_the_union_of_what_it_predicts():
    model = random_model(3, widths=(4, 6), patch=(8, 8, 8))
    random = np.random.default_rng(0)
    image = Image(random.normal(size=(1, 8, 8, 8)), Grid.from_spacing((8, 8, 8)))
    from segscope.inference import predict_labels

    plan = MaskPlan(method="network", run="x", components="all")
    found = global_binary_mask(image, method="network", source=model, plan=plan)
    expected = ndimage.binary_fill_holes(predict_labels(model, image).array > 0)
    np.testing.assert_array_equal(found.mask.array > 0, expected)
    with pytest.raises(InputError, match="the coarse run has no heart; it has label0, label1"):
        global_binary_mask(
            image, method="network", source=model,
            plan=MaskPlan(method="network", run="x", labels=("heart",)),
        )  # fmt: skip


def test_sources_and_methods_are_checked():
    image = Image(np.zeros((1, 20, 30)), GRID)
    with pytest.raises(ValueError, match="method must be one of threshold, network"):
        global_binary_mask(image, method="magic")
    with pytest.raises(ValueError, match="method network needs a coarse TrainedModel"):
        global_binary_mask(image, method="network")
    labels = LabelMap(np.zeros((2, 2), int), Grid.from_spacing((2, 2)))
    with pytest.raises(ValueError, match=r"source has the shape \(2, 2\)"):
        global_binary_mask(image, method="labels", source=labels)
    with pytest.raises(InputError, match="channel 4: the image has 1 channels"):
        threshold(np.zeros((20, 30)), channel=4)


def test_a_real_head_by_template(shared_data):
    folder = shared_data / "brats2013_glioma" / "imagesTr"
    template, image = (
        read_image(folder / f"brats2013_pat{k}_0000.nii.gz") for k in ("0001", "0004")
    )
    found = global_binary_mask(image, method="threshold", source=template)
    brain = image.array[0] > image.array[0].min() + 1e-3
    mask = found.mask.array > 0
    assert 2 * (brain & mask).sum() / (brain.sum() + mask.sum()) > 0.97
    assert found.transform is not None
    again = global_binary_mask(image, method="threshold", source=template)
    np.testing.assert_array_equal(found.mask.array, again.mask.array)
    # what lies outside of the template's field of view is not the body part
    half = Image(template.array[:, :, :, 70:], Grid((*template.grid.shape[:2],
                 template.grid.shape[2] - 70), _shifted(template.grid.affine, 70)))  # fmt: skip
    cut = global_binary_mask(image, method="threshold", source=half)
    assert cut.mask.array.sum() < 0.8 * mask.sum()


def _shifted(affine, steps):
    moved = affine.copy()
    moved[:3, 3] += affine[:3, 2] * steps
    return moved
