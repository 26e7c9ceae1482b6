"""Commands as a person types them: outcome, exit code, one line for what is wrong."""

import json

import pytest

from segscope.cli.main import main
from tests.commands import call
from tests.synthetic import write_volume_dataset

TINY = ["network.widths=[4,8]", "train.epochs=2", "train.steps_per_epoch=2", "train.batch_size=2"]


def sets(settings):
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_volume_dataset(folder / "data", cases=6)
    with pytest.raises(SystemExit) as ended:
        main(
            ["train", str(folder / "data"), "-o", str(folder / "run"), "--recipe", "anunet_3d",
             "--folds", "3", *sets(TINY), "--set", "network.widths=[4,6,8]"]
        )  # fmt: skip
    assert ended.value.code == 0
    return folder


def test_the_whole_way(capsys, trained):
    run, data, out = trained / "run", trained / "data", trained / "predicted"
    assert (run / "validation" / "summary.json").is_file()
    assert call(capsys, "predict", run, "-i", data / "imagesTr", "-o", out)[0] == 0
    code, text, _ = call(
        capsys, "evaluate", out, data / "labelsTr", "-o", trained / "scores", "-d", data, "--json"
    )
    assert code == 0
    assert set(json.loads(text)["segscope"]["labels"]) == {"ball", "core"}
    (out / "c0.nii.gz").unlink()
    code, _, said = call(capsys, "evaluate", out, data / "labelsTr", "-o", trained / "scores")
    assert code == 1
    assert "c0" in said
    code, text, _ = call(capsys, "prune", run, "-o", trained / "small", "--json")
    assert code == 0
    assert len(json.loads(text)["levels"]) == 2
    assert (trained / "small" / "prune.png").stat().st_size > 5000
    small = trained / "small_predicted"
    assert call(capsys, "predict", trained / "small", "-i", data, "-o", small)[0] == 0


def test_levels_and_options_of_prediction(capsys, trained):
    image = trained / "data" / "imagesTr" / "c1_0000.nii.gz"
    words = ["predict", trained / "run", "-i", image, "-o", trained / "one", "--level", "L1"]
    code, text, _ = call(capsys, *words, "--mirror", "--probabilities", "--json")
    assert (code, json.loads(text)["written"]) == (0, ["c1"])
    assert (trained / "one" / "c1.npz").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "DATA", "-o", "RUN"], "holds a run already"),
        (["train", "DATA", "-o", "NEW", "--set", "train.epoch=3"], "did you mean 'epochs'"),
        (["train", "DATA", "-o", "NEW", "--recipe", "anunt"], "did you mean 'anunet'"),
        (["train", "DATA", "-o", "RUN", "--resume", "--fold", "1"], "--fold: the run has 0"),
        (["train", "DATA", "-o", "NEW", "--fold", "9"], "0 to 4"),
        (["train", "DATA", "-o", "NEW", "--folds", "60"], "number of subjects"),
        (["train", "DATA", "-o", "NEW", "--device", "cuda:7"], "cuda"),
        (["train", "NONE", "-o", "NEW"], "no such folder"),
        (["predict", "DATA", "-i", "DATA", "-o", "NEW"], "model.json"),
        (["predict", "RUN", "-i", "NONE", "-o", "NEW"], "no such file"),
        (["predict", "RUN", "-i", "DATA", "-o", "NEW", "--level", "L9"], "L1 to L2"),
        (["evaluate", "NONE", "DATA", "-o", "NEW"], "no such file"),
        (["prune", "DATA", "-o", "NEW"], "split.json"),
        (["prune", "RUN", "-o", "RUN"], "not an empty folder"),
        (["data", "check", "NONE"], "no such folder"),
        (["data", "inspect", "NONE"], "no such file"),
        (["study", "anunet", "DATA", "-o", "NEW", "--budget", "x"], "minutes, hours, paper"),
        (["demo", "-o", "DATA"], "not an empty folder"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(capsys, trained, words, said):
    places = {"DATA": "data", "RUN": "run", "NEW": "new", "NONE": "none"}
    before = sorted(p for p in trained.rglob("*") if "cache" not in p.parts)
    code, out, err = call(capsys, *(trained / places[w] if w in places else w for w in words))
    message = out + err
    assert code == 2
    assert said in " ".join(message.split())
    assert sorted(p for p in trained.rglob("*") if "cache" not in p.parts) == before


def test_unknown_options_are_usage(capsys, trained):
    assert call(capsys, "train", trained / "data", "-o", trained / "n", "--epochs", "3")[0] == 2
