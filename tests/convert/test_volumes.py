"""Volumes of several time points are cut apart."""

import nibabel as nib
import numpy as np

from segscope.convert import convert, read_layout
from tests.convert.trees import SHAPE, TREES


def test_four_dimensions_are_cut_into_their_volumes(tmp_path):
    TREES["msd"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("msd"))
    whole = nib.load(tmp_path / "source" / "imagesTr" / "pancreas_001.nii.gz")
    for k in range(2):
        part = nib.load(tmp_path / "out" / "imagesTr" / f"pancreas_001_000{k}.nii.gz")
        assert part.shape == SHAPE
        assert (np.asarray(part.dataobj) == np.asarray(whole.dataobj)[..., k]).all()
        assert (part.affine == whole.affine).all()
    assert done.channels == ("T2", "ADC")
    assert done.test == 1
    assert (tmp_path / "out" / "imagesTs" / "pancreas_003_0001.nii.gz").is_file()
