"""A training as a function: options, plan and result, and what is refused before anything else."""

import json
import subprocess
import sys

import pytest

from segscope.errors import InputError
from segscope.workflows.evaluate import EvaluateOptions, evaluate
from segscope.workflows.predict import PredictOptions, predict
from segscope.workflows.prune import PruneOptions, prune
from segscope.workflows.train import TrainOptions, plan, plan_only, train
from tests.synthetic import write_plane_dataset

TINY = {
    "network.name": "anunet",
    "network.widths": [2, 4, 4, 4, 8],
    "train.epochs": 2,
    "train.steps_per_epoch": 2,
    "train.batch_size": 2,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    data = write_plane_dataset(folder / "data", cases=6, shape=(32, 32))
    said = []
    options = TrainOptions(settings=TINY, folds=3, device="cpu")
    return data, folder, train(data, folder / "run", options, say=said.append), said


def test_a_training_returns_what_its_files_say(place):
    _, folder, found, said = place
    facts = found.to_dict()
    assert (facts["run"], facts["epochs"], facts["steps"]) == (str(folder / "run"), 2, 4)
    summary = json.loads((folder / "run" / "validation" / "summary.json").read_text())
    assert facts["validation_dice"] == summary["foreground_mean"]["Dice"]
    assert said[0].startswith("network anunet 2D, widths [2, 4, 4, 4, 8]")
    assert said[2].endswith("2 epochs of 2 steps")
    assert said[3] == "weights are chosen on 1 of 2 validation cases, whole"
    assert said[4].startswith("final evaluation of 2 cases: about ")
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["weights_chosen_on"] == "1 of 2 validation cases, whole"


def test_predictions_of_the_run_are_scored_against_its_dataset(place):
    data, folder, _, _ = place
    predict(folder / "run", data, folder / "out", PredictOptions(device="cpu"))
    scored = evaluate(folder / "out", data / "labelsTr", folder / "scores",
                      EvaluateOptions(labels=data))  # fmt: skip
    assert (scored.missing, set(scored.by_label)) == ((), {"disc"})
    again = json.loads((folder / "scores" / "summary.json").read_text())
    assert again["foreground_mean"]["Dice"] == scored.foreground_mean["dice"]


def test_a_level_becomes_a_run_of_its_own(place):
    _, folder, _, _ = place
    found = prune(folder / "run", folder / "small", PruneOptions(level="L2"))
    facts = json.loads(json.dumps(found.to_dict()))
    assert (facts["level"], [row["level"] for row in facts["levels"]]) == (2, [1, 2, 3, 4])
    assert (folder / "small" / "model.json").is_file()


def test_a_plan_writes_nothing_unless_it_is_asked_to(place, tmp_path):
    data, _, _, _ = place
    options = TrainOptions(settings=("train.epochs=7",))
    assert plan(data, tmp_path / "run", options).recipe.train.epochs == 7
    assert not list(tmp_path.iterdir())
    file = plan_only(data, tmp_path / "run", options)
    assert file == tmp_path / "run.recipe.yaml"
    assert "epochs: 7" in file.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"train_on": "a=b"}, "name both"), ({"cache": __file__}, "is no folder")],
    ids=["one group", "cache"],
)
def test_what_is_wrong_with_options_is_told_before_torch_is_there(options, said):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from segscope.errors import InputError\n"
        "from segscope.workflows.train import TrainOptions, train\n"
        "try:\n"
        f"    train(Path('nowhere'), Path('run'), TrainOptions(**{options!r}))\n"
        "except InputError as error:\n"
        f"    assert {said!r} in str(error), error\n"
        "    assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_is_not_trained_over(place):
    data, folder, _, _ = place
    with pytest.raises(InputError, match="holds a run already"):
        train(data, folder / "run", TrainOptions(settings=TINY))
