"""The commands of classifiers on images: classify train, predict, cam."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.cli.main import main
from segscope.data import read_label
from segscope.explain import dice_over_thresholds, otsu_threshold
from tests.commands import call_flat as call
from tests.training.test_classify import write_classes

TINY = ["--model", "test_resnet", "--size", "32", "--set", "epochs=2", "--set", "batch_size=8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify")
    write_classes(folder / "data")
    with pytest.raises(SystemExit) as ended:
        main(["classify", "train", str(folder / "data"), "-o", str(folder / "run"), *TINY])
    assert ended.value.code == 0
    return folder


def test_the_line_that_began_a_classifier_goes_on_with_it(run, capsys):
    line = ["classify", "train", run / "data", "-o", run / "run", *TINY, "--resume"]
    code, _, err = call(capsys, *line)
    assert code == 0
    assert "is trained to its end already (2 epochs)" in err
    code, _, err = call(capsys, *line, "--set", "epochs=3")
    assert code == 2
    assert "epochs: the run has 2, asked for is 3" in err


def test_training_says_how_well_and_predict_says_the_same(run, tmp_path, capsys):
    known = json.loads((run / "run" / "validation.json").read_text())
    code, said, err = call(
        capsys, "classify", "predict", run / "run", "-i", run / "data", "-o", tmp_path / "c",
        "--column", "class", "--json",
    )  # fmt: skip
    assert code == 0, err
    facts = json.loads(said)
    assert len(facts["images"]) == 20
    assert len(facts["weights_sha256"]) == 64
    written, validated = (
        list(csv.DictReader(file.read_text().splitlines()))
        for file in (tmp_path / "c" / "classes.csv", run / "run" / "validation.csv")
    )
    rows = {row["case"]: row for row in written}
    assert len(validated) == known["n"]
    for row in validated:
        assert float(row["p(abnormal)"]) == pytest.approx(
            float(rows[row["case"]]["p(abnormal)"]), abs=1e-6
        )


def test_images_alone_are_classified_too(run, tmp_path, capsys):
    code, said, err = call(
        capsys, "classify", "predict", run / "run", "-i", run / "data" / "imagesTr",
        "-o", tmp_path / "c",
    )  # fmt: skip
    assert code == 0, err
    assert "20 images" in said
    assert "accuracy" not in said


def test_an_image_that_is_refused_leaves_the_others(run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a", "z"):  # whichever comes first
        (tmp_path / "in" / f"{name}.png").write_bytes(b"no image")
    for file in sorted((run / "data" / "imagesTr").iterdir())[:3]:
        (tmp_path / "in" / file.name.replace("_0000", "")).write_bytes(file.read_bytes())
    for command, table in (("predict", "classes.csv"), ("cam", "cam.csv")):
        words = ["classify", command] if command == "predict" else [command]
        out = tmp_path / command
        code, _, err = call(capsys, *words, run / "run", "-i", tmp_path / "in", "-o", out)
        assert code == 1, err
        assert "2 of 5 cases failed" in err
        assert "a.png" in err
        assert "z.png" in err
        assert len(list(csv.DictReader((out / table).read_text().splitlines()))) == 3


def foreign(folder, run):
    """One image of the training's kind, and one of 16 bits: 257 times brighter to the network."""
    folder.mkdir()
    source = sorted((run / "data" / "imagesTr").iterdir())[0]
    (folder / "kin.png").write_bytes(source.read_bytes())
    with PillowImage.open(source) as image:
        deep = np.asarray(image).astype(np.uint16) * 257
    PillowImage.fromarray(deep).save(folder / "deep.png")
    return folder


def test_an_image_unlike_those_of_the_training_is_refused_unless_anyway(
    run, tmp_path, capsys, caplog
):
    words = ["classify", "predict", run / "run", "-i", foreign(tmp_path / "in", run)]
    code, _, err = call(capsys, *words, "-o", tmp_path / "c")
    assert code == 1
    assert "deep.png: FAR OUTSIDE of what this model has seen" in err
    assert "kin: " not in err + caplog.text
    rows = list(csv.DictReader((tmp_path / "c" / "classes.csv").read_text().splitlines()))
    assert [row["case"] for row in rows] == ["kin"]

    (tmp_path / "in" / "kin.png").unlink()
    code, _, err = call(capsys, *words, "-o", tmp_path / "d")
    assert code == 2
    assert not (tmp_path / "d").exists()
    code, _, err = call(capsys, *words, "-o", tmp_path / "d", "--anyway")
    assert code == 0
    assert "deep: FAR OUTSIDE of what this model has seen" in caplog.text
    caplog.clear()
    facts = json.loads((tmp_path / "d" / "classes.json").read_text())
    assert facts["notes"]["deep"][0].startswith("FAR OUTSIDE")

    code, _, err = call(capsys, "cam", run / "run", "-i", tmp_path / "in", "-o", tmp_path / "m")
    assert code == 0
    assert "deep: FAR OUTSIDE of what this model has seen" in caplog.text
    caplog.clear()


