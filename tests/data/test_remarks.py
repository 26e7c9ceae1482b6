"""What is odd about a case, beside what is wrong."""

import json

import nibabel as nib
import numpy as np
import pytest

from segscope.data import check_dataset
from tests.data.checked import SHAPE, image, label, said, store
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=6, shape=SHAPE)


def test_flat_images_and_empty_labels_are_warnings(volumes):
    store(image(volumes, "c0"), np.zeros(SHAPE, np.int16))
    store(image(volumes, "c1"), np.full(SHAPE, 7, np.int16))
    store(label(volumes, "c2"), np.zeros(SHAPE, np.uint8))
    report = check_dataset(volumes)
    assert report.problems == ()
    assert said(report.warnings, "c0")[0].startswith("channel 0 is zero everywhere")
    assert said(report.warnings, "c1")[0].startswith("channel 0 is constant (7)")
    assert said(report.warnings, "c2")[0].startswith("has no foreground")
    assert len(report.warnings) == 3


def test_a_label_outside_the_body_is_suspicious(volumes):
    array = np.zeros(SHAPE, np.int16)
    array[:2, :2, :2] = 100
    store(image(volumes, "c3"), array)
    (text,) = said(check_dataset(volumes).warnings, "c3")
    assert text.startswith("100 % of its foreground lies where every channel has its lowest value")


def test_swapped_channels_are_suspicious(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=8, shape=SHAPE)
    facts = json.loads((folder / "dataset.json").read_text())
    facts["channel_names"] = {"0": "T1", "1": "T2"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    rng = np.random.default_rng(0)
    for k in range(8):
        levels = (100, 500) if k != 5 else (500, 100)
        for channel, level in enumerate(levels):
            array = rng.normal(level + 2 * k, 5, SHAPE).astype(np.float32)
            store(folder / "imagesTr" / f"c{k}_{channel:04d}.nii.gz", array)
    report = check_dataset(folder)
    (text,) = said(report.warnings, "c5")
    assert text.startswith("its channels look like T2, T1 of the other cases")
    assert len(report.warnings) == 1


def test_an_absent_label_is_said(volumes):
    for file in (volumes / "labelsTr").iterdir():
        array = np.asarray(nib.load(file).dataobj)
        store(file, np.minimum(array, 1))
    (warning,) = check_dataset(volumes).warnings
    assert warning.fault == "label 2 (core) does not occur in any case"
