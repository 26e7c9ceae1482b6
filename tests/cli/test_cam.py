"""``segscope cam`` on runs of planes and volumes."""

import csv
import json

import pytest

from segscope.cli.main import main
from segscope.data import read_image
from segscope.explain import CAM_METHODS
from tests.synthetic import write_plane_dataset, write_volume_dataset


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def trained(folder, *settings):
    words = ["train", folder / "data", "-o", folder / "run", "--folds", "3"]
    for setting in ("network.widths=[4,6]", "train.steps_per_epoch=6", "train.epochs=3",
                    "train.learning_rate=0.01", *settings):  # fmt: skip
        words += ["--set", setting]
    assert call(*words) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cam")
    write_plane_dataset(folder / "data", cases=6)
    trained(folder)
    return folder


@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_method_gives_maps_scores_and_pictures(planes, tmp_path, capsys, method):
    words = ["cam", planes / "run", "-i", planes / "data", "-o", tmp_path / "c"]
    assert call(*words, "--method", method) == 0
    said = capsys.readouterr().out
    assert "oracle" in said
    facts = json.loads((tmp_path / "c" / "cam.json").read_text())
    assert facts["method"] == method
    for row in facts["maps"]:
        name = f"{row['case']}_{row['label']}"
        heat = read_image(tmp_path / "c" / "heatmaps" / f"{name}.png")
        image = read_image(planes / "data" / "imagesTr" / f"{row['case']}_0000.png")
        assert heat.grid.shape == image.grid.shape
        assert heat.array.max() > 0
        assert (tmp_path / "c" / "pictures" / f"{name}.png").is_file()
        assert 0 <= row["dice"] <= row["oracle_dice"] <= 1
        assert row["mean_dice"] <= row["oracle_dice"]
    rows = list(csv.DictReader((tmp_path / "c" / "cam.csv").read_text().splitlines()))
    assert len(rows) == len(facts["maps"])


def test_signed_maps_are_asked_for_by_a_flag(planes, tmp_path, capsys):
    words = ["cam", planes / "run", "-i", planes / "data", "--signed"]
    assert call(*words, "-o", tmp_path / "c") == 0
    assert json.loads((tmp_path / "c" / "cam.json").read_text())["method"] == "gradcam_signed"
    assert call(*words, "-o", tmp_path / "s", "--method", "saliency") == 2
    assert "signed maps are of gradcam" in " ".join(capsys.readouterr().err.split())


def test_a_classifier_that_others_trained_stands_in_for_a_run(planes, tmp_path, capsys):
    (tmp_path / "theirs_for_cam.py").write_text(
        "from torch import nn\n\ndef make():\n    return nn.Sequential(nn.Conv2d(1, 2, 3), "
        "nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    (tmp_path / "how.yaml").write_text("size: [24, 20]\nclasses: [none, disc]\n")
    words = ["cam", "--model", f"{tmp_path / 'theirs_for_cam.py'}:make", "--class", "disc",
             "--prepare", tmp_path / "how.yaml", "-i", planes / "data"]  # fmt: skip
    assert call(*words, "-o", tmp_path / "c") == 0
    assert "disc: mean over 6 cases" in capsys.readouterr().out
    assert call("cam", "-i", planes / "data", "-o", tmp_path / "d") == 2
    assert "or a trained classifier with --model" in " ".join(capsys.readouterr().err.split())


def test_volumes_and_images_without_truth(tmp_path, capsys):
    write_volume_dataset(tmp_path / "data", cases=6)
    run = trained(tmp_path)
    images = tmp_path / "data" / "imagesTr"
    assert call("cam", run, "-i", images, "-o", tmp_path / "c", "--json") == 0
    maps = json.loads(capsys.readouterr().out.splitlines()[-1])["maps"]
    assert len(maps) == 6 * 2
    assert all(row["mean_dice"] is None for row in maps)
    for row in maps:
        heat = read_image(tmp_path / "c" / "heatmaps" / f"{row['case']}_{row['label']}.nii.gz")
        assert heat.grid.matches(read_image(images / f"{row['case']}_0000.nii.gz").grid)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "magic"], "method must be one of gradcam"),
        (["--layer", "encoder.9"], "near are encoder"),
        (["--cases", "test"], "has none"),
    ],
)
def test_bad_input_is_one_line(planes, tmp_path, capsys, words, said):
    assert call("cam", planes / "run", "-i", planes / "data", "-o", tmp_path / "c", *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "c" / "cam.csv").exists()
