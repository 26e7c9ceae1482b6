"""What is counted for all layers at once, against each layer's map made and counted alone."""

import pytest
import torch

from segscope.features import map_counts, segmentation_ability_map
from segscope.features.yardstick import Yardstick


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("small", [(12, 9), (6, 5)])
@pytest.mark.parametrize("masked", [False, True])
def test_layers_of_one_grid_together_equal_each_alone(classes, small, masked):
    torch.manual_seed(0)
    guide = torch.rand(1, classes, 12, 9)
    guide = guide.softmax(1) if classes > 1 else guide
    guides = [guide, guide.roll(5, 2)]
    references = [torch.randint(0, max(2, classes), (1, 1, 12, 9)) for _ in range(2)]
    tissue = (torch.rand(1, 1, 12, 9) > 0.3).float() if masked else None
    layers = [torch.randn(1, channels, *small) for channels in (3, 1, 8)]
    found = Yardstick(guides, references, tissue=tissue).layers(layers)
    for k, features in enumerate(layers):
        for g, one in enumerate(guides):
            alone = segmentation_ability_map(features, one, tissue=tissue)
            expected = map_counts(alone, references, tissue=tissue)
            assert torch.equal(found[k, g, :, 0], expected.size[0])
            assert torch.equal(found[k, g, :, 1:], expected.overlap[0])


@pytest.mark.parametrize("classes", [2, 4])
def test_layers_that_tie_are_background(classes):
    guide = torch.rand(1, classes, 4, 4).softmax(1)
    truth = torch.ones(1, 1, 4, 4, dtype=torch.long)
    rule = Yardstick([guide], [truth])
    assert rule.layers([torch.ones(1, 3, 4, 4)]).sum() == 0


def test_a_class_without_members_is_never_chosen():
    guide = torch.zeros(1, 3, 1, 4)
    guide[:, 0, :, :2], guide[:, 2, :, 2:] = 1, 1
    truth = torch.tensor([[[[0, 0, 2, 2]]]])
    rule = Yardstick([guide], [truth])
    features = torch.tensor([[[[5.0, 6.0, -1.0, -2.0]]]])
    assert rule.layers([features])[0, 0].tolist() == [[0.0, 0.0], [2.0, 2.0]]
    assert rule.units(features)[0][0, 0].tolist() == [[0.0, 0.0], [2.0, 2.0]]


def test_features_of_another_kind_are_refused():
    rule = Yardstick([torch.rand(1, 1, 4, 4)], [torch.zeros(1, 1, 4, 4)])
    with pytest.raises(ValueError, match="not finite"):
        rule.small_logits(torch.full((1, 2, 4, 4), torch.nan))
