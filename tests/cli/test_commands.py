"""Commands as a person types them: outcome, exit code, one line for what is wrong."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = ["network.widths=[4,8]", "train.epochs=2", "train.steps_per_epoch=2", "train.batch_size=2"]
COMMANDS = [
    [],
    ["demo"],
    ["data"],
    ["data", "inspect"],
    ["data", "check"],
    ["train"],
    ["predict"],
    ["evaluate"],
    ["prune"],
    ["study"],
    ["study", "anunet"],
    ["study", "protoseg"],
    ["study", "siamese"],
    ["audit"],
    ["quality"],
    ["report"],
    ["cam"],
    ["info"],
]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return ended.value.code, said.out, said.err


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


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(capsys, words):
    code, out, _ = call(capsys, *words, "--help")
    assert code == 0
    assert "Usage" in out
    if words and words[-1] not in ("data", "study"):
        assert "Example: segscope" in " ".join(out.split())


def test_help_does_not_wait_for_torch():
    script = (
        "import sys\nfrom segscope.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0


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


def test_inspect_says_what_a_file_is(capsys, tmp_path):
    nib.save(
        nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.diag([-1, 1, 2, 1])), tmp_path / "a.nii"
    )
    code, out, _ = call(capsys, "data", "inspect", tmp_path / "a.nii", "--label", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["shape"], found["axes"], found["labels"]) == ([3, 4, 5], "LAS", {"1": 60})
    (tmp_path / "b.nii.gz").write_bytes(b"x")
    code, _, err = call(capsys, "data", "inspect", tmp_path / "b.nii.gz")
    assert code == 2
    assert err.count("\n") == 1


def test_check_counts_problems(capsys, tmp_path):
    folder = write_plane_dataset(tmp_path / "data", cases=2)
    code, out, _ = call(capsys, "data", "check", folder)
    assert code == 0
    assert "0 problems" in out
    (folder / "imagesTr" / "p0_0000.png").write_bytes(b"x")
    code, out, _ = call(capsys, "data", "check", folder, "-o", tmp_path / "report.json")
    assert code == 2
    assert "cannot be decoded" in out
    assert json.loads((tmp_path / "report.json").read_text())["problems"][0]["case"] == "p0"


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


def test_the_version_is_printed(capsys):
    code, out, _ = call(capsys, "--version")
    assert code == 0
    assert out.count(".") == 2


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


def test_info_names_versions_and_machine(capsys):
    code, out, _ = call(capsys, "info", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["libraries"]["numpy"] == np.__version__
    assert facts["processors"] >= 1
    assert facts["memory_gb"] > 0.1
    code, out, _ = call(capsys, "info")
    assert code == 0
    assert f"numpy              {np.__version__}" in out


def test_the_package_runs_as_a_module():
    words = [sys.executable, "-m", "segscope", "info", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["executable"] == sys.executable
