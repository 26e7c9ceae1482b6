"""A fingerprint counts the voxels of its cases."""

import nibabel as nib
import numpy as np

from segscope.data import LoadedCase, measure_fingerprint, open_dataset
from segscope.data.fingerprint import case_facts
from segscope.images import Case, Grid, Image, LabelMap
from tests.synthetic import write_volume_dataset


def loaded(image, label, name="c"):
    grid = Grid.from_spacing(label.shape)
    return LoadedCase(Case(name, ()), Image(image, grid), LabelMap(label, grid))


def test_a_case_of_four_voxels_is_counted_by_hand():
    facts = case_facts(
        loaded(np.array([[[1, 2], [3, 4]]]), np.array([[0, 1], [2, 2]], np.uint8)),
        {"background": 0, "a": 1, "b": 2},
    )
    assert facts.label_voxels.tolist() == [1, 1, 2]
    assert facts.samples.tolist() == [[2, 3, 4]]
    assert (facts.minima.tolist(), facts.maxima.tolist()) == ([1], [4])


def test_a_dataset_without_foreground_still_has_numbers(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=1, shape=(6, 5, 4))
    file = folder / "labelsTr" / "c0.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((6, 5, 4), np.uint8), nib.load(file).affine), file)
    found = measure_fingerprint(open_dataset(folder))
    assert found.pcd_percent == 0
    assert found.cases_without_foreground == ("c0",)
    assert np.isfinite(found.channels[0].foreground_mean)
