"""Every malformed or awkward file through every command that reads."""

import json
import shutil

import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import read_image, read_label
from segscope.inference import save_model
from tests.corpus import CORPUS, image_path, volume, write_dataset
from tests.inference.nets import random_model

PLANES = (".png", ".tif", ".jpg")
TINY = ["network.widths=[4,6]", "train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=2"]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A network for volumes and one for planes, with random weights, and a classifier."""
    folder = tmp_path_factory.mktemp("runs")
    for dims in (2, 3):
        model = random_model(
            dims, widths=(4, 6), patch=(16,) * dims, ending=".nii.gz" if dims == 3 else ".png",
            channels=[{"name": "MR", "scheme": "zscore"}],
        )  # fmt: skip
        labels = {"background": 0, "ball": 1}
        spec = model.spec.model_copy(update={"labels": labels, "channel_names": ("MR",)})
        save_model(folder / f"{dims}d", spec, model.net)
        split = {"dataset": "", "fold": 0, "folds": 2, "train": ["c2", "c3"], "val": ["c0", "c1"]}
        (folder / f"{dims}d" / "split.json").write_text(json.dumps(split))
    write_dataset(folder / "planes", ".png", cases=10)
    with pytest.raises(SystemExit) as ended:
        main(["classify", "train", str(folder / "planes"), "-o", str(folder / "classes"),
              "--model", "test_resnet", "--size", "32", "--set", "epochs=1"])  # fmt: skip
    assert ended.value.code == 0
    return folder


def commands(entry, runs, data, file, out):
    """What a person might do with this dataset, and whether it must come to read the file."""
    plane = entry.ending in PLANES
    run = runs / ("2d" if plane else "3d")
    settings = [word for setting in TINY for word in ("--set", setting)]
    image = entry.kind == "image"
    found = {
        "data check": ["data", "check", data],
        "train": ["train", data, "-o", out / "run", "--folds", "2", *settings],
        "audit": ["audit", run, "-i", data, "-o", out / "audit", "--cases", "all"],
        "quality": ["quality", run, "-i", data, "-o", out / "quality", "--cases", "all"],
        "cam": ["cam", run, "-i", data, "-o", out / "cam", "--cases", "all"],
        "data rois": ["data", "rois", data, "-o", out / "rois", "--normals", "none"],
        "study anunet": ["study", "anunet", data, "-o", out / "study", "--folds", "2", *settings],
        "study protoseg": ["study", "protoseg", data, "-o", out / "ps", "--folds", "2", *settings],
        "study siamese": ["study", "siamese", data, "-o", out / "si", "--folds", "2", *settings],
        "study gbm": ["study", "gbm", data, "-o", out / "gbm", "--test-subjects", "1",
                      "--val-subjects", "1", "--coarse-subjects", "1", "--sizes", "1", *settings],
    }  # fmt: skip
    if image:
        found["data inspect"] = ["data", "inspect", file]
        found["predict"] = ["predict", run, "-i", data / "imagesTr", "-o", out / "predictions"]
        found["data masks"] = ["data", "masks", "-i", data / "imagesTr", "-o", out / "masks"]
    else:
        found["data inspect"] = ["data", "inspect", file, "--label"]
        found["evaluate truth"] = ["evaluate", data / "good", data / "labelsTr", "-o", out / "s1"]
        found["evaluate"] = ["evaluate", data / "labelsTr", data / "good", "-o", out / "s2"]
    if plane and image:
        found["classify train"] = ["classify", "train", data, "-o", out / "c", "--model",
                                   "test_resnet", "--size", "32", "--set", "epochs=1",
                                   "--set", "val_share=0.5"]  # fmt: skip
        found["classify predict"] = ["classify", "predict", runs / "classes", "-i", data,
                                     "-o", out / "p", "--column", "class"]  # fmt: skip
    if plane:
        found["study cam"] = ["study", "cam", data, "-o", out / "cams", "--networks", "test_resnet"]
    if entry.ending in (".jpg", ".dcm"):  # of labels there is no such format
        found = {name: found[name] for name in ("data inspect", "predict", "data masks")}
    if entry.ending == ".dcm":
        for name in ("audit", "quality", "cam"):
            found[name] = [name, run, "-i", data / "imagesTr", "-o", out / name]
    return found


def put(entry, tmp_path):
    data = write_dataset(tmp_path / "data", entry.ending)
    if (data / "labelsTr").exists():
        shutil.copytree(data / "labelsTr", data / "good")
    file = image_path(data, entry)
    entry.write(file)
    return data, file


REFUSED = [entry for entry in CORPUS if entry.refused]


@pytest.mark.parametrize("entry", REFUSED, ids=str)
def test_what_cannot_be_trusted_is_refused_by_every_command(entry, runs, tmp_path, capsys):
    data, file = put(entry, tmp_path)
    refuse(commands(entry, runs, data, file, tmp_path / "out"), entry, file, tmp_path, capsys)


def refuse(words_of, entry, file, tmp_path, capsys):
    for name, words in words_of.items():
        beside = entry.kind == "label" and entry.name.startswith(("another", "undeclared"))
        if beside and (
            name == "data inspect"
            or (name.startswith("evaluate") and entry.name.startswith("undeclared"))
        ):
            continue  # a label map alone may lie anywhere, and hold any label
        code, said = call(capsys, *words)
        plain = " ".join(said.split())
        assert code in (1, 2), (name, plain)
        assert "Traceback" not in said, name
        assert file.name in plain.replace(" ", ""), (name, plain)
        made = [f for f in (tmp_path / "out").rglob("c1*") if f.is_file() and "cache" not in str(f)]
        assert not made, (name, made)


@pytest.mark.parametrize("entry", [e for e in CORPUS if not e.refused], ids=str)
def test_awkward_files_are_read_as_they_are_meant(entry, runs, tmp_path, capsys):
    data, file = put(entry, tmp_path)
    good = write_dataset(tmp_path / "good", entry.ending)
    if entry.kind == "label":
        found = read_label(file)
        expected = read_label(good / "labelsTr" / file.name)
        np.testing.assert_array_equal(found.array, expected.array)
    else:
        found, expected = read_image(file), read_image(good / "imagesTr" / file.name)
        if entry.name == "16 bits":
            assert found.array.dtype == np.uint16
        elif entry.name == "constant":
            assert not found.array.any()
        elif entry.ending == ".dcm":
            np.testing.assert_array_equal(found.array[0], np.round(volume(1)[0]))
        else:
            np.testing.assert_allclose(found.array[0], volume(1)[0], rtol=1e-6)
    assert found.grid.matches(expected.grid)
    for name in ("data inspect", "predict", "quality", "data check"):
        words = commands(entry, runs, data, file, tmp_path / "out").get(name)
        if words:
            code, said = call(capsys, *words)
            assert code == 0, (name, said)
    if entry.kind == "image":
        assert list((tmp_path / "out" / "predictions").glob("c1.*"))
        assert np.isfinite(found.array).all()
