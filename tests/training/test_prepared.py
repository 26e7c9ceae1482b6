"""Prepared cases from the cache: the way back to the file, and the truth, as if just read."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from segscope.data import Cache, load_of, open_dataset
from segscope.errors import InputError
from segscope.preprocessing import ChannelPlan, Plan
from segscope.training.prepared import prepare_case
from tests.synthetic import write_volume_dataset

PLAN = Plan(
    image_dims=3, spatial_dims=3, orientation="RAS", spacing_mm=(1.0, 1.1, 2.0), crop=True,
    channels=(ChannelPlan(name="MR"),),
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=2, shape=(14, 12, 10))
    odd = np.array([[0, -1.3, 0, 7.1], [0.9, 0, 0, -3], [0, 0, 1 / 3, 0.1], [0, 0, 0, 1]])
    for name in ("imagesTr/c0_0000.nii.gz", "labelsTr/c0.nii.gz"):  # axes turned, odd numbers
        file = folder / name
        nib.save(nib.Nifti1Image(np.asarray(nib.load(file).dataobj), odd), file)
    return open_dataset(folder)


def same(one, other):
    assert one.shape == other.shape
    assert one.affine.tobytes() == other.affine.tobytes()


def test_what_is_kept_is_what_reading_gives_to_the_bit(dataset, tmp_path):
    case = dataset.training[0]
    store = Cache(tmp_path / "cache")
    prepare_case(case, dataset, PLAN, store)
    kept = prepare_case(case, dataset, PLAN, Cache(tmp_path / "cache"))
    loaded = load_of(dataset, case)
    fresh = PLAN.apply(loaded.image)
    for name in ("orientation", "box", "reoriented_shape", "resampled_shape", "nearest_axis",
                 "notes"):  # fmt: skip
        assert getattr(kept.undo, name) == getattr(fresh, name), name
    same(kept.undo.grid, fresh.grid)
    same(kept.undo.native, loaded.image.grid)
    same(kept.truth().grid, loaded.label.grid)
    np.testing.assert_array_equal(kept.image, fresh.array)
    np.testing.assert_array_equal(kept.truth().array, loaded.label.array)
    assert kept.truth().notes == loaded.label.notes
    back = PLAN.undo(np.array(kept.image), kept.undo)
    np.testing.assert_array_equal(back.array, PLAN.undo(fresh.array, fresh).array)


def test_a_case_without_truth_is_refused(dataset, tmp_path):
    case = replace(dataset.training[1], label_file=None)
    with pytest.raises(InputError, match="case c1: has no label map"):
        prepare_case(case, dataset, PLAN, Cache(tmp_path / "cache"))
