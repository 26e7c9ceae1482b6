"""Datasets: layout, loading, splits, cache, fingerprint, check."""

import json
import logging

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.data import (
    Cache,
    cache_key,
    check_dataset,
    find_cases,
    load_case,
    make_folds,
    measure_fingerprint,
    open_dataset,
    read_splits,
    write_splits,
)
from segscope.errors import InputError
from segscope.images import Case
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=4)


def change(folder, **facts):
    file = folder / "dataset.json"
    known = json.loads(file.read_text()) | facts
    file.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


def test_a_dataset_is_read(volumes):
    dataset = open_dataset(volumes)
    assert [case.name for case in dataset.training] == ["c0", "c1", "c2", "c3"]
    assert dataset.labels == {"background": 0, "ball": 1, "core": 2}
    assert dataset.channel_names == ("MR",)


def test_all_problems_are_reported_at_once(volumes):
    (volumes / "labelsTr" / "c0.nii.gz").rename(volumes / "labelsTr" / "stranger.nii.gz")
    (volumes / "imagesTr" / "c1_0000.nii.gz").rename(volumes / "imagesTr" / "c1_0001.nii.gz")
    (volumes / "imagesTr" / "c2_0000.nii").write_bytes(b"")
    (volumes / "imagesTr" / "nochannel.nii.gz").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        open_dataset(volumes)
    text = str(caught.value)
    for words in ("stranger", "c0: has no label", "[1] found", "c2_0000.nii", "nochannel"):
        assert words in text
    assert len(caught.value.problems) == 5


def test_hidden_files_are_nothing(volumes):
    (volumes / "imagesTr" / "._c0_0000.nii.gz").write_bytes(b"x")
    (volumes / "imagesTr" / ".DS_Store").write_bytes(b"x")
    assert len(open_dataset(volumes).training) == 4


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"labels": {"background": 0, "x": 2}}, "without gaps"),
        ({"labels": {"background": 0, "x": [1, 2]}}, "regions"),
        ({"labels": None}, "labels: expected"),
        ({"channel_names": {"1": "T1"}}, "keys 0 to 0"),
        ({"file_ending": ".dat"}, "file_ending"),
    ],
)
def test_a_description_that_is_not_usable_is_named(volumes, facts, words):
    change(volumes, **facts)
    with pytest.raises(InputError, match=words):
        open_dataset(volumes)


def test_the_first_version_of_the_layout_is_understood(volumes):
    change(volumes, labels={"0": "background", "1": "a", "2": "b"}, channel_names=None)
    change(volumes, modality={"0": "MRI"})
    dataset = open_dataset(volumes)
    assert dataset.labels == {"background": 0, "a": 1, "b": 2}
    assert dataset.channel_names == ("MRI",)


def test_a_label_on_another_grid_is_refused_or_resampled(volumes):
    file = volumes / "labelsTr" / "c0.nii.gz"
    label = nib.load(file)
    moved = label.affine.copy()
    moved[0, 3] += 2.0
    nib.save(nib.Nifti1Image(np.asarray(label.dataobj), moved), file)
    case = open_dataset(volumes).training[0]
    with pytest.raises(InputError, match=r"c0_0000.* and .*c0\.nii\.gz: grids lie up to 2 mm"):
        load_case(case, channels=1)
    loaded = load_case(case, channels=1, resample_labels=True)
    np.testing.assert_array_equal(loaded.label.array[2:], np.asarray(label.dataobj)[:-2])
    assert "resampled" in loaded.label.notes[-1]


def test_a_missing_channel_names_expected_and_found(volumes):
    with pytest.raises(InputError, match="2 channels expected, 1 found"):
        load_case(open_dataset(volumes).training[0], channels=2)


def test_one_rgb_file_is_three_channels(shared_data):
    dataset = open_dataset(shared_data / "isic2017_skin")
    loaded = load_case(dataset.training[0], channels=3, labels=dataset.labels)
    assert loaded.image.array.shape == (3, 256, 256)
    assert len(dataset.training) == 140


def test_cases_are_found_in_files_folders_datasets_and_series(volumes, shared_data):
    images = volumes / "imagesTr"
    assert [c.name for c in find_cases(images / "c0_0000.nii.gz", channels=1)] == ["c0"]
    assert [c.name for c in find_cases(images, channels=1)] == ["c0", "c1", "c2", "c3"]
    assert len(find_cases(volumes, channels=1)) == 4
    dicom = shared_data / "dicom_samples"
    assert [c.name for c in find_cases(dicom / "mr_brain_flair", channels=1)] == ["mr_brain_flair"]
    crops = find_cases(dicom / "mr_hippocampus_crop", channels=1)
    assert [c.name for c in crops] == ["study1", "study2", "study3"]
    with pytest.raises(InputError, match=r"expected c0_0000.nii.gz, c0_0001.nii.gz, found c0_0000"):
        find_cases(images / "c0_0000.nii.gz", channels=2)


