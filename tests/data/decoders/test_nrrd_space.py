"""Spaces and units of NRRD."""

import numpy as np
import pytest
import SimpleITK

from segscope.data import read_image
from tests.data.decoders.nrrd_files import BODY, SPACE, WHOLE, nrrd

PLAIN = np.array([[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


UNVERIFIED = "its header names no space; axes taken as left-posterior-superior, unverified"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.nrrd"


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left anterior superior", (-1, 1, 1)),
        ("las", (-1, 1, 1)),
        ("LeftPosteriorSuperior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
    ],
    ids=[
        "RAS in words",
        "RAS",
        "LAS with blanks",
        "LAS in small letters",
        "LPS as one word",
        "LPS",
    ],
)
def test_anatomical_spaces(path, space, signs):
    found = read_image(nrrd(path, {"space": space}))
    np.testing.assert_array_equal(
        found.grid.affine[:3], PLAIN[:3] * [[-1], [-1], [1]] * np.array([signs]).T
    )
    assert found.notes == ()


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", "3D left handed"])
def test_spaces_without_anatomy_are_read_as_simpleitk_does_and_said(path, space):
    found = read_image(nrrd(path, {"space": space}))
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert SimpleITK.ReadImage(str(path)).GetOrigin() == (10, 20, 30)
    assert "names no anatomy; taken as left-posterior-superior" in found.notes[0]
    header = ["NRRD0004", *(f"{k}: {v}" for k, v in WHOLE.items()), "space dimension: 3",
              *(f"{k}: {v}" for k, v in SPACE.items() if k != "space"), "", ""]  # fmt: skip
    path.write_bytes("\n".join(header).encode() + BODY)
    assert "names no anatomy" in read_image(path).notes[0]


@pytest.mark.parametrize(
    ("units", "scale"),
    [
        ('"um" "um" "um"', (1e-3, 1e-3, 1e-3)),
        ('"µm" "micron" "microns"', (1e-3, 1e-3, 1e-3)),
        ('"cm" "cm" "cm"', (10, 10, 10)),
        ('"m" "m" "m"', (1000, 1000, 1000)),
        ('"inch" "in" "in"', (25.4, 25.4, 25.4)),
        ('"CM" "Micron" "m"', (10, 1e-3, 1000)),
        ('"nm" "dm" "mm"', (1e-6, 100, 1)),
    ],
    ids=["um", "micron", "cm", "m", "inch", "one for each", "nm and dm"],
)
def test_space_units_are_converted_and_said(path, units, scale):
    found = read_image(nrrd(path, {"space units": units}))
    np.testing.assert_allclose(found.grid.affine[:3], PLAIN[:3] * np.array([scale]).T)
    assert "to mm" in found.notes[0]


def test_units_of_axes_are_converted_and_said(path):
    fields = {"spacings": "380 380 2", "axis mins": "1000 0 0", "units": '"um" "um" "mm"',
              "centerings": "node node cell"}  # fmt: skip
    found = read_image(nrrd(path, fields, space={}))
    assert found.grid.spacing_mm == pytest.approx((0.38, 0.38, 2))
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-1, 0, 1])
    assert found.notes == (UNVERIFIED, "lengths converted from mm and um to mm")


def test_units_in_latin_1(path):
    nrrd(path, {"space units": '"um" "um" "um"'})
    path.write_bytes(path.read_bytes().replace(b"um", b"\xb5m"))
    assert read_image(path).grid.spacing_mm == pytest.approx((0.001, 0.002, 0.003))


@pytest.mark.parametrize("units", ['"mm" "mm" "mm"', '"" "" ""', '"MM" "mm" "millimeters"'])
def test_millimetres_need_no_note(path, units):
    found = read_image(nrrd(path, {"space units": units}))
    np.testing.assert_array_equal(found.grid.affine, PLAIN)
    assert found.notes == ()


def test_an_origin_that_is_missing_is_said(path):
    for how in ({"without": ["space origin"]}, {"fields": {"space origin": "none"}}):
        found = read_image(nrrd(path, **how))
        assert found.notes == ("its header gives no space origin; 0 is assumed",)
        np.testing.assert_array_equal(found.grid.affine[:3, 3], 0)
