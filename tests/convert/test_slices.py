"""Pictures of slices are put on their slices, or nobody knows on which."""

import numpy as np
import pytest
from PIL import Image as Pillow

from segscope.convert import convert, read_layout
from segscope.convert.slices import stack_slices, tissue_level
from segscope.data import read_image, read_label
from segscope.errors import InputError
from tests.convert.dicom_trees import SHAPE, grey, series
from tests.convert.more_trees import MORE


def pictures(folder, names, planes):
    for name, plane in zip(names, planes, strict=True):
        grey(folder / name, plane.T)
    return sorted(folder.iterdir())


def planes():
    """In slice k from below, voxel (k, 1) has the value 10 + k; the topmost, in air, has none."""
    found = np.zeros((SHAPE[2], *SHAPE[:2]))
    for k in range(3):
        found[k, k, 1] = 10 + k
    return found


def expected():
    return np.moveaxis(planes(), 0, -1)


NUMBERED = [f"gt_{k}.png" for k in range(SHAPE[2])]


def test_pictures_follow_the_names_of_the_files(tmp_path):
    folder = series(tmp_path / "CT")
    files = pictures(tmp_path / "g", NUMBERED, planes())
    np.testing.assert_array_equal(stack_slices(files, folder, read_image(folder)), expected())


def test_files_that_are_numbered_from_the_top(tmp_path):
    """The reader sorts slices by place; pictures are sorted as the files are."""
    folder = series(tmp_path / "CT", down=True)
    files = pictures(tmp_path / "g", NUMBERED, planes()[::-1])
    np.testing.assert_array_equal(stack_slices(files, folder, read_image(folder)), expected())


def test_an_order_that_puts_labels_into_air_is_refused(tmp_path):
    folder = series(tmp_path / "CT")
    files = pictures(tmp_path / "g", NUMBERED, planes()[::-1])
    image = read_image(folder)
    with pytest.raises(InputError, match=r"67% .* lie in tissue, and 100% .*reversed=true"):
        stack_slices(files, folder, image)
    np.testing.assert_array_equal(stack_slices(files, folder, image, turned=True), expected())


def test_pictures_of_the_files_own_names_belong_to_these(tmp_path):
    folder = series(tmp_path / "CT", down=True, names="IMG-{:03d}.dcm")
    names = [f"IMG-{4 - k:03d}.png" for k in range(4)]
    files = pictures(tmp_path / "g", names, planes())
    np.testing.assert_array_equal(stack_slices(files, folder, read_image(folder)), expected())


def test_one_picture_missing_or_of_another_size(tmp_path):
    folder = series(tmp_path / "CT")
    files = pictures(tmp_path / "g", NUMBERED, planes())
    with pytest.raises(InputError, match=r"holds 3 pictures, .* has 4 slices; one is missing"):
        stack_slices(files[1:], folder, read_image(folder))
    grey(files[0], np.zeros(SHAPE[:2]))
    with pytest.raises(InputError, match=r"gt_0\.png: is of \(6, 5\), its slice of \(5, 6\)"):
        stack_slices(files, folder, read_image(folder))


def test_the_level_between_two_kinds_of_grey():
    values = np.array([-1000.0] * 50 + [20.0] * 50 + [40.0] * 50)
    assert -1000 < tissue_level(values) < 20


def test_grey_ranges_become_labels_and_others_are_named(tmp_path):
    MORE["chaos_t1dual"](tmp_path / "s")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("chaos_t1dual"))
    assert done.channels == ("in_phase", "out_phase")
    label = read_label(tmp_path / "out" / "labelsTr" / "chaos_t1dual_2.nii.gz")
    truth = np.zeros(SHAPE, int)
    truth[1:3, 2, :2] = 1
    np.testing.assert_array_equal(label.array, truth)
    file = next((tmp_path / "s").rglob("Ground/*.png"))
    Pillow.fromarray(np.full(SHAPE[1::-1], 90, np.uint8)).save(file)
    with pytest.raises(InputError, match="Ground: holds 90, which no label stands for"):
        convert(tmp_path / "s", tmp_path / "out2", read_layout("chaos_t1dual"))
