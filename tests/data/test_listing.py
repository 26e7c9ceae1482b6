"""Which files are cases: the key dataset, and files that it leaves out."""

import pytest

from segscope.data import check_dataset, find_cases, open_dataset
from tests.data.volumes_made import change, listed, refused, warned
from tests.synthetic import write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=3, shape=(5, 6, 7))


def test_the_key_dataset_decides_which_cases_there_are(volumes):
    cases = listed(volumes)
    del cases["p1"]
    change(volumes, dataset=cases, numTraining=2)
    dataset = open_dataset(volumes)
    assert [case.name for case in dataset.training] == ["p0", "p2"]
    assert dataset.training[1].image_files == (volumes / "raw" / "pat2" / "t1.nii.gz",)
    assert dataset.truth["p2"] == volumes / "raw" / "pat2" / "mask.nii.gz"
    assert dataset.warnings == ()
    report = check_dataset(volumes)
    assert report.problems == ()
    assert report.fingerprint.cases == ("p0", "p2")
    assert [case.name for case in find_cases(volumes, channels=1)] == ["p0", "p2"]
    change(volumes, numTraining=3)
    assert "numTraining says 3, dataset lists 2" in warned(volumes)


def test_files_that_the_key_dataset_leaves_out_are_said(volumes):
    change(
        volumes,
        numTraining=1,
        dataset={"c0": {"images": ["imagesTr/c0_0000.nii.gz"], "label": "labelsTr/c0.nii.gz"}},
    )
    said = warned(volumes)
    assert "does not list under dataset: c1_0000.nii.gz, c2_0000.nii.gz" in said
    assert "does not list under dataset: c1.nii.gz, c2.nii.gz" in said


def test_absolute_paths_and_variables_are_followed_and_said(volumes, tmp_path, monkeypatch):
    cases = listed(volumes)
    (tmp_path / "away.nii.gz").write_bytes((volumes / "raw/pat0/t1.nii.gz").read_bytes())
    monkeypatch.setenv("SEGSCOPE_TEST_PLACE", str(tmp_path))
    cases["p0"]["images"] = ["$SEGSCOPE_TEST_PLACE/away.nii.gz"]
    cases["p1"]["images"] = [str(volumes / "raw" / "pat1" / "t1.nii.gz")]
    change(volumes, dataset=cases)
    dataset = open_dataset(volumes)
    assert dataset.training[0].image_files == (tmp_path / "away.nii.gz",)
    assert "lists files outside of the folder" in warned(volumes)


def test_a_file_of_two_cases_is_said(volumes):
    cases = listed(volumes)
    change(volumes, dataset={**cases, "p2": cases["p1"]})
    assert "belongs to several cases: p1, p2" in warned(volumes)


ONE = {"images": ["raw/pat0/t1.nii.gz"], "label": "raw/pat0/mask.nii.gz"}


LISTS = {
    "a name": ("brains", "dataset is 'brains'"),
    "empty": ({}, "dataset is {}"),
    "a list": ([ONE], "dataset is"),
    "no label": ({"a": {"images": ["x.nii"]}}, "gives case 'a' the files"),
    "no images": ({"a": {"images": [], "label": "y.nii"}}, "gives case 'a' the files"),
    "one image as text": ({"a": {"images": "x.nii", "label": "y.nii"}}, "gives case 'a'"),
    "an image that is none": ({"a": {"images": [1], "label": "y.nii"}}, "gives case 'a'"),
    "a path as name": ({"../a": ONE}, "case '../a', after which no file"),
    "no name": ({"": ONE}, "case '', after which no file"),
    "a hidden name": ({".a": ONE}, "after which no file"),
    "a long name": ({"a" * 300: ONE}, "after which no file"),
    "a file that is not there": ({"a": {**ONE, "label": "gone.nii.gz"}}, "is missing"),
    "a folder": ({"a": {**ONE, "label": "raw"}}, "is a folder"),
    "an unknown kind": ({"a": {**ONE, "label": "dataset.json"}}, "no kind of image"),
    "too many images": ({"a": {**ONE, "images": [ONE["images"][0], ONE["label"]]}}, "2 images"),
    "its label as image": ({"a": {**ONE, "label": ONE["images"][0]}}, "is image and label"),
    "strokes of another system": ({"a": {**ONE, "label": "raw\\x.nii"}}, 'its path with "/"'),
    "half a path": ({"a": {**ONE, "label": "a\u0000b.nii"}}, "cannot be opened"),
}


@pytest.mark.parametrize(("cases", "words"), LISTS.values(), ids=LISTS)
def test_lists_that_name_no_cases_are_refused(volumes, cases, words):
    listed(volumes)
    change(volumes, dataset=cases)
    refused(volumes, words)


def test_cases_that_are_whole_are_checked_beside_those_that_are_not(volumes):
    cases = listed(volumes)
    (volumes / "raw" / "pat1" / "mask.nii.gz").unlink()
    report = check_dataset(volumes)
    assert [(p.case, p.fault) for p in report.problems] == [
        ("p1", "is missing; dataset.json lists it for case p1")
    ]
    assert report.fingerprint.cases == ("p0", "p2")
    assert len(cases) == 3


def test_an_image_twice_in_a_case_is_refused(volumes):
    listed(volumes)
    change(volumes, channel_names={"0": "a", "1": "b"}, dataset={"a": {**ONE, "images": [
        ONE["images"][0], "./" + ONE["images"][0]]}})  # fmt: skip
    refused(volumes, "lists an image twice")
