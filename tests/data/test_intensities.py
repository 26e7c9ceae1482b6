"""Values of a channel are what its name promises."""

from pathlib import Path

import numpy as np
import pytest

from segscope.data.intensities import outside_rgb
from segscope.images import Case

ONE_FILE = Case("a", (Path("a.png"),))


@pytest.mark.parametrize(("low", "high"), [(0, 255), (3, 7)])
def test_values_within_0_to_255_are_no_problem(low, high):
    assert outside_rgb(["rgb_to_0_1"], np.array([low]), np.array([high]), ONE_FILE) == []


@pytest.mark.parametrize(("low", "high"), [(-0.5, 255), (0, 255.5)])
def test_values_beyond_0_to_255_are_told_with_channel_and_case(low, high):
    (found,) = outside_rgb(["rgb_to_0_1"], np.array([low]), np.array([high]), ONE_FILE)
    assert (found.file, found.case) == ("a.png", "a")
    assert f"values from {low:g} to {high:g}, and its channel rgb_to_0_1" in found.fault
    assert "rescale_to_0_1" in found.remedy


def test_other_channels_may_hold_anything():
    assert outside_rgb(["CT", "T1"], np.array([-1024, -9]), np.array([3e3, 9e9]), ONE_FILE) == []


def test_each_channel_is_told_with_its_own_file():
    files = Case("a", tuple(Path(f"a_{k}.png") for k in range(3)))
    found = outside_rgb(["rgb_to_0_1"] * 3, np.zeros(3), np.array([255, 300, 256]), files)
    assert [one.file for one in found] == ["a_1.png", "a_2.png"]
    # one file holds all three channels
    found = outside_rgb(["rgb_to_0_1"] * 3, np.zeros(3), np.array([255, 300, 256]), ONE_FILE)
    assert [one.file for one in found] == ["a.png", "a.png"]
