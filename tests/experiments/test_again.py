"""What a study measures of a trial is made once, in its folder, by one process at a time."""

import json
from pathlib import Path

import pytest
import torch

from segscope.data import open_dataset
from segscope.errors import InputError, WorkError
from segscope.experiments import (
    Draw,
    Paper,
    Trial,
    engine,
    fold_draws,
    make_experiment,
    on_trials,
    open_trial,
    parse_arm,
    read_again,
    run_experiment,
    write_again,
)
from segscope.experiments.work import alone
from segscope.inference import save_model
from segscope.training import labelled
from segscope.training.setup import make_network
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset


@pytest.fixture
def place(tmp_path):
    """Two trials that are done, and one that is not."""
    data = open_dataset(write_plane_dataset(tmp_path / "data", cases=3))
    draws = [Draw(name=n, seed=0, train=("p0",), val=("p1",), test=("p2",)) for n in "abc"]
    trials = [Trial(parse_arm("unet"), draw, {}, "data", "content") for draw in draws]
    for trial in trials:
        (tmp_path / "out" / trial.place).mkdir(parents=True)
    for trial in trials[:2]:
        (tmp_path / "out" / trial.place / "result.json").write_text("{}")
    return tmp_path / "out", data, trials


def measure(dataset, folder, name, word, place):
    root = Path(folder) / place
    with (root / "calls").open("a") as file:
        file.write(word)
    write_again(root, name, {"word": word, "data": dataset})


def measured(place, **more):
    folder, data, trials = place
    on_trials(measure, trials, data, folder, "m", options=lambda t: [t.draw.name], **more)
    return [read_again(folder / trial.place, "m") for trial in trials]


def test_every_trial_that_is_done_is_measured_once_with_its_own_options(place):
    for _ in range(2):
        one, two, other = measured(place)
    assert (one["word"], two["word"], other) == ("a", "b", None)
    assert one["data"] == str(place[1].folder.resolve())
    calls = {file.read_text() for file in place[0].rglob("calls")}
    assert calls == {"a", "b"}


@pytest.mark.slow
def test_two_processes_measure_the_same(place):
    assert [facts and facts["word"] for facts in measured(place, jobs=2)] == ["a", "b", None]


def test_a_trial_that_another_process_holds_is_left_to_it(place):
    folder, _, trials = place
    with alone(folder / trials[0].place) as nobody_else:
        assert nobody_else
        assert [facts and facts["word"] for facts in measured(place)] == [None, "b", None]
    assert [facts and facts["word"] for facts in measured(place)] == ["a", "b", None]


def test_a_damaged_measure_is_named(place):
    folder, _, trials = place
    measured(place)
    file = folder / trials[0].place / "again" / "m" / "scores.json"
    file.write_text("{")
    with pytest.raises(InputError, match="remove it to have it measured again"):
        measured(place)


def test_a_page_is_written_even_where_a_measure_fails(tmp_path):
    data = open_dataset(write_plane_dataset(tmp_path / "data", cases=4))
    draws = fold_draws(labelled(data), folds=2, seeds=1)
    (tmp_path / "p").symlink_to(data.folder / "labelsTr")
    asked = make_experiment(data, [parse_arm(f"p=predictions:{tmp_path / 'p'}")], draws)
    called = []

    def broken(outcome, dataset, folder):
        called.append(len(outcome.rows))
        raise WorkError("does not work")

    with pytest.raises(WorkError, match="does not work"):
        run_experiment(asked, data, tmp_path / "out", paper=Paper("T", measure=broken))
    assert called == [4]
    assert "T on data" in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "out" / "report.html").unlink()
    engine.page_again(tmp_path / "out", data, Paper("T", measure=broken))
    assert called == [4]
    assert json.loads((tmp_path / "out" / "outcome.json").read_text())["undone"] == []


def test_a_trial_is_opened_with_its_test_cases_and_the_weights_that_its_arm_names(place):
    folder, data, trials = place
    model = untrained(data, preprocessing={"resize": [16, 16]}, patch=[16, 16])
    root = folder / trials[0].place
    for name, seed in (("best", 1), ("last", 2)):
        save_model(root / "run", model.spec, make_network(model.spec, seed), name=name)
    facts = {"arm": {"weights": "last"}, "draw": {"test": ["p2", "p0"]}}
    (root / "trial.json").write_text(json.dumps(facts))
    found = open_trial(str(data.folder), str(folder), trials[0].place)
    assert (found.root, found.facts) == (root, facts)
    assert [case.name for case in found.cases] == ["p2", "p0"]
    expected, own = make_network(model.spec, 2).state_dict(), found.model.net.state_dict()
    assert all(torch.equal(own[key].cpu(), value) for key, value in expected.items())
