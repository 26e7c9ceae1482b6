"""The learning curves of image, mask and both: small but whole, stopped, moved, asked otherwise."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from segscope.audit.feature_maps import feature_maps
from segscope.cli.main import main
from segscope.data import open_dataset, read_image, read_label
from segscope.errors import InputError
from segscope.inference import load_model
from tests.synthetic import write_volume_dataset

TINY = ["network.widths=[4,6]", "train.epochs=2", "train.steps_per_epoch=2"]
FEW = ["--test-subjects", "2", "--val-subjects", "1", "--coarse-subjects", "1", "--seeds", "1"]
BOTH = ["network", "labels"]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out, " ".join(said.err.split())


def words_of(data, out, *words):
    sets = [word for setting in TINY for word in ("--set", setting)]
    return ["study", "gbm", data, "-o", out, *FEW, *sets, *words]


def read(folder):
    return json.loads((folder / "study.json").read_text())


def trials(out, arm="*"):
    return {
        f.parent: json.loads(f.read_text()) for f in (out / "trials").glob(f"{arm}/*/trial.json")
    }


def weights(out):
    return {f: f.stat().st_mtime_ns for f in (out / "trials").rglob("weights_last.safetensors")}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gbm")
    data = write_volume_dataset(folder / "data", cases=7, shape=(16, 20, 16))
    with pytest.raises(SystemExit) as ended:
        main([str(w) for w in words_of(data, folder / "s", "--sizes", "1,2")])
    assert ended.value.code == 0
    return folder


@pytest.fixture
def own(study, tmp_path):
    """A copy to go on with: other tests look at what was made."""
    return shutil.copytree(study / "s", tmp_path / "own" / "s")


def test_every_size_and_input_is_trained_scored_and_shown(study):
    out = study / "s"
    facts = read(out)
    names = ["image", *(f"{i} ({m})" for m in BOTH for i in ("gbm", "image+gbm"))]
    assert set(facts["arms"]["dice"]) == set(names)
    assert list(facts["by_size"]) == ["1", "2"]
    for of_size in facts["by_size"].values():
        assert {one["n"] for one in of_size["centre_mm"].values()} == {2}  # the test subjects
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert len(rows) == 2 * 2 * len(names)
    assert {(row["arm"], row["subjects"], row["label"]) for row in rows} == {
        (arm, size, label) for arm in names for size in "12" for label in ("ball", "core")
    }
    assert {row["epochs_to_converge"] for row in rows} <= {"1", "2"}
    text = (out / "report.html").read_text()
    for words in ("Tables 1 and 2", "Tables 3 and 4", "Tables 5 and 6", "Feature maps",
                  "Other intensities", "same bits for the same mask: yes", "0.59 (0.15)",
                  "Draws of 1, 2 training subjects are averaged"):  # fmt: skip
        assert words in text
    for picture in ("learning", "contours", "features", "differences"):
        assert (out / f"{picture}.png").stat().st_size > 5000
    assert (out / "modalities.csv").read_text().count("\n") == 1 + 2 * 3


def test_subjects_have_one_role_and_the_mask_network_is_a_trial_of_its_own(study):
    out = study / "s"
    ((_, coarse),) = trials(out, "coarse").items()
    ((masks, step),) = trials(out, "masks").items()
    draws = [facts["draw"] for facts in trials(out, "*image").values()]
    assert len({(*d["test"], "|", *d["val"]) for d in [coarse["draw"], step["draw"], *draws]}) == 1
    small, large = sorted((set(d["train"]) for d in draws), key=len)
    assert small < large
    parts = [set(coarse["draw"][part]) for part in ("train", "val", "test")] + [large]
    assert [len(part) for part in parts] == [1, 1, 2, 2]
    assert len(set.union(*parts)) == 6
    assert list(step["after"]) == ["coarse"]
    for place, facts in trials(out).items():
        drawn = place.parent.name
        assert list(facts.get("after", [])) == (
            ["coarse"] if drawn == "masks" else ["masks"] if "(network)" in drawn else []
        )
        if "(network)" in drawn:  # what the network was shown is what the step has made
            for name in (facts["draw"]["test"][0], facts["draw"]["train"][0]):
                shown = read_label(place / "run" / "masks" / f"{name}.nii.gz").array
                made = read_label(masks / "files" / f"{name}.nii.gz").array
                np.testing.assert_array_equal(shown, made)
    result = json.loads((masks / "result.json").read_text())
    found = np.mean([row["scores"]["dice"] for row in result["rows"]])
    assert read(out)["masks"]["dice"]["mean"] == pytest.approx(found)


def test_the_table_is_the_mean_over_subjects_of_the_trial(study):
    out = study / "s"
    for place, facts in trials(out, "image").items():
        rows = json.loads((place / "result.json").read_text())["rows"]
        by_hand = np.mean([row["scores"]["dice"] for row in rows])
        size = str(len(facts["draw"]["train"]))
        assert read(out)["by_size"][size]["dice"]["image"]["mean"] == pytest.approx(by_hand)


def test_what_is_there_is_kept_and_the_page_needs_no_network(study, own, tmp_path, capsys):
    before = weights(own)
    code, said, err = call(
        capsys, *words_of(study / "data", own, "--sizes", "1,2,3", "--no-upper-bound")
    )
    assert code == 0, err
    assert "image+gbm (network)  Dice by subjects  1: " in said
    assert before.items() < weights(own).items()
    assert len(weights(own)) == len(before) + 3
    shutil.copytree(study / "data", tmp_path / "elsewhere" / "data")
    shutil.copytree(own, tmp_path / "moved")
    for file in weights(tmp_path / "moved"):
        shutil.rmtree(file.parent)
    facts = read(own)
    code, said, err = call(capsys, "study", "gbm", tmp_path / "elsewhere" / "data", "-o",
                           tmp_path / "moved", "--page-only", "--json")  # fmt: skip
    assert code == 0, err
    assert json.loads(said) == facts
    page = (tmp_path / "moved" / "report.html").read_text()
    assert page.count('<img src="data:image/png') == 6
    assert "Feature maps" in page


def test_another_layer_is_pictured_and_an_unknown_one_is_said(study, own, capsys):
    words = words_of(study / "data", own, "--sizes", "1", "--no-upper-bound", "--layer")
    code, _, err = call(capsys, *words, "nothing")
    assert code == 2
    assert "--layer" in err
    assert "Feature maps" not in (own / "report.html").read_text()
    model = load_model(next((own / "trials" / "image").iterdir()) / "run")
    layer = next(name for name, module in model.net.named_modules() if "Conv" in repr(type(module)))
    assert call(capsys, *words, layer)[0] == 0
    assert "Feature maps" in (own / "report.html").read_text()


def test_other_settings_are_other_trials_from_the_coarse_network_on(study, own, capsys):
    words = words_of(study / "data", own, "--sizes", "1", "--no-upper-bound")
    before = weights(own)
    code, _, err = call(capsys, *words, "--set", "train.steps_per_epoch=3")
    assert code == 0, err
    assert before.items() < weights(own).items()
    assert len(weights(own)) == len(before) + 4
    assert len(trials(own, "masks")) == 2
    text = (own / "report.html").read_text()
    assert "2 epochs of 3 steps" in text
    assert "2 epochs of 2 steps" not in text


def test_threshold_masks_share_a_template_that_is_never_tested(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=5, shape=(16, 20, 16))
    out = tmp_path / "s"
    words = words_of(data, out, "--sizes", "1", "--mask", "method=threshold", "--mask",
                     "frame=template", "--no-upper-bound")  # fmt: skip
    code, _, err = call(capsys, *words)
    assert code == 0, err
    ((masks, step),) = trials(out, "masks").items()
    assert not trials(out, "coarse")
    template = read_image(masks / "prior" / "template.nii.gz").array
    first = data / "imagesTr" / f"{step['draw']['train'][0]}_0000.nii.gz"
    np.testing.assert_array_equal(template, read_image(first).array)
    assert step["draw"]["train"][0] not in step["draw"]["test"]
    assert str(tmp_path) not in (out / "experiment.yaml").read_text()
    for arm in ("image", "gbm_(threshold)", "image+gbm_(threshold)"):  # all in the one frame
        ((place, trial),) = trials(out, arm).items()
        assert trial["recipe"]["preprocessing"]["frame"] == "template"
        own = read_image(place / "run" / "prior" / "template.nii.gz").array
        np.testing.assert_array_equal(own, template)
    assert set(read(out)["arms"]["dice"]) == {"image", "gbm (threshold)", "image+gbm (threshold)"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sizes", "1,x"], "expected numbers such as"),
        (["--sizes", "0"], "between 1 and the number of subjects"),
        (["--sizes", "9"], "are too few"),
        (["--test-subjects", "6"], "7 subjects are too few"),
        (["--budget", "x"], "minutes, hours, paper"),
        (["--mask", "closing_mm=3"], "name a method"),
        (["--mask", "method=threshold", "--mask", "closing=3"], "--mask: is not usable"),
        (["--page-only"], "holds no experiment.yaml"),
    ],
    ids=["no number", "no subject", "too many", "none left", "budget", "no method", "no such key",
         "nothing there"],
)  # fmt: skip
def test_bad_input_is_said_before_any_training(capsys, tmp_path, words, said):
    data = write_volume_dataset(tmp_path / "data", cases=7)
    code, _, err = call(capsys, *words_of(data, tmp_path / "s", "--sizes", "1"), *words)
    assert code == 2
    assert said in err
    assert not list(tmp_path.rglob("trial.json"))


def test_a_study_of_the_old_form_is_refused(study, tmp_path, capsys):
    (tmp_path / "runs" / "n01_image_seed0").mkdir(parents=True)
    code, _, err = call(capsys, *words_of(study / "data", tmp_path, "--sizes", "1"))
    assert code == 2
    assert "of an older version" in err
    assert [f.name for f in tmp_path.iterdir()] == ["runs"]


def test_feature_maps_are_the_layers_own(study):
    import torch

    from segscope.data import load_of

    dataset = open_dataset(study / "data")
    model = load_model(next((study / "s" / "trials" / "image").iterdir()) / "run")
    case = dataset.training[0]
    found = feature_maps(model, case)
    assert found.maps.shape == (4, *found.truth.shape)
    seen = {}
    layer = dict(model.net.named_modules())[found.layer]
    hook = layer.register_forward_hook(lambda _, __, out: seen.update(out=out))
    prepared = model.spec.plan.apply(load_of(dataset, case).image)
    with torch.inference_mode():
        model.net(torch.from_numpy(prepared.array.copy())[None])
    hook.remove()
    truth = model.spec.plan.apply_label(load_of(dataset, case).label, prepared)
    best = int((truth > 0).sum((0, 1)).argmax())
    expected = np.rot90(seen["out"][0].numpy()[..., best], axes=(-2, -1))
    np.testing.assert_allclose(found.maps, expected, atol=1e-5)
    with pytest.raises(InputError, match="--layer"):
        feature_maps(model, case, layer="nothing")


def test_the_pages_features_are_those_of_its_networks(study):
    facts = sorted((study / "s" / "trials" / "image").glob("*/again/features/scores.json"))
    assert facts
    with np.load(facts[0].parent / "maps.npz") as kept:
        trial = facts[0].parents[2]
        name = json.loads(facts[0].read_text())["case"]
        case = next(c for c in open_dataset(study / "data").training if c.name == name)
        found = feature_maps(load_model(trial / "run", weights="best"), case)
        np.testing.assert_allclose(kept["maps"], found.maps, atol=1e-6)
    assert name == json.loads((trial / "trial.json").read_text())["draw"]["test"][0]


@pytest.mark.slow
def test_killed_and_moved_on_real_data_it_goes_on(shared_data, tmp_path):
    from segscope.studies.gbm import Options  # noqa: F401 (the room is there before the clock runs)

    data, out = tmp_path / "data", tmp_path / "s"
    shutil.copytree(shared_data / "hippocampus", data)

    def words(data, out):
        few = ["--sizes", "1", "--seeds", "2", "--jobs", "2", "--no-upper-bound"]
        return [sys.executable, "-m", "segscope.cli.main",
                *(str(w) for w in [*words_of(data, out), *few])]  # fmt: skip

    begun = subprocess.Popen(words(data, out), start_new_session=True)
    while not list(out.glob("trials/*/*/run/weights_last.safetensors")):
        assert begun.poll() is None
        time.sleep(0.05)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    done = {f: f.read_bytes() for f in out.glob("trials/*/*/result.json")}
    assert len(done) < 8
    shutil.move(data, tmp_path / "there")
    shutil.move(out, tmp_path / "elsewhere")
    again = subprocess.run(words(tmp_path / "there", tmp_path / "elsewhere"), check=False)
    assert again.returncode == 0
    moved = tmp_path / "elsewhere"
    assert all((moved / f.relative_to(out)).read_bytes() == kept for f, kept in done.items())
    results = list(moved.glob("trials/*/*/result.json"))
    assert len(results) == 2 + 2 * 3  # the steps, and every input and seed
    facts = read(moved)
    assert facts["undone"] == []
    assert {one["n"] for one in facts["arms"]["dice"].values()} == {2}
