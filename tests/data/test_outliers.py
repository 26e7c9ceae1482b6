"""Images that are unlike the others of their dataset."""

import os
import shutil

import nibabel as nib
import numpy as np
import pytest

from segscope.data import check_dataset
from tests.data.checked import SHAPE, image, label, said, store
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=6, shape=SHAPE)


def test_cases_unlike_the_others_are_warnings(volumes):
    turned = np.diag([-1.0, 1.0, 1.5, 1.0])
    wide = np.diag([1.0, 1.0, 6.0, 1.0])
    for name, affine in (("c1", turned), ("c2", wide)):
        for file in (image(volumes, name), label(volumes, name)):
            store(file, np.asarray(nib.load(file).dataobj), affine)
    shutil.copy(image(volumes, "c3"), image(volumes, "c4"))
    report = check_dataset(volumes)
    assert report.problems == ()
    assert "has the axes LAS, most images have RAS" in said(report.warnings, "c1")[0]
    assert (
        "spacing 1 x 1 x 6 mm is far from the usual 1 x 1 x 1.5 mm"
        in (said(report.warnings, "c2")[0])
    )
    assert "has the same voxels as c4" in said(report.warnings, "c3")[0]
    assert len(report.warnings) == 3


def unlike(folder, name="c2"):
    report = check_dataset(folder)
    assert report.problems == ()
    odd = [w for w in report.warnings if "channel" in w.fault or "modality" in w.fault]
    assert {w.case for w in odd} <= {name}, odd
    return "; ".join(w.fault for w in odd)


def change(folder, name, how):
    found = nib.load(image(folder, name))
    store(image(folder, name), how(np.asarray(found.dataobj, np.float64)), found.affine)


CHANGES = {
    "thousandfold": (lambda a: a * 1000, "has values about"),
    "tenfold": (lambda a: a * 10, "has values about"),
    "a thousandth": (lambda a: a / 1000, "times smaller"),
    "offset": (lambda a: a - 1024, "another offset"),
    "inverted": (lambda a: a.max() + a.min() - a, "inverted"),
    "another kind": (
        lambda a: np.where(a > np.median(a), a.max(), a.min()),
        "another distribution",
    ),
}


@pytest.mark.parametrize(("how", "word"), CHANGES.values(), ids=CHANGES.keys())
def test_one_image_that_is_unlike_the_others_is_named(tmp_path, how, word):
    folder = write_volume_dataset(tmp_path / "data", cases=12, shape=SHAPE)
    assert unlike(folder) == ""
    change(folder, "c2", how)
    assert word in unlike(folder)


@pytest.mark.parametrize("cases", [2, 3, 4])
def test_of_few_cases_only_what_is_plain_is_named(tmp_path, cases):
    folder = write_volume_dataset(tmp_path / "data", cases=cases, shape=SHAPE)
    change(folder, "c1", lambda a: a * 10)
    assert unlike(folder, "c1") == ""
    change(folder, "c1", lambda a: a * 100)
    if cases == 2:  # which of them is odd cannot be told
        warnings = check_dataset(folder).warnings
        assert "times larger than the other cases" in said(warnings, "c1")[0]
        assert "times smaller than the other cases" in said(warnings, "c0")[0]
    else:
        assert "times larger than the other cases" in unlike(folder, "c1")


def test_units_of_all_sizes_are_no_outliers(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=12, shape=SHAPE)
    for k in range(12):
        change(folder, f"c{k}", lambda a, k=k: a * 10 ** (k / 3))
    assert unlike(folder) == ""


@pytest.mark.parametrize(
    ("name", "factor", "words"),
    [
        ("hippocampus_001", 1000, "multiples of 1000"),  # alone of its subject, in whole numbers
        ("hippocampus_003", 1000, " times larger than hippocampus_004 of its subject"),
        ("hippocampus_003", 0.001, "smaller than hippocampus_004 of its subject"),
        ("hippocampus_064", 0.001, "smaller than the next case, as none of the others"),
    ],
    ids=["steps", "subject, larger", "subject, smaller", "alone"],
)
def test_a_scan_of_another_unit_is_named_where_units_are_arbitrary(
    shared_data, tmp_path, name, factor, words
):
    folder = shutil.copytree(
        (shared_data / "hippocampus").resolve(), tmp_path / "h", copy_function=os.symlink
    )
    found = nib.load(image(folder, name))
    values = np.asarray(found.dataobj, np.float32) * factor
    image(folder, name).unlink()
    store(image(folder, name), values, found.affine)
    assert words in unlike(folder, name)


@pytest.mark.parametrize(
    "name",
    ["brats2013_glioma", "fuseg_foot_ulcer", "hc18_fetal_head", "openms_ms_lesions",
     "openms_ms_newlesions", "hippocampus", "sunnybrook_lv", "busi_breast_us"],
)  # fmt: skip
def test_real_datasets_have_no_image_that_is_unlike_the_others(shared_data, name):
    report = check_dataset(shared_data / name)
    assert not [w for w in report.warnings if w.fault.startswith("channel")]
