"""DICOM labels belong to one series, or to none that anyone knows of."""

import pytest

from segscope.convert import convert, pairs_layout, read_layout
from segscope.convert.dicom_objects import object_names, read_objects
from segscope.data import read_image, read_label
from segscope.errors import InputError
from tests.convert.dicom_trees import box, rtstruct, seg, series
from tests.convert.more_trees import volume

LIVER = box((1, 3), (1, 4), (0, 2))
RING = [(1, [(0.5, 0.5), (3.5, 0.5), (3.5, 2.5), (0.5, 2.5)])]


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT"])
def test_the_frame_of_reference_must_be_the_series(tmp_path, kind):
    folder = series(tmp_path / "CT")
    grid = read_image(folder).grid
    for frame, said in (("9.9", "another frame of reference than"), ("", "says no frame")):
        file = tmp_path / f"{kind}{frame}.dcm"
        if kind == "SEG":
            seg(file, {"liver": LIVER}, frame=frame)
        else:
            rtstruct(file, {"liver": RING}, frame=frame)
        assert object_names(file) == ["liver"]
        with pytest.raises(InputError, match=said):
            read_objects(file, grid, folder)


def test_a_series_without_a_frame_and_an_image_that_is_no_series(tmp_path):
    seg(tmp_path / "1.dcm", {"liver": LIVER})
    folder = series(tmp_path / "CT", frame="")
    with pytest.raises(InputError, match="has no FrameOfReferenceUID"):
        read_objects(tmp_path / "1.dcm", read_image(folder).grid, folder)
    volume(tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="give the DICOM series as the image"):
        read_objects(tmp_path / "1.dcm", read_image(folder).grid, tmp_path / "a.nii.gz")


def test_other_dicom_files_are_no_labels(tmp_path):
    folder = series(tmp_path / "CT")
    with pytest.raises(InputError, match="DICOM of the modality CT; labels are SEG or RTSTRUCT"):
        object_names(folder / "001.dcm")


def test_regions_become_labels_by_wildcards(tmp_path):
    series(tmp_path / "s" / "p1" / "CT")
    regions = {"Brain_total": RING, "PTV 54": RING}
    rtstruct(tmp_path / "s" / "p1" / "RTSTRUCT" / "a", regions)
    with pytest.raises(InputError, match="'PTV 54' is none of the names that labels have"):
        convert(tmp_path / "s", tmp_path / "out",
                read_layout("dicom_rtstruct", {"objects": {"brain": "brain*"}}))  # fmt: skip
    chosen = {"objects": {"brain": ["brain*"]}, "ignore_objects": "ptv*"}
    done = convert(tmp_path / "s", tmp_path / "done", read_layout("dicom_rtstruct", chosen))
    assert done.labels == {"background": 0, "brain": 1}
    label = read_label(tmp_path / "done" / "labelsTr" / "p1.nii.gz")
    assert (label.array == box((1, 4), (1, 3), (1, 2))).all()


def test_folders_of_series_and_segmentations_by_equal_names(tmp_path):
    for case in ("p1", "p2"):
        series(tmp_path / "s" / "images" / case)
        seg(tmp_path / "s" / "masks" / f"{case}_seg.dcm", {"liver": LIVER})
    layout = pairs_layout("images", "masks", {}, series=True)
    done = convert(tmp_path / "s", tmp_path / "out", layout)
    assert done.labels == {"background": 0, "liver": 1}
    for case in ("p1", "p2"):
        label = read_label(tmp_path / "out" / "labelsTr" / f"{case}.nii.gz")
        image = read_image(tmp_path / "out" / "imagesTr" / f"{case}_0000.nii.gz")
        assert (label.array == LIVER).all()
        assert label.grid.matches(image.grid)
