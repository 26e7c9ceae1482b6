"""Axes of NRRD: which are places, how far apart."""

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image
from segscope.errors import InputError
from tests.data.decoders.nrrd_files import BODY, SPACE, VOLUME, nrrd, refused

PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


def test_spacings_and_mins_lie_where_simpleitk_puts_them(path):
    fields = {"spacings": "0.5 2 1.5", "axis mins": "1 2 3", "axis maxs": "3.5 16 10.5",
              "centerings": "node cell ???"}  # fmt: skip
    found = read_image(nrrd(path, fields, space={}))
    # a node lies on its minimum, the middle of a cell half a spacing behind it
    assert found.grid.affine[:3].tolist() == [[-0.5, 0, 0, -1], [0, -2, 0, -3], [0, 0, 1.5, 3.75]]
    theirs = SimpleITK.ReadImage(str(path))
    assert (theirs.GetSpacing(), theirs.GetOrigin()) == ((0.5, 2, 1.5), (1, 3, 3.75))
    assert "no centerings; voxels taken as cells" in found.notes[1]
    refused(nrrd(path, {**fields, "axis maxs": "3.5 16 11"}, space={}), "axis maxs 11 does not")


def test_axes_of_one_sample_are_left_out_and_said(path):
    kinds = {
        "vector domain domain domain": ("1 6 7 5", "none (1,0,0) (0,2,0) (0,0,3)"),
        "domain domain domain list": ("6 7 5 1", "(1,0,0) (0,2,0) (0,0,3) none"),
        "space space scalar space": ("6 7 1 5", "(1,0,0) (0,2,0) none (0,0,3)"),
        "space ??? space time": ("6 7 5 1", "(1,0,0) (0,2,0) (0,0,3) none"),
        "??? ??? ??? ???": ("1 6 7 5", "none (1,0,0) (0,2,0) (0,0,3)"),
    }
    for kind, (sizes, directions) in kinds.items():
        fields = {"dimension": "4", "sizes": sizes, "kinds": kind, "space directions": directions}
        found = read_image(nrrd(path, fields))
        np.testing.assert_array_equal(found.array[0], VOLUME, err_msg=kind)
        np.testing.assert_array_equal(found.grid.affine, PLAIN)
        assert found.notes == ("squeezed from 4 dimensions to 3",)


def test_a_space_of_four_dimensions_as_itk_writes_it(path):
    SimpleITK.WriteImage(SimpleITK.JoinSeries([SimpleITK.GetImageFromArray(VOLUME)]), str(path))
    assert b"space dimension: 4" in path.read_bytes()
    found = read_image(path)
    np.testing.assert_array_equal(found.array[0], VOLUME.transpose())
    np.testing.assert_array_equal(found.grid.affine, np.diag([-1, -1, 1, 1]))
    assert found.notes[0] == "squeezed from 4 dimensions to 3"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(1,0,0,0)", b"(1,0,0,1)"))
    refused(path, "axis 0 leads through the space of the others")
    path.write_bytes(whole.replace(b"(0,0,0,1)", b"(0,1,0,1)"))
    refused(path, "axis 3 leads through the space of the others")
    path.write_bytes(whole.replace(b"dimension: 4", b"dimension: 2"))
    refused(path, "NRRD|has 2 dimensions|expected")


@pytest.mark.parametrize(
    ("kind", "count"),
    [("list", 2), ("vector", 3), ("RGB-color", 3), ("3-color", 3), ("complex", 2), ("time", 2),
     ("3D-symmetric-matrix", 6), ("RGBA", 4), ("3-gradient", 3)],
    ids=["list", "vector", "RGB", "3-color", "complex", "time", "tensor", "RGBA", "gradient"],
)  # fmt: skip
@pytest.mark.parametrize("last", [True, False], ids=["last axis", "first axis"])
def test_several_values_per_voxel_are_refused(path, kind, count, last):
    parts = [(f"{count}", "none", kind)]
    space = list(zip("675", SPACE["space directions"].split(), ["domain"] * 3, strict=True))
    sizes, directions, kinds = zip(*(space + parts if last else parts + space), strict=True)
    fields = {"dimension": "4", "sizes": " ".join(sizes), "kinds": " ".join(kinds),
              "space directions": " ".join(directions)}  # fmt: skip
    refused(nrrd(path, fields, BODY * count), f"holds {count} values per voxel.*one channel")


@pytest.mark.parametrize("fields", [{}, {"spacings": "nan nan nan"}], ids=["missing", "NaN"])
def test_spacings_that_are_missing_are_said(path, fields):
    found = read_image(nrrd(path, fields, space={}))
    assert found.notes == ("its header gives no spacing; 1 mm is assumed",)
    assert found.grid.spacing_mm == (1, 1, 1)


def test_one_long_and_two_short_directions_are_right_or_refused(path):
    nrrd(path, {"space directions": "(1,0,0) (0,1,0) (0,0,1e9)"})
    try:
        found = read_image(path)
    except InputError:
        return
    assert found.grid.spacing_mm == (1, 1, 1e9)


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
    assert found.notes[-1] == "two dimensions read as one slice, taken as 1 mm thick"


def test_two_dimensions_without_a_space_have_their_spacings(path):
    fields = {"dimension": "2", "sizes": "42 5", "spacings": "400 300", "units": '"um" "um"'}
    found = read_image(nrrd(path, fields, space={}))
    np.testing.assert_array_equal(found.array[0, ..., 0], VOLUME.reshape((42, 5), order="F"))
    np.testing.assert_allclose(found.grid.spacing_mm, (0.4, 0.3, 1.0))
