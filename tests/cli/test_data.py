"""``segscope data inspect`` says what a file is."""

import json

import nibabel as nib
import numpy as np

from tests.commands import call


def test_inspect_says_what_a_file_is(capsys, tmp_path):
    nib.save(
        nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.diag([-1, 1, 2, 1])), tmp_path / "a.nii"
    )
    code, out, _ = call(capsys, "data", "inspect", tmp_path / "a.nii", "--label", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["shape"], found["axes"], found["labels"]) == ([3, 4, 5], "LAS", {"1": 60})
    (tmp_path / "b.nii.gz").write_bytes(b"x")
    code, _, err = call(capsys, "data", "inspect", tmp_path / "b.nii.gz")
    assert code == 2
    assert err.count("\n") == 1
