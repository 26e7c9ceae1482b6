"""Regions are measured one by one: equal to an audit of each alone."""

import pytest
import torch
from torch import nn

from segscope.audit import audit
from segscope.audit.subject import Preparation


class TwoRegions(nn.Module):
    """Two sigmoids; ``only`` leaves one of them."""

    def __init__(self, only=None):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
            self.head = nn.Conv2d(4, 2, 1)
        self.only = only

    def forward(self, x):
        logits = self.head(self.body(x)) * 9
        return logits if self.only is None else logits[:, self.only : self.only + 1]


def image():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return torch.rand(1, 12, 12)


TRUTH = torch.zeros(1, 12, 12, dtype=torch.long)
TRUTH[0, 2:9, 2:9], TRUTH[0, 4:7, 4:7] = 1, 2
REGIONS = ((1, 2), (2,))
LABELS = {"background": 0, "whole": 1, "core": 2}


def preparation():
    class Plain:
        slice_axis, image_dims, spatial_dims = None, 2, 2

    return Preparation(Plain(), LABELS, 1, regions=REGIONS)


@pytest.mark.parametrize("low_memory", [False, True])
def test_each_region_is_audited_as_it_would_be_alone(low_memory):
    both = audit(TwoRegions(), [("a", image(), TRUTH)], preparation=preparation(),
                 low_memory=low_memory)  # fmt: skip
    assert both.classes == ("whole", "core")
    (case,) = both.cases
    for number, labels in enumerate(REGIONS):
        truth = torch.isin(TRUTH, torch.tensor(labels)).long()
        (alone,) = audit(TwoRegions(only=number), [("a", image(), truth)]).cases
        for name, (value,) in alone.output.items():
            assert case.output[name][number] == value
        for layer, own in zip(case.layers, alone.layers, strict=True):
            assert layer.agreement[number] == own.agreement[0]
            assert layer.scores["dice"][number] == own.scores["dice"][0]
        for layer, own in zip(case.units, alone.units, strict=True):
            assert [unit[number] for unit in layer.dice] == [unit[0] for unit in own.dice]
