"""DICOM SEG of every kind, written by another library and real ones, voxel for voxel."""

import numpy as np
import pytest

from segscope.convert.dicom_objects import read_objects
from segscope.data import read_image, read_label
from segscope.errors import InputError
from tests.convert.dicom_trees import SHAPE, box, seg, series

LIVER, SPLEEN = box((1, 3), (1, 4), (0, 2)), box((3, 6), (0, 2), (1, 4))


@pytest.fixture
def folder(tmp_path):
    return series(tmp_path / "CT")


def found(folder, file, **options):
    grid = read_image(folder).grid
    return {one.name: one.mask for one in read_objects(file, grid, folder, **options)}


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_come_back(tmp_path, folder, kind):
    seg(tmp_path / "1.dcm", {"liver": LIVER, "spleen": SPLEEN}, kind)
    masks = found(folder, tmp_path / "1.dcm")
    assert list(masks) == ["liver", "spleen"]
    np.testing.assert_array_equal(masks["liver"], LIVER)
    np.testing.assert_array_equal(masks["spleen"], SPLEEN)


def test_shares_need_a_threshold_that_is_said(tmp_path, folder):
    share = np.zeros(SHAPE)
    share[1, 1, 1], share[2, 2, 1] = 100, 99  # of 200
    seg(tmp_path / "1.dcm", {"liver": share}, "FRACTIONAL")
    with pytest.raises(InputError, match=r"say from which share on.*threshold=0\.5"):
        found(folder, tmp_path / "1.dcm")
    mask = found(folder, tmp_path / "1.dcm", threshold=0.5)["liver"]
    assert np.argwhere(mask).tolist() == [[1, 1, 1]]


def test_frames_between_slices_are_refused(tmp_path, folder):
    seg(tmp_path / "1.dcm", {"liver": LIVER}, shift=1.5)
    with pytest.raises(InputError, match=r"0\.50 voxels off those of the image; take the series"):
        found(folder, tmp_path / "1.dcm")
    seg(tmp_path / "2.dcm", {"liver": LIVER}, shift=-3.0)
    with pytest.raises(InputError, match="6 of its voxels lie outside"):
        found(folder, tmp_path / "2.dcm")


def test_an_unknown_kind_is_refused(tmp_path, folder):
    seg(tmp_path / "1.dcm", {"liver": LIVER}, "SURFACE")
    with pytest.raises(InputError, match="type 'SURFACE', which is not known"):
        found(folder, tmp_path / "1.dcm")


def test_the_real_sample_equals_its_volume(shared_data):
    place = shared_data / "dicom_samples" / "ct_3slice_with_dicom_seg"
    truth = read_label(place / "seg" / "liver_seg.nrrd")
    mask = found(place / "ct", place / "seg" / "liver.dcm")["Liver"]
    assert read_image(place / "ct").grid.matches(truth.grid)
    np.testing.assert_array_equal(mask, truth.array > 0)
    assert mask.sum() == 107098


def test_the_real_sample_of_overlapping_segments_equals_its_volumes(shared_data):
    """Three volumes hold what overlaps in one SEG of five segments."""
    place = shared_data / "dicom_samples" / "ct_3slice_with_dicom_seg"
    masks = found(place / "ct", place / "seg" / "partial_overlaps.dcm")
    stored = [read_label(place / "seg" / f"partial_overlaps-{k}.nrrd").array for k in (1, 2, 3)]
    truth = [part == value for part in stored for value in np.unique(part) if value]
    assert len(masks) == len(truth) == 5
    for mask in masks.values():
        assert sum(np.array_equal(mask, other) for other in truth) == 1