def test_values_of_0_to_1_are_those_that_8_bits_stand_for(run, tmp_path, capsys, caplog):
    source = sorted((run / "data" / "imagesTr").iterdir())[0]
    with PillowImage.open(source) as image:
        (tmp_path / "in").mkdir()
        PillowImage.fromarray(np.asarray(image, np.float32) / 255).save(tmp_path / "in" / "a.tif")
    code, _, err = call(
        capsys, "classify", "predict", run / "run", "-i", tmp_path / "in", "-o", tmp_path / "c"
    )
    assert code == 0, err
    assert "OUTSIDE" not in err + caplog.text


def test_a_classifier_without_a_fingerprint_says_so(run, tmp_path, capsys, caplog):
    older = tmp_path / "run"
    shutil.copytree(run / "run", older)
    words = ["classify", "predict", older, "-i", run / "data" / "imagesTr", "-o", tmp_path / "c"]
    (older / "fingerprint.json").unlink()
    code, _, err = call(capsys, *words)
    assert code == 2  # its manifest lists one
    assert f"{older / 'fingerprint.json'}: is missing" in err
    (older / "manifest.json").unlink()
    code, _, err = call(capsys, *words)
    assert code == 0
    assert caplog.text.count("has no fingerprint.json of its training cases") == 1


@pytest.mark.parametrize("threshold", ["otsu", "image-level"])
def test_maps_lie_on_the_images_pixels_and_are_scored_by_the_masks(
    run, tmp_path, capsys, threshold
):
    code, said, err = call(
        capsys, "cam", run / "run", "-i", run / "data", "-o", tmp_path / "m", "--cases", "all",
        "--class", "abnormal", "--threshold", threshold, "--method", "hirescam",
    )  # fmt: skip
    assert code == 0, err
    assert "(oracle)" in said
    facts = json.loads((tmp_path / "m" / "cam.json").read_text())
    assert len(facts["maps"]) == 20
    for row in facts["maps"]:
        heat = read_label(tmp_path / "m" / "heatmaps" / f"{row['case']}.png").array
        assert heat.shape == (40, 36)
        mask = read_label(run / "data" / "labelsTr" / f"{row['case']}.png").array
        if threshold == "otsu":
            assert row["threshold"] == otsu_threshold(heat.astype(np.uint8))
        if mask.any():
            curve = dice_over_thresholds(heat.astype(np.uint8), mask)
            assert row["dice"] == curve[row["threshold"]]
            assert row["oracle_dice"] == curve.max()
            assert row["mean_dice"] == pytest.approx(curve.mean(), abs=1e-12)
        else:
            assert row["dice"] is None
    assert len(list((tmp_path / "m" / "pictures").iterdir())) == 20


def test_misuse_is_said_in_a_line(run, tmp_path, capsys):
    data = run / "data"
    wrong = [
        (["cam", run / "run", "-i", data, "-o", tmp_path / "m", "--class", "benign"], "--class"),
        (["cam", run / "run", "-i", data, "-o", tmp_path / "m", "--masks", data], "--masks"),
        (["cam", run / "run", "-i", data, "-o", tmp_path / "m", "--threshold", "x"], "--threshold"),
        (["cam", run / "run", "-i", data, "-o", tmp_path / "m", "--layer", "x"], "layer"),
        (["classify", "train", data, "-o", run / "run", *TINY], "holds a run already"),
        (["classify", "train", data, "-o", run / "run", "--resume", "--size", "64"], "size"),
        (["classify", "train", data, "-o", tmp_path / "r", "--model", "xceptoin"], "did you mean"),
        (["classify", "train", data, "-o", tmp_path / "r", "--column", "x"], "column x"),
        (["classify", "predict", tmp_path, "-i", data, "-o", tmp_path / "c"], "classifier.json"),
        (["predict", run / "run", "-i", data, "-o", tmp_path / "p"], "model.json"),
        (["study", "cam", data, "-o", tmp_path / "s", "--normals", "none"], "--normals"),
        (["study", "cam", data, "-o", tmp_path / "s", "--networks", "nothing"], "did you mean"),
    ]
    for words, said in wrong:
        code, _, err = call(capsys, *words)
        assert code == 2, (words, err)
        assert said in err, (words, err)
        assert "Traceback" not in err
