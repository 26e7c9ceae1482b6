"""Where the voxels of a MetaImage lie."""

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image
from tests.data.decoders.metaimage_files import BODY, PLAIN, VOLUME, equal, mha, refused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.mha"


def test_rows_of_the_matrix_are_the_directions(path):
    # i runs to the back of the patient, j to the right, k to the feet
    found = read_image(mha(path, {"TransformMatrix": "0 1 0 -1 0 0 0 0 -1"}))
    expected = [[0, 2, 0, -10], [-1, 0, 0, -20], [0, 0, -3, 30]]
    np.testing.assert_array_equal(found.grid.affine[:3], expected)
    theirs = SimpleITK.ReadImage(str(path))
    lps = np.array(theirs.GetDirection()).reshape(3, 3) * np.array(theirs.GetSpacing())
    np.testing.assert_array_equal(np.diag([-1, -1, 1]) @ lps, np.array(expected)[:, :3])


@pytest.mark.parametrize("name", ["Position", "Origin", "ImagePosition", "Offset"])
def test_names_of_the_place(path, name):
    equal(mha(path, {name: "10 20 30.0"}, without={"Offset"} - {name}))
    equal(mha(path, {name: "1e1 +20 30."}))
    if name != "Offset":
        refused(mha(path, {name: "10 20 31"}), f"{name} differ and mean the same")


@pytest.mark.parametrize("name", ["Orientation", "Rotation", "TransformMatrix"])
def test_names_of_the_matrix(path, name):
    found = read_image(mha(path, {name: "0 1 0 1 0 0 0 0 1"}))
    np.testing.assert_array_equal(found.grid.affine[:3, 0], [0, -1, 0])
    if name != "TransformMatrix":
        fields = {name: "0 1 0 1 0 0 0 0 1", "TransformMatrix": "1 0 0 0 1 0 0 0 1"}
        refused(mha(path, fields), "differ and mean the same")


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("um", 1e-3), ("mm", 1), ("cm", 10), ("MET_DISTANCE_UNITS_CM", 10), ("?", 1), ("", 1),
     ("micron", 1e-3), ("m", 1000), ("UNKNOWN", 1)],
    ids=["um", "mm", "cm", "cm by its identifier", "unknown", "empty", "micron", "m", "in words"],
)  # fmt: skip
def test_distance_units_are_converted_and_said(path, unit, scale):
    found = read_image(mha(path, {"DistanceUnits": unit}))
    np.testing.assert_allclose(found.grid.affine[:3], PLAIN[:3] * scale)
    name = unit.removeprefix("MET_DISTANCE_UNITS_")
    assert found.notes == (() if scale == 1 else (f"lengths converted from {name} to mm",))


def test_the_size_of_an_element_stands_in_for_the_spacing(path):
    found = mha(path, {"ElementSize": "1 2 3"}, without=["ElementSpacing"])
    equal(found, ("its header gives no ElementSpacing; ElementSize was taken",))
    assert SimpleITK.ReadImage(str(path)).GetSpacing() == (1, 2, 3)
    equal(mha(path, {"ElementSize": "1 2 2.5"}))  # slices may be thinner than their distance
    none = read_image(mha(path, without=["ElementSpacing"]))
    assert none.grid.spacing_mm == (1, 1, 1)
    assert none.notes == ("its header gives no spacing; 1 mm is assumed",)


@pytest.mark.parametrize("letters", ["RAI", "???", "", "RA?"])
def test_orientations_that_agree_need_no_note(path, letters):
    equal(mha(path, {"AnatomicalOrientation": letters, "CenterOfRotation": "0 0 0"}))


def test_two_dimensions_are_one_slice_where_the_library_has_it(path):
    image = SimpleITK.GetImageFromArray(VOLUME[..., 0].T)
    image.SetSpacing((0.5, 2.0))
    image.SetOrigin((10.0, 20.0))
    image.SetDirection((0.0, -1.0, 1.0, 0.0))
    SimpleITK.WriteImage(image, str(path))
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0], VOLUME[..., :1])
    affine = [[0, 2, 0, -10], [-0.5, 0, 0, -20], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(found.grid.affine, affine)
    assert found.notes == ("two dimensions read as one slice, taken as 1 mm thick",)
    path.write_bytes(path.read_bytes().replace(b"NDims = 2\n", b"NDims = 2\nDistanceUnits = cm\n"))
    assert read_image(path).grid.spacing_mm == (5.0, 20.0, 1.0)


def test_an_axis_of_one_sample_is_left_out_and_said(path):
    fields = {"NDims": "4", "DimSize": "6 7 5 1", "ElementSpacing": "1 2 3 4",
              "Offset": "10 20 30 40",
              "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"}  # fmt: skip
    equal(mha(path, fields), ("squeezed from 4 dimensions to 3",))
    turned = {**fields, "TransformMatrix": "0 0 0 1 0 1 0 0 0 0 1 0 1 0 0 0"}
    refused(mha(path, turned), "fourth axis leads through space")
    refused(mha(path, {**fields, "DimSize": "6 7 5 2"}, BODY * 2), "one volume per file")
