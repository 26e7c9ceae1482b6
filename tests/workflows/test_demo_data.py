"""The demo's dataset: real tissue, and no place on both sides of a split."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest

from segscope.data import check_dataset, open_dataset, read_label, sha256_of
from segscope.errors import InputError
from segscope.workflows.demo_data import BRAIN_MM, GAP_MM, _stretches, write_demo_dataset


def test_places_are_apart_and_none_trains_and_is_tested(tmp_path):
    folder = write_demo_dataset(tmp_path / "demo", spacing_mm=4.0)
    facts = json.loads((folder / "dataset.json").read_text())
    rows = list(csv.DictReader((folder / "cases.csv").read_text().splitlines()))
    subject = {row["case"]: row["subject"] for row in rows}
    parts = [{f.stem for f in (folder / f"labels{part}").iterdir()} for part in ("Tr", "Ts")]
    assert [len(part) for part in parts] == [facts["numTraining"], facts["numTest"]] == [25, 10]
    assert not {subject[n] for n in parts[0]} & {subject[n] for n in parts[1]}
    for case in open_dataset(folder).training[::6]:
        assert set(np.unique(read_label(case.label_file).array)) == {0, 1, 2}


def test_stretches_leave_a_gap_between_places():
    found = _stretches(*BRAIN_MM[1], number=3)
    assert (found[0][0], found[-1][1]) == pytest.approx(BRAIN_MM[1])
    gaps = [after[0] - before[1] for before, after in pairwise(found)]
    assert gaps == pytest.approx([GAP_MM] * 2)


def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="image_dims must be 2 or 3"):
        write_demo_dataset(tmp_path / "x", image_dims=4)
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module", params=[2, 3], ids=["planes", "volumes"])
def demo(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "data"
    return request.param, write_demo_dataset(folder, image_dims=request.param, spacing_mm=4.0)


def test_nothing_is_wrong_with_it_and_every_label_is_there(demo):
    dims, folder = demo
    report = check_dataset(folder)
    assert report.problems == ()
    assert all(count > 0 for count in report.fingerprint.label_voxels.values())
    facts = json.loads((folder / "dataset.json").read_text())
    assert facts["file_ending"] == (".png" if dims == 2 else ".nii.gz")
    assert facts["numTraining"] == len(list((folder / "labelsTr").iterdir()))


def test_test_cases_have_labels_beside_them_and_subjects_of_their_own(demo):
    _, folder = demo
    dataset = open_dataset(folder)
    tested = {f.name for f in (folder / "labelsTs").iterdir()}
    assert len(tested) == len(dataset.test) > 0
    assert not {c.group for c in dataset.test} & {c.group for c in dataset.training}


def test_the_seed_decides_everything(demo, tmp_path):
    dims, folder = demo

    def images(place):
        return {f.name: sha256_of(f) for f in (place / "imagesTr").iterdir()}

    again = write_demo_dataset(tmp_path / "again", image_dims=dims, spacing_mm=4.0)
    other = write_demo_dataset(tmp_path / "other", image_dims=dims, spacing_mm=4.0, seed=1)
    assert images(again) == images(folder)
    assert not set(images(other).values()) & set(images(folder).values())


@pytest.mark.parametrize("options", [{"image_dims": 1}, {"spacing_mm": 0.5}, {"spacing_mm": 4.1}])
def test_what_it_cannot_be_is_refused_before_anything_is_written(tmp_path, options):
    with pytest.raises(ValueError, match="image_dims must be 2 or 3"):
        write_demo_dataset(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_bytes(b"x")
    with pytest.raises(InputError, match="not an empty folder"):
        write_demo_dataset(tmp_path / "old")
