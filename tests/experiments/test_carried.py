"""Work of trials on machines that see the experiment's folder, and on those that do not."""

import shutil
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from segscope.errors import WorkError
from segscope.experiments import carried
from segscope.experiments.carried import do_carried, packed, run_trials, unpack
from tests.jobs.machines import ray_there


def add(data_folder, folder, name, place):
    """A trial that needs the dataset, what lies in its folder, and one that comes before it."""
    root = Path(folder) / place
    parts = [root / "trial.json", root.parent / "before" / "made", Path(data_folder) / "x.txt"]
    if name == "fails":
        raise WorkError("no more room")
    (root / "run").mkdir()
    (root / "run" / "log").write_text(str(len(list(Path(folder).rglob("*")))))
    (root / "lock").write_text("")
    (root / "result.json").write_text(" ".join(part.read_text() for part in parts))


@pytest.fixture
def place(tmp_path):
    for file, text in {"data/dataset.json": "{}", "data/x.txt": "data", "e/t/one/trial.json": "one",
                       "e/t/two/trial.json": "two", "e/t/before/made": "before",
                       "e/cache/much": "much"}.items():  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def items(place, *names):
    return [(str(place / "data"), str(place / "e"), name, f"t/{name}") for name in names]


def needs(item):
    return [item[-1], "t/before"]


def test_what_a_trial_needs_goes_and_what_it_makes_comes_back(place, tmp_path_factory):
    data, inputs = packed(place / "data", ["."]), packed(place / "e", ["t/one", "t/before"])
    assert set(inputs) == {"t/one/trial.json", "t/before/made"}
    shutil.move(place / "data", place / "gone")
    found = do_carried(add, data, inputs, str(place / "data"), str(place / "e"), "one", "t/one")
    assert set(found) == {"t/one/run/log", "t/one/result.json"}  # no lock, and nothing twice
    assert found["t/one/result.json"] == b"one before data"
    assert not (place / "e" / "t" / "one" / "result.json").exists()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    unpack(found, elsewhere)
    assert (elsewhere / "t" / "one" / "result.json").read_text() == "one before data"


def test_results_are_written_last(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(carried, "write_bytes", lambda file, _: order.append(file.name))
    unpack({"a/result.json": b"", "a/z": b"", "b/again/m/scores.json": b"", "b/y": b""}, tmp_path)
    assert order == ["z", "y", "result.json", "scores.json"]


def test_one_machine_works_in_the_folder(place):
    run_trials(add, items(place, "one", "two"), needs=needs)
    assert (place / "e/t/one/lock").exists()
    assert not list((place / "e").glob(".seen*"))
    with pytest.raises(WorkError, match="t/fails: no more room"):
        run_trials(add, items(place, "fails"), needs=needs)


@ray_there
@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False])
def test_machines_are_sent_what_they_do_not_see(place, monkeypatch, seen):
    if not seen:  # nobody knows the folder by this mark

        @contextmanager
        def nothing(_):
            yield ".seen-nowhere"

        monkeypatch.setattr(carried, "_mark", nothing)
    run_trials(partial(add), items(place, "one", "two"), needs=needs, ray=True)
    for name in ("one", "two"):
        root = place / "e" / "t" / name
        assert (root / "result.json").read_text() == f"{name} before data"
        assert (root / "lock").exists() == seen  # who does not see the folder works elsewhere
    with pytest.raises(WorkError, match="t/fails: no more room"):
        run_trials(add, items(place, "fails"), needs=needs, ray=True)
