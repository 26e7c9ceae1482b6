"""Folders that are no dataset: every command that takes one says what it sees and what to type."""

import shlex

import numpy as np
import pytest
from PIL import Image

from segscope.cli.main import main
from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.workflows.opening import check_dataset_folder, images_of, open_folder
from segscope.workflows.train import TrainOptions, train
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opening")
    write_plane_dataset(folder / "data", cases=3, shape=(16, 16))
    settings = {"network.widths": [2, 4], "train.epochs": 1, "train.steps_per_epoch": 1}
    train(folder / "data", folder / "run", TrainOptions(settings=settings, folds=3, device="cpu"))
    for name, values in (("images", (9, 90)), ("masks", (0, 255))):
        (folder / "my skin" / name).mkdir(parents=True)
        for k in range(2):
            plane = np.full((12, 12), values[0], np.uint8)
            plane[3:8, 2 + k : 7] = values[1]
            Image.fromarray(plane).save(folder / "my skin" / name / f"lesion{k}.png")
    return folder


def run(*words):
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


SEEN = "2 images in images, 2 masks in masks: segscope data convert "


@pytest.mark.parametrize(
    "words",
    [
        ["train", "SKIN", "-o", "NEW"],
        ["train", "SKIN", "-o", "NEW", "--plan-only"],
        ["data", "check", "SKIN"],
        ["data", "export", "SKIN", "-o", "NEW", "--to", "bids"],
        ["data", "rois", "SKIN", "-o", "NEW"],
        ["audit", "RUN", "-i", "SKIN", "-o", "NEW"],
        ["quality", "RUN", "-i", "SKIN", "-o", "NEW"],
        ["predict", "RUN", "-i", "SKIN", "-o", "NEW"],
        ["classify", "train", "SKIN", "-o", "NEW"],
        ["compare", "SKIN", "-o", "NEW", "--arm", "unet=unet"],
        ["study", "anunet", "SKIN", "-o", "NEW"],
        ["study", "siamese", "SKIN", "-o", "NEW"],
        ["study", "gbm", "SKIN", "-o", "NEW"],
    ],
    ids=" ".join,
)
def test_a_folder_of_pairs_is_told_how_it_becomes_a_dataset(place, capsys, words):
    names = {"SKIN": place / "my skin", "NEW": place / "new", "RUN": place / "run"}
    assert run(*(names.get(word, word) for word in words)) == 2
    said = capsys.readouterr().err
    assert SEEN in said
    assert "Traceback" not in said
    assert not (place / "new").exists()


def test_the_command_that_is_named_does_what_it_says(place, tmp_path):
    with pytest.raises(InputError) as error:
        check_dataset_folder(place / "my skin")
    command = str(error.value).partition(": segscope ")[2].partition(" makes a dataset")[0]
    words = shlex.split(command.replace("DATASET", str(tmp_path / "made")))
    assert run(*words) == 0
    assert len(open_folder(tmp_path / "made").training) == 2


def test_a_dataset_passes_and_what_is_not_known_is_left_to_its_reader(place, tmp_path):
    check_dataset_folder(place / "data")
    with pytest.raises(InputError, match=r"dataset\.json: is missing"):
        check_dataset_folder(tmp_path)
    assert open_folder(place / "data").folder == open_dataset(place / "data").folder
    with pytest.raises(InputError, match=r"dataset\.json: is missing"):
        open_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        check_dataset_folder(tmp_path / "none")


def test_another_fault_keeps_its_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^just so$"), images_of(tmp_path):
        raise InputError("just so")
