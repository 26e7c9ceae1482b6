"""A thing of each kind in a package of the user's own, used from the command line."""

import csv
import json
import multiprocessing
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import yaml

from segscope.cli.main import main
from segscope.data import read_image, read_label
from tests.packages import OWN, OWN_ENTRIES, install, worst_of
from tests.synthetic import write_plane_dataset

PACKAGE = "own-things==1.2"


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = install(tmp_path_factory.mktemp("site"), "own-things", OWN, OWN_ENTRIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="module")
def made(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    write_plane_dataset(folder / "data", cases=6)
    settings = ("network.name=plain_net", "network.widths=[4,6]", "loss.name=brier",
                "loss.options={power: 1}", "train.steps_per_epoch=4", "train.epochs=1",
                "train.learning_rate=0.02")  # fmt: skip
    words = [word for setting in settings for word in ("--set", setting)]
    assert call("train", folder / "data", "-o", folder / "run", "--folds", "3", *words) == 0
    return folder


@pytest.fixture
def elsewhere(site, monkeypatch):
    """This process as one in which the package is not installed."""
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(site)])


def test_network_and_loss_are_trained_and_the_run_says_of_which_package_they_are(made):
    recipe = yaml.safe_load((made / "run" / "recipe.yaml").read_text())
    assert recipe["packages"] == {"network plain_net": PACKAGE, "loss brier": PACKAGE}
    spec = json.loads((made / "run" / "model.json").read_text())
    assert spec["network"]["package"] == PACKAGE


def test_a_run_whose_package_is_not_here_says_what_to_install(made, elsewhere, tmp_path, capsys):
    words = ["-i", made / "data" / "imagesTr", "-o", tmp_path / "p"]
    assert call("predict", made / "run", *words) == 2
    said = capsys.readouterr().err
    assert "network 'plain_net': is of the package own-things==1.2" in said
    assert "pip install own-things==1.2" in said
    assert call("train", made / "data", "-o", tmp_path / "r", "--recipe",
                made / "run" / "recipe.yaml") == 2  # fmt: skip
    assert "pip install own-things==1.2" in capsys.readouterr().err


def test_a_metric_is_measured_beside_the_others(made, site, tmp_path, capsys):
    truth = made / "data" / "labelsTr"
    words = ["evaluate", truth, truth, "-o", tmp_path / "e", "--metric"]
    assert call(*words, "bias_voxels") == 0
    assert "bias_voxels" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "e" / "metrics.csv").read_text().splitlines()))
    assert [float(row["bias_voxels"]) for row in rows] == [0.0] * 6
    assert call(*words, "bias") == 2
    assert "unknown metric 'bias', did you mean 'bias_voxels'?" in capsys.readouterr().err
    assert call(*words, "dice") == 2
    assert "is measured anyway" in capsys.readouterr().err


def test_a_cam_method_makes_maps(made, site, tmp_path, capsys):
    words = ["cam", made / "run", "-i", made / "data", "-o", tmp_path / "c", "--method"]
    assert call(*words, "layercam") == 0
    facts = json.loads((tmp_path / "c" / "cam.json").read_text())
    assert (facts["method"], facts["package"]) == ("layercam", PACKAGE)
    capsys.readouterr()
    assert call(*words[:-2], tmp_path / "d", "--method", "magic") == 2
    assert "gradcam++" in (said := capsys.readouterr().err)
    assert "layercam" in said


def test_a_quality_score_ranks_beside_the_others(made, site, tmp_path, capsys):
    words = [made / "run", "-i", made / "data", "--score", "share"]
    assert call("quality", *words, "-o", tmp_path / "q") == 0
    found = json.loads((tmp_path / "q" / "quality.json").read_text())
    assert found["figures"]["share"]["meaning"] == "share of the predicted voxels"
    assert all(0 <= row["share"] <= 1 for row in found["cases"])
    words[-1] = "shore"
    assert call("quality", *words) == 2
    assert "--score shore: is not known" in capsys.readouterr().err


def test_a_quality_score_is_measured_by_two_processes_as_by_one(made, site, tmp_path, capsys):
    for folder, jobs in (("one", 1), ("two", 2)):
        words = [made / "run", "-i", made / "data", "-o", tmp_path / folder, "--jobs", jobs]
        assert call("quality", *words, "--score", "share") == 0
    one, two = ((tmp_path / name / "quality.csv").read_text() for name in ("one", "two"))
    assert one == two
    assert ",share," in one.partition("\n")[0]
    capsys.readouterr()


