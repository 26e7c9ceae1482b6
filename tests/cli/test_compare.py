"""``segscope compare``: words become an experiment; nothing is trained to say what is wrong."""

from types import SimpleNamespace

import pytest

from tests.cli.asked import Asked
from tests.commands import call
from tests.synthetic import write_plane_dataset


@pytest.fixture
def data(tmp_path):
    return write_plane_dataset(tmp_path / "data", cases=4)


@pytest.fixture
def planned(monkeypatch):
    trials = [SimpleNamespace(place="trials/a"), SimpleNamespace(place="trials/b")]
    answer = SimpleNamespace(trials=trials, done=lambda folder: 1)
    return Asked(monkeypatch, "segscope.experiments", "plan_experiment", answer)


def test_a_dry_run_lists_trials(capsys, data, planned, tmp_path):
    words = ["--arm", "unet", "--arm", "tv: loss.name=tversky", "--reference", "tv", "--folds", 2,
             "--seeds", 3, "--metric", "iou", "--set", "train.epochs=2", "--dry-run"]  # fmt: skip
    code, out, _ = call(capsys, "compare", data, "-o", tmp_path / "out", *words)
    assert (code, out.splitlines()) == (0, ["trials/a", "trials/b", "2 trials, 1 done"])
    experiment = planned.given[0]
    assert [arm.name for arm in experiment.arms] == ["unet", "tv"]
    assert (experiment.reference, experiment.metrics) == ("tv", ("iou",))
    assert len(experiment.draws) == 2 * 3
    assert experiment.changes["train"]["epochs"] == 2


def test_groups_stand_in_for_folds(capsys, data, planned, tmp_path):
    rows = "".join(f"p{k},s{k},{'AAAB'[k]}\n" for k in range(4))
    (data / "cases.csv").write_text(f"case,subject,centre\n{rows}")
    words = ["--arm", "unet", "--train-on", "centre=A", "--test-on", "centre=B", "--dry-run"]
    assert call(capsys, "compare", data, "-o", tmp_path / "out", *words)[0] == 0
    (draw,) = planned.given[0].draws
    assert draw.test == ("p3",)
    assert set(draw.train) | set(draw.val) == {"p0", "p1", "p2"}


def test_each_value_of_a_column_stands_in_for_a_fold(capsys, data, planned, tmp_path):
    rows = "".join(f"p{k},s{k},{'AABB'[k]}\n" for k in range(4))
    (data / "cases.csv").write_text(f"case,subject,centre\n{rows}")
    words = ["--arm", "unet", "--split", "centre", "--seeds", 2, "--dry-run"]
    assert call(capsys, "compare", data, "-o", tmp_path / "out", *words)[0] == 0
    assert [draw.name for draw in planned.given[0].draws] == [
        "seed0_A", "seed0_B", "seed1_A", "seed1_B",
    ]  # fmt: skip
    assert planned.given[0].draws[0].test == ("p0", "p1")
    words += ["--train-on", "centre=A", "--test-on", "centre=B"]
    code, _, err = call(capsys, "compare", data, "-o", tmp_path / "out", *words)
    assert (code, "exclude each other" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--arm", "unet", "--budget", "years"], "expected one of minutes, hours, plan"),
     (["--arm", "unet", "--train-on", "centre=A"], "name both, or neither"),
     (["--arm", "unet", "--reference", "nothing", "--folds", 2],
      "'nothing'"), (["--folds", 2], "arm")],
    ids=["budget", "one side", "reference", "no arm"],
)  # fmt: skip
def test_bad_questions_are_one_line(capsys, data, planned, tmp_path, words, said):
    code, _, err = call(capsys, "compare", data, "-o", tmp_path / "out", *words, "--dry-run")
    assert code == 2
    assert said in err
    assert planned.given is None
