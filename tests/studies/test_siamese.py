"""The loss study: small but whole."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.studies.declared import Asked
from segscope.studies.siamese import ABLATIONS, LOSSES, _preset, run_study
from segscope.training import parse_settings
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = [
    "network.widths=[4,6]", "train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2",
    "preprocessing.resize=[32,32]", "patch=[32,32]",
]  # fmt: skip


LABEL = {"background": 0, "ball": 1}


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def sets():
    return [word for setting in TINY for word in ("--set", setting)]


def read(folder):
    return json.loads((folder / "study.json").read_text())


def weights(folder):
    return {f: f.stat().st_mtime_ns for f in folder.rglob("weights_last.safetensors")}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siamese")
    data = write_plane_dataset(folder / "data", cases=6)
    other = write_plane_dataset(folder / "other", cases=2, seed=5)
    words = ["study", "siamese", data, "-o", folder / "s", "--phi", "random", *sets()]
    words += ["--folds", "2"]
    assert call(*words, "--external", other) == 0
    return folder, words


def test_every_loss_is_trained_scored_and_shown(study):
    folder, _ = study
    facts = read(folder / "s")
    assert set(facts["arms"]["dice"]) == set(LOSSES)
    assert {one["n"] for one in facts["arms"]["dice"].values()} == {6}  # every case is tested once
    assert facts["features"] == "random"
    (external,) = facts["again"].values()
    assert external["cases"] == 2
    assert set(external["arms"]["dice"]) == set(LOSSES)
    text = (folder / "s" / "report.html").read_text()
    for words in ("features had weights: random", "another dataset, other", "Table 2", "0.79"):
        assert words in text
    for name in ("contours", "differences", "cases"):
        assert (folder / "s" / f"{name}.png").stat().st_size > 5000
    trials = folder / "s" / "trials"
    for loss in ("content", "content_game"):
        assert len(list((trials / loss).glob("*/run/loss.json"))) == 2
    assert not list((trials / "dice").glob("*/run/loss.json"))


def test_the_page_begins_with_the_papers_set_up_beside_this_runs(study):
    folder, _ = study
    text = (folder / "s" / "report.html").read_text()
    titles = ("The paper&#39;s set-up and this run&#39;s", "What it shows")
    first, then = (text.index(f">{title}</h2>") for title in titles)
    begins = text[first:then]
    for words in ("224, 224", "32, 32", "imagenet", "random", "48, 6, 6", "deviates"):
        assert words in begins


def test_the_table_is_the_mean_over_subjects_of_the_trials(study):
    folder, _ = study
    found = [
        row["scores"]["dice"]
        for file in (folder / "s" / "trials" / "focal").glob("*/result.json")
        for row in json.loads(file.read_text())["rows"]
    ]
    assert len(found) == 6
    assert read(folder / "s")["arms"]["dice"]["focal"]["mean"] == pytest.approx(np.mean(found))


def test_a_finished_study_is_not_trained_again_and_its_page_is_the_same(study, capsys):
    folder, words = study
    before, facts = weights(folder / "s"), read(folder / "s")
    assert call(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == facts  # the other dataset's scores stay
    assert call(*words, "--page-only") == 0
    assert (weights(folder / "s"), read(folder / "s")) == (before, facts)


def test_every_arm_has_the_papers_labels_and_dice_unless_it_is_an_ablation():
    arms = {name: _preset(name, "random")["loss"] for name in (*LOSSES, *ABLATIONS)}
    soft = {name: loss["options"].get("soft_labels", loss.get("soft_labels", 0.0))
            for name, loss in arms.items()}  # fmt: skip
    assert {name for name, amount in soft.items() if amount == 0.1} == {*LOSSES, "dice_unsquared"}
    assert {name for name, amount in soft.items() if amount == 0} == {
        name for name in ABLATIONS if name.endswith("hard_labels")
    }
    squared = {name for name, loss in arms.items() if loss["options"].get("squared")}
    assert squared == {"dice", "dice_hard_labels"}
    assert arms["content_hard_labels"]["options"]["weights"] == "random"


def test_other_settings_are_other_trials(study, tmp_path):
    made, words = study
    folder = tmp_path
    shutil.copytree(made / "s", folder / "s")  # the other tests look at what was made
    words = [folder / "s" if word == made / "s" else word for word in words]
    before = weights(folder / "s")
    more = ["--set", "train.steps_per_epoch=3", "--loss", "dice_unsquared", "--loss", "focal"]
    assert call(*words, *more) == 0
    assert before.items() <= weights(folder / "s").items()
    assert len(weights(folder / "s")) == len(before) + 4
    facts = read(folder / "s")
    assert set(facts["arms"]["dice"]) == {"dice_unsquared", "focal"}
    assert facts["again"] == {}
    text = (folder / "s" / "report.html").read_text()
    assert "1 epochs of 3 steps" in text
    assert "1 epochs of 2 steps" not in text


def test_a_study_of_the_old_form_is_refused(study, tmp_path, capsys):
    _, words = study
    (tmp_path / "runs" / "dice").mkdir(parents=True)
    words = [tmp_path if str(word).endswith("/s") else word for word in words]
    assert call(*words) == 2
    assert "of an older version" in " ".join(capsys.readouterr().err.split())
    assert [f.name for f in tmp_path.iterdir()] == ["runs"]


@pytest.mark.slow
def test_volumes_are_scored_by_the_challenge_too(tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=4)
    description = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps({**description, "labels": LABEL}))
    for file in sorted((data / "labelsTr").iterdir()):  # one foreground label of its two
        volume = nib.load(file)
        array = (np.asarray(volume.dataobj) > 0).astype(np.uint8)
        nib.save(nib.Nifti1Image(array, volume.affine), file)
    asked = Asked(settings=parse_settings(TINY), folds=2)
    run_study(open_dataset(data), tmp_path / "s", asked, losses=["dice", "focal"])
    assert set(read(tmp_path / "s")["again"]["wmh2017"]["arms"]["dice"]) == {"dice", "focal"}


def test_bad_input_is_said_before_any_work(tmp_path, capsys):
    volumes = write_volume_dataset(tmp_path / "volumes")  # two foreground labels
    planes = write_plane_dataset(tmp_path / "planes")
    for words, said in (
        ([volumes], "one foreground label"),
        ([planes, "--external", volumes], "--external"),
        ([planes, "--loss", "l2"], "expected some of"),
        ([planes, "--budget", "x"], "minutes, hours, paper"),
    ):
        assert call("study", "siamese", *words, "-o", tmp_path / "s") == 2
        assert said in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "s").exists()


def test_a_dataset_is_needed(tmp_path):
    with pytest.raises(InputError):
        run_study(None, tmp_path, Asked(budget="x"))
