"""The fingerprint against counts made by hand and by plain numpy."""

import csv

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segscope.data import LoadedCase, measure_fingerprint, open_dataset
from segscope.data.fingerprint import SAMPLES_PER_CASE, case_facts
from segscope.errors import InputError
from segscope.images import Case, Grid, Image, LabelMap
from tests.synthetic import write_plane_dataset, write_volume_dataset


def loaded(image, label, name="c"):
    grid = Grid.from_spacing(label.shape)
    return LoadedCase(Case(name, ()), Image(image, grid), LabelMap(label, grid))


def test_a_dataset_agrees_with_plain_numpy(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=3)
    found = measure_fingerprint(open_dataset(folder))
    labels = [np.asarray(nib.load(f).dataobj) for f in sorted((folder / "labelsTr").iterdir())]
    images = [np.asarray(nib.load(f).dataobj) for f in sorted((folder / "imagesTr").iterdir())]
    counts = np.sum([np.bincount(m.ravel(), minlength=3) for m in labels], axis=0)
    assert found.label_voxels == dict(enumerate(counts.tolist()))
    assert found.pcd_percent == pytest.approx(100 * counts[1:].sum() / counts.sum())
    assert found.median_spacing_mm == pytest.approx((1, 1, 1.5))
    values = np.concatenate([i[m > 0] for i, m in zip(images, labels, strict=True)])
    (channel,) = found.channels
    assert channel.foreground_mean == pytest.approx(values.mean(), rel=1e-6)
    assert channel.foreground_sd == pytest.approx(values.std(), rel=1e-6)
    assert channel.foreground_percentile_99_5 == pytest.approx(np.percentile(values, 99.5))
    assert channel.minimum == min(i.min() for i in images)


def test_large_cases_give_a_seeded_sample_of_their_foreground():
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, (1, 40, 40, 40)).astype(np.float32)
    label = np.zeros((40, 40, 40), np.uint8)
    label[4:] = 1
    facts = case_facts(loaded(image, label), {"background": 0, "x": 1})
    inside = image[0, 4:]
    assert facts.samples.shape == (1, SAMPLES_PER_CASE)
    assert set(facts.samples[0]) <= set(inside.ravel().astype(float))
    # five standard errors of a mean of 10,000
    assert facts.samples.mean() == pytest.approx(inside.mean(), abs=0.5)
    again = case_facts(loaded(image, label), {"background": 0, "x": 1})
    other = case_facts(loaded(image, label, "another"), {"background": 0, "x": 1})
    np.testing.assert_array_equal(facts.samples, again.samples)
    assert not np.array_equal(facts.samples, other.samples)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_the_order_of_voxels_in_memory_changes_nothing_but_the_samples_order(seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 50, (2, 4, 5, 6)).astype(np.int16)
    label = rng.integers(0, 3, (4, 5, 6)).astype(np.uint8)
    labels = {"background": 0, "a": 1, "b": 2}
    rows = case_facts(loaded(image, label), labels)
    columns = case_facts(
        loaded(np.stack([np.asfortranarray(c) for c in image]), np.asfortranarray(label)), labels
    )
    assert rows.label_voxels.tolist() == columns.label_voxels.tolist()
    for one, other in zip(rows.samples.T.tolist(), image[:, label > 0].T.tolist(), strict=True):
        assert one == other
    assert sorted(rows.samples.T.tolist()) == sorted(columns.samples.T.tolist())
    assert rows.minima.tolist() == columns.minima.tolist()


def test_the_number_of_threads_changes_nothing(tmp_path):
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=7, shape=(9, 8, 7)))
    assert measure_fingerprint(dataset, workers=1) == measure_fingerprint(dataset, workers=3)


def test_plane_images_have_two_dimensions(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data"))
    found = measure_fingerprint(dataset)
    assert found.image_dims == 2
    assert found.median_shape == (48, 40)


def test_an_unreadable_file_is_said(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=4, shape=(6, 5, 4))
    (folder / "labelsTr" / "c2.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"c2\.nii\.gz: is named \.gz but is not gzip"):
        measure_fingerprint(open_dataset(folder), workers=2)


def test_hippocampi_are_as_their_table_says(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    with (dataset.folder / "cases.csv").open(newline="") as opened:
        rows = {row["case"]: row for row in csv.DictReader(opened)}
    found = measure_fingerprint(dataset)
    assert found.cases == tuple(sorted(rows))
    assert found.median_spacing_mm == pytest.approx((1, 1, 1))
    volumes = []
    for name, shape in zip(found.cases, found.shapes, strict=True):
        assert "x".join(map(str, shape)) == rows[name]["shape"]
        volumes.append(np.prod(shape))
    for value, column in ((1, "frac_anterior"), (2, "frac_posterior")):
        parts = [float(rows[name][column]) for name in found.cases]
        assert found.label_voxels[value] == pytest.approx(np.dot(parts, volumes), rel=1e-3)
