"""Folders whose files each claim to be a series."""

from pathlib import Path

import numpy as np
import pytest

from segscope.convert.series import in_order, places_by_name, read_one_series
from segscope.data import read_image
from segscope.errors import InputError
from tests.convert.dicom_trees import series, voxels


def test_files_of_one_folder_are_one_series_where_the_layout_says_so(tmp_path):
    folder = series(tmp_path / "a", own_uids=True)
    with pytest.raises(InputError, match="mixes 4 values of SeriesInstanceUID"):
        read_image(folder)
    found, truth = read_one_series(folder), read_image(series(tmp_path / "b"))
    np.testing.assert_array_equal(found.array[0], voxels())
    assert found.grid.displacement_mm(truth.grid) == 0


def test_what_else_is_wrong_is_said_of_the_folder_itself(tmp_path):
    folder = series(tmp_path / "a", own_uids=True)
    (folder / "002.dcm").unlink()
    with pytest.raises(InputError, match="a: slices are missing or unevenly spaced"):
        read_one_series(folder)


def test_places_of_files(tmp_path):
    folder = series(tmp_path / "a", down=True)
    grid = read_image(folder).grid
    assert places_by_name(folder, grid) == {"001": 3, "002": 2, "003": 1, "004": 0}
    (folder / "002.dcm").unlink()
    with pytest.raises(InputError, match="are not one for each slice"):
        places_by_name(folder, grid)


def test_numbers_in_names_count_as_numbers():
    names = ["i10.png", "i2.png", "i1b.png"]
    assert [f.name for f in in_order([Path(n) for n in names])] == ["i1b.png", "i2.png", "i10.png"]
