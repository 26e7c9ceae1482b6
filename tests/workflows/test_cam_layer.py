"""A layer for class maps chosen without masks: the one that the score comes from wins."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from segscope.data import write_image
from segscope.errors import InputError
from segscope.images import Case, Grid, Image
from segscope.inference.classify import ClassifierModel, ClassifierSpec
from segscope.workflows.cam_layer import candidates, faithful_layers
from segscope.workflows.classifier_cam import run_classifier_cam


class Two(nn.Module):
    """A map of 8 x 8 that shows the bright pixels; one of 4 x 4 that looks away from them."""

    def __init__(self):
        super().__init__()
        self.fine, self.see = nn.Conv2d(1, 1, 1), nn.ReLU()
        self.coarse, self.blur = nn.Conv2d(1, 1, 2, stride=2), nn.ReLU()
        self.last = nn.Linear(1, 2)
        with torch.no_grad():
            for conv, weight, bias in ((self.fine, 1.0, 0.0), (self.coarse, -0.25, 1.0)):
                conv.weight.fill_(weight)
                conv.bias.fill_(bias)
            self.last.weight.copy_(torch.tensor([[-8.0], [8.0]]))
            self.last.bias.zero_()

    def forward(self, x):
        f = self.see(self.fine(x))
        g = self.blur(self.coarse(f.flip(2)))
        # the score is of the bright pixels: 1 less the mean of what is dark, wherever it lies
        return self.last((1 - g).mean((2, 3)))


@pytest.fixture
def seen(tmp_path):
    cases = []
    for k in range(3):
        array = np.zeros((1, 8, 8), np.uint8)
        array[0, k : k + 2, 1:4] = 255
        write_image(tmp_path / f"i{k}.png", Image(array, Grid.from_spacing((8, 8))))
        cases.append(Case(f"i{k}", (tmp_path / f"i{k}.png",)))
    spec = ClassifierSpec(network="own", classes=("dark", "bright"), channel_names=("US",),
                          size=(8, 8), mean=(0.0,), sd=(1.0,))  # fmt: skip
    return ClassifierModel(spec, Two().eval(), "hash"), cases


def test_the_last_layer_of_each_size_is_looked_at(seen):
    model, _ = seen
    assert candidates(model, torch.rand(1, 1, 8, 8)) == ["see", "blur"]


def test_the_layer_that_shows_where_the_score_comes_from_is_chosen(tmp_path, seen):
    model, cases = seen
    found = faithful_layers(model, cases, method="gradcam_signed", number=1)
    assert list(found) == ["see", "blur"]
    assert found["see"] > found["blur"] + 0.1  # the other order is, among equals, from the top
    run_classifier_cam(model, cases, tmp_path / "maps", method="gradcam_signed", layer="faithful",
                       of="bright")  # fmt: skip
    facts = json.loads((tmp_path / "maps" / "cam.json").read_text())
    assert facts["layer"] == "see"
    assert facts["insertion_less_deletion"] == pytest.approx(found)


def test_maps_of_pixels_have_no_layer_to_choose(tmp_path, seen):
    model, cases = seen
    with pytest.raises(InputError, match="method saliency looks at no layer"):
        run_classifier_cam(model, cases, tmp_path / "m", method="saliency", layer="faithful")