def test_files_of_an_own_format_are_predicted_and_written(made, site, tmp_path, capsys):
    source = sorted((made / "data" / "imagesTr").glob("*.png"))[0]
    (tmp_path / "in").mkdir()
    array = read_image(source).array[0]
    with (tmp_path / "in" / "a_0000.npa").open("wb") as file:
        np.save(file, array)
    shutil.copy(source, tmp_path / "in" / "b_0000.png")
    assert call("predict", made / "run", "-i", tmp_path / "in", "-o", tmp_path / "out") == 0
    own, png = (read_label(tmp_path / "out" / name) for name in ("a.npa", "b.png"))
    assert own.array.shape == array.shape
    assert (own.array == png.array).all()
    assert call("evaluate", tmp_path / "out" / "a.npa", tmp_path / "out" / "a.npa", "-o",
                tmp_path / "e") == 0  # fmt: skip
    capsys.readouterr()


def test_a_dataset_of_an_own_layout_is_checked_trained_and_predicted(made, site, tmp_path, capsys):
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "flat.json").write_text('{"background": 0, "disc": 1}')
    for label in sorted((made / "data" / "labelsTr").glob("*.png")):
        image = made / "data" / "imagesTr" / f"{label.stem}_0000.png"
        shutil.copy(image, flat / f"{label.stem}-image.png")
        shutil.copy(label, flat / f"{label.stem}-mask.png")
    assert call("data", "check", flat, "--json") == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    run = tmp_path / "run"
    words = [word for setting in ("network.widths=[4,6]", "train.steps_per_epoch=1",
                                  "train.epochs=1") for word in ("--set", setting)]  # fmt: skip
    assert call("train", flat, "-o", run, "--folds", "3", *words) == 0
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    assert recipe["packages"] == {"dataset layout flat": PACKAGE}
    assert call("predict", run, "-i", flat, "-o", tmp_path / "p") == 0
    assert len(list((tmp_path / "p").glob("*.png"))) == 6
    truth = made / "data" / "labelsTr"
    assert call("evaluate", truth, truth, "-o", tmp_path / "e", "-d", flat) == 0
    assert "\ndisc " in capsys.readouterr().out
    assert call("audit", run, "-i", flat, "-o", tmp_path / "a", "--score", "share") == 0
    rows = list(csv.DictReader((tmp_path / "a" / "cases.csv").read_text().splitlines()))
    assert all(0 <= float(row["share"]) <= 1 for row in rows)
    capsys.readouterr()
    (flat / f"{label.stem}-mask.png").unlink()
    assert call("data", "check", flat) == 2
    assert "has no mask" in capsys.readouterr().out


def test_a_comparison_trains_a_network_and_ranks_by_a_metric(made, site, tmp_path, capsys):
    words = ["--metric", "bias_voxels", "--folds", "2", "--seeds", "1"]
    for setting in ("network.widths=[4,6]", "train.steps_per_epoch=1", "train.epochs=1"):
        words += ["--set", setting]
    arms = ("--arm", "plain_net", "--arm", "unet")
    assert call("compare", made / "data", "-o", tmp_path / "c", *arms, *words) == 0
    assert "in the table: " in (said := capsys.readouterr().out)
    assert "bias_voxels" in said
    trials = [json.loads(f.read_text()) for f in (tmp_path / "c").glob("trials/*/*/trial.json")]
    assert [trial["metrics"] for trial in trials] == [{"bias_voxels": PACKAGE}] * 4


def test_info_lists_them(site, capsys):
    assert call("info", "--json") == 0
    declared = json.loads(capsys.readouterr().out)["declared"]
    assert declared == dict.fromkeys(OWN_ENTRIES, PACKAGE)
    assert call("info") == 0
    assert f"segscope.networks:plain_net  {PACKAGE}" in capsys.readouterr().out


def test_a_process_that_is_started_anew_finds_them_by_name(tmp_path, monkeypatch):
    code = "from segscope.metrics import Metric\nLIGHT = Metric(None.__eq__, False, 7.0)"
    install(tmp_path, "light-things", code, {"segscope.metrics:light": "LIGHT"})
    monkeypatch.syspath_prepend(str(tmp_path))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(worst_of, "light").result() == 7.0
