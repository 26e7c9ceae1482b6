"""Predictions by two processes are those of one, to the bit, whoever dies or stops."""

import pytest

from segscope.data import find_cases, open_dataset
from segscope.errors import InputError, WorkError
from segscope.inference import OpenOptions, load_model, predict_cases, save_model
from segscope.inference import PredictOptions as CaseOptions
from segscope.jobs import Done
from segscope.workflows.predict import PredictOptions, predict
from segscope.workflows.predict_pieces import Model, predict_piece, shared_by
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    dataset = open_dataset(write_plane_dataset(folder / "data", cases=6, shape=(24, 24)))
    model = random_model(
        2, widths=(4, 6), ending=".png", channels=[{"name": "grey", "scheme": "zscore"}]
    )
    save_model(folder / "run", model.spec.model_copy(update={"labels": dataset.labels}), model.net)
    (folder / "data" / "imagesTr" / "p3_0000.png").write_bytes(b"no picture")
    one = PredictOptions(device="cpu", probabilities=True)
    with pytest.raises(WorkError):
        predict(folder / "run", folder / "data", folder / "one", one)
    return folder


def content(folder):
    """What the pieces made; sizes and pictures are made from it afterwards."""
    files = [file for file in folder.iterdir() if file.suffix in (".png", ".npz", ".json")]
    return {file.relative_to(folder): file.read_bytes() for file in files}


def test_two_processes_make_the_same_files_and_say_the_same(place, tmp_path):
    lines, options = [], PredictOptions(device="cpu", probabilities=True, jobs=2)
    with pytest.raises(
        WorkError, match=r"1 of 6 cases failed:\n  p3: .*cannot be decoded"
    ) as found:
        predict(place / "run", place / "data", tmp_path / "two", options, say=lines.append)
    assert found.value.done.written == ("p0", "p1", "p2", "p4", "p5")
    assert content(tmp_path / "two") == content(place / "one")
    assert list(tmp_path.joinpath("two").iterdir()).count(tmp_path / "two" / ".parts") == 0
    assert len(lines) == 6
    assert "6 of 6 done" in lines[-1]


class Here:
    """A crew of this process."""

    slots = 1

    def __init__(self, one_disk, fails=()):
        self.one_disk, self.fails = one_disk, fails

    def finished(self, work, items, *, tries):
        for item in reversed(items):
            if {case.name for case in item[-1]} & set(self.fails):
                yield Done(item, error="its process died", lost=True)
            else:
                yield self._done(work, item)

    def _done(self, work, item):
        try:
            return Done(item, work(*item))
        except InputError as error:
            return Done(item, error=str(error), bad_input=True)


def made_by(crew, place, out):
    by = Model(place / "run", OpenOptions(device="cpu"), "standard")
    model, options = load_model(place / "run"), CaseOptions(probabilities=True)
    cases = find_cases(place / "data", channels=1)
    make = shared_by(crew, by, out, options)
    watch = by.watch(model, mirror=None)
    return predict_cases(model, cases, out, probabilities=True, make=make, watch=watch)


def test_what_comes_last_first_and_without_a_common_folder_is_the_same(place, tmp_path):
    with pytest.raises(WorkError) as found:
        made_by(Here(one_disk=False), place, tmp_path / "out")
    assert content(tmp_path / "out") == content(place / "one")
    assert found.value.done.to_dict()["written"] == ["p0", "p1", "p2", "p4", "p5"]


def test_cases_that_nobody_survives_are_named(place, tmp_path):
    with pytest.raises(WorkError, match=r"2 of 6 cases failed:\n  p1: its process died\n  p3:"):
        made_by(Here(one_disk=True, fails=["p1"]), place, tmp_path / "out")
    expected = {k: v for k, v in content(place / "one").items() if k.stem not in ("p1", "manifest")}
    found = {k: v for k, v in content(tmp_path / "out").items() if k.stem != "manifest"}
    assert found == expected


def test_a_finished_case_is_taken_up_and_one_made_otherwise_is_made_again(place, tmp_path):
    by = Model(place / "run", OpenOptions(device="cpu"), "standard")
    case = find_cases(place / "data", channels=1)[:1]
    seen = tmp_path / "p0" / "seen"
    predict_piece(by, str(tmp_path), CaseOptions(), case)
    seen.touch()
    predict_piece(by, str(tmp_path), CaseOptions(), case)
    assert seen.exists()
    predict_piece(by, str(tmp_path), CaseOptions(overlap=0.25), case)
    assert not seen.exists()
