"""Networks that do not say how images are prepared, put together with what a user says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.images import Grid, Image
from segscope.inference import predict_labels, predict_probabilities
from segscope.inference.foreign.asked import Body, example_for, trained
from segscope.inference.prepare_file import read_prepare_file
from tests.inference.foreign.programs import PREPARE


def body(net=None, channels=1, **other):
    return Body(net or nn.Conv2d(1, channels, 1), "a network", 2, 1, channels, **other)


def opened(tmp_path, found, **changes):
    file = tmp_path / "prepare.json"
    said = {k: v for k, v in (PREPARE | changes).items() if v is not None}
    file.write_text(json.dumps(said))
    return trained(tmp_path / "m.onnx", found, file)


@pytest.mark.parametrize("found", [
    body(), body(channels=3), body(imagenet=True),
    Body(nn.Identity(), "a network", 3, 2, 4, output="probabilities"),
    Body(nn.Identity(), "a network", 2, 3, 1, imagenet=True),
])  # fmt: skip
def test_the_example_that_is_printed_opens_the_network(found, tmp_path):
    (tmp_path / "p.yaml").write_text(example_for(found))
    model = trained(tmp_path / "m.onnx", found, tmp_path / "p.yaml")
    assert len(model.spec.channel_names) == found.in_channels
    if found.imagenet and found.in_channels == 3:
        assert read_prepare_file(tmp_path / "p.yaml").plan("p", ("R", "G", "B"), 2, 2).channels[
            0
        ].mean == pytest.approx(255 * 0.485)


@pytest.mark.parametrize(("changes", "said"), [
    ({"labels": None}, "labels: missing"),
    ({"labels": {"background": 0}}, "2 labels"),
    ({"labels": {"background": 0, "a": 2}}, "0 to 1"),
    ({"channel_names": {"0": "a", "1": "b"}}, "takes 1 channels"),
    ({"channel_names": None, "preprocessing": {}}, "channel_names: missing"),
    ({"window": [8, 8, 8]}, "window: 2 positive numbers"),
])  # fmt: skip
def test_what_does_not_fit_the_network_is_named_by_its_key(changes, said, tmp_path):
    with pytest.raises(InputError, match=said):
        opened(tmp_path, body(), **changes)


def test_another_window_than_the_only_one_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"takes \(8, 8\) and nothing else"):
        opened(tmp_path, body(fixed=(8, 8)), window=[16, 16])


def test_asis_numbers_the_labels_and_segscope_needs_a_dataset(tmp_path):
    model = trained(tmp_path, body(channels=3), Path("asis"))
    assert model.spec.labels == {"background": 0, "1": 1, "2": 2}
    with pytest.raises(InputError, match="measures a dataset"):
        trained(tmp_path, body(), Path("segscope"))


def test_regions_that_overlap_are_written_one_over_the_other(tmp_path):
    """Two sigmoids: above 0.25, and above 0.75; a voxel of both is the later one."""
    net = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        net.weight.fill_(40.0)
        net.bias.copy_(torch.tensor([-10.0, -30.0]))
    model = opened(tmp_path, body(net, 2), exclusive=False,
                   labels={"background": 0, "large": 1, "core": 2})  # fmt: skip
    image = Image(np.array([[[0, 127, 255.0]]]), Grid.from_spacing((1, 3)))
    assert predict_labels(model, image).array.tolist() == [[0, 1, 2]]
    found = predict_probabilities(model, image).array
    assert found[:, 0, 2].min() > 0.99  # both


def test_the_overlap_that_is_said_is_used(tmp_path):
    assert opened(tmp_path, body(), overlap=0.25).how().overlap == 0.25
    assert opened(tmp_path, body(), overlap=0.25).how(overlap=0.75).overlap == 0.75
