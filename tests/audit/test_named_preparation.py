"""Somebody else's network is shown images as its owner says, or not at all."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from segscope.audit import audit, name_preparation
from segscope.audit.named_preparation import EXAMPLE, read_prepare_file
from segscope.data import open_dataset
from segscope.errors import InputError
from tests.audit.prepared import Threshold
from tests.synthetic import write_plane_dataset, write_volume_dataset


class FirstHalf(nn.Module):
    """The object lies in the first half along the first axis of the array."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(1, 1, 1)

    def forward(self, x):
        place = torch.arange(x.shape[2], device=x.device).view(1, 1, -1, 1, 1)
        first = torch.where(place < x.shape[2] // 2, 5.0, -5.0) + 0 * self.conv(x)
        return torch.cat([-first, first, torch.full_like(first, -9.0)], 1)


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    return open_dataset(write_plane_dataset(tmp_path_factory.mktemp("planes"), cases=3))


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return open_dataset(write_volume_dataset(tmp_path_factory.mktemp("volumes"), cases=3))


def named(tmp_path, dataset, net, text, **how):
    file = tmp_path / "prepare.yaml"
    file.write_text(text)
    return name_preparation(str(file), dataset, net, **({"probabilities": False} | how))


def test_without_a_name_nothing_is_prepared_and_an_example_is_shown(planes):
    with pytest.raises(InputError, match="--prepare asis") as caught:
        name_preparation(None, planes, Threshold(2, 1, 1), probabilities=False)
    assert "preprocessing:" in str(caught.value)


def test_the_example_that_is_shown_is_one_that_is_read(tmp_path):
    (tmp_path / "p.yaml").write_text(EXAMPLE)
    found = read_prepare_file(tmp_path / "p.yaml")
    assert found.window == (96, 96, 96)
    assert found.preprocessing["spacing_mm"] == [1, 1, 1]


def test_as_is_shows_the_network_the_values_of_the_file(planes):
    net = Threshold(2, 100, 1)
    found = name_preparation("asis", planes, net, probabilities=False)
    seen = []
    net.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].clone()))
    audit(net, planes.training[:1], layers=["conv"], output="logits",
          preparation=found.preparation)  # fmt: skip
    from segscope.data import read_image

    stored = read_image(planes.training[0].image_files[0]).array
    rows, columns = stored.shape[1:]
    np.testing.assert_array_equal(seen[0][0, :, :rows, :columns].numpy(), stored)


def test_axes_in_reverse_are_turned_on_the_way_in_and_back_on_the_way_out(volumes, tmp_path):
    text = "{axes: zyx, multiple: [1, 1, 1], preprocessing: {channels: [{name: T1, scheme: none}]}}"
    found = named(tmp_path, volumes, FirstHalf(), text)
    maps = []
    audit(FirstHalf(), volumes.training[:1], layers=["conv"], units="none",
          preparation=found.preparation, receive=maps.append)  # fmt: skip
    sides = maps[0].case.prepared.grid.shape
    assert maps[0].probabilities.shape[1:] == sides[::-1]
    back = maps[0].case.as_prepared(maps[0].probabilities)[1] > 0.5
    expected = torch.zeros(sides, dtype=torch.bool)
    expected[:, :, : sides[2] // 2] = True
    assert torch.equal(back, expected)


def test_slices_of_reversed_axes_are_those_of_the_same_axis(volumes, tmp_path):
    net = Threshold(2, 1, 1)
    text = "{axes: zyx, preprocessing: {slice_axis: 2, channels: [{name: T1, scheme: none}]}}"
    found = named(tmp_path, volumes, net, text)
    assert found.preparation.slice_axis == 0


def test_a_network_of_slices_on_volumes_must_be_told_their_axis(volumes):
    with pytest.raises(InputError, match="slice_axis"):
        name_preparation("asis", volumes, Threshold(2, 1, 1), probabilities=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "is not usable"),
        ("{windw: [1, 1]}", "windw"),
        ("{labels: {background: 0, other: 1}}", "labels"),
        ("{channel_names: {0: R, 1: G, 2: B}}", "channel_names"),
        ("{exclusive: false}", "sigmoid per class"),
        ("{overlap: 0.5}", "overlap"),
        ("{window: [0, 4]}", "window"),
        ("{multiple: [4]}", "multiple"),
        ("{preprocessing: {channels: [{name: a}, {name: b}]}}", "2 channels"),
        ("{preprocessing: {spacing: 1}}", "spacing"),
        ("{axes: xzy}", "axes"),
        ("{a: [", "is not YAML"),
    ],
    ids=["no mapping", "typing error", "other labels", "more channels", "not exclusive", "overlap",
         "window of 0", "one side", "two channels planned", "unknown key of the plan",
         "unknown axes", "broken YAML"],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(planes, tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        named(tmp_path, planes, Threshold(2, 1, 1), text)


def test_a_file_that_is_not_there_is_said(planes):
    with pytest.raises(InputError, match="no such file"):
        name_preparation("none.yaml", planes, Threshold(2, 1, 1), probabilities=False)


def test_json_serves_as_yaml(planes, tmp_path):
    text = json.dumps({"channel_names": {"0": "US"}, "output": "probabilities"})
    found = named(tmp_path, planes, Threshold(2, 1, 1), text)
    assert found.output == "probabilities"
    assert "output read as probabilities" in found.sentences()
