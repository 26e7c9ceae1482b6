"""Scores of layers and units: by hand, and against the metrics of masks."""

import numpy as np
import pytest
import torch

from segscope.explain import layer_ability, mean_ability, unit_ability
from segscope.explain.ability import ability_from_counts
from segscope.features import segmentation_ability_map, to_labels
from segscope.metrics import count_agreement, overlap_scores

OURS = {
    "dice": "dice",
    "iou": "iou",
    "accuracy": "accuracy",
    "sensitivity": "recall",
    "specificity": "specificity",
}


def draw(classes=1, seed=0):
    torch.manual_seed(seed)
    features = torch.randn(2, 6, 5, 5)
    guide = torch.rand(2, classes, 10, 10)
    guide = guide.softmax(1) if classes > 1 else guide
    return features, guide, torch.randint(0, max(2, classes), (2, 1, 10, 10))


def scored(mask, truth):
    return overlap_scores(count_agreement(np.asarray(mask), np.asarray(truth)))


@pytest.mark.parametrize("classes", [1, 3])
def test_layer_scores_equal_those_of_the_metrics(classes):
    features, guide, truth = draw(classes)
    found = layer_ability(features, guide, truth)
    labels = to_labels(segmentation_ability_map(features, guide))
    for n in range(2):
        for k in range(max(2, classes) - 1):
            expected = scored(labels[n] == k + 1, truth[n] == k + 1)
            for name, theirs in OURS.items():
                assert getattr(found, name)[n, k].item() == pytest.approx(expected[theirs])


def test_unit_scores_equal_layer_scores_of_single_channels():
    features, guide, truth = draw()
    found = unit_ability(features, guide, truth)
    for k in range(6):
        alone = layer_ability(features[:, k : k + 1], guide, truth)
        for name in OURS:
            torch.testing.assert_close(
                getattr(found, name)[:, k], getattr(alone, name), atol=0.02, rtol=0
            )


def test_scores_outside_of_the_tissue_do_not_count():
    features, guide, truth = draw()
    tissue = torch.zeros(2, 1, 10, 10)
    tissue[..., :5] = 1
    other = truth.clone()
    other[..., 5:] = 1 - other[..., 5:]
    a = layer_ability(features, guide, truth, tissue=tissue)
    b = layer_ability(features, guide, other, tissue=tissue)
    assert torch.equal(a.dice, b.dice)
    assert torch.equal(a.accuracy, b.accuracy)


@pytest.mark.parametrize(
    ("size", "overlap", "reference", "dice", "specificity"),
    [
        (0, 0, 0, None, None),  # both empty: undefined
        (0, 0, 3, 0.0, 0.0),
        (3, 0, 0, 0.0, 0.0),
        (4, 2, 3, 4 / 7, 5 / 7),
        (10, 10, 10, 1.0, None),  # the truth fills the image: nothing to be specific about
    ],
)
def test_empty_sets_follow_the_rule_of_the_metrics(size, overlap, reference, dice, specificity):
    found = ability_from_counts(*(torch.tensor([float(v)]) for v in (size, overlap, reference, 10)))
    for value, expected in ((found.dice, dice), (found.specificity, specificity)):
        if expected is None:
            assert value.isnan().item()
        else:
            assert value.item() == pytest.approx(expected)


def test_mu_is_the_mean_of_all_units_dice_with_the_output():
    features, guide, _ = draw()
    other = torch.randn(2, 3, 10, 10)
    output = (guide > 0.5).long()
    expected = torch.cat([unit_ability(f, guide, output).dice for f in (features, other)], 1)
    torch.testing.assert_close(mean_ability([features, other], guide), expected.flatten(1).mean(1))


def test_a_network_that_predicts_nothing_is_not_trusted():
    features = torch.randn(1, 4, 8, 8)
    guide = torch.full((1, 1, 8, 8), 0.2)
    guide[..., 0, 0] = 0.3  # so that units have something to tell apart
    assert mean_ability([features], guide).item() == 0.0


def test_a_truth_of_another_shape_is_named():
    features, guide, truth = draw()
    with pytest.raises(ValueError, match=r"truth must be label indices \(2, 1, 10, 10\)"):
        layer_ability(features, guide, truth[..., :5])
