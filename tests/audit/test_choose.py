"""Which cases are audited: of a dataset by its split, of a folder with labels beside."""

import json
import shutil

import pytest

from segscope.audit import choose_cases
from segscope.audit.choose import read_from
from segscope.data import ReadOptions
from segscope.errors import InputError
from tests.synthetic import write_plane_dataset


@pytest.fixture
def data(tmp_path):
    return write_plane_dataset(tmp_path / "data", cases=4, shape=(16, 16))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    facts = {"train": ["p0", "p1"], "val": ["p3", "p2"], "reading": {"resample_shear": True}}
    (tmp_path / "run" / "split.json").write_text(json.dumps(facts))
    return tmp_path / "run"


def names(source, **options):
    return [case.name for case in choose_cases(source, channels=1, **options)]


@pytest.mark.parametrize(
    ("which", "found"),
    [("auto", ["p3", "p2"]), ("validation", ["p3", "p2"]), ("train", ["p0", "p1"]),
     ("all", ["p0", "p1", "p2", "p3"])],
)  # fmt: skip
def test_of_a_dataset_the_runs_split_decides(data, run, which, found):
    assert names(data, which=which, run=run) == found


def test_without_a_split_all_that_have_a_label(data):
    assert names(data) == ["p0", "p1", "p2", "p3"]


def test_of_another_dataset_all_and_never_another_runs_cases(data, run):
    (run / "split.json").write_text(json.dumps({"train": ["q0"], "val": ["q1"]}))
    assert names(data, run=run) == ["p0", "p1", "p2", "p3"]
    with pytest.raises(InputError, match=r"does not have the run's cases \(q1\); say --cases all"):
        names(data, which="validation", run=run)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"which": "some"}, "expected one of auto, validation"), ({"which": "test"}, "has none"),
     ({"which": "train"}, "the run names none")],
    ids=["unknown", "no tests", "no run"],
)  # fmt: skip
def test_cases_that_are_not_there_are_refused(data, options, words):
    with pytest.raises(InputError, match=words):
        names(data, **options)


def test_a_dataset_of_other_channels_or_with_truth_beside_is_refused(data):
    with pytest.raises(InputError, match="has 1 channels, the network takes 2"):
        choose_cases(data, channels=2)
    with pytest.raises(InputError, match="a dataset with labels of its own"):
        names(data, truth=data / "labelsTr")


def test_images_of_a_folder_get_the_labels_of_their_names(data, tmp_path):
    images, labels = data / "imagesTr", data / "labelsTr"
    found = choose_cases(images, channels=1, truth=labels)
    assert [c.label_file.name for c in found] == [f"p{k}.png" for k in range(4)]
    assert choose_cases(images, channels=1)[0].label_file is None
    with pytest.raises(InputError, match="is no dataset"):
        names(images, which="train")
    with pytest.raises(InputError, match="no such folder"):
        names(images, truth=tmp_path / "none")
    shutil.copy(labels / "p0.png", labels / "p0.tif")
    with pytest.raises(InputError, match=r"p0\.tif: is there twice, also as p0\.png"):
        names(images, truth=labels)
    for file in labels.glob("p0.*"):
        file.unlink()
    with pytest.raises(InputError, match="has no label map for p0"):
        names(images, truth=labels)


def test_files_are_read_as_the_run_read_them(run, tmp_path):
    assert read_from(run) == ReadOptions(resample_shear=True)
    assert read_from(tmp_path) == ReadOptions()