def test_check_reports_every_bad_file_and_measures_the_others(volumes):
    (volumes / "imagesTr" / "c1_0000.nii.gz").write_bytes(b"broken")
    nib.save(
        nib.Nifti1Image(np.full((24, 28, 20), 7, np.uint8), np.diag([1, 1, 1.5, 1])),
        volumes / "labelsTr" / "c2.nii.gz",
    )
    constant = np.zeros((24, 28, 20), np.int16)
    nib.save(
        nib.Nifti1Image(constant, np.diag([1, 1, 1.5, 1])), volumes / "imagesTr" / "c3_0000.nii.gz"
    )
    report = check_dataset(volumes)
    assert [p.case for p in report.problems] == ["c1", "c2"]
    assert "not gzip" in report.problems[0].message
    assert "7 (13440 voxels)" in report.problems[1].message
    assert any("constant" in w.message for w in report.warnings)
    assert report.fingerprint.cases == ("c0", "c3")


def test_the_fingerprint_counts_by_hand(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=2)
    found = measure_fingerprint(open_dataset(folder))
    labels = [np.asarray(nib.load(f).dataobj) for f in sorted((folder / "labelsTr").iterdir())]
    counts = np.sum([np.bincount(m.ravel(), minlength=3) for m in labels], axis=0)
    assert found.label_voxels == dict(enumerate(counts.tolist()))
    assert found.pcd_percent == pytest.approx(100 * counts[1:].sum() / counts.sum())
    assert found.median_spacing_mm == pytest.approx((1, 1, 1.5))
    images = [np.asarray(nib.load(f).dataobj) for f in sorted((folder / "imagesTr").iterdir())]
    values = np.concatenate([i[m > 0] for i, m in zip(images, labels, strict=True)])
    assert found.channels[0].foreground_mean == pytest.approx(values.mean(), rel=1e-6)


def test_hippocampi_of_one_person_stay_together(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    subject = {case.name: case.subject for case in dataset.training}
    assert subject["hippocampus_003"] == subject["hippocampus_004"] == "subj002"
    for split in make_folds(dataset.training):
        assert not {subject[n] for n in split.train} & {subject[n] for n in split.val}


groups = st.lists(st.integers(0, 8), min_size=10, max_size=30)


@given(groups, st.integers(2, 3), st.randoms())
def test_folds_are_a_partition_by_subject_whatever_the_order(subjects, folds, random):
    cases = [Case(f"case{k}", (), subject=f"s{s}") for k, s in enumerate(subjects)]
    if len(set(subjects)) < folds:
        return
    splits = make_folds(cases, folds=folds, seed=3)
    assert sorted(n for split in splits for n in split.val) == sorted(c.name for c in cases)
    for split in splits:
        assert set(split.train) | set(split.val) == {c.name for c in cases}
        held = {c.subject for c in cases if c.name in split.val}
        assert not held & {c.subject for c in cases if c.name in split.train}
    shuffled = list(cases)
    random.shuffle(shuffled)
    assert make_folds(shuffled, folds=folds, seed=3) == splits


def test_more_folds_than_subjects_are_refused():
    with pytest.raises(InputError, match="number of subjects"):
        make_folds([Case("a", (), subject="x"), Case("b", (), subject="x")], folds=2)


def test_splits_survive_their_file_and_leaks_are_refused(tmp_path):
    splits = make_folds([Case(n, ()) for n in "abcdef"], folds=3)
    write_splits(tmp_path / "s.json", splits)
    assert read_splits(tmp_path / "s.json") == splits
    (tmp_path / "s.json").write_text('[{"train": ["a"], "val": ["a"]}]')
    with pytest.raises(InputError, match="trains and validates"):
        read_splits(tmp_path / "s.json")


def test_the_cache_makes_once_and_mends_what_is_damaged(tmp_path, caplog):
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(1000)}

    assert Cache(tmp_path).get("k", make)["a"][5] == 5
    assert Cache(tmp_path).get("k", make)["a"][6] == 6
    assert len(made) == 1
    file = tmp_path / "k" / "a.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(bytes(raw))
    with caplog.at_level(logging.WARNING):
        assert Cache(tmp_path).get("k", make)["a"][-1] == 999
    assert len(made) == 2
    assert "damaged" in caplog.text


def test_a_cache_key_depends_on_content_not_on_names(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert cache_key("x", tmp_path / "a") == cache_key("x", tmp_path / "b")
    (tmp_path / "b").write_bytes(b"2")
    assert cache_key("x", tmp_path / "a") != cache_key("x", tmp_path / "b")


def test_real_datasets_have_no_problem(shared_data):
    for name in ("busi_breast_us", "openms_ms_newlesions", "fuseg_foot_ulcer"):
        report = check_dataset(shared_data / name)
        assert report.problems == ()
        assert report.fingerprint is not None


def test_planes(tmp_path):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data"))
    assert measure_fingerprint(dataset).image_dims == 2
