"""What is known of arguments at once; `tests/cli/test_arguments.py` asks every command."""

from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.trust import calibration
from segscope.workflows.arguments import (
    check_cases,
    check_choice,
    check_device,
    check_folder,
    check_level,
    check_settings,
    check_there,
)
from segscope.workflows.options import CaseOptions
from segscope.workflows.quality import METHODS


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps", None])
def test_devices_pass_whether_they_are_here_or_not(device):
    check_device(device)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "", "CPU"])
def test_what_names_no_device_is_refused(device):
    with pytest.raises(InputError, match=f"--device {device}: expected auto"):
        check_device(device)


def test_levels_have_a_number():
    for level in (None, "L1", "l4", "2"):
        check_level(level)
    for level in ("", "L", "two", "L2x"):
        with pytest.raises(InputError, match="expected L1"):
            check_level(level)


def test_settings_are_keys_with_values():
    check_settings(["a.b=1", "c="])
    check_settings({"a": {"b": 1}})
    for wrong in ("a", "=1", " =1"):
        with pytest.raises(InputError, match="expected key=value"):
            check_settings([wrong])


def test_paths_are_there(tmp_path):
    check_there(tmp_path)
    check_folder(None, "--masks")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--masks .*file: no such folder"):
        check_folder(tmp_path / "file", "--masks")
    with pytest.raises(InputError, match="no such file or folder"):
        check_there(tmp_path / ("x" * 1000))


def test_the_options_of_cases_are_looked_at_one_by_one(tmp_path):
    check_cases(tmp_path, CaseOptions())
    for wrong in (
        {"cases": "some"}, {"truth": "no/folder"}, {"masks": "no/folder"}, {"device": "gpu"},
    ):  # fmt: skip
        (name,) = wrong
        with pytest.raises(InputError, match=f"--{name} "):
            check_cases(tmp_path, CaseOptions(**wrong))
    with pytest.raises(InputError, match="none: no such file"):
        check_cases(Path("none"), CaseOptions())


def test_choices_are_named():
    check_choice("--method", "quantile", METHODS)
    assert ("trust", *calibration.METHODS) == METHODS
    with pytest.raises(InputError, match="--method x: expected one of trust, isotonic, quantile"):
        check_choice("--method", "x", METHODS)
