"""Slices of one volume as cases of their own."""

import nibabel as nib
import numpy as np
import pytest

from segscope.convert import convert, read_layout
from segscope.data import open_dataset
from segscope.errors import InputError
from tests.convert.more_trees import MORE, SHAPE, volume


def test_every_slice_is_a_case_at_its_place(tmp_path):
    MORE["covid19_ct_slices"](tmp_path / "s")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("covid19_ct_slices"))
    assert (done.training, done.test, done.subjects) == (4, 4, 0)
    whole = {kind: nib.load(tmp_path / "s" / f"tr_{kind}.nii.gz") for kind in ("im", "mask")}
    for k, case in enumerate(open_dataset(tmp_path / "out").training):
        assert case.name == f"covid_tr_{k:03d}"
        image, label = nib.load(case.image_files[0]), nib.load(case.label_file)
        assert image.shape == label.shape == (*SHAPE[:2], 1)
        np.testing.assert_array_equal(image.get_fdata()[..., 0], whole["im"].get_fdata()[..., k])
        np.testing.assert_array_equal(label.get_fdata()[..., 0], whole["mask"].get_fdata()[..., k])
        np.testing.assert_allclose(image.affine[:3, 3], [0, 0, 3 * k])
    assert (tmp_path / "out" / "cases.csv").read_text().splitlines()[3] == "covid_tr_002,tr,2"


@pytest.mark.parametrize(
    ("values", "said"),
    [(np.zeros((*SHAPE[:2], 3)), r"is of \(5, 6, 3\) voxels, its image of \(5, 6, 4\)"),
     (np.full(SHAPE, 4.0), "holds 4, which no label stands for")],
    ids=["one slice missing", "unknown label"],
)  # fmt: skip
def test_broken_ones_are_refused(tmp_path, values, said):
    MORE["covid19_ct_slices"](tmp_path / "s")
    volume(tmp_path / "s" / "tr_mask.nii.gz", values.astype(np.float32))
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "s", tmp_path / "out", read_layout("covid19_ct_slices"))
