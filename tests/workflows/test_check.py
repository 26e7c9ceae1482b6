"""A look at a dataset as a function: its report, and what is refused before anything is loaded."""

import json
import subprocess
import sys

import pytest

from segscope.errors import InputError
from segscope.workflows.check import CheckOptions, check
from tests.synthetic import write_plane_dataset


def test_a_report_is_returned_and_written(tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=2, shape=(16, 16))
    (data / "imagesTr" / "p1_0000.png").write_bytes(b"no picture")
    found = check(data, CheckOptions(output=tmp_path / "new" / "report.json"))
    assert [problem.case for problem in found.problems] == ["p1"]
    kept = json.loads((tmp_path / "new" / "report.json").read_text())
    assert kept["fingerprint"]["cases"] == list(found.fingerprint.cases) == ["p0"]


def test_a_folder_is_no_place_for_a_report(tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=1, shape=(16, 16))
    with pytest.raises(InputError, match="name a file for the report"):
        check(data, CheckOptions(output=tmp_path))


def test_a_dataset_that_is_not_there_is_told_before_numpy_is_loaded():
    """By every command that takes one and looks at all of it."""
    words = [["data", "check", "x/y"], ["data", "prepare", "x/y", "-o", "z"], ["train", "x/y",
             "-o", "z"]]  # fmt: skip
    code = (
        "import sys\n"
        "from segscope.cli.main import main\n"
        f"for words in {words!r}:\n"
        "    try:\n"
        "        main(words)\n"
        "    except SystemExit as stop:\n"
        "        assert stop.code == 2, (words, stop.code)\n"
        "    assert not {'torch', 'numpy'} & set(sys.modules), words\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("x/y: no such folder") == 3
