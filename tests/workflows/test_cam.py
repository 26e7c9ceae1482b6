"""Class activation maps as a function."""

import json

import pytest

from segscope.data import read_label
from segscope.errors import InputError
from segscope.workflows.cam import CamOptions, cam
from segscope.workflows.train import TrainOptions, train
from tests.synthetic import write_plane_dataset

TINY = {"network.widths": [4, 8], "train.epochs": 1, "train.steps_per_epoch": 2}


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cam")
    data = write_plane_dataset(folder / "data", cases=3, shape=(32, 32))
    train(data, folder / "run", TrainOptions(settings=TINY, folds=3, device="cpu"))
    return folder


def test_maps_are_scored_and_said_as_their_file_says(segmenter):
    out = segmenter / "maps"
    found = cam(segmenter / "run", segmenter / "data", out, CamOptions(device="cpu", cases="all"))
    assert [row.case for row in found.rows] == ["p0", "p1", "p2"]
    assert found.to_dict() == json.loads((out / "cam.json").read_text())
    assert read_label(out / "heatmaps" / "p0_disc.png").array.shape == (32, 32)
    with pytest.raises(InputError, match="not an empty folder"):
        cam(segmenter / "run", segmenter / "data", out)


def test_options_of_classifiers_are_refused_for_other_networks(segmenter):
    with pytest.raises(InputError, match="are for classifiers"):
        cam(segmenter / "run", segmenter / "data", segmenter / "new", CamOptions(of="disc"))
