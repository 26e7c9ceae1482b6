"""``segscope train``: plans to change, groups to train on, processes, compilers."""

import json
import subprocess
import sys

import pytest

from tests.commands import call
from tests.synthetic import write_plane_dataset

TINY = ["network.widths=[4,8]", "train.epochs=2", "train.steps_per_epoch=2", "train.batch_size=2"]


def sets(settings):
    return [word for setting in settings for word in ("--set", setting)]


def test_a_plan_can_be_written_changed_and_used(capsys, tmp_path):
    folder = write_plane_dataset(tmp_path / "data", cases=4)
    run = tmp_path / "run"
    assert call(capsys, "train", folder, "-o", run, *sets(TINY), "--plan-only")[0] == 0
    plan = tmp_path / "run.recipe.yaml"
    plan.write_text(plan.read_text().replace("epochs: 2", "epochs: 1"))
    words = ["train", folder, "-o", run, "--recipe", plan, "--folds", 2, "--json"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert json.loads(out)["epochs"] == 1


@pytest.mark.slow
def test_two_processes_train_together_and_one_reports(tmp_path):
    write_plane_dataset(tmp_path / "data", cases=6)
    words = [sys.executable, "-m", "segscope.cli.main", "train", str(tmp_path / "data")]
    words += ["-o", str(tmp_path / "run"), "--folds", "3", *sets(TINY)]
    words += sets(["train.devices=2", "train.device=cpu"])
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mean Dice of the validation cases") == 1
    assert (tmp_path / "run" / "validation" / "summary.json").is_file()


@pytest.mark.slow
def test_a_compiled_network_trains(tmp_path, capsys):
    write_plane_dataset(tmp_path / "data", cases=6)
    settings = sets([*TINY, "train.compile=yes"])
    code, _, _ = call(
        capsys, "train", tmp_path / "data", "-o", tmp_path / "run", "--folds", "3", *settings
    )
    assert code == 0


def test_training_on_some_groups_and_testing_on_others(tmp_path, capsys):
    data = write_plane_dataset(tmp_path / "data", cases=6)
    rows = [f"p{k},s{k},{'AB'[k % 2]}" for k in range(6)]
    (data / "cases.csv").write_text("case,subject,centre\n" + "\n".join(rows) + "\n")
    words = ["train", data, "-o", tmp_path / "run", *sets(TINY)]
    code, _, _ = call(capsys, *words, "--train-on", "centre=A", "--test-on", "centre=B")
    assert code == 0
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    assert split["train"] == ["p0", "p2", "p4"]
    assert split["val"] == ["p1", "p3", "p5"]
    words[3] = tmp_path / "other"
    for extra, said in (
        (["--train-on", "centre=A"], "name both"),
        (["--train-on", "centre=A", "--test-on", "centre=C"], "no case has C"),
    ):
        code, out, err = call(capsys, *words, *extra)
        assert code == 2
        assert said in out + err
        assert not (tmp_path / "other").exists()
